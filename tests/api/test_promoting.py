"""A model is put in use, refused, forced and taken back."""

import contextlib
import getpass
import json
import shutil
from pathlib import Path

import pytest
import yaml

import recsys
from recsys.errors import InputError
from recsys.runs.folder import RunFolder
from tests.commands import recsys as recsys_command
from tests.logs import write_log

pytestmark = pytest.mark.slow
EXPERIMENT = {
    "data": {
        "log": {"path": "log.csv", "columns": {"user": "user", "item": "item", "time": "time"}}
    },
    "seen": "allow",
    "model": {"dim": 16, "query": {"encoder": {"kind": "gru"}}},
    "training": {"epochs": 8, "optimizer": {"learning_rate": 0.02}},
    "evaluation": {"baselines": ["popular"], "bootstrap_samples": 100},
    "export": {"k": 10, "warmup_requests": 0, "timed_queries": 0, "probes": 8},
    "tracking": {"system_metrics_interval": 0, "model_name": "shop"},
}
UNTRAINED = {"training.epochs": 1, "training.optimizer.learning_rate": 1e-9}


@pytest.fixture(scope="module")
def trained(tmp_path_factory, empty_store):
    """A runs folder with a good and a poor model of one name."""
    folder = tmp_path_factory.mktemp("promoting")
    write_log(folder, users=40, items=12, events=12)
    (folder / "shop.yaml").write_text(yaml.safe_dump(EXPERIMENT))
    (folder / "runs").mkdir()
    shutil.copy(empty_store, folder / "runs" / "mlflow.db")
    with contextlib.chdir(folder):
        recsys.run("shop.yaml", UNTRAINED, name="poor")
        recsys.run("shop.yaml", name="good")
    return folder


@pytest.fixture
def work(trained, tmp_path, monkeypatch):
    """A copy of it, in which no model has an alias."""
    shutil.copytree(trained, tmp_path / "work")
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "work"


def version(alias="champion"):
    """The version that has an alias, as MLflow's own client sees it."""
    from mlflow.tracking import MlflowClient

    client = MlflowClient(f"sqlite:///{Path.cwd()}/runs/mlflow.db")
    return client.get_model_version_by_alias("shop", alias)


def test_a_better_model_takes_the_place_of_the_champion_and_gives_it_back(work):
    first = recsys.promote(recsys.load("runs/poor"))
    assert first.sentence == "shop version 1 is the first champion" and first.replaced is None
    assert version().version == 1
    better = recsys.promote(recsys.load("runs/good"))
    assert (better.model, better.version, better.replaced) == ("shop", "2", "1")
    assert better.sentence.startswith("good is better than poor by ")
    tags = version().tags
    assert tags["champion.by"] == getpass.getuser() and tags["champion.replaced"] == "1"
    assert tags["champion.reason"] == better.sentence and tags["champion.at"].endswith("+00:00")
    served = recsys.load("models:/shop@champion")
    histories = [["i1", "i2", "i3"]]
    expected = recsys.load("runs/good").recommend(histories=histories, k=3)["item"].tolist()
    assert served.recommend(histories=histories, k=3)["item"].tolist() == expected

    back = recsys.rollback("shop", reason="it sold less")
    assert back.sentence == "shop version 1 is the champion again, in the place of version 2"
    assert version().version == 1 and version().tags["champion.reason"] == "it sold less"
    with pytest.raises(InputError, match="shop version 1 is the first champion: there is none"):
        recsys.rollback("shop")


def test_a_worse_one_is_refused_by_how_much_unless_a_reason_forces_it(work):
    good, poor = recsys.load("runs/good"), recsys.load("runs/poor")
    recsys.promote(good)
    with pytest.raises(
        InputError, match=r"shop version 1 is not promoted, as it is worse than shop version 2, "
        r"the champion: poor is worse than good by [\d.]+ ndcg@10 \(95 % interval",
    ):  # fmt: skip
        recsys.promote(poor)
    assert version().version == 2
    refused = recsys_command("promote", "runs/poor", "--as", "champion")
    assert refused.returncode == 2 and "--force REASON" in refused.stderr
    with pytest.raises(InputError, match="is the reason in words"):
        recsys.promote(poor, force=" ")
    forced = recsys_command("promote", "runs/poor", "--force", "legal asked for it")
    assert forced.returncode == 0 and "models:/shop@champion is version 1" in forced.stdout
    assert version().tags["champion.reason"] == "legal asked for it"
    back = recsys_command("rollback", "shop")
    assert back.returncode == 0 and version().version == 2, back.stderr
    again = recsys.promote(good)
    assert again.replaced is None and again.sentence == "shop version 2 is the champion"


def test_what_cannot_be_compared_is_not_promoted(work):
    poor = recsys.load("runs/poor")
    recsys.promote(recsys.load("runs/good"))
    # The champion's run was made again from a log that has changed since.
    other = recsys.prepare("shop.yaml", {"data.minimum_user_events": 3})
    record = {"fingerprint": other.fingerprint, "path": f"../../datasets/{other.fingerprint}"}
    good = RunFolder(Path("runs/good/1"))
    with good.files.making(good.dataset_record):
        good.dataset_record.write_text(json.dumps(record))
    with pytest.raises(InputError, match=r"cannot be compared .* different datasets"):
        recsys.promote(poor)
    assert recsys.promote(poor, "canary").version == "1" == str(version("canary").version)
    shutil.rmtree("runs/good")
    with pytest.raises(InputError, match="the run of shop version 2, the champion, is not in"):
        recsys.promote(poor)
    assert version().version == 2


def test_a_model_that_is_not_registered_or_damaged_is_named(work):
    run = recsys.load("runs/poor")
    Path("runs/poor/1/mlflow.json").unlink()
    with pytest.raises(InputError, match=r"no version of a registered model.*recsys upload"):
        recsys.promote(run)
    weights = next(Path("runs/poor/1/model/1/variables").glob("*.data-*"))
    weights.write_bytes(weights.read_bytes()[:-1] + b"?")
    with pytest.raises(InputError, match=r"is not what was exported: variables/.* is damaged"):
        recsys.promote(run, force="in a hurry")
    with pytest.raises(InputError, match="shop has no champion: `recsys promote RUN"):
        recsys.rollback("shop")
    with pytest.raises(InputError, match=r"Registered are: shop \(up to version 2\)"):
        recsys.rollback("shopp")
