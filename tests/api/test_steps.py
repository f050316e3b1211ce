"""The steps of an experiment, one alone."""

from pathlib import Path

import pytest

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
