"""What an accelerator compiles for a training: few programs, and those once."""

import json

import numpy as np
import pytest

from recsys.models.retriever import ModelConfig
from tests.datasets import write_dataset
from tests.models import zoo
from tests.processes import run_python

pytestmark = [pytest.mark.slow, pytest.mark.nightly]

# What is compiled follows from how lanes are made: packed ones, ones that are not, and averages,
# alone and with the user.
MODELS = ("attention", "time-varying", "gru", "average", "two-tower")
COMPARED = ("attention", "gru", "two-tower")


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    """By model: what the first process needed, and what the second one did."""
    folder = tmp_path_factory.mktemp("programs")
    generator = np.random.default_rng(0)
    users = [
        [generator.integers(0, 30, length).tolist(), [1], [2, 3]]
        for length in generator.geometric(0.08, size=150).clip(2, 120)
    ]
    dataset = write_dataset(folder / "dataset", users, 30)
    np.save(dataset.path / "event_times.npy", np.arange(dataset.events) * 10**6)

    def needed(*compared):
        names = (",".join(MODELS), ",".join(compared))
        command = ("-m", "tests.training.programs_check", str(dataset.path), *names)
        done = run_python("jax", *command, RECSYS_CACHE=str(folder / "cache"))
        assert done.returncode == 0, done.stderr[-3000:]
        return json.loads(done.stdout.splitlines()[-1])

    return needed(*COMPARED), needed()


@pytest.mark.parametrize("query", MODELS)
def test_one_step_program_where_lanes_are_packed_and_three_where_not(compiled, query):
    found = compiled[0][query]["training"]
    spec = ModelConfig.model_validate(zoo.model(query)).query.batch_spec(40, negatives=False)
    # The memory forecast needs the largest of them before the first step.
    assert 1 <= found["compiled"] <= (1 if spec.packed else 3)
    assert found["found"] == 0
    assert found["seconds"] > 0


@pytest.mark.parametrize("query", MODELS)
def test_one_embedding_and_one_ranking_program_for_validation_and_test(compiled, query):
    # Other models of the process have the same ranking program.
    assert compiled[0][query]["ranking"]["compiled"] <= 2


@pytest.mark.parametrize("query", COMPARED)
def test_batches_gathered_on_the_device_train_as_those_of_the_host(compiled, query):
    losses = compiled[0][query]["losses"]
    assert len(losses["host"]) == 3
    np.testing.assert_allclose(losses["device"], losses["host"], rtol=1e-5)


@pytest.mark.parametrize("query", MODELS)
def test_a_second_process_compiles_nothing(compiled, query):
    for part in ("training", "ranking", "others"):
        assert compiled[1][query][part]["compiled"] == 0, part
    assert compiled[1][query]["training"]["found"] >= 1
