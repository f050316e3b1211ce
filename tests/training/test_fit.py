"""Training as a whole, on both backends, each in a process of its own."""

import json
import os
import signal
import subprocess
import threading
import time

import numpy as np
import pytest

from recsys.data.batches.training_batches import TrainingBatches
from recsys.data.dataset import Dataset
from recsys.evaluation.metrics import ranking_metrics
from recsys.evaluation.ranking import RetrieverEmbedder, rank
from recsys.models.retriever import ModelConfig
from recsys.system.stopping import Stopped, stopped_by_signals
from recsys.training.build import build_retriever
from recsys.training.checkpoint_folder import places
from recsys.training.config import TrainingConfig
from recsys.training.fit import TrainingState, fit
from recsys.training.loader import ASSEMBLY
from tests.damage import truncate
from tests.datasets import checkerboard
from tests.models import zoo
from tests.processes import run_python

pytestmark = pytest.mark.slow
TRAINING = {
    "epochs": 3,
    "batch_size": 8,
    "steps_per_dispatch": 2,
    "optimizer": {"learning_rate": 0.02, "weight_decay": 0.01, "warmup_steps": 3},
}
ON_DEVICES = [  # query, loss, precision
    ("attention", "cross_entropy", "float32"),
    ("lstm", "cross_entropy", "float32"),
    ("two-tower", "mixed", "float32"),
    ("attention", "cross_entropy", "mixed_bfloat16"),
]


def start(folder, backend: str, *runs: dict, devices: int = 1) -> subprocess.CompletedProcess:
    """Runs in one process: starting one takes longer than its work."""
    environment = {"TF_CPP_MIN_LOG_LEVEL": "3"}
    if devices > 1:
        on_several = f"--xla_force_host_platform_device_count={devices}"
        environment["XLA_FLAGS"] = f"{os.environ['XLA_FLAGS']} {on_several}"
    return run_python(
        backend, "-m", "tests.training.worker", str(folder), json.dumps(runs), **environment
    )


def train(folder, backend: str, *runs: dict, devices: int = 1) -> list[dict]:
    done = start(folder, backend, *runs, devices=devices)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture
def folder(tmp_path):
    checkerboard(tmp_path / "dataset", users=40, items=16)
    return tmp_path


# Masks of dropout, and a rate that follows the metric.
MASKED = ("stacked-gru", "cross_entropy", {"decay": "plateau", "plateau_epochs": 1})
# Drawn negatives, and Adagrad.
DRAWN = ("two-tower", "mixed", {"kind": "adagrad", "decay": "linear"})


# Each model and each backend with every change; the other way around every night.
@pytest.mark.parametrize(
    "backend, query, loss, optimizer",
    [
        pytest.param("jax", *MASKED, id="jax-stacked-gru"),
        pytest.param("tensorflow", *DRAWN, id="tensorflow-two-tower"),
        pytest.param("tensorflow", *MASKED, id="tensorflow-stacked-gru", marks=pytest.mark.nightly),
        pytest.param("jax", *DRAWN, id="jax-two-tower", marks=pytest.mark.nightly),
    ],
)
def test_a_killed_run_ends_as_if_it_had_not_been(folder, backend, query, loss, optimizer):
    training = TRAINING | {"checkpoint_seconds": 0, "epochs": 3, "steps_per_dispatch": 1}
    training |= {"average_decay": 0.5, "crop": 0.5, "optimizer": TRAINING["optimizer"] | optimizer}
    settings = {"query": query, "loss": loss, "training": training}
    killed = start(folder, backend, settings | {"kill_at": [1, 2]})
    assert killed.returncode == -9
    assert places(folder / "checkpoints")
    resumed, whole = train(folder, backend, settings, settings | {"checkpoints": "whole"})
    assert resumed == whole


@pytest.fixture(scope="module")
def on_devices(tmp_path_factory) -> dict[int, list[dict]]:
    """By number of devices, what each of ``ON_DEVICES`` comes to."""
    found = {}
    for devices in (1, 2):
        folder = tmp_path_factory.mktemp("devices")
        checkerboard(folder / "dataset", users=40, items=16)
        runs = [
            {
                "query": query,
                "loss": loss,
                "training": TRAINING | {"precision": precision},
                "checkpoints": f"{query}-{precision}",
            }
            for query, loss, precision in ON_DEVICES
        ]
        found[devices] = train(folder, "jax", *runs, devices=devices)
    return found


