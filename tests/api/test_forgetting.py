"""Users who are forgotten: found, left out from now on, and gone from every file."""

import contextlib
import shutil
import stat
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import yaml
from typer.testing import CliRunner

import recsys
from recsys.cli import app
from recsys.data.prepare.config import DataConfig
from recsys.data.prepare.prepare import prepare
from recsys.errors import Damaged, InputError
from recsys.evaluation.ranks_file import read_ranks
from recsys.protection.encryption import is_encrypted, read_table
from recsys.protection.forgotten import FILE, forgotten_users
from recsys.runs import provenance
from recsys.runs.folder import RunFolder
from recsys.system.files import locked
from tests.marketing.campaigns.plain import build, write_prediction
from tests.marketing.campaigns.plain import users as addressed

KEY = "3d" * 32
COLUMNS = {"user": "user", "item": "item", "time": "time"}


def everything(folder: Path) -> dict[str, str]:
    """What each file says: of tables what is in their cells, of others their bytes."""
    found = {}
    for file in sorted(folder.rglob("*")):
        if file.is_file() and file.name != FILE:
            content = file.read_bytes().decode("latin-1")
            if file.suffix == ".parquet":
                content += str(read_table(file).to_pylist())
            if file.suffix == ".npz":
                content += str({name: str(each) for name, each in np.load(file).items()})
            found[file.relative_to(folder).as_posix()] = content
    return found


def naming(folder: Path, *ids: str) -> set[str]:
    """Files that hold one of some ids."""
    return {name for name, said in everything(folder).items() if any(each in said for each in ids)}


def log_of(path: Path, users: int = 12) -> Path:
    """Every user goes around eight items, from a place of their own."""
    rows = [
        (f"customer-{user:02}-x", f"i{(user + step) % 8}", 1_700_000_000 + 1000 * step + user)
        for user in range(users)
        for step in range(12)
    ]
    pd.DataFrame(rows, columns=["user", "item", "time"]).to_csv(path, index=False)
    return path


@pytest.fixture
def copied(tmp_path, run, work):
    """The finished run, elsewhere."""
    shutil.copytree(work, tmp_path / "work")
    with contextlib.chdir(tmp_path / "work"):
        yield recsys.load("runs/average/1")


@pytest.fixture
def gone(copied):
    """A user with held-out events."""
    return pd.read_parquet("runs/average/1/ranks.parquet")["user_id"].iloc[-1]


def test_what_holds_a_user_is_found_and_left(copied, gone):
    before = everything(Path("runs"))
    found = recsys.forget([gone, "nobody-known"], runs_dir="runs")
    assert found.loc[found["users"] > 0, "users"].eq(1).all()
    dataset = Path("datasets", copied.dataset.fingerprint)
    done = dict(zip(found["path"] + ": " + found["holds"], found["done"], strict=True))
    assert done[f"{dataset.as_posix()}: what they did"] == "found"
    assert done["average/1/ranks.parquet: held-out events"] == "found"
    assert done["average/1: weights that learned of them"].startswith("retrain: recsys run ")
    assert "tagged recsys.forgotten_users" in done["average/1: its run in MLflow"]
    assert "the model average version 1" in done["average/1: its run in MLflow"]
    after = everything(Path("runs"))
    changed = {name for name in after if before.get(name) != after[name]}
    assert not {name for name in changed if not name.startswith("mlflow.db")} - {
        ".forgotten.json.lock"
    }
    assert stat.S_IMODE(Path("runs", FILE).stat().st_mode) == 0o600
    assert forgotten_users(Path("runs")).holds(gone)


