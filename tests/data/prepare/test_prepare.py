import errno
import json
import os
import subprocess
import threading
import time

import numpy as np
import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

from recsys.batch import BatchSpec
from recsys.data.batches.training_batches import TrainingBatches
from recsys.data.dataset import Dataset
from recsys.data.prepare import prepare as prepare_module
from recsys.data.prepare import writing
from recsys.data.prepare.config import DataConfig
from recsys.data.prepare.prepare import prepare
from recsys.errors import InputError
from tests.data.conftest import COLUMNS, CUTS, RELATIVE, SMALL_LOG

LEAVE_ONE_OUT = {"kind": "leave_one_out"}


def config_of(path, **settings):
    log = {"path": str(path), "columns": COLUMNS, **RELATIVE}
    return DataConfig.model_validate({"log": log, "split": CUTS, **settings})


def test_layout_by_hand(write, prepared):
    """Times 100–109 are cut at 104.5 and 106.75: five, two and three events."""
    dataset = prepared(write("log.csv", SMALL_LOG))
    assert (dataset.users, dataset.items, dataset.events) == (2, 4, 10)
    assert dataset.user_ids == ["a", "b"]
    # x has two training events, z two, y one; w appears first in validation.
    assert dataset.item_ids == ["x", "z", "y", "w"]
    assert dataset.item_titles == dataset.item_ids
    assert dataset.user_offsets.tolist() == [0, 5, 10]
    assert dataset.part_ends.tolist() == [[3, 4], [7, 8]]
    assert dataset.event_items.tolist() == [0, 2, 1, 3, 0, 0, 1, 2, 3, 0]
    assert dataset.history_ends.tolist() == list(range(10))
    assert dataset.event_times.tolist() == [
        t * 10**6 for t in (100, 102, 104, 106, 108, 101, 103, 105, 107, 109)
    ]
    assert dataset.event_weights.tolist() == [1.0] * 10
    assert dataset.item_counts.tolist() == [[2, 0, 2], [2, 0, 0], [1, 1, 0], [0, 1, 1]]
    manifest = dataset.manifest
    assert manifest.part_events == {"train": 5, "validation": 2, "test": 3}
    assert manifest.known_items == {"train": 3, "validation": 4, "test": 4}
    assert manifest.has_order and manifest.has_time
    assert manifest.split["latest_training_event"] == "1970-01-01T00:01:44Z"
    dtypes = {name: np.load(dataset.path / f"{name}.npy").dtype for name in writing.COLUMNS
              if (dataset.path / f"{name}.npy").exists()}  # fmt: skip
    assert dtypes == {"event_items": np.int32, "event_weights": np.float32,
                      "history_ends": np.int64, "event_times": np.int64}  # fmt: skip
    assert pq.read_table(dataset.path / "quarantine.parquet").num_rows == 0
    assert not list(dataset.path.glob("*.duckdb"))


def test_its_files_are_their_owners_whatever_the_umask(write, prepared):
    before = os.umask(0o027)
    try:
        folder = prepared(write("log.csv", SMALL_LOG)).path
    finally:
        os.umask(before)
    modes = {path.stat().st_mode & 0o777 for path in [folder, *folder.rglob("*")] if path.is_dir()}
    assert modes == {0o750}
    modes = {path.stat().st_mode & 0o777 for path in folder.rglob("*") if path.is_file()}
    assert modes == {0o600}


def test_baskets_are_timestamp_groups(write, prepared):
    """Events of one user that share part and time are targets of one query."""
    rows = [("a", "p", 1), ("a", "q", 2), ("a", "r", 2), ("b", "p", 2), ("a", "p", 8),
            ("a", "q", 9), ("b", "q", 9), ("a", "r", 9), ("a", "p", 9)]  # fmt: skip
    text = "user,item,time\n" + "".join(f"{u},{i},{t}\n" for u, i, t in rows)
    split = {"kind": "time", "validation_quantile": 0.4, "test_quantile": 0.5}
    dataset = prepared(write("log.csv", text), split=split)
    assert dataset.event_times[:7].tolist() == [t * 10**6 for t in (1, 2, 2, 8, 9, 9, 9)]
    assert dataset.history_ends.tolist() == [0, 1, 1, 3, 4, 4, 4, 7, 8]
    queries = dataset.queries("test")
    assert queries.users.tolist() == [0, 1]
    assert queries.history_ends.tolist() == [4, 8]
    assert np.diff(queries.target_offsets).tolist() == [3, 1]