@pytest.mark.nightly
@pytest.mark.parametrize("case", range(len(ON_DEVICES)), ids=map("-".join, ON_DEVICES))
def test_two_devices_train_as_one_does(on_devices, case):
    """Negatives, means and unique rows are those of the whole batch."""
    one, two = on_devices[1][case], on_devices[2][case]
    assert two["devices"] == 2 and 0.5 in two["parts"]
    assert one["devices"] == 1 and one["parts"] == [1.0]
    if ON_DEVICES[case][2] == "float32":
        for name in ("losses", "vectors"):
            np.testing.assert_allclose(two[name], one[name], rtol=2e-4)
        assert not two["imported_tensorflow"]  # which would take longer than this training
    else:  # sums of another order round differently, and Adam makes steps of the signs of noise
        np.testing.assert_allclose(two["losses"], one["losses"], rtol=2e-2)


# Of JAX the reference losses are equal to the bit, and its step on rows agrees with Keras'.
@pytest.mark.parametrize("backend", ["tensorflow", pytest.param("jax", marks=pytest.mark.nightly)])
def test_equal_seeds_are_bit_equal_and_keras_fit_reaches_the_same_loss(folder, backend):
    """Dense updates by Keras and our step agree where a batch holds every row."""
    settings = {"query": "two-tower", "loss": "cross_entropy", "keras_fit": True, "validate": False}
    # One batch of every user a step, so that the row-wise user table is dense too;
    # no dropout on users, as the two ways would draw different masks.
    settings["training"] = TRAINING | {"batch_size": 40, "steps_per_dispatch": 1, "epochs": 4}
    # Several batches an epoch, whose losses Keras weighs by batch and we by event.
    several = settings | {"query": "average", "checkpoints": "several"}
    several["training"] = settings["training"] | {"batch_size": 8}
    first, steps = train(folder, backend, settings | {"checkpoints": "first"}, several)
    theirs = first.pop("keras")
    np.testing.assert_allclose(first["losses"], theirs["losses"], rtol=2e-4)
    for ours, other in ((first, theirs), (steps, steps["keras"])):
        np.testing.assert_allclose(ours["vectors"], other["vectors"], rtol=2e-3, atol=2e-3)
    np.testing.assert_allclose(steps["losses"], steps["keras"]["losses"], rtol=1e-2)
    settings |= {"checkpoints": "second", "keras_fit": False}
    (second,) = train(folder, backend, settings)
    assert second == first | {"keras": None}


def flat(retriever) -> dict[str, float]:
    """A metric that is the same after every epoch."""
    return {"size": 1.0}


def fit_here(
    folder, callbacks=(), validate=None, metric="", rate_drops=(), **settings
) -> tuple[TrainingState, np.ndarray]:
    """Two epochs of a small model in this process: what happened, and its item vectors."""
    there = folder / "dataset"
    dataset = Dataset(there) if there.is_dir() else checkerboard(there, users=40, items=16)
    config = ModelConfig.model_validate(zoo.model("average") | {"max_events": 3})
    training = TrainingConfig.model_validate(TRAINING | {"epochs": 2} | settings)
    retriever = build_retriever(config, dataset, "train", 1, training.precision)
    progress = fit(
        retriever,
        dataset,
        training,
        1,
        folder / "checkpoints",
        validate=validate,
        metric=metric,
        rate_drops=rate_drops,
        callbacks=callbacks,
    )
    return progress, np.asarray(retriever.item_vectors())


def losses(progress: TrainingState) -> list[float]:
    return [row["loss"] for row in progress.history]


def test_the_average_of_the_epochs_is_kept_and_training_goes_on_without_it(tmp_path):
    plain, last = fit_here(tmp_path / "plain")
    averaged, average = fit_here(tmp_path / "averaged", average_decay=0.5)
    assert losses(averaged) == losses(plain)
    assert np.abs(average - last).max() > 1e-3


