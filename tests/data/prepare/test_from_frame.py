"""Datasets from frames, and what is said of keywords that do not suit."""

import io
import logging

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from recsys.data.dataset import Dataset
from recsys.data.prepare.config import DataConfig
from recsys.data.prepare.prepare import prepare
from recsys.data.prepare.splits import LeaveOneOutSplit
from recsys.errors import InputError
from tests.data.conftest import RELATIVE, SMALL_LOG

LOG = pd.read_csv(io.StringIO(SMALL_LOG))
ROLES = {"user": "user", "item": "item", "time": "time", "earliest_time": "1970-01-01"}
CUTS = {"validation_quantile": 0.5, "test_quantile": 0.75}
# Without the cuts of a split by time.
BARE = {"validation_quantile": None, "test_quantile": None}
ITEMS = pd.DataFrame(
    {
        "item": list("wxyz"),
        "title": ["Wool", "Xylophone", "Yarn", "Zebra"],
        "brand": ["a", None, "a", "b"],
        "code": pd.Categorical([1, 2, 1, 2]),
        "price": [1.0, 2.0, np.nan, 4.0],
        "tags": [["p"], [], ["p", "q"], None],
        "vector": [[1.0, 0.0]] * 4,
        "since": pd.to_datetime(["2026-01-01"] * 4),
    }
)


@pytest.fixture
def from_frame(tmp_path):
    def call(frame=LOG, **keywords):
        return Dataset.from_frame(
            frame, **{**ROLES, **CUTS, "runs_dir": tmp_path / "runs", **keywords}
        )

    return call


def test_a_frame_is_what_its_file_is(from_frame, tmp_path):
    """Also of Arrow, and however it is asked for again."""
    dataset = from_frame(items=ITEMS, item_features=["brand"])
    path = dataset.source["log"]["path"]
    frames = tmp_path / "runs" / "datasets" / "frames"
    assert path.startswith(str(frames)) and len(list(frames.iterdir())) == 2
    again = prepare(DataConfig(**dataset.source), tmp_path / "runs" / "datasets")
    assert again.path == dataset.path == from_frame(items=ITEMS, item_features="brand").path
    assert Dataset(dataset.path).source == dataset.source
    stream = pa.Table.from_pandas(LOG).to_reader()
    assert from_frame(stream, items=ITEMS, item_features=["brand"]).path == dataset.path
    log = {"path": path, "columns": {k: ROLES[k] for k in ("user", "item", "time")}, **RELATIVE}
    plain = from_frame()
    config = DataConfig.model_validate({"log": log, "split": {"kind": "time", **CUTS}})
    assert prepare(config, tmp_path / "runs" / "datasets").path == plain.path


def test_a_file_is_as_good(from_frame, write, tmp_path):
    dataset = from_frame(write("log.csv", SMALL_LOG))
    frames = from_frame()
    assert dataset.item_ids == frames.item_ids and dataset.user_ids == frames.user_ids
    assert np.array_equal(dataset.event_items, frames.event_items)
    section = {"path": str(tmp_path / "log.csv"), "columns": {"user": "user", "item": "item"}}
    assert from_frame(section, user=None, item=None).path == dataset.path
    semicolons = write("semicolons.csv", SMALL_LOG.replace(",", ";"))
    assert from_frame(str(semicolons), delimiter=";").events == dataset.events


def test_titles_and_features_of_a_frame(from_frame):
    features = ["brand", "code", "price", "tags", "vector"]
    dataset = from_frame(items=ITEMS, item_features=features)
    assert dict(zip(dataset.item_ids, dataset.item_titles, strict=True))["x"] == "Xylophone"
    kinds = {each.name: each.kind for each in dataset.manifest.item_features}
    expected = ("categorical", "categorical", "numeric", "multivalued", "vector")
    assert kinds == dict(zip(features, expected, strict=True))
    assert from_frame(items=ITEMS).manifest.item_features == ()


def test_attributes_of_a_frame(from_frame, write):
    """By the types of their columns, of which a frame's file has no other."""
    dataset = from_frame(items=ITEMS, item_attributes=["price", "tags"], item_features=["brand"])
    assert dataset.source["items"]["attributes"]["price"]["kind"] == "numeric"
    tags = dict(zip(dataset.item_ids, dataset.attribute("tags").to_pylist(), strict=True))
    assert tags == {"w": ["p"], "x": [], "y": ["p", "q"], "z": []}
    written = pd.read_parquet(dataset.source["items"]["path"])
    assert set(written) == {"item", "title", "brand", "price", "tags"}
    with pytest.raises(InputError, match="say of each of item_attributes what kind it is"):
        from_frame(items=write("items.csv", "item,price\nw,1\n"), item_attributes=["price"])
    with pytest.raises(InputError, match=r"`item_attributes` is about a side table"):
        from_frame(item_attributes=["price"])


