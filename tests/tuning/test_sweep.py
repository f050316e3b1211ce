"""Sweeps: what is tried, within which budget, and what is left of it."""

import contextlib
import io
import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
import yaml
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from recsys import tracking
from recsys.errors import InputError, TrainingDiverged
from recsys.experiment.schema import Experiment, load_experiment
from recsys.runs.events import events_written
from recsys.training.fit import TrainingState
from recsys.tuning import study as study_module
from recsys.tuning.search_space import SweepConfig
from recsys.tuning.study import Tried
from recsys.tuning.sweep import Sweep, _row
from recsys.tuning.sweep_file import read_sweep
from tests.commands import recsys
from tests.damage import truncate
from tests.logs import write_log

pytestmark = pytest.mark.slow
RATE = "training.optimizer.learning_rate"
EXPERIMENT = {
    "data": {
        "log": {"path": "log.csv", "columns": {"user": "user", "item": "item", "time": "time"}}
    },
    "seen": "allow",
    "model": {"dim": 8, "max_events": 8},
    "training": {"epochs": 2, "batch_size": 16, "optimizer": {"learning_rate": 0.03}},
    "tracking": {"system_metrics_interval": 0},
    "sweep": {
        "space": {
            RATE: {"low": 0.001, "high": 0.1, "log": True},
            "model.dim": {"low": 8, "high": 16, "step": 8, "int": True},
        },
        "trials": 3,
        "pruner": None,
    },
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A working directory with a log; the commands of a module share its prepared dataset."""
    folder = tmp_path_factory.mktemp("work")
    write_log(folder)
    return folder


@pytest.fixture
def work(folder, monkeypatch):
    """That directory, and a journal for SQLite, whose tables take longer than a made-up trial."""
    monkeypatch.chdir(folder)
    monkeypatch.setattr(
        study_module, "open_storage", lambda path: JournalStorage(JournalFileBackend(str(path)))
    )


Loaded = tuple[Experiment, SweepConfig]


def load(name: str, overrides: tuple[str, ...] = (), tracked: bool = False) -> Loaded:
    Path(f"{name}.yaml").write_text(yaml.safe_dump(EXPERIMENT))
    tracking = [] if tracked else ["tracking.enabled=false"]
    return read_sweep(Path(f"{name}.yaml"), [*tracking, *overrides])


class Trainer:
    """Stands in for training: a made-up metric, the higher the nearer the rate is to 0.02.

    Args:
        before_epoch: called with the experiment's name and the epoch.
    """

    def __init__(self, before_epoch=lambda name, epoch: None) -> None:
        self.trained: list[str] = []
        self._before_epoch = before_epoch

    def __call__(self, experiment, dataset, callbacks) -> None:
        self.trained.append(experiment.name)
        rate = experiment.training.optimizer.learning_rate
        for epoch in range(1, experiment.training.epochs + 1):
            self._before_epoch(experiment.name, epoch)
            for callback in callbacks:
                callback.step_ended(TrainingState(epoch=epoch - 1, step=1), 1)
            for callback in callbacks:
                callback.epoch_ended(epoch, {"ndcg@10": epoch / 10 - abs(rate - 0.02)})


def sweep(loaded: Loaded, trainer: Trainer, overwrite: bool = False) -> pd.DataFrame:
    """The trials of a sweep with made-up training."""
    made = Sweep(*loaded, Path("runs"), overwrite, "recsys sweep it", trainer)
    made.run()
    return pd.read_csv(made.trials)


def test_programs_hear_of_each_trial(work):
    stream = io.StringIO()
    with events_written(stream):
        frame = sweep(load("heard"), Trainer())
    events = [json.loads(line) for line in stream.getvalue().splitlines()]
    trials = [each for each in events if each["event"] == "trial"]
    assert [each["value"] for each in trials] == frame["ndcg@10"].tolist()
    best = [each["trial"] for each in trials if each["is_best"]]
    assert best[-1] == frame["ndcg@10"].idxmax() and trials[0]["settings"]


def test_the_first_trial_is_the_experiment_itself(work):
    trials = sweep(load("itself"), Trainer())
    assert list(trials["trial"]) == [0, 1, 2]
    assert trials.loc[0, [RATE, "model.dim"]].tolist() == [0.03, 8]
    assert trials[RATE].between(0.001, 0.1).all() and trials[RATE].nunique() == 3
    assert set(trials["model.dim"]) <= {8, 16}


def test_outside_its_own_space_the_experiment_is_not_tried(work):
    trials = sweep(load("outside", (f"{RATE}=0.5",)), Trainer())
    assert trials[RATE].between(0.001, 0.1).all()


def test_the_winner_is_a_complete_experiment(work):
    made = Sweep(
        *load("winner", ("training.refit=true",)), Path("runs"), False, "recsys sweep it", Trainer()
    )
    best = made.run()
    trials = pd.read_csv(made.trials).set_index("trial")
    winner = trials["ndcg@10"].idxmax()
    assert trials.loc[winner, "ndcg@10"] == pytest.approx(
        0.2 - abs(trials.loc[winner, RATE] - 0.02)
    )
    loaded = load_experiment(best)
    expected = made.experiment.with_values(
        {
            "name": "winner-best",
            RATE: float(trials.loc[winner, RATE]),
            "model.dim": int(trials.loc[winner, "model.dim"]),
        }
    )
    assert loaded == Experiment.model_validate(expected.dump())
    assert loaded.training.refit and loaded.training.seeds == [1]
    header = best.read_text().split("name:")[0]
    assert f"trial {winner}" in header and "3 complete" in header and "recsys sweep it" in header
    assert yaml.safe_load(best.read_text()) == expected.dump()


def test_trials_are_not_fitted_on_validation_and_have_one_seed(work):
    seen = []

    def train(experiment, dataset, callbacks):
        seen.append(experiment.training)
        Trainer()(experiment, dataset, callbacks)

    loaded = load("alone", ("training.refit=true", "training.seeds=[4, 5]"))
    Sweep(*loaded, Path("runs"), train=train).run()
    assert all(not training.refit and training.seeds == [4] for training in seen)


def test_a_killed_sweep_draws_what_an_unbroken_one_draws(work):
    whole = sweep(load("whole", ("sweep.trials=5",)), Trainer())

    def kill(name, epoch):
        if (name, epoch) == ("trial-2", 2):
            raise KeyboardInterrupt

    broken, again = Trainer(kill), Trainer()
    with pytest.raises(KeyboardInterrupt):
        sweep(load("broken", ("sweep.trials=5",)), broken)
    assert broken.trained == ["trial-0", "trial-1", "trial-2"]
    continued = sweep(load("broken", ("sweep.trials=5",)), again)
    assert again.trained == ["trial-2", "trial-3", "trial-4"]
    measured = [column for column in whole if column != "seconds"]
    pd.testing.assert_frame_equal(whole[measured], continued[measured])


def test_a_finished_sweep_has_nothing_to_do_until_it_may_try_more(work):
    sweep(load("finished"), Trainer())
    again, more = Trainer(), Trainer()
    sweep(load("finished"), again)
    sweep(load("finished", ("sweep.trials=2",)), again)
    assert again.trained == []
    sweep(load("finished", ("sweep.trials=4",)), more)
    assert more.trained == ["trial-3"]


def test_another_sweep_of_the_name_is_refused(work):
    sweep(load("taken"), Trainer())
    other = load("taken", ("training.epochs=1", "sweep.seed=7"))
    with pytest.raises(InputError, match=r"training\.epochs.*sweep\.seed.*name=….*overwrite=True"):
        sweep(other, Trainer())
    assert list(sweep(other, Trainer(), overwrite=True)["epochs"]) == [1, 1, 1]


@pytest.mark.parametrize("name", ["experiment.yaml", "dataset.json", "manifest.json"])
def test_what_says_whose_sweep_it_is_is_written_again(work, caplog, name):
    first = load("whose", ("sweep.trials=1",))
    sweep(first, Trainer(), overwrite=True)
    truncate(Path("runs/sweeps/whose") / name)
    if name == "experiment.yaml":
        with pytest.raises(InputError, match=r"experiment\.yaml is damaged.*overwrite=True"):
            sweep(load("whose", ("sweep.trials=1", "sweep.seed=9")), Trainer())
    again = Trainer()
    assert len(sweep(first, again)) == 1 and again.trained == []
    assert ("manifest.json is damaged" in caplog.text) == (name == "manifest.json")


def test_a_log_that_changed_is_refused(work):
    log = Path("log.csv").read_text()
    Path("growing.csv").write_text(log)
    sweep(load("growing", ("data.log.path=growing.csv",)), Trainer())
    Path("growing.csv").write_text(log + "u1,i1,1700000000\n")
    with pytest.raises(InputError, match="the log has changed since"):
        sweep(load("growing", ("data.log.path=growing.csv",)), Trainer())


def test_hours_are_counted_over_continuations_and_end_a_trial_within(work, monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(study_module, "monotonic", lambda: clock[0])

    def hour(name, epoch):
        clock[0] += 3600.0

    def hours(budget: float) -> tuple[list[str], pd.DataFrame]:
        trainer = Trainer(hour)
        loaded = load("hours", ("sweep.trials=null", f"sweep.hours={budget}"))
        trials = sweep(loaded, trainer)
        return trainer.trained, trials

    # Two epochs of an hour each make a trial; the third is stopped in its second.
    trained, trials = hours(5.5)
    assert trained == ["trial-0", "trial-1", "trial-2"] and len(trials) == 2
    clock[0] += 1e6  # between two calls no time counts
    assert hours(5.5)[0] == []
    # It takes two more, and those of its first attempt count.
    trained, trials = hours(8.5)
    assert trained == ["trial-2", "trial-3"]
    assert trials["seconds"].tolist() == [7200.0, 7200.0, 14400.0]


def test_without_a_complete_trial_there_is_no_winner(work, monkeypatch):
    clock = iter(range(0, 10**9, 3600))
    monkeypatch.setattr(study_module, "monotonic", lambda: next(clock))
    with pytest.raises(InputError, match=r"no trial is complete.*sweep\.hours"):
        sweep(load("brief", ("sweep.hours=0.5",)), Trainer())


def test_bad_trials_are_pruned(work):
    loaded = load(
        "pruned",
        (
            "training.epochs=6",
            "sweep.trials=8",
            "sweep.pruner={startup_trials: 1, warmup_epochs: 3}",
        ),
    )
    trials = sweep(loaded, Trainer())
    pruned = trials[trials["outcome"] == "pruned"]
    complete = trials[trials["outcome"] == "complete"]
    assert set(pruned["epochs"]) == {3} and set(complete["epochs"]) == {6}
    assert trials.loc[0, "outcome"] == "complete"
    assert trials["ndcg@10"].idxmax() in complete.index


def test_diverged_trials_are_counted_and_passed_over(work):
    def diverge(name, epoch):
        if name == "trial-0":
            raise TrainingDiverged("training diverged in epoch 1")

    trials = sweep(load("diverged"), Trainer(diverge))
    assert list(trials["outcome"]) == ["diverged", "complete", "complete"]
    assert "training diverged" in trials.loc[0, "reason"]


def test_bad_data_ends_the_sweep_and_the_trial_goes_on_once_mended(work):
    def fail(name, epoch):
        if name == "trial-1":
            raise InputError("the disk is full")

    with pytest.raises(InputError, match="the disk is full"):
        sweep(load("mended"), Trainer(fail))
    again = Trainer()
    assert list(sweep(load("mended"), again)["outcome"]) == ["complete"] * 3
    assert again.trained == ["trial-1", "trial-2"]


def test_an_error_of_ours_is_not_run_into_twice(work):
    def fail(name, epoch):
        if name == "trial-1":
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        sweep(load("ours"), Trainer(fail))
    again = Trainer()
    assert list(sweep(load("ours"), again)["outcome"]) == ["complete", "failed", "complete"]
    assert again.trained == ["trial-2"]


def test_values_that_do_not_go_together_are_passed_over(work):
    # 3 heads divide 9 and 12, the ends, but not 10 and 11.
    loaded = load(
        "heads",
        (
            "model.dim=9",
            "model.query.encoder={kind: attention, heads: 3}",
            "sweep.space={model.dim: {low: 9, high: 12, int: true}}",
            "sweep.trials=8",
        ),
    )
    trials = sweep(loaded, Trainer())
    refused = trials["outcome"] == "refused"
    assert refused.any() and (refused == trials["model.dim"].isin([10, 11])).all()
    assert "must divide" in trials.loc[refused.idxmax(), "reason"]


def test_whole_sections_are_choices(work):
    encoders = [{"kind": "average"}, {"kind": "gru", "units": 4}]
    space = {"model.query.encoder": {"choices": encoders}}
    loaded = load("sections", (f"sweep.space={json.dumps(space)}", "sweep.trials=6"))
    made = Sweep(*loaded, Path("runs"), train=Trainer())
    assert load_experiment(made.run()).model.query.encoder.kind in ("average", "gru")
    tried = {json.loads(text)["kind"] for text in pd.read_csv(made.trials)["model.query.encoder"]}
    assert tried == {"average", "gru"}


def test_a_whole_section_can_be_the_first_trial(work):
    encoders = [{"kind": "average"}, {"units": 4, "dropout": 0.0, "kind": "gru"}]
    space = {"model.query.encoder": {"choices": encoders}}
    mine = 'model.query.encoder={"kind": "gru", "units": 4, "dropout": 0.0}'
    trials = sweep(
        load("own-section", (mine, f"sweep.space={json.dumps(space)}", "sweep.trials=1")), Trainer()
    )
    assert json.loads(trials.loc[0, "model.query.encoder"]) == encoders[1]


@pytest.mark.parametrize(
    "space, said",
    [
        ("{training.epoch: {choices: [1]}}", "did you mean 'epochs'"),
        ("{training.epochs: {low: 1, high: 3}}", "`int: true`"),
        ("{model.query.encoder.dropout: {low: 0.0, high: 1.0}}", "less than 1"),
        ("{training.precision: {choices: [float32, float33]}}", "'float33'"),
        ("{training.seeds: {choices: [[1], [2]]}}", "can be swept"),
        ("{evaluation.metric: {choices: [ndcg@10]}}", "can be swept"),
        ("{model.item.features: {choices: [[], [colour]]}}", "colour"),
        (
            "{model.dim: {choices: [8, 9]}, model.query.encoder: "
            "{choices: [{kind: average}, {kind: attention, heads: 2}]}}",
            "must divide",
        ),
    ],
)
def test_a_space_that_does_not_fit_is_refused_before_the_first_trial(work, space, said):
    trainer = Trainer()
    with pytest.raises(InputError) as refused:
        sweep(load("unfit", (f"sweep.space={space}",)), trainer)
    assert said in str(refused.value)
    assert trainer.trained == [] and not Path("runs/sweeps/unfit").exists()


class TestForReal:
    """A sweep with training and MLflow, killed within its second trial and continued."""

    @pytest.fixture(scope="class")
    def heard(self) -> list[tuple[str, int]]:
        """Trial and epoch of everything that was trained when the sweep continued."""
        return []

    @pytest.fixture(scope="class")
    def made(self, folder, heard) -> Sweep:
        with contextlib.chdir(folder):
            killed = self.sweep([], ("trial-1", 2))
            with pytest.raises(KeyboardInterrupt):
                killed.run()
            made = self.sweep(heard)
            made.run()
        return made

    def sweep(self, heard, kill=None) -> Sweep:
        def train(experiment, dataset, callbacks):
            made.train_trial(experiment, dataset, [*callbacks, Listener(experiment.name)])

        class Listener:
            def __init__(self, name):
                self.name = name

            def step_ended(self, progress, steps_per_epoch):
                pass

            def epoch_ended(self, epoch, metrics):
                heard.append((self.name, epoch))
                if (self.name, epoch) == kill:
                    raise KeyboardInterrupt

        loaded = load("real", ("sweep.trials=2",), tracked=True)
        made = Sweep(*loaded, Path("runs").resolve(), train=train)
        return made

    def test_only_what_was_missing_is_trained(self, made, heard):
        assert heard == [("trial-1", 2)]
        trials = pd.read_csv(made.trials)
        assert list(trials["outcome"]) == ["complete"] * 2 and (trials["epochs"] == 2).all()

    def test_the_value_is_that_of_the_best_validated_epoch(self, made):
        for number, value in pd.read_csv(made.trials).set_index("trial")["ndcg@10"].items():
            history = json.loads((made.folder.path / f"trial-{number}/1/history.json").read_text())
            assert value == max(epoch["ndcg@10"] for epoch in history)

    def test_the_test_part_was_not_looked_at_and_losers_take_no_room(self, made):
        winner = pd.read_csv(made.trials)["ndcg@10"].idxmax()
        for number in range(2):
            run = made.folder.path / f"trial-{number}" / "1"
            names = {path.name for path in run.iterdir()}
            assert names - {"checkpoints"} == {
                "dataset.json", "experiment.yaml", "history.json", "manifest.json", "mlflow.json",
                "provenance.json", "environment.json",
            }  # fmt: skip
            assert ("checkpoints" in names) == (number == winner)

    def test_mlflow_shows_the_trials_under_the_sweep(self, made, folder):
        from mlflow.tracking import MlflowClient

        client = MlflowClient(f"sqlite:///{folder}/runs/mlflow.db")
        experiments = [e.experiment_id for e in client.search_experiments()]
        (parent,) = client.search_runs(experiments, "run_name = 'real-sweep'")
        children = client.search_runs(
            experiments, f"tags.mlflow.parentRunId = '{parent.info.run_id}'"
        )
        trials = pd.read_csv(made.trials).set_index("trial")
        assert {run.info.run_name: run.data.params["model.dim"] for run in children} == {
            f"trial-{number}-1": str(dim) for number, dim in trials["model.dim"].items()
        }
        for run in [parent, *children]:
            assert run.info.status == "FINISHED"
        for run in children:
            steps = client.get_metric_history(run.info.run_id, "epoch/ndcg_at_10")
            assert [metric.step for metric in steps] == [1, 2]
            assert not any("test" in name for name in run.data.metrics)
        assert parent.data.params[f"sweep.space.{RATE}.high"] == "0.1"
        assert parent.data.metrics["best/ndcg_at_10"] == trials["ndcg@10"].max()
        assert {file.path for file in client.list_artifacts(parent.info.run_id)} >= {
            "best.yaml", "trials.csv",
        }  # fmt: skip

    def test_uploaded_trials_lie_under_the_uploaded_sweep(self, made, folder, monkeypatch):
        from mlflow.tracking import MlflowClient

        shutil.copy(folder / "runs" / "mlflow.db", folder / "other.db")
        there = f"sqlite:///{folder}/other.db"
        monkeypatch.setenv("MLFLOW_TRACKING_URI", there)
        runs = [made.folder.path, made.folder.path / "trial-0" / "1"]
        sweep, trial = (
            tracking.upload(run, made.runs_dir).partition("(run ")[2].rstrip(")") for run in runs
        )
        assert MlflowClient(there).get_run(trial).data.tags["mlflow.parentRunId"] == sweep

    def test_the_command_line(self, made, folder):
        done = recsys("sweep", "real.yaml", "sweep.trials=2", "--json", cwd=folder)
        assert done.returncode == 0, done.stderr
        assert done.stderr.count("runs/sweeps/real/best.yaml") and "2 complete" in done.stderr
        events = [json.loads(line) for line in done.stdout.splitlines()]
        (done,) = (each for each in events if each["event"] == "done")
        assert done["path"] == "runs/sweeps/real/best.yaml"
        done = recsys("train", "runs/sweeps/real/best.yaml", "training.epochs=1", cwd=folder)
        assert done.returncode == 0 and done.stdout == "runs/real-best/1\n", done.stderr
        done = recsys("sweep", "real.yaml", "sweep=null", cwd=folder)
        assert done.returncode == 2 and "no section `sweep`" in done.stderr
        done = recsys("sweep", "real.yaml", "sweep.seed=1", cwd=folder)
        assert done.returncode == 2 and "--overwrite" in done.stderr


def test_no_cell_of_the_table_is_a_formula():
    values = {"model.dim": -1, "training.device": "=cmd|' /C calc'!A0"}
    trial = Tried(0, values, "failed", "-2+3\n\x1b[31m" + "x" * 50_000, None, 0, 0, 1.0)
    row = _row(trial, "ndcg@10")
    assert row["model.dim"] == "-1" and row["training.device"] == "'=cmd|' /C calc'!A0"
    assert row["reason"].startswith("'-2+3 [31mxxx") and len(row["reason"]) == 2001