def test_a_damaged_checkpoint_gives_way_to_the_one_before(tmp_path, caplog):
    _, whole = fit_here(tmp_path)
    newest, before = places(tmp_path / "checkpoints")
    assert (newest, before) == ((2, 0, 2), (1, 0, 1))
    truncate(tmp_path / "checkpoints" / newest.name)
    progress, again = fit_here(tmp_path)
    np.testing.assert_array_equal(again, whole)
    assert [row["epoch"] for row in progress.history] == [1, 2]
    assert f"{newest.name} is damaged" in caplog.text
    assert f"training goes on from {before.name}" in caplog.text
    caplog.clear()
    fit_here(tmp_path)
    assert not caplog.text


def test_damaged_checkpoints_are_trained_again(tmp_path, caplog):
    _, whole = fit_here(tmp_path)
    for name in [place.name for place in places(tmp_path / "checkpoints")]:
        truncate(tmp_path / "checkpoints" / name)
        assert name not in caplog.text
    progress, again = fit_here(tmp_path)
    np.testing.assert_array_equal(again, whole)
    assert [row["epoch"] for row in progress.history] == [1, 2]
    assert caplog.text.count("training starts again from its first epoch") == 2


def assemblies() -> int:
    return sum(thread.name == ASSEMBLY for thread in threading.enumerate())


class Pruned(Exception):
    """What a sweep raises to end a trial."""


class Pruner:
    """Ends training after its first epoch."""

    def step_ended(self, progress, steps_per_epoch) -> None:
        pass

    def epoch_ended(self, epoch, metrics) -> None:
        assert assemblies() == 1
        raise Pruned


def test_a_pruned_trial_leaves_no_thread_behind(tmp_path):
    with pytest.raises(Pruned):
        fit_here(tmp_path, [Pruner()], epochs=20, batch_size=2)
    deadline = time.monotonic() + 10
    while assemblies() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert assemblies() == 0


def size_of(retriever) -> dict[str, float]:
    """A validation metric that grows in training."""
    return {"size": float(np.abs(np.asarray(retriever.item_vectors())).mean())}


class Stopper:
    """Sends SIGTERM at a step of the second epoch, at its end, or within its validation."""

    number = signal.SIGTERM

    def __init__(self, when: str) -> None:
        self.when = when
        self.epoch = 0

    def step_ended(self, progress, steps_per_epoch) -> None:
        at = {"step": 2, "last step": steps_per_epoch}.get(self.when)
        if (progress.epoch, progress.step) == (1, at):
            os.kill(os.getpid(), self.number)

    def epoch_ended(self, epoch, metrics) -> None:
        self.epoch = epoch
        if (self.when, epoch) == ("epoch", 2):
            os.kill(os.getpid(), self.number)

    def validate(self, retriever) -> dict[str, float]:
        if (self.when, self.epoch) == ("validation", 1):
            os.kill(os.getpid(), self.number)
        return size_of(retriever)


VALIDATED = {"average_decay": 0.5, "crop": 0.5, "metric": "size"}


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> tuple[TrainingState, np.ndarray]:
    """Three epochs in one go."""
    return fit_here(tmp_path_factory.mktemp("whole"), validate=size_of, epochs=3, **VALIDATED)


def assert_equal(
    found: tuple[TrainingState, np.ndarray], expected: tuple[TrainingState, np.ndarray]
) -> None:
    assert losses(found[0]) == losses(expected[0]) and len(found[0].history) == 3
    assert (found[0].best_epoch, found[0].events) == (expected[0].best_epoch, expected[0].events)
    np.testing.assert_array_equal(found[1], expected[1])


@pytest.mark.parametrize(
    "when, kept",
    [("step", (1, 2)), ("last step", (1, 10)), ("validation", (1, 10)), ("epoch", (2, 0))],
)
def test_a_stopped_run_goes_on_as_if_it_had_not_been(tmp_path, whole, when, kept):
    stopper = Stopper(when)
    with stopped_by_signals(), pytest.raises(Stopped):
        fit_here(tmp_path, [stopper], stopper.validate, epochs=3, **VALIDATED)
    assert places(tmp_path / "checkpoints")[0][:2] == kept
    assert_equal(fit_here(tmp_path, validate=size_of, epochs=3, **VALIDATED), whole)