def test_features_of_events(from_frame, tmp_path):
    """Columns of the log by their types, of a frame and of its file."""
    what = pd.Categorical(["view", "cart"] * 5)
    log = LOG.assign(what=what, price=np.arange(10.0), unused=0)
    dataset = from_frame(log, event_features=["what", "price"])
    kinds = {each.name: each.kind for each in dataset.manifest.event_features}
    assert kinds == {"what": "categorical", "price": "numeric"}
    assert dataset.vocabulary("event", "what") == ["view", "cart"]
    written = pd.read_parquet(dataset.source["log"]["path"])
    assert set(written) == {"user", "item", "time", "what", "price"}
    again = prepare(DataConfig(**dataset.source), tmp_path / "runs" / "datasets")
    assert again.path == dataset.path
    file = dataset.source["log"]["path"]
    assert from_frame(file, event_features=kinds).path == dataset.path


def test_kinds_of_features_as_in_a_file(from_frame):
    given = {
        "label": {"kind": "text", "column": "title"},
        "price": None,
        "brand": "categorical",
        "since": "categorical",
    }
    dataset = from_frame(items=ITEMS, item_features=given)
    kinds = {each.name: each.kind for each in dataset.manifest.item_features}
    assert kinds == {
        "label": "text", "price": "numeric", "brand": "categorical", "since": "categorical",
    }  # fmt: skip


def test_what_only_looks_like_a_key_is_quoted_as_it_is(from_frame):
    frame = pd.DataFrame({("a", "b"): [1], ("a", "c"): [2]})
    with pytest.raises(InputError, match=r"frame\.columns = frame\.columns\.map"):
        from_frame(frame)
    with pytest.raises(InputError, match=r"no column 'columns\.usr' \(user\)"):
        from_frame(user="columns.usr")


def test_keys_of_another_name_and_in_the_index(from_frame):
    dataset = from_frame(items=ITEMS.set_index("item"))
    renamed = ITEMS.rename(columns={"item": "sku", "title": "called"})
    other = from_frame(items=renamed, item_key="sku", item_title="called")
    assert other.item_titles == dataset.item_titles
    with pytest.raises(InputError, match=r"frame of items has no column 'item'.*item_key=…"):
        from_frame(items=renamed)
    people = pd.DataFrame({"user": ["a", "b"], "age": [30, 40]})
    dataset = from_frame(LOG.set_index(["user", "time"]), users=people, user_features=["age"])
    assert [each.name for each in dataset.manifest.user_features] == ["age"]
    assert dataset.feature("user", "age").tolist() == [-1, 1]


def test_every_role_and_setting_has_a_keyword(from_frame):
    log = LOG.assign(
        kind=["view", "buy"] * 5, price=2.0, pieces=3, visit=1, place="web", mail=None,
        part=["train"] * 6 + ["validation"] * 2 + ["test"] * 2,
    )  # fmt: skip
    dataset = from_frame(
        log, event="kind", value="price", quantity="pieces", session="visit", channel="place",
        campaign="mail", event_weights={"view": 0, "buy": 2}, where="price > 1",
        minimum_user_events=1, repeats="first",
    )  # fmt: skip
    assert dataset.array("event_values").tolist() == [6.0] * dataset.events
    assert dataset.source["log"]["where"] == "price > 1"
    assert set(np.asarray(dataset.event_weights)) == {0.0, 2.0}
    fixed = from_frame(log, split="part", **BARE)
    assert fixed.source["split"]["kind"] == "fixed"
    assert fixed.manifest.part_events == {"train": 6, "validation": 2, "test": 2}


def test_weights_of_events_that_are_true_or_false(tmp_path):
    log = pd.DataFrame(
        {
            "u": ["a", "b"] * 10,
            "i": list("wxyz") * 5,
            "t": range(10**9, 10**9 + 20),
            "bought": [True, False] * 10,
        }
    )
    columns = {"user": "u", "item": "i", "time": "t", "event": "bought"}
    weights = {True: 1, False: None}
    with pytest.raises(InputError, match="1 user is left of 1"):  # b never bought
        Dataset.from_frame(log, **columns, event_weights=weights, runs_dir=tmp_path)
    dataset = Dataset.from_frame(
        log, **columns, event_weights={True: 1, np.False_: 3}, runs_dir=tmp_path
    )
    assert set(np.asarray(dataset.event_weights)) == {1.0, 3.0}


