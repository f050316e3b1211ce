"""The optimizer: its schedule by hand, its rows against the dense one."""

import keras
import numpy as np
import pytest
from pydantic import ValidationError

from recsys.training.optimizer import OptimizerConfig, TableRows, update_rows


def rates(steps, total=10, **settings):
    schedule = OptimizerConfig(learning_rate=1.0, **settings).schedule(total)
    return [round(float(schedule(step)), 4) for step in steps]


def test_schedules_by_hand():
    assert rates([0, 5, 99]) == [1, 1, 1]
    assert rates([0, 1, 2, 9], warmup_steps=4) == [0.25, 0.5, 0.75, 1]
    assert rates([0, 5, 10], decay="linear") == [1, 0.5, 0]
    assert rates([0, 5, 10], decay="cosine") == [1, 0.5, 0]
    assert rates([2, 6, 10], warmup_steps=2, decay="linear") == [1, 0.5, 0]


def test_the_rate_drops_on_a_plateau():
    config = OptimizerConfig(decay="plateau", plateau_epochs=2, plateau_factor=0.5)
    metrics = [0.1, 0.2, 0.19, 0.2, 0.3, 0.3, 0.3, 0.3, 0.3]
    best, drops = 0, []
    for epoch, value in enumerate(metrics, start=1):
        if value > max([0, *metrics[: epoch - 1]]):
            best = epoch
        if config.drops(epoch, best, drops):
            drops.append(epoch)
    # Two epochs after the best of epochs 2 and 5, and two after that drop.
    assert drops == [4, 7, 9]
    assert [config.rate_scale(done, drops) for done in (3, 4, 6, 7, 9)] == [
        1,
        0.5,
        0.5,
        0.25,
        0.125,
    ]
    assert not OptimizerConfig().drops(9, 1, [])
    assert rates([0, 5, 99], decay="plateau") == [1, 1, 1]


def test_settings_of_a_plateau_are_refused_without_one():
    with pytest.raises(ValidationError, match="plateau_epochs is 3, a setting of decay: plateau"):
        OptimizerConfig(decay="cosine", plateau_epochs=3)
    # As a run's file has it, in which every setting stands.
    assert OptimizerConfig.model_validate(OptimizerConfig().model_dump()) == OptimizerConfig()


@pytest.mark.parametrize("kind", ["adam", "adagrad"])
@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
def test_rows_follow_the_dense_optimizer(kind, weight_decay):
    """On batches that hold every row, several steps of both agree."""
    config = OptimizerConfig(
        kind=kind,
        learning_rate=0.1,
        weight_decay=weight_decay,
        table_weight_decay=weight_decay,
        decay="linear",
    )
    generator = np.random.default_rng(0)
    start = generator.normal(size=(5, 3)).astype(np.float32)
    variable = keras.Variable(start)
    optimizer = config.build(config.schedule(10))
    optimizer.build([variable])
    rows = TableRows(start, tuple(np.full_like(start, slot) for slot in config.initial_slots))
    for step in range(6):
        gradient = generator.normal(size=(5, 3)).astype(np.float32)
        optimizer.apply([keras.ops.convert_to_tensor(gradient)], [variable])
        rows = update_rows(rows, gradient, step, config.schedule(10)(step), config)
        np.testing.assert_allclose(
            keras.ops.convert_to_numpy(variable.value),
            keras.ops.convert_to_numpy(rows.values),
            rtol=1e-4,
            atol=1e-6,
        )