def test_order_column_breaks_ties(write, prepared):
    rows = [
        ("a", "p", 1, 2),
        ("a", "q", 1, 1),
        ("a", "r", 1, 1),
        ("b", "p", 5, 0),
        ("b", "q", 9, 0),
    ]
    text = "user,item,time,n\n" + "".join(f"{u},{i},{t},{n}\n" for u, i, t, n in rows)
    split = {"kind": "time", "validation_quantile": 0.5, "test_quantile": 0.8}
    dataset = prepared(
        write("log.csv", text), log={"columns": {**COLUMNS, "order": "n"}}, split=split
    )
    ids = [dataset.item_ids[i] for i in dataset.event_items]
    assert ids == ["q", "r", "p", "p", "q"]
    assert dataset.history_ends.tolist() == [0, 0, 2, 3, 4]


@pytest.mark.parametrize("role", ["order", "time"])
def test_leave_one_out_of_baskets(write, prepared, role):
    """An Instacart-like log: the last order is test, whole, and nothing of it is its history."""
    baskets = {"a": ["pq", "rs", "pt", "qu"], "b": ["p", "qr", "s"], "c": ["pqr", "st"]}
    rows = [
        (user, item, number)
        for user, orders in baskets.items()
        for number, items in enumerate(orders, start=1)
        for item in items
    ]
    text = "user,item,n\n" + "".join(f"{u},{i},{n}\n" for u, i, n in reversed(rows))
    columns = {"user": "user", "item": "item", role: "n"}
    dataset = prepared(write("log.csv", text), log={"columns": columns}, split=LEAVE_ONE_OUT)
    assert dataset.user_offsets.tolist() == [0, 8, 12, 17]
    assert dataset.part_ends.tolist() == [[4, 6], [9, 11], [17, 17]]
    assert dataset.history_ends.tolist() == [
        0,
        0,
        2,
        2,
        4,
        4,
        6,
        6,
        8,
        9,
        9,
        11,
        12,
        12,
        12,
        15,
        15,
    ]
    for part, asked in {"validation": ["pt", "qr"], "test": ["qu", "s"]}.items():
        queries = dataset.queries(part)
        targets = np.split(queries.target_items, queries.target_offsets[1:-1])
        assert ["".join(sorted(dataset.item_ids[i] for i in some)) for some in targets] == asked
    assert dataset.queries("test").history_ends.tolist() == [6, 11]
    assert dataset.queries("test", last_only=True).target_items.tolist() == (
        dataset.queries("test").target_items.tolist()
    )
    assert dataset.manifest.split["test_users_with_several_targets"] == 1


def test_a_random_split_of_sets(write, prepared):
    """Without an order a part is one query, and its history everything in the parts before."""
    text = "user,item\n" + "".join(f"u{u},i{i}\n" for u in range(30) for i in range(20))
    columns = {"user": "user", "item": "item"}
    split = {"kind": "random", "validation_share": 0.2, "test_share": 0.2}
    dataset = prepared(write("log.csv", text), log={"columns": columns}, split=split)
    assert not dataset.manifest.has_order and not dataset.manifest.has_time
    assert dataset.manifest.split["latest_training_event"] is None
    queries = dataset.queries("test")
    assert queries.history_ends.tolist() == dataset.part_ends[queries.users, 1].tolist()
    batches = TrainingBatches(dataset, BatchSpec(max_events=50))
    items = [batches.sample(epoch).items for epoch in (0, 0, 1)]
    assert (items[0] == items[1]).all() and (items[0] != items[2]).any()
    rows = "".join(reversed(text.splitlines(keepends=True)[1:]))
    again = prepared(
        write("other.csv", "user,item\n" + rows), log={"columns": columns}, split=split
    )
    assert (again.part_ends == dataset.part_ends).all()


