"""A trained model with a newer item table."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

import recsys
from recsys.errors import ExportError, InputError
from recsys.export.manifest import read_manifest
from tests.commands import recsys as recsys_command
from tests.logs import write_log

pytestmark = pytest.mark.slow
FEATURES = {"colour": "categorical", "words": "text", "price": "numeric"}
TABLE = {
    "path": "items.csv",
    "key": "item",
    "title": "title",
    "features": FEATURES,
    "attributes": {"shade": {"kind": "categorical", "column": "colour"}, "price": "numeric"},
}
LOG = {"path": "log.csv", "columns": {"user": "user", "item": "item", "time": "time"}}
DESCRIBED = {
    "data": {"log": LOG, "items": TABLE},
    "model": {"dim": 8, "item": {"features": list(FEATURES), "cold_start": {}}},
    "training": {"epochs": 1},
    "evaluation": {"baselines": ["popular"], "bootstrap_samples": 100},
    "export": {
        "k": 30,
        "warmup_requests": 0,
        "timed_queries": 0,
        "probes": 8,
        "filters": ["shade"],
    },
    "tracking": {"enabled": False},
}
BY_ID = {
    **DESCRIBED,
    "data": {"log": LOG},
    "model": {"dim": 8},
    "export": {"k": 30, "warmup_requests": 0, "timed_queries": 0, "probes": 8},
    "tracking": {"system_metrics_interval": 0},
}


@pytest.fixture(scope="module")
def items() -> pd.DataFrame:
    numbers = range(24)
    return pd.DataFrame(
        {
            "item": [f"i{number}" for number in numbers],
            "title": [f"Item {number}" for number in numbers],
            "colour": [["red", "blue", "green"][number % 3] for number in numbers],
            "words": [f"thing {'soft' if number % 2 else 'hard'}" for number in numbers],
            "price": [float(number) for number in numbers],
        }
    )


@pytest.fixture(scope="module")
def work(tmp_path_factory, items, empty_store) -> Path:
    folder = tmp_path_factory.mktemp("work")
    write_log(folder)
    (folder / "runs").mkdir()
    shutil.copy(empty_store, folder / "runs" / "mlflow.db")
    items.to_csv(folder / "items.csv", index=False)
    return folder


def _run(work: Path, name: str, experiment: dict) -> recsys.Run:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(work)
        (work / f"{name}.yaml").write_text(yaml.safe_dump(experiment))
        recsys.run(work / f"{name}.yaml", runs_dir=work / "runs")
    return recsys.load(work / "runs" / name / "1")


@pytest.fixture(scope="module")
def described(work) -> recsys.Run:
    return _run(work, "described", DESCRIBED)


@pytest.fixture(scope="module")
def by_id(work) -> recsys.Run:
    return _run(work, "by_id", BY_ID)


def _newer(items: pd.DataFrame) -> pd.DataFrame:
    """Without i0; i1 costs more and is called otherwise; four items are new."""
    newer = items[items["item"] != "i0"].copy()
    newer.loc[newer["item"] == "i1", ["title", "price"]] = ["The first", 99.0]
    new = pd.DataFrame(
        {
            "item": ["like i2", "violet", "nothing", "odd"],
            "title": ["As the second", None, "Nothing", "Odd"],
            "colour": ["green", "violet", None, "violet"],
            "words": ["thing hard", "thing hard", None, "unheard"],
            "price": [2.0, 2.0, None, None],
        }
    )
    return pd.concat([newer, new], ignore_index=True)


@pytest.fixture(scope="module")
def second(described, items) -> recsys.Run:
    return described.refresh(_newer(items))


@pytest.fixture(scope="module")
def third(second, items) -> recsys.Run:
    """The items of the first day again: what came on the second is gone, i0 is back."""
    return second.refresh(items)


def _answers(run: recsys.Run, history: list[str]) -> list[str]:
    return run.recommend(histories=[history], k=30)["item"].tolist()


def test_a_new_version_stands_beside_the_old_one(described, second):
    assert [second.model.folder.name, described.model.folder.name] == ["2", "1"]
    assert recsys.load(described.path).model.folder.name == "2"
    assert read_manifest(described.path / "model" / "1")["refresh"] is None


def test_it_counts_what_changed(second):
    assert second.model.manifest["refresh"] == {
        "from": "1", "new": 4, "changed": 1, "retitled": 1, "undescribed": 2, "withdrawn": 1,
        "restored": 0, "kept": 23, "unknown_to_model": 0, "recommended": 25,
    }  # fmt: skip


def test_what_is_withdrawn_is_never_answered_but_read_in_histories(described, second):
    assert "i0" in _answers(described, ["i5"])
    assert "i0" not in _answers(second, ["i5"])
    histories = [["i0"], ["i0", "i3"]]
    before, after = (run.embed_users(histories=histories) for run in (described, second))
    np.testing.assert_allclose(after, before, rtol=1e-5)


def test_a_new_item_has_the_vector_that_its_features_describe(described, second):
    from recsys.models.saved import load_retriever

    retriever = load_retriever(described.path / "checkpoints" / "retriever.keras")
    place = described.dataset.item_ids.index("i2")
    expected = np.asarray(retriever.item_tower.described(np.array([place], np.int32)))[0] * 0.75
    found = second.embed_items(["like i2", "violet", "i2"])
    np.testing.assert_allclose(found.loc["like i2"], expected, rtol=1e-4)
    assert np.linalg.norm(found.loc["violet"] - expected) > 1e-4  # its colour counts as missing
    trained = described.embed_items(["i2"]).loc["i2"]
    np.testing.assert_allclose(found.loc["i2"], trained, rtol=1e-5)
    assert {"like i2", "violet"} <= set(_answers(second, ["i5"]))


def test_what_nothing_describes_is_not_recommended(second):
    assert not {"nothing", "odd"} & set(_answers(second, ["i5"]))
    assert len(second.embed_items()) == 28


def test_new_items_are_filtered_by_their_attributes(second):
    found = second.recommend(histories=[["i5"]], k=30, where={"shade": ["violet"]})
    assert found["item"].tolist() == ["violet"]
    found = second.recommend(histories=[["i5"]], k=30, where={"shade": ["green"]})
    assert set(found["item"]) == {"like i2", *(f"i{number}" for number in range(2, 24, 3))} - {"i5"}


def test_an_index_has_what_is_recommended(second, tmp_path):
    pytest.importorskip("faiss")
    index = second.index(tmp_path / "index", k=5)
    found, _ = index.search(second.embed_users(histories=[["i5"]]).to_numpy(), 25, [["i5"]])
    assert found[0].tolist() == [*_answers(second, ["i5"]), ""]
    assert index.manifest["model"]["version"] == "2"


def test_titles_are_taken_up(second):
    found = second.recommend(histories=[["i5"]], k=30).set_index("item")["title"]
    assert found[["i1", "like i2", "violet", "i2"]].tolist() == [
        "The first", "As the second", "violet", "Item 2",
    ]  # fmt: skip


def test_what_came_and_went_is_still_read_in_histories(second, third):
    counts = third.model.manifest["refresh"]
    chosen = ("from", "new", "withdrawn", "restored", "changed", "kept")
    assert [counts[name] for name in chosen] == ["2", 0, 2, 1, 1, 23]
    answers = _answers(third, ["i5"])
    assert "i0" in answers and "like i2" not in answers
    history = [["like i2", "i5"]]
    before, after = (run.embed_users(histories=history) for run in (second, third))
    np.testing.assert_allclose(after, before, rtol=1e-5)


def test_users_of_the_log_are_still_known(third):
    assert len(third.recommend(users=["u1"], k=3)) == 3


def test_what_the_model_has_not_learned_is_counted_aloud(described, items, caplog, monkeypatch):
    monkeypatch.setattr("recsys.api.refreshing.export_in_subprocess", lambda request: {})
    with caplog.at_level("INFO"):
        described.refresh(_newer(items))
    assert "1 value of 2 items that the model has not learned (such as 'violet')" in caplog.text
    assert "new items that no feature describes, and which are not recommended: 2" in caplog.text
    assert "known items keep their vectors" in caplog.text
    assert "items: 4 new, 1 withdrawn, 0 restored, 1 changed" in caplog.text


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda items: items.drop(columns="colour"), "no column 'colour'"),
        (lambda items: items.assign(item="x" + items["item"]), "has none of the 2"),
        (lambda items: pd.concat([items, items[:1]]), "'i0' \\(2 rows"),
        (lambda items: items.assign(price="dear"), "none of its values is a number"),
    ],
)
def test_what_cannot_be_read_is_refused(second, items, change, message):
    published = {path.name for path in (second.path / "model").iterdir()}
    catalogues = {path.name for path in (second.path / "catalogues").iterdir()}
    with pytest.raises(InputError, match=message):
        second.refresh(change(items))
    assert {path.name for path in (second.path / "model").iterdir()} == published
    assert {path.name for path in (second.path / "catalogues").iterdir()} == catalogues


def test_the_command_refuses_with_one_message(second, items, work):
    items.drop(columns="price").to_csv(work / "lacking.csv", index=False)
    done = recsys_command("refresh", str(second.path), "--items", "lacking.csv", cwd=work)
    assert done.returncode == 2
    assert "lacking.csv has no column 'price' (feature price)" in done.stderr
    assert "Traceback" not in done.stderr


def test_nothing_is_left_where_the_gate_refuses(second, items, monkeypatch):
    def refuse(request):
        raise ExportError("refused")

    monkeypatch.setattr("recsys.api.refreshing.export_in_subprocess", refuse)
    with pytest.raises(ExportError, match="refused"):
        second.refresh(items)
    assert not (second.path / "catalogues" / "4").exists()
    assert not list(second.path.glob(".*-refresh"))


def test_a_model_of_ids_alone_refuses_new_items(by_id, items):
    with pytest.raises(InputError, match=r"4 items that the model does not know.*by id alone"):
        by_id.refresh(_newer(items))
    assert [path.name for path in (by_id.path / "model").iterdir()] == ["1"]


def test_a_model_of_ids_alone_withdraws(by_id, items, work):
    items[items["item"] != "i0"][["item"]].to_csv(work / "ids.csv", index=False)
    refreshed = by_id.refresh(work / "ids.csv")
    assert "i0" in _answers(recsys.load(by_id.path / "model" / "1"), ["i5"])
    assert set(_answers(refreshed, ["i5"])) == {f"i{n}" for n in range(24)} - {"i0", "i5"}
    # It is the next version of the registered model, of the same run.
    from mlflow.tracking import MlflowClient

    uri = f"sqlite:///{work}/runs/mlflow.db"
    newest, first = MlflowClient(uri, registry_uri=uri).search_model_versions("name = 'by_id'")
    assert int(newest.version) == 2 and newest.run_id == first.run_id
    assert newest.description.startswith("Version 2, made of version 1 with a newer item table")
    registered = recsys.load("models:/by_id/2", runs_dir=work / "runs")
    assert registered.model.manifest["refresh"]["withdrawn"] == 1


def test_a_store_that_is_gone_keeps_nothing_from_being_published(by_id, items, work, caplog):
    store = work / "runs" / "mlflow.db"
    moved = store.rename(work / "moved.db")
    refreshed = by_id.refresh(items[["item"]].iloc[1:])
    moved.rename(store)
    assert refreshed.model.folder.is_dir()
    assert "is not logged to MLflow" in caplog.text and "mlflow.db is not there" in caplog.text


def test_a_changed_catalogue_is_named(third, items):
    (third.path / "catalogues" / "3" / "offered.npy").write_bytes(b"other")
    with pytest.raises(InputError, match=r"offered\.npy"):
        third.refresh(items)


def test_a_model_without_its_run_is_refused(described, tmp_path):
    copied = described.export(tmp_path)
    with pytest.raises(InputError, match="is a model without its run"):
        recsys.load(copied).refresh("items.csv")


def test_retraining_removes_what_was_refreshed(described, work):
    from recsys.runs.folder import RunFolder

    folder = RunFolder(described.path)
    versions = [path.name for path in folder.catalogues.iterdir()]
    for version in ("1", "99", *versions):
        (folder.onnx / version).mkdir(parents=True)
    assert versions
    folder.remove_model("1")
    assert not list(folder.model.iterdir()) and not folder.catalogues.exists()
    assert [path.name for path in folder.onnx.iterdir()] == ["99"]
