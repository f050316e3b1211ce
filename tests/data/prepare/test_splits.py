import numpy as np
import pyarrow as pa
import pytest
from pydantic import TypeAdapter, ValidationError

from recsys.data.prepare.splits import (
    SplitConfig,
    assign_parts,
    audit,
    audit_notes,
    check_columns,
    iso,
)
from recsys.data.sources.config import Columns
from recsys.data.sources.engine import connect
from recsys.errors import InputError


def split_config(**settings):
    return TypeAdapter(SplitConfig).validate_python(settings)


@pytest.fixture
def parts(tmp_path):
    """Parts by row of a table of events given by columns."""
    con = connect(tmp_path, memory_gib=1)

    def assign(config, **columns):
        size = len(columns["user"])
        columns.setdefault("item", [0] * size)
        columns.setdefault("weight", [1.0] * size)
        columns.setdefault("row", list(range(size)))
        con.create_table("given", pa.table(columns), overwrite=True)
        events, cuts = assign_parts(con.table("given"), config)
        con.create_table("events", events, overwrite=True)
        found = con.table("events").order_by("row").to_pyarrow()
        return found["part"].to_pylist(), cuts, con.table("events")

    return assign


def counted(user_events):
    return np.array(user_events, dtype=np.int64)


def test_time_quantiles(parts):
    """Eleven times 0, 10, …, 100: quantiles .5 and .8 are 50 and 80, and belong to the left."""
    config = split_config(kind="time", validation_quantile=0.5, test_quantile=0.8)
    times = [10 * n for n in range(11)][::-1]
    found, cuts, _ = parts(config, user=[0] * 11, time=times)
    assert found == [2, 2, 1, 1, 1, 0, 0, 0, 0, 0, 0]
    assert (cuts.train_until, cuts.validation_until) == (50, 80)


def test_quantiles_between_times(parts):
    config = split_config(kind="time", validation_quantile=0.3, test_quantile=0.6)
    found, cuts, _ = parts(config, user=[0] * 3, time=[0, 100, 200])
    assert found == [0, 1, 2]
    assert (cuts.train_until, cuts.validation_until) == (60, 120)


def test_time_from_given_times(parts):
    config = split_config(
        kind="time", validation_from="1970-01-01T00:00:01Z", test_from="1970-01-01T01:00:02+01:00"
    )
    found, _, _ = parts(config, user=[0] * 4, time=[999_999, 1_000_000, 1_999_999, 2_000_000])
    assert found == [0, 1, 1, 2]


def test_a_date_is_its_beginning(parts):
    config = split_config(kind="time", validation_from="1970-01-02", test_from="1970-01-03")
    day = 86_400_000_000
    found, _, _ = parts(config, user=[0] * 4, time=[day - 1, day, 2 * day - 1, 2 * day])
    assert found == [0, 1, 1, 2]


@pytest.mark.parametrize("keys", [("time",), ("order",), ("time", "order")])
def test_leave_one_out_holds_out_the_last_groups(parts, keys):
    """User 0 has no ties, user 1 a last and a last but one group of two, user 2 two groups."""
    values = [4, 1, 3, 2, 7, 9, 8, 9, 8, 5, 5, 6]
    columns = {"time": [5] * 12 if len(keys) == 2 else values, "order": values}
    found, _, _ = parts(
        split_config(kind="leave_one_out"),
        user=[0] * 4 + [1] * 5 + [2] * 3,
        **{key: columns[key] for key in keys},
    )
    assert found == [*[2, 0, 1, 0], *[0, 2, 1, 2, 1], *[0, 0, 0]]


def test_leave_one_out_holds_out_targets(parts):
    """Events of weight 0 are no targets, and stand in the part of the target they precede."""
    config = split_config(kind="leave_one_out")
    found, _, _ = parts(
        config,
        user=[0] * 8,
        time=list(range(8)),
        weight=[0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0],
    )
    assert found == [0, 0, 1, 1, 2, 2, 2, 2]