def test_the_rest_answers_as_before(copied, gone):
    others = [user for user in copied.dataset.user_ids if user != gone]
    before = copied.recommend(users=others[:5], k=5)
    events = copied.dataset.events
    ranks = pd.read_parquet("runs/average/1/ranks.parquet")
    recsys.forget([gone], runs_dir="runs", purge=True)
    again = recsys.load("runs/average/1")
    assert again.dataset.events == events - 20 and again.dataset.users == 59
    assert gone not in again.dataset.user_places
    pd.testing.assert_frame_equal(again.recommend(users=others[:5], k=5), before)
    left = pd.read_parquet("runs/average/1/ranks.parquet")
    rest = ranks[ranks["user_id"] != gone].reset_index(drop=True)
    pd.testing.assert_frame_equal(left.drop(columns="event"), rest.drop(columns="event"))
    read = read_ranks(Path("runs/average/1/ranks.parquet"), again.dataset)
    assert [again.dataset.user_ids[user] for user in read.queries.users] == sorted(
        rest["user_id"], key=again.dataset.user_places.__getitem__
    )
    for name in ("history_ends", "event_times"):
        assert len(again.dataset.array(name)) == again.dataset.events
    again.dataset.verify()
    counts = np.asarray(again.dataset.item_counts).sum(axis=0)
    assert counts.tolist() == list(again.dataset.manifest.part_events.values())
    with pytest.raises(InputError, match=f"'{gone}'"):
        again.recommend(users=[gone])
    assert again.metrics.shape == copied.metrics.shape and again.report.is_file()


@pytest.mark.parametrize(
    "protection", [{}, {"pseudonyms": {"key": "users"}, "encryption": {"key": "users"}}]
)
def test_cut_events_are_those_of_the_others(tmp_path, monkeypatch, protection):
    monkeypatch.setenv("RECSYS_KEY_USERS", KEY)
    log = {"path": str(log_of(tmp_path / "log.csv")), "columns": COLUMNS}
    settings = {"log": log, "protection": protection}
    runs = tmp_path / "runs"
    whole = prepare(DataConfig.model_validate(settings), runs / "datasets")
    of = {user: whole.statistics.events_of([user]) for user in whole.user_ids}
    queries = len(whole.queries("test"))
    gone = {"customer-00-x", "customer-05-x", "customer-11-x"}
    recsys.forget(sorted(gone), runs_dir=runs, purge=True)
    cut = recsys.Dataset(whole.path)
    spelled = gone | {recsys.pseudonym(user, KEY) for user in gone}
    assert cut.user_ids == [user for user in whole.user_ids if user not in spelled]
    assert is_encrypted(cut.path / "users.parquet") == bool(protection)
    for user in cut.user_ids:
        pd.testing.assert_frame_equal(cut.statistics.events_of([user]), of[user])
    assert len(cut.queries("test")) == queries * 9 // 12
    assert cut.manifest.cut_users == 3 and cut.fingerprint == whole.fingerprint
    assert not naming(runs, *spelled)


def test_later_preparations_leave_them_out(tmp_path):
    log, runs = log_of(tmp_path / "log.csv"), tmp_path / "runs"
    with log.open("a") as file:
        file.write("customer-03-x,i1\ncustomer-04-x,i1\ncustomer-03-x,i1,\n")
    users = tmp_path / "users.csv"
    ids = [f"customer-{user:02}-x" for user in range(12)]
    pd.DataFrame({"user": ids, "age": range(12)}).to_csv(users)
    table = {"path": str(users), "key": "user", "features": {"age": "numeric"}}
    settings = {"log": {"path": str(log), "columns": COLUMNS}, "users": table}
    config = DataConfig.model_validate(settings)
    whole = prepare(config, runs / "datasets")
    recsys.forget(["nobody-known"], runs_dir=runs)
    # It has nobody who is to be forgotten.
    assert prepare(config, runs / "datasets").fingerprint == whole.fingerprint
    recsys.forget(["customer-03-x"], runs_dir=runs)
    rest = prepare(config, runs / "datasets")
    assert rest.fingerprint != whole.fingerprint and rest.users == 11
    assert rest.manifest.quality["quarantined"]["forgotten user"] == 13
    notes = rest.manifest.quality["notes"]
    assert "rows of the user table of users who are to be forgotten: 1" in notes
    assert not naming(rest.path, "customer-03-x")
    rows = pq.read_table(rest.path / "quarantine.parquet").to_pylist()
    assert [row["raw"] for row in rows] == [None, "customer-04-x,i1"]
    assert prepare(config, runs / "datasets").path == rest.path
    recsys.forget(["customer-03-x"], runs_dir=runs, purge=True)
    # The first was cut, which is not what preparing without them gives.
    assert recsys.Dataset(whole.path).manifest.cut_users == 1
    assert prepare(config, runs / "datasets").path == rest.path


