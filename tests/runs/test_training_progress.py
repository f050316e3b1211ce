"""What a person at a terminal sees of a training, and what programs hear of it."""

import io
import json

import pytest

from recsys.runs import training_progress
from recsys.runs.console import console, lines_shown
from recsys.runs.events import events_written
from recsys.runs.training_progress import TrainingProgress
from recsys.training.devices import MemoryInUse
from recsys.training.fit import TrainingState


class Bar:
    def __init__(self, is_seen):
        self.is_seen, self.shown, self.stopped = is_seen, [], False

    def show(self, description, share=None, detail=""):
        self.shown.append((description, share, detail))

    def stop(self):
        self.stopped = True


@pytest.fixture
def clock(monkeypatch):
    """A clock that is set by hand, and memory that is always the same."""
    now = [0.0]
    monkeypatch.setattr(training_progress.time, "monotonic", lambda: now[0])
    in_use = MemoryInUse(3 * 2**29, "device memory")
    monkeypatch.setattr(training_progress, "memory_in_use", lambda: in_use)
    return now


def bar_of(monkeypatch, is_seen=True):
    bar = Bar(is_seen)
    monkeypatch.setattr(training_progress, "new_bar", lambda: bar)
    return bar


def test_the_star_is_for_the_best_of_all_epochs_also_where_training_goes_on():
    before = TrainingState(best_value=0.5)
    lines = []
    with lines_shown(), TrainingProgress(4, "ndcg@10") as shown:
        for epoch, value in ((2, 0.4), (3, 0.6)):
            with console.capture() as said:
                shown.step_ended(before, steps_per_epoch=1)
                shown.epoch_ended(epoch, {"loss": 1.0, "ndcg@10": value, "train_seconds": 1.0})
            lines.append(said.get())
    assert "0.4000  1.0 s" in lines[0]
    assert "0.6000 *  1.0 s" in lines[1]


def test_the_bar_says_what_was_measured(clock, monkeypatch):
    """One step a second, 500 events each; the first, of ten seconds, compiles."""
    bar = bar_of(monkeypatch)
    state = TrainingState()
    with TrainingProgress(3, "ndcg@10") as shown:
        for step, now in ((1, 10.0), (2, 11.0), (3, 12.0)):
            clock[0], state.step, state.events = now, step, 500 * step
            state.loss_sum, state.weight_sum = 8.0, 4.0
            shown.step_ended(state, steps_per_epoch=10)
        assert bar.shown[0] == (
            "training, epoch 1 of 3",
            0.1,
            "1.5 GiB of device memory  loss 2.0000",
        )
        # How long validation takes is not known yet.
        assert bar.shown[-1] == (
            "training, epoch 1 of 3, 0:07 left of the epoch",
            0.3,
            "500 events/s  1.5 GiB of device memory  loss 2.0000",
        )
        metrics = {"loss": 2.0, "ndcg@10": 0.25, "train_seconds": 20.0}
        shown.epoch_ended(1, metrics)
        state.epoch, state.step, state.history = 1, 5, [{"epoch": 1, "validation_seconds": 4.0}]
        clock[0] = 30.0
        shown.step_ended(state, steps_per_epoch=10)
        # Five steps of this epoch, ten of the next, and two validations.
        what, _, detail = bar.shown[-1]
        assert what == "training, epoch 2 of 3, up to 0:23 left"
        assert detail.endswith("ndcg@10 0.2500  best 0.2500 (epoch 1)")
        state.step = 10
        shown.step_ended(state, steps_per_epoch=10)
        assert bar.shown[-1][0].startswith("validating epoch 2 of 3")
        assert not bar.stopped
    assert bar.stopped


def test_it_looks_four_times_a_second_and_not_at_all_where_nothing_is_shown(clock, monkeypatch):
    state = TrainingState()
    for is_seen, times in ((True, 5), (False, 0)):
        bar = bar_of(monkeypatch, is_seen)
        clock[0] = 100.0
        with TrainingProgress(1) as shown:
            for step in range(1, 1001):
                clock[0], state.step = 100.0 + step / 1000, step
                shown.step_ended(state, steps_per_epoch=10_000)
        assert abs(len(bar.shown) - times) <= 1 - (times == 0)


def test_programs_hear_of_each_epoch(clock, monkeypatch):
    bar_of(monkeypatch, is_seen=False)
    stream, state = io.StringIO(), TrainingState(best_value=0.5, best_epoch=1, epoch=1)
    with events_written(stream), TrainingProgress(4, "ndcg@10") as shown:
        for step, now in ((1, 1.0), (2, 1.5)):
            clock[0], state.step, state.events = now, step, 300 * step
            shown.step_ended(state, steps_per_epoch=2)
        shown.epoch_ended(2, {"loss": 1.0, "ndcg@10": 0.4, "train_seconds": 9.0})
    (epoch,) = map(json.loads, stream.getvalue().splitlines())
    assert epoch == {
        **{"event": "epoch", "epoch": 2, "epochs": 4, "loss": 1.0, "metric": "ndcg@10"},
        **{"value": 0.4, "best": 0.5, "best_epoch": 1, "train_seconds": 9.0},
        **{"events_per_second": 600.0, "memory_gib": 1.5},
    }