def test_context_of_a_basket_stays_with_its_targets(parts):
    """Whatever stands first in the file; a basket of context alone goes with what it precedes."""
    found, _, _ = parts(
        split_config(kind="leave_one_out"),
        user=[0] * 9,
        order=[1, 1, 2, 3, 3, 4, 4, 5, 6],
        weight=[0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0],
    )
    assert found == [0, 0, 1, 1, 1, 2, 2, 2, 2]


def test_a_random_split_draws_pairs(parts):
    """All events of a user with an item are in one part, and some of each user train."""
    generator = np.random.default_rng(3)
    user = generator.integers(0, 500, 20_000)
    item = generator.integers(0, 40, 20_000)
    config = split_config(kind="random", validation_share=0.1, test_share=0.2)
    found, _, _ = parts(config, user=user, item=item)
    held = {}
    for pair, part in zip(zip(user, item, strict=True), found, strict=True):
        assert held.setdefault(pair, part) == part
    shares = np.bincount(list(held.values())) / len(held)
    np.testing.assert_allclose(shares, [0.7, 0.1, 0.2], atol=0.01)
    assert {user for (user, _), part in held.items() if part == 0} == set(user)
    again, _, _ = parts(config, user=user, item=item)
    other, _, _ = parts(config.model_copy(update={"seed": 1}), user=user, item=item)
    assert again == found and other != found


def test_a_random_split_by_hand(parts):
    """By md5 of `seed:user:item`: 0:0:0 is 90…, 0:0:1 11…, 0:0:2 91… and 0:1:0 1d….

    Below 19… (a tenth) is test, below 91eb… validation; the last of each user trains.
    """
    config = split_config(kind="random", validation_share=0.47, test_share=0.1)
    found, _, _ = parts(config, user=[0, 0, 0, 0, 1], item=[0, 1, 2, 1, 0])
    assert found == [1, 2, 0, 2, 0]


def test_a_random_split_leaves_context_in_training(parts):
    """Held out goes what was met with weight too, or the history would give the target away."""
    config = split_config(kind="random", validation_share=0.45, test_share=0.5)
    size = 400
    found, _, _ = parts(
        config,
        user=[0] * 3 * size,
        item=[*range(size), *range(size), *range(size, 2 * size)],
        weight=[1.0] * size + [0.0] * 2 * size,
    )
    assert found[:size] == found[size : 2 * size] and set(found[:size]) == {0, 1, 2}
    assert set(found[2 * size :]) == {0}


def test_fixed_with_all_parts(parts):
    config = split_config(kind="fixed")
    found, _, _ = parts(config, user=[0, 0, 0], split=["test", "train", "validation"])
    assert found == [2, 0, 1]


def test_fixed_cuts_the_last_training_events(parts):
    config = split_config(kind="fixed", validation_share=0.5)
    found, _, _ = parts(
        config,
        user=[0, 0, 0, 0, 0, 1],
        time=[9, 3, 1, 4, 2, 1],
        split=["test", "train", "train", "train", "train", "train"],
    )
    assert found == [2, 1, 0, 1, 0, 0]


@pytest.mark.parametrize("key", ["time", "order"])
def test_fixed_cuts_between_baskets(parts, key):
    """A third of six is two: the basket of three that they end in is taken whole; one is left."""
    config = split_config(kind="fixed", validation_share=1 / 3)
    columns = {"user": [0] * 6 + [1] * 2, key: [3, 1, 3, 2, 1, 3, 8, 8], "split": ["train"] * 8}
    found, _, _ = parts(config, **columns)
    assert found == [1, 0, 1, 0, 0, 1, 0, 0]


