"""The steps of an experiment, one alone."""

from pathlib import Path

import pytest

from recsys.api.data import data_of
from recsys.api.steps import do
from recsys.errors import InputError
from tests.experiment.test_fields import BASE


@pytest.mark.parametrize(
    ("only", "said"),
    [
        ("trian", "only='trian': did you mean 'train'? The steps are train, evaluate, export"),
        ("", "only='': The steps are train, evaluate, export"),
    ],
)
def test_a_step_that_there_is_not_is_refused_before_anything_is_done(tmp_path: Path, only, said):
    with pytest.raises(InputError) as error:
        next(do(BASE, tmp_path / "runs", only=only))
    assert str(error.value) == said and not any(tmp_path.iterdir())


def test_the_data_section_alone_is_read_and_takes_another_kind_of_split(tmp_path):
    """What the file says of the kind before is dropped, as `recsys run` drops it."""
    file = tmp_path / "some.yaml"
    file.write_text(
        "data: {log: {path: log.csv, columns: {user: u, item: i, time: t}},"
        " split: {kind: time, test_quantile: 0.95}}\nmodel: {nothing: known}\n"
    )
    assert data_of(file).split.test_quantile == 0.95
    assert data_of(file, ["data.split.kind=leave_one_out"]).split.kind == "leave_one_out"
    with pytest.raises(InputError, match=r"data\.log\.pth: unknown key; did you mean 'path'"):
        data_of(file, ["data.log.pth=x"])
