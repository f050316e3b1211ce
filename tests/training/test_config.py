import pytest
from pydantic import ValidationError

from recsys.training.config import TrainingConfig


def test_training_that_would_stop_before_its_rate_drops_is_refused():
    optimizer = {"decay": "plateau", "plateau_epochs": 3}
    assert TrainingConfig(patience=4, optimizer=optimizer).patience == 4
    with pytest.raises(ValidationError, match=r"plateau_epochs, received 3 and 3"):
        TrainingConfig(patience=3, optimizer=optimizer)
    assert TrainingConfig(patience=1).patience == 1


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"refit": True}, "refit, which goes against privacy, lets validation"),
        ({"patience": 5}, "patience, which goes against privacy"),
        ({"overlap": 0.5}, "overlap, which goes against privacy, cuts a user"),
        ({"optimizer": {"decay": "plateau"}}, "optimizer.decay, which goes against privacy"),
    ],
)
def test_settings_by_which_users_decide_are_refused_under_privacy(settings, message):
    TrainingConfig.model_validate(settings)
    with pytest.raises(ValidationError, match=message):
        TrainingConfig.model_validate({**settings, "privacy": {"epsilon": 8}})
