"""Sweeps: what is tried, within which budget, and what is left of it."""

import contextlib
import io
import json
import multiprocessing
import os
import shutil
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd
import pytest
import yaml

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
    """That directory, and no page, which takes longer than made-up training."""
    monkeypatch.chdir(folder)
    monkeypatch.setattr(Sweep, "write_page", lambda sweep, study: sweep.trials)


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

    def __call__(self, experiment, dataset, callbacks) -> dict[str, float]:
        self.trained.append(experiment.name)
        rate = experiment.training.optimizer.learning_rate
        for epoch in range(1, experiment.training.epochs + 1):
            self._before_epoch(experiment.name, epoch)
            for callback in callbacks:
                callback.step_ended(TrainingState(epoch=epoch - 1, step=1), 1)
            for callback in callbacks:
                callback.epoch_ended(epoch, {"ndcg@10": epoch / 10 - abs(rate - 0.02)})
        return {"size_bytes": 100.0 * experiment.model.dim}


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
        return Trainer()(experiment, dataset, callbacks)

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
    assert trained == ["trial-0", "trial-1", "trial-2"]
    assert list(trials["outcome"]) == ["complete", "complete", "cut"]
    clock[0] += 1e6  # between two calls no time counts
    assert hours(5.5)[0] == []
    # It takes two more, and those of its first attempt count.
    trained, trials = hours(8.5)
    assert trained == ["trial-2", "trial-3"]
    assert list(trials["outcome"]) == ["complete", "complete", "complete", "cut"]
    assert trials["seconds"].tolist() == [7200.0, 7200.0, 14400.0, 3600.0]


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


@pytest.fixture
def killed(work) -> Path:
    """The folder of a sweep whose first worker is killed within its second trial."""
    loaded = load("killed")

    def work_off() -> None:
        def end(name, epoch):
            if (name, epoch) == ("trial-1", 2):
                os.kill(os.getpid(), signal.SIGKILL)

        Sweep(*loaded, Path("runs"), train=Trainer(end)).run()

    shutil.rmtree("runs/sweeps/killed", ignore_errors=True)
    process = multiprocessing.get_context("fork").Process(target=work_off)
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    return Path("runs/sweeps/killed")


def test_the_trial_of_a_killed_worker_is_taken_up(killed):
    half = b'{"op_code":8,"half'
    with (killed / "study.log").open("ab") as journal:
        journal.write(half)  # as a power cut would leave it
    again = Trainer()
    trials = sweep(load("killed"), again)
    assert again.trained == ["trial-1", "trial-2"]
    assert list(trials["outcome"]) == ["complete"] * 3
    assert half not in (killed / "study.log").read_bytes()


def test_a_journal_that_lost_trials_is_refused(killed):
    Path(killed / "trial-7").mkdir()
    with pytest.raises(InputError, match=r"study\.log does not hold every trial.*overwrite=True"):
        sweep(load("killed"), Trainer())


class TestWorkers:
    """Two workers, which are two threads here; the second begins within the first's trial."""

    def together(self, name: str, *overrides: str, epoch=lambda name, number: None):
        """Works a sweep off with both; gives what each trained, and the table."""
        loaded = load(name, overrides)
        within, joined = threading.Event(), threading.Event()

        def first_epoch(trial, number):
            within.set()
            assert joined.wait(60)
            epoch(trial, number)

        def second_epoch(trial, number):
            joined.set()
            epoch(trial, number)

        one, other = Trainer(first_epoch), Trainer(second_epoch)
        with ThreadPoolExecutor() as pool:
            done = pool.submit(sweep, loaded, one)
            assert within.wait(60)
            trials = sweep(loaded, other)
            pd.testing.assert_frame_equal(done.result(), trials)
        return one.trained, other.trained, trials

    def test_they_share_trials_and_budget(self, work):
        one, other, trials = self.together("shared", "sweep.trials=5")
        assert one and other and sorted(one + other) == [f"trial-{n}" for n in range(5)]
        assert trials[RATE].nunique() == 5 and list(trials["outcome"]) == ["complete"] * 5

    def test_they_share_hours(self, work):
        hours = 0.002
        one, other, trials = self.together(
            "minutes",
            *("sweep.trials=null", f"sweep.hours={hours}", "training.epochs=4"),
            epoch=lambda *_: time.sleep(0.4),
        )
        assert one and other
        # An epoch of each, which nothing cuts, is a ninth of the budget.
        assert trials["seconds"].sum() == pytest.approx(hours * 3600, rel=0.2)
        assert set(trials["outcome"]) == {"complete", "cut"}

    def test_a_worker_of_another_space_is_refused(self, work):
        other = load("mixed", ("sweep.space={model.dim: {choices: [8]}}",))
        refused = []

        def join(name, epoch):
            if not refused:
                for overwrite in (False, True):
                    with pytest.raises(InputError) as caught:
                        sweep(other, Trainer(), overwrite)
                    refused.append(str(caught.value))

        sweep(load("mixed"), Trainer(join), overwrite=True)
        assert "holds another sweep (it differs in sweep.space" in refused[0]
        assert "another process is at work in runs/sweeps/mixed" in refused[1]


