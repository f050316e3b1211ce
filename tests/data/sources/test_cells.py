import decimal
import uuid

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recsys.data.prepare.ids import identifier
from recsys.data.sources.cells import trimmed
from recsys.data.sources.config import FileConfig
from recsys.data.sources.engine import blaming_input, connect
from recsys.data.sources.read import locate, read_table
from recsys.errors import InputError

LARGE = 76_900_000_000_000_001


@pytest.fixture
def read(tmp_path):
    """The columns of a file in a form: ``read(path, identifier, **settings)``."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    con = connect(scratch, 1.0)

    def read_file(path, form, **settings):
        config = FileConfig(path=str(path), **settings)
        files = locate(config, "log", scratch)
        with blaming_input(str(files)):
            table = read_table(con, files, config, f"given_{uuid.uuid4().hex}").table
            chosen = table.select(**{name: form(table[name]) for name in table.columns})
            return chosen.to_pyarrow().to_pydict()

    yield read_file
    con.disconnect()


def test_ids_of_parquet_are_exact(tmp_path, read):
    numbers = [LARGE, LARGE + 1, None]
    whole = [None if n is None else decimal.Decimal(n) for n in numbers]
    name = uuid.uuid4()
    columns = {
        "number": pa.array(whole, pa.decimal128(38, 0)),
        "scaled": pa.array(whole, pa.decimal128(20, 2)),
        "unsigned": pa.array(numbers, pa.uint64()),
        "bytes": pa.array(["é\u00a0".encode(), b" x", None]),
        "fixed": pa.array([b"ab", b"cd", None], pa.binary(2)),
        "coded": pa.array(["u", "v", None]).dictionary_encode(),
        "coded_bytes": pa.array(["é".encode(), b"v", None]).dictionary_encode(),
        "uuid": pa.array([name.bytes, None, None], pa.uuid()),
        "empty": pa.nulls(3),
    }
    pq.write_table(pa.table(columns), tmp_path / "ids.parquet")
    exact = [str(LARGE), str(LARGE + 1), None]
    assert read(tmp_path / "ids.parquet", identifier) == {
        "number": exact,
        "scaled": exact,
        "unsigned": exact,
        "bytes": ["é", "x", None],
        "fixed": ["ab", "cd", None],
        "coded": ["u", "v", None],
        "coded_bytes": ["é", "v", None],
        "uuid": [str(name), None, None],
        "empty": [None, None, None],
    }


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (pa.array([b"fine", b"\xc3", None]), r"'id' holds bytes that are not UTF-8.*such as .xC3"),
        (pa.array([[b"\xc3"]]), r"'id' holds bytes that are not UTF-8"),
        (pa.array([decimal.Decimal(LARGE)], pa.decimal256(76, 0)), "too large to be exact"),
        (pa.array([float(LARGE)]), r"'id' holds ids as floating-point numbers, such as 7\.69e\+16"),
        (pa.array([2.0**24 + 2], pa.float32()), "too large to be exact.*int64"),
        (pa.array([{"a": 1}]), "'id' holds lists or records"),
        (pa.array([[("a", 1)]], pa.map_(pa.string(), pa.int64())), "'id' holds lists or records"),
    ],
    ids=["bytes", "list of bytes", "decimal256", "float64", "float32", "record", "map"],
)  # fmt: skip
def test_what_is_not_exact_is_refused(tmp_path, read, column, message):
    pq.write_table(pa.table({"id": column}), tmp_path / "ids.parquet")
    form = trimmed if pa.types.is_list(column.type) else identifier
    with pytest.raises(InputError, match=message):
        read(tmp_path / "ids.parquet", form)


def test_numbers_of_json_keep_their_digits(write, read):
    lines = (
        f'{{"id": {10**29 + 1}, "ids": [{LARGE}, 0.5, "a", null]}}\n'
        f'{{"id": {LARGE}, "ids": null}}\n'
        '{"id": "000003", "ids": []}\n{"id": true, "ids": []}\n'
    )
    path = write("ids.jsonl", lines)
    assert read(path, lambda column: column) == {
        "id": [str(10**29 + 1), str(LARGE), "000003", "true"],
        "ids": [[str(LARGE), "0.5", "a", None], None, [], []],
    }


def test_records_of_json_are_not_ids(write, read):
    path = write("ids.jsonl", [{"id": {"shop": 1, "number": 2}}])
    with pytest.raises(InputError, match="'id' holds lists or records"):
        read(path, identifier)


def test_words_are_compared_without_their_edges(write, read):
    path = write("ids.csv", "id,n\n\u00a0NULL ,-\nnull.,−\nNull Island,---\nnone,NA\n")
    assert read(path, identifier) == {
        "id": [None, "null.", "Null Island", "none"],
        "n": [None, "−", "---", "NA"],
    }
    assert read(path, identifier, null_values=[" none ", "---"]) == {
        "id": ["NULL", "null.", "Null Island", None],
        "n": ["-", "−", None, "NA"],
    }