def test_leave_one_out_without_order_is_refused(write, prepared):
    columns = {"user": "user", "item": "item"}
    with pytest.raises(InputError, match=r"leave-one-out needs an order.*kind: random"):
        prepared(write("log.csv", SMALL_LOG), log={"columns": columns}, split=LEAVE_ONE_OUT)


def test_fixed_split_without_order_is_one_timestamp_group(write, prepared):
    text = "user,item,part\n" + "".join(
        f"{u},{i},{p}\n" for u in "ab" for i, p in zip("pqrs", ["train", "train", "val", "test"],
                                                      strict=True)
    )  # fmt: skip
    columns = {"user": "user", "item": "item", "split": "part"}
    dataset = prepared(write("log.csv", text), log={"columns": columns}, split={"kind": "fixed"})
    assert dataset.history_ends.tolist() == [0, 0, 2, 3, 4, 4, 6, 7]


def test_values_and_sessions(write, prepared):
    lines = SMALL_LOG.splitlines()
    text = "\n".join([lines[0] + ",value,visit", *(f"{line},{n},s{n // 4}" for n, line in
                                                   enumerate(lines[1:]))])  # fmt: skip
    columns = {**COLUMNS, "value": "value", "session": "visit"}
    dataset = prepared(write("log.csv", text), log={"columns": columns})
    values = np.load(dataset.path / "event_values.npy")
    assert values.tolist() == [0, 2, 4, 6, 8, 1, 3, 5, 7, 9]
    sessions = np.load(dataset.path / "event_sessions.npy")
    assert sessions.tolist() == [0, 0, 1, 1, 2, 0, 0, 1, 1, 2]


def test_repeats_and_k_core(write, prepared):
    text = SMALL_LOG + "c,x,103\nc,solo,104\n"
    settings = {"repeats": "first", "minimum_user_events": 3}
    dataset = prepared(write("log.csv", text), **settings, split={**CUTS, "test_quantile": 0.6})
    assert dataset.user_ids == ["a", "b"]
    assert sorted(dataset.item_ids) == ["w", "x", "y", "z"]
    quality = dataset.manifest.quality
    assert (quality["repeats_collapsed"], quality["removed_by_k_core"]) == (2, 2)
    assert quality["rows_kept"] == dataset.events == 8