def test_fixed_without_order_cuts_between_pairs(parts):
    """What a user did twice with an item is held out together, or not at all."""
    config = split_config(kind="fixed", validation_share=0.5)
    user, item = [n // 20 for n in range(400)], [n % 10 for n in range(400)]
    found, _, _ = parts(config, user=user, item=item, split=["train"] * 400)
    held = np.reshape(found, (20, 2, 10))
    assert (held[:, 0] == held[:, 1]).all()
    assert held.sum(axis=(1, 2)).tolist() == [10] * 20


def test_fixed_without_order_draws_by_seed(parts):
    columns = {"user": [n // 20 for n in range(200)], "item": list(range(200)),
               "split": ["train"] * 200}  # fmt: skip
    draws = {}
    for seed in (0, 0, 1):
        config = split_config(kind="fixed", validation_share=0.1, seed=seed)
        found, _, _ = parts(config, **columns)
        assert np.reshape(found, (10, 20)).sum(axis=1).tolist() == [2] * 10
        assert draws.setdefault(seed, found) == found
    assert draws[0] != draws[1]


def test_fixed_leaves_every_user_a_training_event(parts):
    config = split_config(kind="fixed", validation_share=0.9)
    found, _, _ = parts(config, user=[0, 1, 1], item=[0, 0, 1], split=["train"] * 3)
    assert sorted(found) == [0, 0, 1]


def test_audit_by_hand(parts):
    """One of two test users and one of two test items are unseen in training."""
    config = split_config(kind="time", validation_quantile=0.4, test_quantile=0.6)
    columns = {"user": [0, 1, 1, 1, 2], "item": [0, 1, 0, 0, 2], "time": [0, 10, 20, 30, 40]}
    found, cuts, events = parts(config, **columns)
    assert found == [0, 0, 1, 2, 2]
    user_parts, item_parts = np.zeros((3, 3), np.int64), np.zeros((3, 3), np.int64)
    for user, item, part in zip(columns["user"], columns["item"], found, strict=True):
        user_parts[user, part] += 1
        item_parts[item, part] += 1
    report = audit(events, config, cuts, user_parts, item_parts)
    assert report["kind"] == "time"
    assert report["events"] == {"train": 2, "validation": 1, "test": 2}
    assert report["users"] == {"train": 2, "validation": 1, "test": 2}
    assert report["share_of_test_users_unseen_in_training"] == 0.5
    assert report["share_of_test_items_unseen_in_training"] == 0.5
    assert report["latest_training_event"] == "1970-01-01T00:00:00.000010Z"
    assert report["earliest_test_event"] == "1970-01-01T00:00:00.000030Z"
    assert report["training_events_after_cut"] == 0
    assert report["cuts"]["train_until"] == "1970-01-01T00:00:00.000016Z"
    seconds = {part: [time[19:-1] for time in span.values()]
               for part, span in report["span"].items()}  # fmt: skip
    assert seconds == {
        "train": ["", ".000010"],
        "validation": [".000020", ".000020"],
        "test": [".000030", ".000040"],
        "all": ["", ".000040"],
    }


def test_leave_one_out_says_that_it_leaks(parts):
    config = split_config(kind="leave_one_out")
    user, time = [0] * 3 + [1] * 4, [1, 2, 3, 4, 5, 6, 7]
    found, cuts, events = parts(config, user=user, time=time)
    assert found == [0, 1, 2, 0, 0, 1, 2]
    report = audit(events, config, cuts, counted([[1, 1, 1], [2, 1, 1]]), counted([[3, 2, 2]]))
    assert report["training_events_after_cut"] == 0
    assert report["training_events_after_earliest_test_event"] == 2


@pytest.mark.parametrize("key", ["time", "order"])
@pytest.mark.parametrize(
    ("values", "training", "validation"),
    [([2, 1, 3], 1, 0), ([2, 2, 3], 1, 0), ([1, 3, 3], 0, 1), ([2, 3, 2], 1, 1)],
)
def test_fixed_split_that_leaks_is_refused(parts, key, values, training, validation):
    """What shares a basket with a held-out event does not precede it."""
    split = ["train", "validation", "test", "train"]
    columns = {"user": [0, 0, 0, 1], key: [*values, 9], "split": split}
    config = split_config(kind="fixed")
    _, cuts, events = parts(config, **columns)
    counts = counted([[1, 1, 1]])
    message = rf"leaks: {training} training events .* and {validation} validation events"
    with pytest.raises(InputError, match=message):
        audit(events, config, cuts, counts, counts)
    accepted = split_config(kind="fixed", allow_future_training=True)
    report = audit(events, accepted, cuts, counts, counts)
    assert report["training_events_after_cut"] == training
    assert report["validation_events_after_test"] == validation


def test_a_fixed_split_in_order_does_not_leak(parts):
    config = split_config(kind="fixed")
    columns = {"user": [0, 0, 0], "order": [1, 2, 3], "split": ["train", "validation", "test"]}
    _, cuts, events = parts(config, **columns)
    report = audit(events, config, cuts, counted([[1, 1, 1]]), counted([[1, 1, 1]]))
    assert report["training_events_after_cut"] == report["validation_events_after_test"] == 0


def test_the_audit_says_what_leave_one_out_and_chance_do(parts):
    columns = {"user": [0] * 4 + [1] * 3, "order": [1, 2, 3, 3, 1, 2, 3]}
    _, cuts, events = parts(split_config(kind="leave_one_out"), **columns)
    targets = counted([[1, 1, 2], [1, 1, 1]])
    report = audit(events, split_config(kind="leave_one_out"), cuts, targets, targets)
    assert report["test_users_with_several_targets"] == 1
    assert audit_notes(report) == [
        "1 of 2 tested users end with several events of one time or order: all of them are targets"
    ]
    drawn = audit(events, split_config(kind="random"), None, targets, targets)
    assert "held out at random" in drawn["drawn_at_random"]
    assert audit_notes(drawn) == [drawn["drawn_at_random"]]


def test_empty_part_is_refused(parts):
    config = split_config(kind="time")
    _, cuts, events = parts(config, user=[0, 0], time=[5, 5])
    counts = counted([[2, 0, 0]])
    with pytest.raises(InputError, match="leaves no events of a weight above 0 for validation"):
        audit(events, config, cuts, counts, counts)


def test_a_part_of_context_alone_is_refused(parts):
    config = split_config(kind="time", validation_quantile=0.4, test_quantile=0.6)
    _, cuts, events = parts(config, user=[0, 0, 0], time=[1, 2, 3], weight=[1.0, 1.0, 0.0])
    counts, targets = counted([[1, 1, 1]]), counted([[1, 1, 0]])
    with pytest.raises(InputError, match="leaves no events of a weight above 0 for test"):
        audit(events, config, cuts, counts, counts, targets)


def test_split_without_its_column():
    with pytest.raises(InputError, match=r"needs a time column.*leave_one_out"):
        check_columns(split_config(kind="time"), Columns(user="u", item="i", order="o"))
    unordered, dated = Columns(user="u", item="i"), Columns(user="u", item="i", time="t")
    with pytest.raises(InputError, match=r"needs a time column.*kind: random"):
        check_columns(split_config(kind="time"), unordered)
    with pytest.raises(InputError, match=r"leave-one-out needs an order.*kind: random"):
        check_columns(split_config(kind="leave_one_out"), unordered)
    with pytest.raises(InputError, match=r"trains on every user's own future.*kind: time"):
        check_columns(split_config(kind="random"), dated)
    with pytest.raises(InputError, match=r"columns\.split"):
        check_columns(split_config(kind="fixed"), Columns(user="u", item="i"))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"kind": "time", "validation_quantile": 0.9, "test_quantile": 0.8}, "below"),
        ({"kind": "time", "test_from": "2020-01-01T00:00:00Z"}, "give both"),
        ({"kind": "time", "validation_from": "2020-01-01T00:00:00",
          "test_from": "2020-02-01T00:00:00"}, "timezone"),
        ({"kind": "random", "validation_share": 0.5, "test_share": 0.5}, "less than 1"),
        ({"kind": "by_chance"}, "time"),
    ],
)  # fmt: skip
def test_settings_that_do_not_fit(settings, message):
    with pytest.raises(ValidationError, match=message):
        split_config(**settings)


def test_iso():
    assert iso(0) == "1970-01-01T00:00:00Z"
    assert iso(1_500_000) == "1970-01-01T00:00:01.500000Z"