class TestSeveralObjectives:
    """The metric against the model's size, which grows with model.dim in the made-up training."""

    @pytest.fixture(scope="class")
    def made(self, folder) -> Sweep:
        with contextlib.chdir(folder):
            loaded = load("small", ("sweep.minimize=[size_bytes]", "sweep.trials=6"))
            made = Sweep(*loaded, Path("runs").resolve(), train=Trainer())
            made.run()
        return made

    def test_the_front_is_what_nothing_beats(self, made):
        trials = pd.read_csv(made.trials).set_index("trial")
        assert list(trials["size_bytes"]) == list(100.0 * trials["model.dim"])
        for number, row in trials.iterrows():
            beats = (trials["ndcg@10"] >= row["ndcg@10"]) & (
                trials["size_bytes"] <= row["size_bytes"]
            )
            assert row["front"] == (not beats.drop(number).any())
        best = load_experiment(made.best)
        assert best.model.dim == trials.loc[trials["ndcg@10"].idxmax(), "model.dim"]
        names = {path.stem for path in (made.folder.path / "front").iterdir()}
        assert names == {f"trial-{number}" for number in trials.index[trials["front"]]}

    def test_the_page_shows_it(self, made):
        page = made.page.read_text()
        assert "Pareto front: trials" in page and page.count("data:image/svg+xml") >= 3

    def test_what_is_over_the_budget_of_the_export_is_refused(self, work):
        loaded = load("limited", ("sweep.minimize=[size_bytes]", "export.budget.size_bytes=1000"))
        trials = sweep(loaded, Trainer())
        assert set(trials.loc[trials["model.dim"] == 16, "outcome"]) <= {"refused"}

    def test_what_is_not_measured_is_refused(self, work):
        loaded = load("blind", ("sweep.minimize=[latency_p50_ms]", "export.timed_queries=0"))
        with pytest.raises(InputError, match=r"sweep\.minimize.*export\.timed_queries"):
            sweep(loaded, Trainer())


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
    def made(self, folder, heard, empty_store) -> Sweep:
        (folder / "runs").mkdir(exist_ok=True)
        shutil.copy(empty_store, folder / "runs" / "mlflow.db")
        with contextlib.chdir(folder):
            killed = self.sweep([], ("trial-1", 2))
            with pytest.raises(KeyboardInterrupt):
                killed.run()
            made = self.sweep(heard)
            made.run()
        return made

    def sweep(self, heard, kill=None) -> Sweep:
        def train(experiment, dataset, callbacks):
            return made.train_trial(experiment, dataset, [*callbacks, Listener(experiment.name)])

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
    trial = Tried(0, values, "failed", "-2+3\n\x1b[31m" + "x" * 50_000, None, 0, 0, 1.0, {})
    row = _row(trial, "ndcg@10", {})
    assert row["model.dim"] == "-1" and row["training.device"] == "'=cmd|' /C calc'!A0"
    assert row["reason"].startswith("'-2+3 [31mxxx") and len(row["reason"]) == 2001
