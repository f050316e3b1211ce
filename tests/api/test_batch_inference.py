"""Recommendations to many users: what one call answers, continued, and for nobody else's eyes."""

import json
import runpy
import shutil
import stat
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

import recsys
from recsys.errors import InputError
from recsys.export import batch_inference
from recsys.protection.noted_folders import MANIFEST
from recsys.system.manifests import as_files, check
from recsys.system.reading import read_json
from tests.commands import recsys as command

COLUMNS = ["user", "rank", "item", "score"]


@pytest.fixture(scope="module")
def copied(tmp_path_factory, names, work):
    """The finished run, elsewhere."""
    folder = tmp_path_factory.mktemp("copied") / "work"
    shutil.copytree(work, folder)
    return recsys.load(folder / "runs" / "average" / "1")


@pytest.fixture
def run(copied, work, tmp_path, monkeypatch):
    """It, in a working directory with nothing but the log."""
    shutil.copy(work / "log.csv", tmp_path)
    monkeypatch.chdir(tmp_path)
    return copied


@pytest.fixture(autouse=True)
def parts_of_16(monkeypatch):
    monkeypatch.setattr(batch_inference, "USERS", 16)


@pytest.fixture
def stops_after(monkeypatch):
    """Ends the writing of parts, as Ctrl-C does; gives the names of those that were begun."""
    write, begun, most = batch_inference.PartWriter.write, [], []

    def counted(self, path, places, done):
        begun.append(path.name)
        if most and len(begun) > most[0]:
            raise KeyboardInterrupt
        return write(self, path, places, done)

    monkeypatch.setattr(batch_inference.PartWriter, "write", counted)
    return lambda parts: (begun.clear(), most.clear(), most.extend(parts), begun)[-1]


def manifest_of(folder: Path) -> dict:
    return read_json(folder / MANIFEST, "", ["parts"])


def test_all_users_get_what_they_get_in_one_call(run):
    folder = run.recommend_all("out", k=3, titles=True)
    found = pd.read_parquet(folder)
    expected = run.recommend(users=run.dataset.user_ids, k=3)
    assert found[COLUMNS[:3]].equals(expected[COLUMNS[:3]].astype({"rank": "int32"}))
    assert found["title"].tolist() == expected["title"].tolist()
    assert found["score"].to_numpy() == pytest.approx(expected["score"].to_numpy(), 1e-5)
    assert [len(pq.read_table(part)) for part in sorted(folder.glob("*.parquet"))] == [48] * 3 + [
        36
    ]
    document = manifest_of(folder)
    assert document["finished"] and sum(p["users"] for p in document["parts"].values()) == 60
    assert set(document["files"]) == {f"part-0000{number}.parquet" for number in range(4)}
    for path in (folder, *folder.iterdir()):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0 or path.name.endswith(".lock")


def test_a_stopped_call_is_continued(run, stops_after):
    begun = stops_after([2])
    with pytest.raises(KeyboardInterrupt):
        run.recommend_all("out", k=2)
    assert len(manifest_of(Path("out"))["parts"]) == 2 and not manifest_of(Path("out"))["finished"]
    Path("out/.999999999-part-00002.parquet").write_text("of a process that was killed")
    begun = stops_after([])
    run.recommend_all("out", k=2)
    assert begun == ["part-00002.parquet", "part-00003.parquet"]
    assert not list(Path("out").glob(".*.parquet"))
    whole = run.recommend_all("whole", k=2)
    assert pd.read_parquet("out").equals(pd.read_parquet(whole))
    begun = stops_after([])
    run.recommend_all("out", k=2)
    assert begun == []


