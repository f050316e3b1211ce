"""One error for whatever is damaged."""

import errno
import zipfile

import numpy as np
import pandas as pd
import pytest

from recsys.errors import Damaged, InputError
from recsys.system.reading import read_json, read_yaml, reading
from tests.damage import empty, garble, truncate

MEND = "Make it again"


def write_arrays(path):
    np.savez(path, weights=np.arange(1000))


def read_arrays(path):
    with np.load(path) as file:
        return file["weights"].tolist()


KINDS = {
    "document.json": (
        lambda path: path.write_text('{"events": [1, 2, 3]}'),
        lambda path: read_json(path, MEND)["events"],
    ),
    "document.yaml": (
        lambda path: path.write_text("{events: [1, 2, 3]}"),
        lambda path: read_yaml(path, MEND)["events"],
    ),
    "arrays.npz": (write_arrays, read_arrays),
    "array.npy": (
        lambda path: np.save(path, np.arange(1000)),
        lambda path: np.load(path, mmap_mode="r"),
    ),
    "table.parquet": (
        lambda path: pd.DataFrame({"user": ["a", "b"] * 500}).to_parquet(path),
        lambda path: pd.read_parquet(path),
    ),
    "archive.keras": (
        lambda path: zipfile.ZipFile(path, "w").close(),
        lambda path: zipfile.ZipFile(path).close(),
    ),
}


@pytest.mark.parametrize("damage", [truncate, empty, garble])
@pytest.mark.parametrize("name", KINDS)
def test_every_parser_says_it_alike(tmp_path, name, damage):
    path = tmp_path / name
    write, read = KINDS[name]
    write(path)
    with reading(path, MEND):
        read(path)
    damage(path)
    with pytest.raises(Damaged) as raised, reading(path, MEND):
        read(path)
    said = f"{path} is damaged (its content is not what was written)"
    assert (raised.value.what, str(raised.value)) == (said, f"{said}. {MEND}")


def test_what_is_missing(tmp_path):
    with pytest.raises(Damaged, match=r"nothing.json is missing\. Make it again"):
        read_json(tmp_path / "nothing.json", MEND)


@pytest.mark.parametrize("text", ['{"campaigns": []}', "[]", "null", '"name"'])
def test_another_programs_document(tmp_path, text):
    path = tmp_path / "campaign.json"
    path.write_text(text)
    with pytest.raises(InputError, match=r"is not what recsys writes under that name \(no 'name'"):
        read_json(path, MEND, ["name", "campaigns"])


@pytest.mark.parametrize(
    "error", [InputError("another"), MemoryError(), PermissionError(errno.EACCES, "denied")]
)
def test_what_is_no_damage_is_passed_on(tmp_path, error):
    with pytest.raises(type(error)) as raised, reading(tmp_path / "file", MEND):
        raise error
    assert raised.value is error


@pytest.mark.parametrize("number", [errno.EIO, errno.EISDIR, errno.EINVAL])
def test_a_disk_that_cannot_be_read(tmp_path, number):
    with pytest.raises(Damaged), reading(tmp_path / "file", MEND):
        raise OSError(number, "unreadable")