def test_the_last_repeat_does_not_depend_on_what_comes_later(write, prepared):
    """User a met x twice in training and once in test: training keeps the later of its own."""
    rows = [("a", "x", 1), ("a", "y", 2), ("a", "x", 3), ("b", "x", 4), ("b", "y", 5),
            ("a", "z", 7), ("b", "z", 7), ("a", "x", 9), ("b", "w", 9)]  # fmt: skip
    path = write("log.csv", "user,item,time\n" + "".join(f"{u},{i},{t}\n" for u, i, t in rows))
    split = {"kind": "time", "validation_from": "1970-01-01T00:00:06Z",
             "test_from": "1970-01-01T00:00:08Z"}  # fmt: skip
    dataset = prepared(path, repeats="last", split=split, minimum_user_events=3)
    assert (dataset.event_times // 10**6).tolist() == [2, 3, 7, 9, 4, 5, 7, 9]
    quality = dataset.manifest.quality
    assert (quality["repeats_collapsed"], quality["removed_by_k_core"]) == (1, 0)
    # Repeats do not count: a has three different items.
    with pytest.raises(InputError, match="1 user is left of 2"):
        prepared(path, repeats="last", split=split, minimum_user_events=4)


def test_context_items_are_told_apart(write, prepared):
    """`s` is a search; `w` is looked at first and bought after the cuts."""
    rows = [("a", "s", 1, 0), ("a", "x", 2, 1), ("b", "w", 3, 0), ("b", "y", 4, 1),
            ("b", "s", 5, 0), ("a", "y", 7, 1), ("b", "s", 7, 0), ("a", "w", 9, 1),
            ("b", "t", 9, 0)]  # fmt: skip
    text = "user,item,time,type\n" + "".join(
        f"{u},{i},{t},{'buy' if w else 'look'}\n" for u, i, t, w in rows
    )
    dataset = prepared(
        write("log.csv", text),
        log={"columns": {**COLUMNS, "event": "type"}, "event_weights": {"buy": 1, "look": 0}},
        split={"kind": "time", "validation_from": "1970-01-01T00:00:06Z",
               "test_from": "1970-01-01T00:00:08Z"},
    )  # fmt: skip
    assert dataset.item_ids == ["s", "w", "x", "y", "t"]
    assert dataset.item_counts.tolist() == [[2, 1, 0], [1, 0, 1], [1, 0, 0], [1, 1, 0], [0, 0, 1]]
    assert dataset.item_targets.tolist() == [[0, 0, 0], [0, 0, 1], [1, 0, 0], [1, 1, 0], [0, 0, 0]]
    assert dataset.recommendable("train").tolist() == [False, False, True, True, False]
    assert dataset.recommendable("test").tolist() == [False, True, True, True, False]
    assert dataset.manifest.context_items == 2 and dataset.manifest.has_context
    assert (
        "items that occur as context only (events of weight 0) and are never recommended: 2"
        in dataset.manifest.quality["notes"]
    )
    assert dataset.queries("test").target_items.tolist() == [1]
    assert dataset.queries("validation").target_items.tolist() == [3]


def test_removed_items_do_not_return_from_the_item_table(write, prepared):
    table = write("items.csv", "id\nx\nsolo\nnew\n")
    dataset = prepared(
        write("log.csv", SMALL_LOG + "a,solo,103\n"),
        items={"path": str(table), "key": "id"},
        minimum_item_events=2,
    )
    assert sorted(dataset.item_ids) == ["new", "w", "x", "y", "z"]
    assert dataset.item_ids[-1] == "new"


def test_same_log_and_settings_are_prepared_once(write, tmp_path, monkeypatch):
    path = write("log.csv", SMALL_LOG)
    first = prepare(config_of(path), tmp_path / "datasets")
    copy = write("elsewhere/copy.csv", SMALL_LOG)
    monkeypatch.setattr(prepare_module, "connect", lambda *_: pytest.fail("prepared again"))
    assert prepare(config_of(path), tmp_path / "datasets").path == first.path
    assert prepare(config_of(copy), tmp_path / "datasets").path == first.path
    assert [entry.name for entry in (tmp_path / "datasets").iterdir()] == [first.fingerprint]


def test_fingerprint_changes_with_content_and_settings(write, tmp_path):
    def fingerprint(text=SMALL_LOG, **settings):
        return prepare(config_of(write("log.csv", text), **settings), tmp_path / "d").fingerprint

    table = {"path": str(write("items.csv", "id\nx\n")), "key": "id"}
    found = [
        fingerprint(),
        fingerprint(SMALL_LOG + "a,x,99\n"),
        fingerprint(minimum_user_events=2),
        fingerprint(items=table),
    ]
    assert len(set(found)) == len(found)


def test_two_preparations_are_equal(write, tmp_path):
    path = write("log.csv", SMALL_LOG)
    one, two = (prepare(config_of(path), tmp_path / name).path for name in ("one", "two"))
    for file in [*sorted(one.rglob("*.npy")), one / "manifest.json"]:
        assert file.read_bytes() == (two / file.relative_to(one)).read_bytes()


def test_progress_rises_to_one(write, tmp_path):
    told = []
    prepare(config_of(write("log.csv", SMALL_LOG)), tmp_path / "d", lambda *step: told.append(step))
    shares = [share for _, share in told]
    assert shares == sorted(shares) and shares[0] == 0.0 and shares[-1] == 1.0


@pytest.mark.parametrize("side", ["user", "item"])
def test_a_log_with_one_user_or_item(write, prepared, tmp_path, side):
    rows = [("a", item) if side == "user" else (item, "a") for item in "pqrstu"]
    text = "user,item,time\n" + "".join(f"{u},{i},{n}\n" for n, (u, i) in enumerate(rows))
    with pytest.raises(InputError, match=f"1 {side} is left of 1; at least two are needed"):
        prepared(write("log.csv", text))
    assert list((tmp_path / "datasets").iterdir()) == []


def test_a_log_without_items(write, prepared):
    """Every event is of the item `any`; rows of one day are one timestamp group."""
    rows = [("a", 1, 2), ("a", 1, 3), ("b", 2, 5), ("a", 3, 7), ("b", 4, 11)]
    text = "user,time,value\n" + "".join(f"{u},{t},{v}\n" for u, t, v in rows)
    columns = {"user": "user", "time": "time", "value": "value"}
    dataset = prepared(write("log.csv", text), log={"columns": columns})
    assert dataset.item_ids == ["any"] and not dataset.manifest.has_items
    assert dataset.event_items.tolist() == [0] * 5
    assert dataset.history_ends.tolist() == [0, 0, 2, 3, 4]
    assert np.load(dataset.path / "event_values.npy").tolist() == [2, 3, 7, 5, 11]


@pytest.mark.parametrize(
    "settings",
    [{"repeats": "first"}, {"minimum_item_events": 2}, {"items": {"path": "i.csv", "key": "id"}}],
)
def test_settings_of_items_that_the_log_does_not_name(settings):
    log = {"path": "log.csv", "columns": {"user": "user", "time": "time"}}
    with pytest.raises(ValidationError, match=f"`{next(iter(settings))}` needs a column"):
        DataConfig.model_validate({"log": log, **settings})


@pytest.mark.parametrize("split", [LEAVE_ONE_OUT, CUTS, {"kind": "time"}])
@pytest.mark.parametrize("side, most", [("user", 5), ("item", 4)])
def test_minima_that_leave_nothing(write, prepared, split, side, most):
    said = rf"log\.csv: no event is left: data\.minimum_{side}_events is 9 .*one {side}: {most}\)"
    with pytest.raises(InputError, match=said):
        prepared(write("log.csv", SMALL_LOG), split=split, **{f"minimum_{side}_events": 9})


def test_time_split_without_time(write, prepared):
    columns = {"user": "user", "item": "item"}
    with pytest.raises(InputError, match="a split by time needs a time column"):
        prepared(write("log.csv", SMALL_LOG), log={"columns": columns})


def test_what_a_killed_process_left_is_removed(write, tmp_path):
    killed = subprocess.Popen(["true"])
    killed.wait()
    for name in ("preparation", "of-another-log"):
        leftover = tmp_path / "d" / f".{killed.pid}-{name}"
        leftover.mkdir(parents=True)
        (leftover / "work.duckdb").write_text("x")
    dataset = prepare(config_of(write("log.csv", SMALL_LOG)), tmp_path / "d")
    assert list((tmp_path / "d").iterdir()) == [dataset.path]


def test_full_disk_leaves_nothing(write, tmp_path, monkeypatch):
    def full(self, values):
        raise OSError(errno.ENOSPC, "No space left on device")

    config = config_of(write("log.csv", SMALL_LOG))
    with monkeypatch.context() as patch:
        patch.setattr(writing.ArrayFile, "write", full)
        with pytest.raises(InputError, match="the disk is full"):
            prepare(config, tmp_path / "d")
    assert list((tmp_path / "d").iterdir()) == []
    assert prepare(config, tmp_path / "d").events == 10


def test_one_preparation_at_a_time(write, tmp_path):
    """The second waits for the first, and opens its dataset."""
    config = config_of(write("log.csv", SMALL_LOG))
    found = []

    def slowly(stage, share):
        if stage == "writing events":
            time.sleep(0.3)

    def run(progress=None):
        found.append(prepare(config, tmp_path / "d", progress))

    threads = [threading.Thread(target=run, args=(slowly,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [type(dataset) for dataset in found] == [Dataset, Dataset]
    assert len(list((tmp_path / "d").iterdir())) == 1


def test_settings_are_recorded(write, prepared, monkeypatch, tmp_path):
    write("log.csv", SMALL_LOG)
    monkeypatch.setenv("LOGS", str(tmp_path))
    dataset = prepared("${LOGS}/log.csv")
    document = json.loads((dataset.path / "manifest.json").read_text())
    assert document["settings"]["log"]["path"] == "${LOGS}/log.csv"
    assert DataConfig.model_validate(document["settings"]).log.columns.time == "time"


def test_users_have_no_title():
    users = {"path": "u.csv", "key": "id", "title": "name"}
    with pytest.raises(ValidationError, match="only items have a title"):
        config_of("log.csv", users=users)