def test_shards_together_are_the_whole(run):
    whole = pd.read_parquet(run.recommend_all("whole", k=2))
    for number in (3, 1, 2):
        folder = run.recommend_all("shards", k=2, shard=f"{number}/3")
        assert folder == Path(f"shards/shard-{number}-of-3")
        assert manifest_of(folder)["finished"]
    assert pd.read_parquet("shards").equals(whole)
    for given, said in (
        ("0/3", "shard.* is '0/3'"),
        ("4/3", "shard.* is '4/3'"),
        ("2 of 3", "as 2/8"),
        ("1/61", "none of 60 users"),
        ("1/2", "no shards of 2"),
    ):
        with pytest.raises(InputError, match=said):
            run.recommend_all("shards", k=2, shard=given)
    shutil.rmtree("shards/shard-2-of-3")
    with pytest.raises(InputError, match="shard-1-of-3 holds recommendations of k 2 instead"):
        run.recommend_all("shards", k=3, shard="2/3")
    with pytest.raises(InputError, match="shard-1-of-3 holds recommendations of other users"):
        run.recommend_all("shards", users=["u1", "u2", "u3"], k=2, shard="2/3")
    with pytest.raises(InputError, match="whole holds '_manifest"):
        run.recommend_all("whole", k=2, shard="1/3")


def test_a_damaged_part_is_made_again(run, stops_after, caplog):
    run.recommend_all("out", k=2)
    part = Path("out/part-00001.parquet")
    before = part.read_bytes()
    part.write_bytes(before[:-1] + b"x")
    begun = stops_after([])
    run.recommend_all("out", k=2)
    assert begun == [part.name] and part.read_bytes() == before and "is damaged" in caplog.text


def test_another_request_is_refused(run):
    run.recommend_all("out", users=["u1", "u2"], k=2)
    mend = r"Name another folder \(out=…\), or remove this one"
    with pytest.raises(InputError, match=f"of k 2 instead of 3: {mend}"):
        run.recommend_all("out", users=["u1", "u2"], k=3)
    with pytest.raises(InputError, match=f"of other users .*: {mend}"):
        run.recommend_all("out", users=["u2", "u1"], k=2)
    with pytest.raises(InputError, match="returns 1 to"):
        run.recommend_all("new", k=1000)
    Path("mine").mkdir()
    Path("mine/thesis.txt").touch()
    with pytest.raises(InputError, match=f"mine holds other files.*{mend}"):
        run.recommend_all("mine", k=2)


def test_users_stand_in_files(run, caplog):
    Path("ids.txt").write_text("u3\nnobody\nu1\nu3\n")
    pd.DataFrame({"x": [1, 2], "user": ["u3", "u1"]}).to_csv("ids.csv", index=False)
    pd.DataFrame({"user_id": ["u3", "u1"]}).to_parquet("ids.parquet")
    expected = run.recommend(users=["u3", "u1"], k=2)
    for name in ("ids.txt", "ids.csv", "ids.parquet"):
        found = pd.read_parquet(run.recommend_all(f"out-{name}", users=Path(name), k=2))
        assert found["item"].tolist() == expected["item"].tolist()
        assert found["user"].tolist() == ["u3", "u3", "u1", "u1"]
    assert "no such users: 'nobody'" in caplog.text
    Path("ids.csv").write_text("u3\nu1\n")
    with pytest.raises(InputError, match=r"no column 'user' .*; it has 'u3'.*called \.txt"):
        run.recommend_all("out", users=Path("ids.csv"))
    Path("ids.csv").write_text("user,x\nu3,1\n,2\n")
    with pytest.raises(InputError, match="1 row without user"):
        run.recommend_all("out", users=Path("ids.csv"))
    Path("ids.parquet").write_text("not a table")
    with pytest.raises(InputError, match=r"ids\.parquet cannot be read"):
        run.recommend_all("out", users=Path("ids.parquet"))


def test_histories_stand_in_a_table(run, caplog):
    log = pd.read_csv("log.csv").sample(frac=1, random_state=1)
    log.to_csv("given.csv", index=False)
    alone = recsys.load(run.export("copied"))
    expected = run.recommend(histories=log, k=3)
    for given in ("given.csv", log):
        out = alone.recommend_all(f"out-{type(given).__name__}", histories=given, k=3)
        assert pd.read_parquet(out)["item"].tolist() == expected["item"].tolist()
        assert pd.read_parquet(out)["user"].tolist() == expected["user"].tolist()
    assert not caplog.records
    log.loc[log.index[5], "item"] = "zzz"
    with pytest.raises(InputError, match="of other users"):
        alone.recommend_all("out-DataFrame", histories=log, k=3)
    caplog.clear()
    alone.recommend_all("strange", histories=log, k=3)
    assert caplog.text.count("the model does not know: 'zzz'") == 1
    log.loc[log.index[5], "user"] = None
    with pytest.raises(InputError, match="1 row without user"):
        alone.recommend_all("missing", histories=log)
    with pytest.raises(InputError, match="no column 'item'"):
        alone.recommend_all("missing", histories=log.drop(columns="item"))
    with pytest.raises(InputError, match="give either users or histories"):
        run.recommend_all("missing", users=["u1"], histories=log)


