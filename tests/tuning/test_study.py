"""The journal of a study."""

import pytest

from recsys.errors import InputError
from recsys.tuning.search_space import Range, SweepConfig
from recsys.tuning.study import Study
from tests.damage import empty, garble, truncate


@pytest.mark.parametrize("damage", [truncate, empty, garble])
def test_a_damaged_study_is_refused(tmp_path, damage):
    config = SweepConfig(space={"model.dim": Range(low=1, high=9)}, trials=9)
    study = Study(tmp_path, config, "ndcg@10", {})
    for _ in range(4):
        trial = study.next()
        (tmp_path / f"trial-{trial.number}").mkdir()
        study.end(trial, "refused", "they do not go together")
    damage(tmp_path / "study.log")
    with pytest.raises(InputError, match=r"study\.log .*overwrite=True"):
        Study(tmp_path, config, "ndcg@10", {})
