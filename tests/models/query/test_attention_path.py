"""Which path attention takes, by device, options and shape."""

import keras
import pytest

from recsys.errors import InputError
from recsys.models.query import attention_path
from recsys.models.query.attention import AttentionConfig


@pytest.fixture
def machine(monkeypatch):
    def is_(backend: str, accelerator: bool, capability: float | None) -> None:
        monkeypatch.setattr(keras.backend, "backend", lambda: backend)
        monkeypatch.setattr(attention_path, "on_accelerator", lambda: accelerator)
        monkeypatch.setattr(attention_path, "oldest_capability", lambda: capability)

    return is_


def path(length: int, training=True, dim=64, dtype="bfloat16", **config) -> str:
    config = AttentionConfig.model_validate(config)
    return attention_path.attention_path(config, dim, length, dtype, training)


@pytest.mark.parametrize("length", [51, 2000])
@pytest.mark.parametrize("machine_of", [("tensorflow", True, 9.0), ("jax", False, None)])
def test_tensorflow_and_cpus_weigh_all_pairs(machine, machine_of, length):
    machine(*machine_of)
    assert path(length) == path(length, block="hstu") == "plain"


@pytest.mark.parametrize("length", [51, 2000])
def test_a_card_takes_the_kernel_for_products_alone(machine, length):
    machine("jax", True, 8.0)
    for config in ({}, {"block": "ligr"}, {"heads": 1}):
        assert path(length, **config) == "fused"
    assert path(length, training=False, attention_dropout=0.1) == "fused"


@pytest.mark.parametrize(
    "config",
    [
        {"positions": "relative"},
        {"positions": "both"},
        {"times": True},
        {"attention_dropout": 0.1},
        {"block": "hstu"},
        {"dim": 320},
        {"dim": 256, "dtype": "float32"},
    ],
    ids=str,
)
def test_what_the_kernel_cannot_do_is_blocked_where_lanes_are_long(machine, config):
    machine("jax", True, 8.0)
    assert path(256, **config) == "plain"
    assert path(257, **config) == "blocked"


@pytest.mark.parametrize("capability", [7.5, None])
def test_a_card_that_triton_does_not_know_reads_long_lanes_in_blocks(machine, capability):
    machine("jax", True, capability)
    assert (path(256), path(257)) == ("plain", "blocked")


def test_the_environment_asks_for_the_plain_path(machine, monkeypatch):
    machine("jax", True, 8.0)
    monkeypatch.setenv("RECSYS_ATTENTION", "plain")
    assert path(2000) == path(2000, block="hstu") == "plain"
    monkeypatch.setenv("RECSYS_ATTENTION", "fused")
    with pytest.raises(InputError, match=r"RECSYS_ATTENTION is 'fused': it can be 'auto' or"):
        path(2000)