def test_kinds_of_splits(from_frame):
    for given in (
        "leave_one_out",
        {"kind": "leave_one_out"},
        LeaveOneOutSplit(kind="leave_one_out"),
    ):
        assert from_frame(**BARE, split=given).source["split"] == {"kind": "leave_one_out"}
    no_order = {"time": None, "earliest_time": "1990-01-01"}
    drawn = from_frame(
        **BARE, split="random", seed=7, validation_share=0.3, test_share=0.3, **no_order
    )
    assert drawn.source["split"]["seed"] == 7
    days = LOG.assign(time=LOG.time.sub(100) * 86400 // 4)
    third = pd.Timestamp("1970-01-03", tz="UTC")
    dated = from_frame(days, **BARE, validation_from="1970-01-02", test_from=third)
    assert dated.source["split"]["test_from"] == "1970-01-03T00:00:00Z"
    with pytest.raises(InputError, match=r"needs a time column: name it in `time=…`, or"):
        from_frame(**BARE, time=None)


def test_ids_that_are_missing_are_counted(from_frame, caplog):
    log = LOG.assign(user=[1.0, 2.0, 1.0, np.nan] + [1.0, 2.0] * 3)
    with caplog.at_level(logging.WARNING):
        dataset = from_frame(log)
    assert dataset.user_ids == ["1", "2"]
    assert any("left out: 1 of 10 rows of the log (10.0%): empty user 1" in each.getMessage()
               for each in caplog.records)  # fmt: skip


def test_ids_that_are_infinite_are_counted_as_such(from_frame, caplog):
    log = LOG.assign(item=[1.0, 2.0, np.inf, np.nan, -np.inf, *[1.0, 2.0, 3.0, 1.0, 2.0]])
    items = pd.DataFrame({"item": [1.0, 2.0, np.inf, np.nan], "title": list("abcd")})
    with caplog.at_level(logging.WARNING):
        quality = from_frame(log, items=items, max_quarantined=0.5).manifest.quality
    assert quality["quarantined"] == {"infinite item": 2, "empty item": 1}
    for said in (
        "rows of the item table without an id: 1",
        "rows of the item table whose id is infinite: 1",
    ):
        assert said in caplog.text


def test_a_misspelt_split_of_a_file_is_explained(from_frame, write):
    with pytest.raises(InputError, match=r"no column 'leave_one'.* kind 'leave_one_out'"):
        from_frame(write("log.csv", SMALL_LOG), **BARE, split="leave_one")


def test_a_column_may_have_two_roles_that_go_together(from_frame):
    found = from_frame(order="time", session="user")
    assert found.source["log"]["columns"]["session"] == "user"


def test_ids_keep_every_digit(from_frame):
    big = [2**53, 2**53 + 1] * 5
    assert from_frame(LOG.assign(user=big)).user_ids == [str(2**53), str(2**53 + 1)]
    text = from_frame(LOG.assign(user=["007", "7"] * 5))
    assert text.user_ids == ["007", "7"]
    message = "the frame: the column 'user' holds ids as floating-point numbers"
    with pytest.raises(InputError, match=message):
        from_frame(LOG.assign(user=np.array(big, dtype="float64")))
    with pytest.raises(InputError, match="'user' of the frame holds values of several types"):
        from_frame(LOG.assign(user=[1, "1"] * 5))


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"user": "usre"}, r"the frame has no column 'usre' \(user\). Did you mean 'user'"),
        ({"user": None}, "say which columns are the users.*The frame's columns: user, item, time"),
        ({"frame": LOG.iloc[:0]}, "the frame has no rows"),
        ({"frame": {"user": [1], "item": [2]}}, "a mapping is taken as the `log` section"),
        ({"frame": [1, 2]}, "the frame is a list"),
        ({"frame": "nowhere.csv"}, "no file or folder nowhere.csv"),
        ({"frame": "nowhere.csv", "user": None}, "say which columns of nowhere.csv are the users"),
        ({"minimum_user_event": 2}, "unknown keyword 'minimum_user_event'; did you mean 'minim"),
        ({"valeu": "price"}, "unknown keyword 'valeu'; did you mean 'value'"),
        ({"delimiter": ";"}, "unknown keyword 'delimiter'"),
        ({"user": None, "usr": "user", "itm": "item"},
         "^Dataset.from_frame: unknown keyword 'usr'; did you mean 'user' or 'users'.; unknown "
         "keyword 'itm'; did you mean 'item'"),
        ({"frame": "nowhere.csv", "user": None, "usr": "user"}, "unknown keyword 'usr'"),
        ({"item": "user"}, "the column 'user' has the roles `user` and `item`: each needs"),
        ({"user": "time"}, "the column 'time' has the roles `user` and `time`"),
        ({"value": "time", "quantity": " time"}, "the roles `time` and `value`"),
        ({"split": "leave_one", **BARE},
         r"no column 'leave_one' \(split\).* Or did you mean the kind 'leave_one_out'"),
        ({"split": "halves", **BARE}, "no column 'halves'.* Kinds of splits: time, leave_one_out"),
        ({"split": {"kind": "leave_one"}, **BARE}, "did you mean 'leave_one_out'"),
        ({"repeats": "frist"}, "did you mean 'first'"),
        ({"items": ITEMS, "item_features": {"brand": "categoric"}}, "did you mean 'categorical'"),
        ({"frame": {"public": "movielens-100"}, **dict.fromkeys(ROLES)},
         "did you mean 'movielens-100k'"),
        ({"item_key": "x"}, "`item_key` is about a side table: give it, too, by items=…"),
        ({"minimum_user_events": "two"}, r"minimum_user_events: .*valid integer, received 'two'"),
        ({"event_weights": {"view": 1}}, "`event_weights` needs a column with the role `event`"),
        ({"items": ITEMS, "users": ITEMS, "user_key": "item", "decimal": ","},
         r"'decimal' may be log.decimal or users.decimal or items.decimal: say which by "
         r"\*\*\{'log.decimal': …\}"),
        ({"items": ITEMS, "item_features": ["colour"]}, "no column 'colour' \\(item feature colou"),
        ({"items": ITEMS, "item_features": ["since"]}, "what kind of feature 'since'"),
        ({"items": "items.csv", "item_features": ["brand"]}, "kinds are not guessed from a file"),
        ({"event_features": ["colour"]}, "no column 'colour' \\(event feature colour"),
        ({"event_features": {"item": "text"}}, "kind text, which items and users may have"),
        ({"frame": "log.csv", "event_features": ["what"]}, "kinds are not guessed from a file"),
        ({"items": ITEMS, "item": None}, "items=… needs a column of the log with the role `item`"),
        ({"items": pd.concat([ITEMS, ITEMS])}, "the frame of items: 4 item ids have several rows"),
        ({"items": pd.concat([ITEMS, ITEMS[:1]])}, "frame of items: 1 item id has several rows"),
        ({"frame": LOG.assign(time="soon")}, "the frame: 10 of 10 rows cannot be used"),
        ({"split": "fixed", **BARE}, "a fixed split needs a column with the part of each event"),
        ({"split": 3}, "`split` takes a section of an experiment, a mapping, received 3"),
        ({"log": "x"}, "`log` takes a section of an experiment, a mapping, received 'x'"),
        ({"where": object()}, "log.where: <object .* is not a value of a field"),
        ({"item": ""}, "item='' is not the name of a column: give one, or leave item out"),
        ({"split": {"kind": "time", "test_quantile": 0.9}, "test_quantile": 0.8},
         "split.test_quantile is given twice, as 0.9 and as 0.8: give it once"),
        ({"frame": {"path": "log.csv", "columns": {"user": "u"}}},
         "user=… is given twice, as 'u' and as 'user'"),
        ({"log": {"columns": {"item": "x"}}}, "item=… is given twice, as 'item' and as 'x'"),
        ({"items": {"path": "items.csv", "key": "id"}, "item_key": "item"},
         "items.key is given twice, as 'id' and as 'item'"),
    ],
)  # fmt: skip
def test_what_does_not_suit_is_one_message(from_frame, tmp_path, keywords, message):
    with pytest.raises(InputError, match=message) as refused:
        from_frame(**keywords)
    assert ".parquet" not in str(refused.value)
    assert not list(tmp_path.rglob(".*-*"))


def test_settings_by_dotted_keys_and_sections(from_frame):
    twice = pd.concat([ITEMS, ITEMS.assign(title="later")])
    dataset = from_frame(items=twice, **{"items.duplicates": "last"})
    assert set(dataset.item_titles) == {"later"}
    assert (
        from_frame(log={"timezone": "Europe/Berlin"}).source["log"]["timezone"] == "Europe/Berlin"
    )
