import pytest
from pydantic import ValidationError

from recsys.training.config import TrainingConfig


def test_training_that_would_stop_before_its_rate_drops_is_refused():
    optimizer = {"decay": "plateau", "plateau_epochs": 3}
    assert TrainingConfig(patience=4, optimizer=optimizer).patience == 4
    with pytest.raises(ValidationError, match=r"plateau_epochs, received 3 and 3"):
        TrainingConfig(patience=3, optimizer=optimizer)
    assert TrainingConfig(patience=1).patience == 1
