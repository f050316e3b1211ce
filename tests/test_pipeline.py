"""The whole line, as a user at a terminal runs it."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from recsys.errors import InputError
from recsys.export.request import ExportConfig
from recsys.models.saved import load_retriever
from recsys.pipeline import check_signing
from tests.commands import recsys
from tests.damage import empty, flip, truncate
from tests.key_pairs import key_pair
from tests.logs import write_log
from tests.processes import exports_by_fork, run_python

pytestmark = pytest.mark.slow
EXPERIMENT = {
    "data": {
        "log": {"path": "log.csv", "columns": {"user": "user", "item": "item", "time": "time"}},
        "items": {
            "path": "items.csv",
            "key": "item",
            "title": "title",
            "features": {"colour": "categorical"},
            "attributes": {"colour": "categorical"},
        },
    },
    "seen": "allow",
    "model": {
        "dim": 16,
        "max_events": 8,
        "query": {"encoder": {"kind": "lstm", "units": 16, "dropout": 0.0}},
        "item": {"features": ["colour"]},
    },
    "training": {"epochs": 12, "batch_size": 16, "optimizer": {"learning_rate": 0.03}},
    "evaluation": {"bootstrap_samples": 100},
    "export": {"k": 5, "filters": ["colour"]},
    "tracking": {"system_metrics_interval": 0},
}


# One command after the other, in one process.
COMMANDS = """
import json, sys
from pathlib import Path
from tests.commands import recsys

for arguments in json.loads(sys.argv[1]):
    done = recsys(*arguments, cwd=Path.cwd())
    assert done.returncode == 0, (arguments, done.stderr[-3000:])