class Interrupter(Stopper):
    """Sends the SIGINT of Ctrl-C instead."""

    number = signal.SIGINT


@pytest.mark.parametrize("stopper, raised", [(Interrupter, KeyboardInterrupt), (Stopper, Stopped)])
def test_as_a_library_it_keeps_the_steps_too(tmp_path, whole, stopper, raised):
    """In a notebook, Ctrl-C ends a cell with KeyboardInterrupt."""
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with pytest.raises(raised):
        fit_here(tmp_path, [stopper("step")], size_of, epochs=3, **VALIDATED)
    assert places(tmp_path / "checkpoints")[0][:2] == (1, 2)
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before
    assert_equal(fit_here(tmp_path, validate=size_of, epochs=3, **VALIDATED), whole)


def test_more_epochs_end_as_if_they_had_been_asked_for_at_once(tmp_path, whole):
    fit_here(tmp_path, validate=size_of, epochs=1, **VALIDATED)
    assert_equal(fit_here(tmp_path, validate=size_of, epochs=3, **VALIDATED), whole)


def test_the_rate_drops_where_the_metric_does_not_rise(tmp_path):
    optimizer = {"decay": "plateau", "plateau_epochs": 1, "plateau_factor": 1e-6}
    settings = {"optimizer": TRAINING["optimizer"] | optimizer, "patience": 9, "metric": "size"}
    progress, vectors = fit_here(tmp_path / "flat", validate=flat, epochs=4, **settings)
    assert progress.rate_drops == [2, 3, 4] and progress.best_epoch == 1
    # Told when it is to drop, as where it is fitted again: nothing moves after the first epoch.
    again, same = fit_here(tmp_path / "again", rate_drops=[1], epochs=4, **settings)
    assert again.rate_drops == [1]
    np.testing.assert_allclose(same, vectors, atol=1e-4)
    _, other = fit_here(tmp_path / "other", epochs=4, **settings)
    assert np.abs(other - vectors).max() > 1e-2


def test_waiting_for_batches_is_told(tmp_path, monkeypatch):
    assemble = TrainingBatches.batch

    def slow(*arguments):
        time.sleep(0.3)
        return assemble(*arguments)

    monkeypatch.setattr(TrainingBatches, "batch", slow)
    progress, _ = fit_here(tmp_path)
    assert 0.5 < progress.history[-1]["input_wait_share"] < 1


def test_overlapping_rows_see_more_history(tmp_path):
    plain, _ = fit_here(tmp_path / "plain")
    overlapping, _ = fit_here(tmp_path / "overlapping", overlap=0.5)
    assert overlapping.events == plain.events
    assert losses(overlapping) != losses(plain)


def test_cropped_rows_predict_fewer_events(tmp_path):
    plain, _ = fit_here(tmp_path / "plain")
    cropped, _ = fit_here(tmp_path / "cropped", crop=1.0)
    assert cropped.events < plain.events


def test_an_unordered_history_is_averaged_over_the_others(tmp_path):
    """Trained on sets: a user's two hidden items are those of the right colour."""
    dataset = checkerboard(tmp_path / "dataset", users=100, items=16, has_order=False)
    encoder = {"encoder": {"kind": "average", "over": "others"}}
    config = ModelConfig.model_validate(zoo.model("average") | {"query": encoder})
    training = TrainingConfig.model_validate(
        {"epochs": 20, "batch_size": 10, "optimizer": {"learning_rate": 0.02, "decay": "cosine"}}
    )
    retriever = build_retriever(config, dataset, "train", 1, training.precision)
    fit(retriever, dataset, training, 1, tmp_path / "checkpoints")
    ranked = rank(
        RetrieverEmbedder(retriever, dataset), dataset, dataset.queries("test"), "exclude", 2
    )
    assert ranking_metrics(ranked, [2])["hit_rate@2"].mean() >= 0.95