def test_no_line_of_the_table_of_users_is_kept(tmp_path):
    """What is wrong with one is noted, by file and line."""
    log, runs = log_of(tmp_path / "log.csv"), tmp_path / "runs"
    users = tmp_path / "users.csv"
    users.write_text('user,age\ncustomer-03-x,3\ncustomer-04-x,4,5\n"customer-05-x,1\n')
    table = {"path": str(users), "key": "user", "features": {"age": "numeric"}}
    config = {"log": {"path": str(log), "columns": COLUMNS}, "users": table}
    prepared = prepare(DataConfig.model_validate(config), runs / "datasets")
    (note,) = [each for each in prepared.manifest.quality["notes"] if "cannot be read" in each]
    assert "2 lines cannot be read: line 3 (wrong number of cells); line 4 (" in note
    recsys.forget(["customer-04-x", "customer-05-x"], runs_dir=runs, purge=True)
    assert not naming(runs, "customer-04-x", "customer-05-x")


def test_a_condition_that_names_a_user_is_found(tmp_path):
    """It stays: a run follows from it. A part of another id is not one."""
    log, runs = log_of(tmp_path / "log.csv"), tmp_path / "runs"
    where = "user <> 'customer-03-x'"
    config = {"log": {"path": str(log), "columns": COLUMNS, "where": where}}
    prepared = prepare(DataConfig.model_validate(config), runs / "datasets")
    for user, times in (("customer-03-x", 1), ("customer-03", 0), ("3", 0)):
        found = recsys.forget([user], runs_dir=runs)
        named = found[found["holds"] == "`data.log.where`, which names them"]
        assert named["path"].tolist() == times * [
            f"datasets/{prepared.fingerprint}/manifest.json"
        ], user


def test_logs_of_launched_seeds_that_name_them_are_removed(tmp_path):
    (tmp_path / "shop").mkdir()
    for seed, user in ((1, "ann"), (2, "anna")):
        (tmp_path / "shop" / f"{seed}.log").write_text(f"note: users such as {user}, too fast\n")
    found = recsys.forget(["ann"], runs_dir=tmp_path)
    assert "shop/1.log" in set(found.iloc[:, 0]) and len(list(tmp_path.glob("shop/*"))) == 2
    recsys.forget(["ann"], runs_dir=tmp_path, purge=True)
    assert [log.name for log in (tmp_path / "shop").iterdir()] == ["2.log"]


def test_pages_of_data_checks_that_name_them_are_removed(tmp_path):
    datasets = tmp_path / "runs" / "datasets"
    datasets.mkdir(parents=True)
    for name, user in (("0123", "customer-03-x"), ("0123-against-4567", "customer-04-x")):
        (datasets / f"{name}.html").write_text(f"<td>{user}</td>")
    found = recsys.forget(["customer-03-x"], runs_dir=tmp_path / "runs")
    assert "datasets/0123.html" in set(found.iloc[:, 0])
    assert len(list(datasets.glob("*.html"))) == 2
    recsys.forget(["customer-03-x"], runs_dir=tmp_path / "runs", purge=True)
    assert [page.name for page in datasets.glob("*.html")] == ["0123-against-4567.html"]