"""


@pytest.fixture(autouse=True)
def _forked_exports():
    with exports_by_fork():
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory, empty_store):
    """A working directory with a finished run."""
    folder = tmp_path_factory.mktemp("work")
    write_log(folder)
    (folder / "runs").mkdir()
    shutil.copy(empty_store, folder / "runs" / "mlflow.db")
    (folder / "circle.yaml").write_text(yaml.safe_dump(EXPERIMENT))
    done = run_python("tensorflow", "-m", "recsys.cli", "run", "circle.yaml", cwd=folder)
    assert done.returncode == 0, done.stderr[-3000:]
    (folder / "stdout").write_text(done.stdout)
    (folder / "stderr").write_text(done.stderr)
    return folder


@pytest.fixture
def run(folder):
    return folder / "runs" / "circle" / "1"


def test_the_run_folder_is_as_contracted(run):
    for name in (
        "experiment.yaml",
        "metrics.json",
        "ranks.parquet",
        "checkpoints",
        "model/1/saved_model.pb",
        "model/1/assets.extra/manifest.json",
        "report.html",
        "item_map.json",
        "stages.json",
        "model_card.md",
    ):
        assert (run / name).exists(), name


def test_the_model_learnt_the_circle(run):
    metrics = json.loads((run / "metrics.json").read_text())
    ours = metrics["test"]["ndcg@10"]
    popular = metrics["baselines"]["popular"]["ndcg@10"]
    assert ours["low"] > popular["high"]
    assert ours["low"] <= ours["value"] <= ours["high"]
    assert metrics["split"]["training_events_after_cut"] == 0
    assert set(metrics["baselines"]) == {"popular", "recent_popular", "item_knn"}
    assert metrics["timing"]["events_per_second"] > 0


def test_ranks_are_those_of_the_metrics(run):
    ranks = pd.read_parquet(run / "ranks.parquet")
    metrics = json.loads((run / "metrics.json").read_text())
    assert len(ranks) == metrics["counts"]["targets"]
    # Every target is a timestamp group of its own here, so hit rate is a mean over targets.
    assert (ranks["rank"] <= 10).mean() == pytest.approx(metrics["test"]["hit_rate@10"]["value"])


def test_a_person_is_told_what_happened(folder):
    said = (folder / "stdout").read_text()
    assert "better than popular" in said
    told = (folder / "stderr").read_text()
    assert "epoch 1/12" in told and "report:" in told and "mlflow ui" in told
    assert "gate passed: scores of 64 probes within" in told and "as evaluated, on" in told


def test_the_gate_found_what_was_evaluated(folder, run):
    gate = json.loads((run / "model/1/assets.extra/manifest.json").read_text())["gate"]
    metrics = json.loads((run / "metrics.json").read_text())
    quality = gate["quality"]
    assert quality["queries"] == quality["evaluated_queries"] == metrics["counts"]["queries"]
    assert quality["users"] == metrics["counts"]["users"] and quality["near_ties"] == 0
    # Cut-offs beyond the five items that are exported count as five.
    assert list(quality["metrics"]) == ["recall@5", "ndcg@5"]
    for name, found in quality["metrics"].items():
        assert found["value"] == found["evaluated"] == pytest.approx(metrics["test"][name]["value"])
    assert gate["footprint"]["calls"] > 0


def test_what_could_not_be_signed_is_refused_before_any_work(tmp_path, monkeypatch):
    check_signing(ExportConfig())
    with pytest.raises(InputError, match="the key 'release' is not here, with which models are"):
        check_signing(ExportConfig(signing_key="release"))
    private, public = key_pair(tmp_path / "release")
    monkeypatch.setenv("RECSYS_VERIFY_KEY", str(public))
    with pytest.raises(InputError, match=r"RECSYS_VERIFY_KEY \(.*\) asks for signed models"):
        check_signing(ExportConfig())
    monkeypatch.setenv("RECSYS_KEY_RELEASE_FILE", str(private))
    check_signing(ExportConfig(signing_key="release"))


def test_run_again_it_has_nothing_to_do(folder, run):
    before = (run / "metrics.json").stat().st_mtime_ns
    done = recsys("run", "circle.yaml", cwd=folder)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "epoch 1/" not in done.stderr
    assert (run / "metrics.json").stat().st_mtime_ns == before


def test_without_tracking_no_page_is_named(folder):
    done = recsys("run", "circle.yaml", "tracking.enabled=false", "--json", cwd=folder)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "report:" in done.stderr and "mlflow ui" not in done.stderr
    events = [json.loads(line) for line in done.stdout.splitlines()]
    stages = [(each["event"], each["stage"]) for each in events if "stage" in each]
    assert stages == [("stage_began", "prepare"), ("stage_ended", "prepare")]  # the rest was done
    (ended,) = (each for each in events if each["event"] == "done")
    found = json.loads((folder / "runs/circle/1/metrics.json").read_text())["test"]
    assert ended["metrics"] == found and ended["seed"] == 1


def test_another_experiment_of_the_name_is_refused(folder):
    done = recsys("run", "circle.yaml", "training.epochs=1", cwd=folder)
    assert done.returncode == 2
    assert "training.epochs" in done.stderr and "--overwrite" in done.stderr
    assert "Traceback" not in done.stderr


def test_recommend_for_a_history_and_for_a_user(folder):
    done = recsys("recommend", "runs/circle", "--history", "i3,i4,i5", "-k", "3", cwd=folder)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "Item <6>" in done.stdout.splitlines()[1]
    done = recsys("recommend", "runs/circle/1", "--user", "u1", cwd=folder)
    assert done.returncode == 0, done.stderr[-3000:]
    assert len(done.stdout.splitlines()) >= 5
    assert "because of" not in done.stdout
    done = recsys("recommend", "runs/circle", "--history", "i3,i4,i5", "-k1", "--why", cwd=folder)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "because of: Item <5> (+" in done.stdout.splitlines()[2]
    done = recsys("recommend", "runs/circle", "--user", "u1", "-k2", "--why", cwd=folder)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.count("because of: Item <") == 2
    done = recsys("recommend", "runs/circle", "--user", "nobody", cwd=folder)
    assert done.returncode == 2 and "nobody" in done.stderr
    assert recsys("recommend", "runs/circle", cwd=folder).returncode == 2


def test_recommend_only_what_is_allowed(folder):
    """Odd items are red; the next of the circle is not."""
    ask = ("recommend", "runs/circle", "--history", "i3,i4,i5", "-k", "3")
    done = recsys(*ask, "--where", "colour=red", cwd=folder)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "Item <7>" in done.stdout.splitlines()[1]
    shown = [line for line in done.stdout.splitlines() if "Item <" in line]
    assert len(shown) == 3 and all(int(line.split("<")[1].split(">")[0]) % 2 for line in shown)
    for wrong, said in (
        ("colour=green", "There are: 'blue', 'red'"),
        ("size=5", "no filter 'size'"),
    ):
        done = recsys(*ask, "--where", wrong, cwd=folder)
        assert done.returncode == 2 and said in done.stderr and "Traceback" not in done.stderr


def test_mlflow_holds_the_run(folder, run):
    from mlflow.tracking import MlflowClient

    client = MlflowClient(f"sqlite:///{folder}/runs/mlflow.db")
    found = client.search_runs(
        [e.experiment_id for e in client.search_experiments()], "status = 'FINISHED'"
    )
    assert len(found) == 1
    tracked = found[0]
    metrics = json.loads((run / "metrics.json").read_text())
    assert tracked.data.params["training.epochs"] == "12"
    assert len(client.get_metric_history(tracked.info.run_id, "epoch/loss")) >= 3
    ours = metrics["test"]["ndcg@10"]["value"]
    assert tracked.data.metrics["test/ndcg_at_10"] == pytest.approx(ours)
    assert tracked.data.metrics["gate/footprint/latency_p99_ms"] > 0
    assert "gate/quality/metrics/recall_at_5" in tracked.data.metrics
    assert [model.name for model in client.search_registered_models()] == ["circle"]


@pytest.mark.nightly
def test_steps_alone_on_jax(folder):
    name = ["--name", "stepwise"]
    short = ["training.epochs=2", "model.loss={kind: sampled_softmax}", "training.refit=true"]
    short += ["training.steps_per_dispatch=1"]  # fewer shapes to compile
    steps = (["prepare"], ["train", *name], ["evaluate", *name], ["export", *name])
    commands = [[step[0], "circle.yaml", *short, *step[1:]] for step in steps]
    done = run_python("jax", "-c", COMMANDS, json.dumps(commands), cwd=folder)
    assert done.returncode == 0, done.stderr[-3000:]
    stepwise = folder / "runs" / "stepwise" / "1"
    assert (stepwise / "model/1/saved_model.pb").exists()
    assert json.loads((stepwise / "metrics.json").read_text())["fitted_part"] == "validation"


def test_a_log_that_changed_is_not_mixed_into_a_run(folder):
    document = {**EXPERIMENT, "data": {"log": {**EXPERIMENT["data"]["log"], "path": "growing.csv"}}}
    document["model"] = {**EXPERIMENT["model"], "item": {}}
    document["export"] = {"k": 5}
    (folder / "growing.yaml").write_text(yaml.safe_dump(document))
    log = (folder / "log.csv").read_text()
    (folder / "growing.csv").write_text(log)
    quick = ["growing.yaml", "training.epochs=1"]
    assert recsys("train", *quick, cwd=folder).returncode == 0
    (folder / "growing.csv").write_text(log + "u1,i1,1700000000\n")
    done = recsys("run", *quick, cwd=folder)
    assert done.returncode == 2 and "the log has changed since" in done.stderr


def test_more_epochs_go_on_and_end_as_if_asked_for_at_once(folder, run):
    from mlflow.tracking import MlflowClient

    for epochs in (1, 2):
        options = ["--name", "longer", f"training.epochs={epochs}"]
        done = recsys("train", "circle.yaml", *options, cwd=folder)
        assert done.returncode == 0, done.stderr[-3000:]
    longer = folder / "runs" / "longer" / "1"
    found, expected = (
        [
            [row[name] for name in ("loss", "ndcg@10")]
            for row in json.loads((each / "history.json").read_text())
        ]
        for each in (longer, run)
    )
    # Sums in another order, on whichever threads were free, end in another last digit.
    np.testing.assert_allclose(found, expected[:2], rtol=1e-6)
    client = MlflowClient(f"sqlite:///{folder}/runs/mlflow.db")
    experiments = [e.experiment_id for e in client.search_experiments()]
    after, before = client.search_runs(experiments, "run_name = 'longer-1'")
    for tracked, epochs in ((before, 1), (after, 2)):
        assert tracked.data.params["training.epochs"] == str(epochs)
        losses = client.get_metric_history(tracked.info.run_id, "epoch/loss")
        assert [(each.step, each.value) for each in losses] == [
            (epoch + 1, pytest.approx(found[epoch][0])) for epoch in range(epochs)
        ]


def test_evaluating_what_is_not_trained_is_refused(folder):
    done = recsys("evaluate", "circle.yaml", "--name", "untrained", cwd=folder)
    assert done.returncode == 2 and "recsys train" in done.stderr


@pytest.mark.parametrize(
    "override, said",
    [
        ("data.log.columns.user=usr", "user"),
        ("data.log.path=nothing.csv", "nothing.csv"),
        ("model.item.features=[color]", "colour"),
        ("trainin.epochs=1", "training"),
    ],
)
def test_bad_input_is_one_message_and_leaves_the_run_alone(folder, run, override, said):
    before = (run / "experiment.yaml").read_text()
    done = recsys("run", "circle.yaml", override, "--overwrite", cwd=folder)
    assert done.returncode == 2, done.stderr
    assert said in done.stderr and "Traceback" not in done.stderr
    assert (run / "experiment.yaml").read_text() == before and (run / "metrics.json").exists()
    assert not list((folder / "runs" / "datasets").glob(".*"))


def test_init_writes_an_experiment_that_runs(folder):
    done = recsys("init", "log.csv", "-o", "guessed.yaml", cwd=folder)
    assert done.returncode == 0, done.stderr
    done = recsys("prepare", "guessed.yaml", cwd=folder)
    assert done.returncode == 0, done.stderr
    again = recsys("init", "log.csv", "-o", "guessed.yaml", cwd=folder)
    assert again.returncode == 2 and "exists already" in again.stderr


def test_data_commands(folder):
    assert "movielens-100k" in recsys("data", "list", cwd=folder).stdout
    done = recsys("data", "check", "circle.yaml", cwd=folder)
    assert done.returncode == 0 and "training_events_after_cut: 0" in done.stdout
    done = recsys(
        "data", "generate", "made", "--events", "2000", "--users", "50", "--items", "40", cwd=folder
    )
    assert done.returncode == 0, done.stderr
    assert (folder / "made" / "interactions.parquet").is_file()


UNTRACKED = "tracking.enabled=false"


@pytest.fixture
def copy(folder, tmp_path):
    """The working directory of a finished run, to do damage in."""
    for name in ("log.csv", "items.csv", "circle.yaml"):
        shutil.copy(folder / name, tmp_path)
    for name in ("circle", "datasets"):
        shutil.copytree(folder / "runs" / name, tmp_path / "runs" / name)
    return tmp_path


@pytest.mark.nightly
def test_another_order_is_measured_exported_and_shown(copy):
    """Of a finished run: it is not trained again, and its metrics stay."""
    run = copy / "runs/circle/1"
    kept = ("metrics.json", "checkpoints/retriever.keras")
    before = contents(run, *kept)
    plain = recsys("recommend", "runs/circle", "--history", "i3,i4,i5", cwd=copy)
    done = recsys("run", "circle.yaml", UNTRACKED, "export.rerank={diversity: 0.8}", cwd=copy)
    assert done.returncode == 0, done.stderr[-3000:]
    assert contents(run, *kept) == before
    effect = json.loads((run / "rerank.json").read_text())
    values = {
        name: [effect[order][f"{name}@10"]["value"] for order in ("plain", "reranked")]
        for name in ("ndcg", "diversity")
    }
    assert values["diversity"][1] > values["diversity"][0]
    metrics = json.loads(before[0])["test"]
    assert values["ndcg"][0] == pytest.approx(metrics["ndcg@10"]["value"], rel=1e-6)
    manifest = json.loads((run / "model/1/assets.extra/manifest.json").read_text())
    assert manifest["rerank"] == effect
    assert effect["settings"]["diversity"] == 0.8 and effect["queries"] == effect["of"]
    assert f"{values['diversity'][1]:.4f}" in done.stdout and "export.rerank: test" in done.stdout
    assert "The exported order" in (run / "report.html").read_text()
    reranked = recsys("recommend", "runs/circle", "--history", "i3,i4,i5", cwd=copy)
    assert reranked.stdout.splitlines()[1].split()[:2] == plain.stdout.splitlines()[1].split()[:2]
    assert reranked.stdout != plain.stdout
    done = recsys("run", "circle.yaml", UNTRACKED, cwd=copy)
    assert done.returncode == 0 and not (run / "rerank.json").exists()
    assert "The exported order" not in (run / "report.html").read_text()


def contents(run: Path, *names: str) -> list[bytes]:
    return [(run / name).read_bytes() for name in names]


def test_damaged_results_are_judged_again(copy):
    run, names = copy / "runs/circle/1", ("metrics.json", "ranks.parquet", "examples.json")
    before = contents(run, *names)
    for damage, name in zip((flip, truncate, empty), names, strict=True):
        damage(run / name)
    empty(run / "report.html")
    done = recsys("run", "circle.yaml", UNTRACKED, cwd=copy)
    assert done.returncode == 0 and "epoch 1/" not in done.stderr, done.stderr
    assert contents(run, *names) == before and (run / "report.html").stat().st_size > 10_000
    for name in names:
        assert f"{name} is damaged" in done.stderr


@pytest.mark.parametrize("name", ["checkpoints/retriever.keras", "checkpoints/training.json"])
def test_what_training_left_is_made_again_from_its_checkpoints(copy, name):
    run = copy / "runs/circle/1"
    before = contents(run, "history.json", "checkpoints/training.json")
    vectors = load_retriever(run / "checkpoints/retriever.keras").item_vectors()
    truncate(run / name)
    done = recsys("evaluate", "circle.yaml", UNTRACKED, cwd=copy)
    assert done.returncode == 2 and name in done.stderr and "recsys run" in done.stderr
    done = recsys("train", "circle.yaml", UNTRACKED, cwd=copy)
    assert done.returncode == 0 and "epoch 1/" not in done.stderr, done.stderr
    assert f"{name} is damaged" in done.stderr
    assert contents(run, "history.json", "checkpoints/training.json") == before
    again = load_retriever(run / "checkpoints/retriever.keras").item_vectors()
    np.testing.assert_array_equal(again, vectors)
    assert not (run / "metrics.json").exists() and not (run / "model/1").exists()


def test_checkpoints_are_not_read_once_the_model_is_made(copy):
    for path in (copy / "runs/circle/1/checkpoints/train").iterdir():
        empty(path)
    done = recsys("run", "circle.yaml", UNTRACKED, cwd=copy)
    assert done.returncode == 0 and "epoch 1/" not in done.stderr, done.stderr
    assert "damaged" not in done.stderr


@pytest.mark.parametrize("damage", [flip, truncate, empty])
@pytest.mark.parametrize("name", ["experiment.yaml", "dataset.json"])
def test_what_says_whose_run_it_is_is_written_again(copy, name, damage):
    run = copy / "runs/circle/1"
    kept = ("experiment.yaml", "dataset.json", "metrics.json")
    assert recsys("train", "circle.yaml", UNTRACKED, cwd=copy).returncode == 0
    before = contents(run, *kept)
    damage(run / name)
    done = recsys("train", "circle.yaml", UNTRACKED, "training.epochs=1", cwd=copy)
    assert done.returncode == 2 and "--overwrite" in done.stderr
    done = recsys("train", "circle.yaml", UNTRACKED, cwd=copy)
    assert done.returncode == 0 and f"{name} is damaged" in done.stderr
    assert contents(run, *kept) == before


@pytest.mark.parametrize("damage", [flip, empty])
def test_a_damaged_manifest_means_that_nothing_is_done(copy, damage):
    run = copy / "runs/circle/1"
    damage(run / "manifest.json")
    done = recsys("train", "circle.yaml", UNTRACKED, cwd=copy)
    assert done.returncode == 0 and "epoch 1/" not in done.stderr, done.stderr
    assert "what it lists is made again" in done.stderr
    assert not (run / "metrics.json").exists()


def test_a_damaged_dataset_is_prepared_again(copy):
    run = copy / "runs/circle/1"
    dataset = run / json.loads((run / "dataset.json").read_text())["path"]
    before = contents(dataset, "event_items.npy", "users.parquet")
    flip(dataset / "event_items.npy")
    done = recsys("recommend", "runs/circle", "--user", "u1", cwd=copy)
    assert done.returncode == 2 and "event_items.npy is damaged" in done.stderr, done.stderr
    empty(dataset / "users.parquet")
    done = recsys("recommend", "runs/circle", "--user", "u1", cwd=copy)
    assert done.returncode == 2 and "recsys prepare" in done.stderr, done.stderr
    done = recsys("train", "circle.yaml", UNTRACKED, cwd=copy)
    assert done.returncode == 0 and "epoch 1/" not in done.stderr, done.stderr
    assert "it is prepared again" in done.stderr
    assert contents(dataset, "event_items.npy", "users.parquet") == before


def test_a_changed_model_is_neither_asked_nor_registered_but_exported_again(copy):
    version = copy / "runs/circle/1/model/1"
    for path in version.rglob("*"):
        if path.is_file():
            path.write_bytes(path.read_bytes().replace(b"i13", b"ADV"))
    ask = ("recommend", "runs/circle", "--history", "i10,i11,i12")
    done = recsys(*ask, cwd=copy)
    assert done.returncode == 2 and "recsys export" in done.stderr and "ADV" not in done.stdout
    done = recsys("export", "circle.yaml", cwd=copy)
    assert done.returncode == 0 and "it is exported again" in done.stderr, done.stderr
    done = recsys(*ask, cwd=copy)
    assert done.returncode == 0 and "i13" in done.stdout and "ADV" not in done.stdout
    (registered,) = (copy / "runs" / "mlartifacts").rglob("saved_model.pb")
    assert b"i13" in registered.read_bytes() and b"ADV" not in registered.read_bytes()