def test_ids_of_a_csv_file_are_text(run):
    Path("given.csv").write_text("user,item\n007,i3\n7,i4\n07,i3\n")
    found = pd.read_parquet(run.recommend_all("out", histories="given.csv", k=1))
    assert found["user"].tolist() == ["007", "7", "07"]


def test_who_got_less_is_counted(run, caplog):
    most = [f"i{item}" for item in range(24)]
    rows = [("full", item) for item in most] + [("nearly", item) for item in most[:22]]
    table = pd.DataFrame([*rows, ("new", "i3")], columns=["user", "item"])
    found = pd.read_parquet(run.recommend_all("out", histories=table, k=3))
    assert found["user"].tolist() == ["nearly"] * 2 + ["new"] * 3
    assert manifest_of(Path("out"))["parts"]["part-00000.parquet"] == {
        "users": 3, "items": 5, "users_without_answer": 1, "users_with_fewer": 1
    }  # fmt: skip
    assert "of 3 users, 1 got nothing, and 1 fewer than 3 items" in caplog.text


def test_the_forgotten_are_left_out_and_purged(work, names, tmp_path, monkeypatch):
    shutil.copytree(work, tmp_path / "work")
    monkeypatch.chdir(tmp_path / "work")
    Path("runs/recommendations.json").unlink(missing_ok=True)  # of the examples of docstrings
    run = recsys.load("runs/average/1")
    out, gone = tmp_path / "elsewhere", "u3"
    run.recommend_all(out, k=2)
    run.recommend_all("moved", users=[gone], k=2)
    shutil.move("moved", "away")
    found = recsys.forget([gone], runs_dir="runs")
    found = found[found["holds"] == "recommendations"]
    assert found["done"].tolist() == ["found", "out of reach: it is not there any more"]
    assert [Path(path).name for path in found["path"]] == ["part-00001.parquet", "moved"]
    run.recommend_all("later", k=2)
    assert gone not in pd.read_parquet("later")["user"].tolist()
    log = pd.read_csv("log.csv")
    run.recommend_all("tables", histories=log, k=2)
    assert set(log["user"]) - set(pd.read_parquet("tables")["user"]) == {gone}
    with pytest.raises(InputError, match="or some were forgotten"):
        run.recommend_all(out, k=2)
    recsys.forget([gone], runs_dir="runs", purge=True)
    left = pd.read_parquet(out)
    assert len(left) == 59 * 2 and gone not in left["user"].tolist()
    check(out, as_files(manifest_of(out)["files"], out, ""), "")


def test_the_command_writes_the_folder(run):
    status, said, _ = command("recommend", str(run.path), "--users", "all", "--k", "2", "--out=out")
    assert status == 0 and said == "out\n" and len(pd.read_parquet("out")) == 120
    for given, message in (
        (["--users", "all"], "--users and --histories need --out"),
        (["--user", "u1", "--out", "x"], "--out is for many users"),
        (["--users", "all", "--out", "x", "--why"], "--why is for one user"),
        (["--users", "all", "--out", "x", "--where", "a=b"], "--where is for one user"),
        (["--user", "u1", "--titles"], "--titles is for"),
        (["--users", "u1", "--out", "x"], "u1 cannot be read: No such file"),
    ):
        status, _, said = command("recommend", str(run.path), *given)
        assert status == 2 and message in said, given


def test_the_benchmark_times_both(run, monkeypatch, capsys):
    script = Path(__file__).parents[2] / "scripts" / "benchmark" / "batch_inference.py"
    given = [str(run.path), "--users", "40", "-k", "3", "--rounds", "1"]
    monkeypatch.setattr("sys.argv", [str(script), *given])
    runpy.run_path(str(script), run_name="__main__")
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (found["users"], found["items"], found["k"]) == (40, 24, 3)
    assert found["ratio"] == pytest.approx(
        found["ours_per_second"] / found["bare_per_second"], 0.01
    )