def test_frames_are_written_again(tmp_path):
    frame = pd.read_csv(log_of(tmp_path / "log.csv"))
    roles = {"user": "user", "item": "item", "time": "time", "runs_dir": tmp_path / "runs"}
    data = recsys.Dataset.from_frame(frame, **roles)
    (file,) = (tmp_path / "runs/datasets/frames").iterdir()
    (file.parent / "0123456789abcdef.parquet").write_bytes(file.read_bytes())
    found = recsys.forget(["customer-03-x"], runs_dir=tmp_path / "runs", purge=True)
    done = dict(zip(found["path"], found["done"], strict=True))
    assert done[f"datasets/frames/{file.name}"] == "rewritten"
    assert done["datasets/frames/0123456789abcdef.parquet"] == "removed"
    assert not naming(tmp_path / "runs", "customer-03-x")
    assert len(pd.read_parquet(file)) == 11 * 12 and data.users == 12


def test_audiences_and_campaigns(tmp_path):
    folder = build(tmp_path, "spring", "2026-03-01", where="buys > 0.9")
    one = min(addressed(folder))
    runs = tmp_path / "runs"
    (tmp_path / "buys").rename(runs / "buys")
    (tmp_path / "buys").symlink_to(runs / "buys")
    found = recsys.forget([one], runs_dir=runs, purge=True)
    done = dict(zip(found["path"], found["done"], strict=True))
    assert done["campaigns/spring/1/assignments.parquet"] == "rewritten"
    assert done["campaigns/spring/1/push-hello.csv"] == "rewritten"
    assert not naming(runs, one)
    later = build(tmp_path, "summer", "2026-06-01", where="buys > 0.9")
    assert one not in addressed(later) and addressed(later) == addressed(folder)


def test_a_campaign_that_was_not_purged_is_heeded_all_the_same(tmp_path, caplog):
    before = addressed(build(tmp_path, "spring", "2026-03-01", where="buys > 0.9"))
    recsys.forget([min(before)], runs_dir=tmp_path / "runs")
    assert addressed(build(tmp_path, "summer", "2026-06-01", where="buys > 0.9")) == before - {
        min(before)
    }
    assert "1 user who is to be forgotten left out" in caplog.text


def test_the_command_reads_a_file_and_says_what_is_not_ours(tmp_path):
    settings = {"log": {"path": str(log_of(tmp_path / "log.csv")), "columns": COLUMNS}}
    prepare(DataConfig.model_validate(settings), tmp_path / "runs" / "datasets")
    (tmp_path / "ids.txt").write_text("customer-01-x\n\ncustomer-02-x\n")
    asked = ["forget", "--users", str(tmp_path / "ids.txt"), "--user", "customer-03-x"]
    asked += ["--runs-dir", str(tmp_path / "runs")]
    answer = CliRunner().invoke(app, asked)
    assert answer.exit_code == 0, answer.output
    assert "what they did (3 of 3): found" in answer.output
    assert len(forgotten_users(tmp_path / "runs")) == 3
    answer = CliRunner().invoke(app, [*asked, "--purge"])
    assert "what they did (3 of 3): rewritten" in answer.output
    assert not naming(tmp_path / "runs", "customer-01-x", "customer-02-x", "customer-03-x")


def test_what_cannot_be_used_is_refused_before_anything_is_done(tmp_path):
    for users in ([], [" "]):
        with pytest.raises(InputError, match="give the ids of those who are to be forgotten"):
            recsys.forget(users, runs_dir=tmp_path)
    with pytest.raises(InputError, match="there is no folder"):
        recsys.forget(["a"], runs_dir=tmp_path / "nowhere")
    assert not (tmp_path / FILE).exists()


def test_a_run_at_work_is_not_written_under_its_hands(tmp_path):
    run = write_prediction(tmp_path / "runs" / "buys" / "1", ["customer-01-x", "customer-02-x"])
    with (
        locked(run),
        pytest.raises(InputError, match=r"at work in .*buys/1: have users forgotten when it has"),
    ):
        recsys.forget(["customer-01-x"], runs_dir=tmp_path / "runs", purge=True)
    assert not (tmp_path / "runs" / FILE).exists()
    recsys.forget(["customer-01-x"], runs_dir=tmp_path / "runs", purge=True)
    assert pd.read_parquet(run / "users.parquet")["user"].tolist() == ["customer-02-x"]


def test_a_damaged_list_is_named(tmp_path):
    recsys.forget(["customer-01-x"], runs_dir=tmp_path)
    path = tmp_path / FILE
    path.write_text(path.read_text().replace('"marks"', '"marcs"'))
    with pytest.raises(Damaged, match=r"forgotten.json is damaged"):
        recsys.forget(["customer-02-x"], runs_dir=tmp_path)


@pytest.mark.slow
def test_no_file_of_a_run_has_the_id_or_its_pseudonym(tmp_path, monkeypatch, empty_store):
    """A tower that reads user ids, MLflow, the registry: all that may hold one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RECSYS_KEY_USERS", KEY)
    Path("runs").mkdir()
    shutil.copy(empty_store, "runs/mlflow.db")
    log_of(Path("log.csv"))
    experiment = {
        "name": "shop",
        "data": {
            "log": {"path": "log.csv", "columns": COLUMNS},
            "protection": {"pseudonyms": {"key": "users"}, "encryption": {"key": "users"}},
        },
        "seen": "allow",
        "model": {"dim": 4, "query": {"encoder": {"kind": "average"}, "user_id": True}},
        "training": {"epochs": 1, "refit": False},
        "evaluation": {"baselines": ["popular"]},
    }
    Path("shop.yaml").write_text(yaml.safe_dump(experiment))
    gone, other = "customer-00-x", "customer-01-x"
    hashed = recsys.pseudonym(gone, KEY)
    # As of a notebook that shows a table.
    monkeypatch.setattr(provenance, "uncommitted", lambda folder: f"+<td>{hashed}</td>\n")
    run = recsys.run("shop.yaml")
    runs = Path("runs")
    assert {name for name in naming(runs, hashed) if name.endswith("uncommitted.diff")}
    # Never there in clear; known by the pseudonym in dataset, ranks, page and models.
    assert not naming(runs, gone, KEY)
    holders = naming(runs, hashed)
    assert {name.rpartition("/")[2] for name in holders} >= {"users.parquet", "ranks.parquet"}
    assert any(name.startswith("shop/1/model/") for name in holders)
    assert any(name.startswith("mlartifacts/") for name in holders)
    for name in ("ranks.parquet", "examples.json", "metrics.json", "report.html"):
        assert stat.S_IMODE((run.path / name).stat().st_mode) == 0o600
    for file in [*run.path.glob("model/1/**/*"), *run.dataset.path.rglob("*")]:
        assert not file.is_file() or stat.S_IMODE(file.stat().st_mode) == 0o600, file
    assert stat.S_IMODE(Path("runs/mlartifacts").stat().st_mode) == 0o700
    assert run.recommend(users=[gone], k=2)["user"].tolist() == [gone, gone]
    answer = CliRunner().invoke(app, ["recommend", "runs/shop", "--user", gone, "-k", "1"])
    assert answer.exit_code == 0, answer.output
    part = run.recommend_all("for-all", k=1) / "part-00000.parquet"
    assert is_encrypted(part) and naming(part.parent, hashed) == {part.name}
    graph = run.path / "onnx" / "1" / "embed_query.onnx"
    graph.parent.mkdir(parents=True)
    graph.write_text(f"keys: {hashed}")  # as a graph has the ids of users
    recsys.forget([gone], purge=True)
    assert not naming(runs, gone, hashed) and not naming(part.parent, hashed)
    assert recsys.pseudonym(other, KEY) in recsys.Dataset(run.dataset.path).user_places
    assert not Path("runs/shop/1/model").exists()
    folder = RunFolder(run.path)
    assert "was forgotten" in folder.files.checked(folder.uncommitted).read_text()
    monkeypatch.setattr(provenance, "uncommitted", lambda folder: None)
    again = recsys.run("shop.yaml", overwrite=True)
    assert again.dataset.users == 11 and not naming(Path("runs/shop"), gone, hashed)
