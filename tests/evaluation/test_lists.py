"""Lists of other systems are ranked as our scorers are, and what is not used of them is said."""

import numpy as np
import pandas as pd
import pytest

from recsys.data.prepare.list_table import read_list_table
from recsys.errors import InputError
from recsys.evaluation.lists import rank_lists
from recsys.evaluation.ranking import UNRANKED, rank
from tests.datasets import write_dataset

K = 3


@pytest.fixture
def dataset(tmp_path):
    users = [[[0], [], [1, 2]], [[3], [], [0]], [[2], [], [2]], [[4], [], []]]
    return write_dataset(tmp_path / "dataset", users, 5)


def ranked(given, dataset, tmp_path, seen="exclude", columns=None):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    table = read_list_table(given, columns or {}, scratch)
    return rank_lists(table, dataset, dataset.queries("test"), seen, K)


def frame(dataset, *rows, order="rank"):
    """Rows of (user, item, order); numbers stand for ids of the dataset."""
    named = [
        (
            dataset.user_ids[user] if isinstance(user, int) else user,
            dataset.item_ids[item] if isinstance(item, int) else item,
            place,
        )
        for user, item, place in rows
    ]
    return pd.DataFrame(named, columns=["user", "item", order])


@pytest.mark.parametrize("seen", ["exclude", "allow"])
@pytest.mark.parametrize("order", ["rank", "score"])
def test_a_list_of_all_items_is_what_a_scorer_of_ours_gives(tmp_path, seen, order):
    generator = np.random.default_rng(1)
    log = [
        [part.tolist() for part in np.split(generator.integers(30, size=12), (6, 8))]
        for _ in range(40)
    ]
    dataset = write_dataset(tmp_path / "log", log, 30)
    scores = generator.integers(0, 12, (40, 30)).astype(np.float32)  # with ties

    class Scorer:
        catalogue_items = 30

        def score(self, queries, block):
            return scores[queries.users[block]]

    queries = dataset.queries("test")
    expected = rank(Scorer(), dataset, queries, seen, K)
    users, items = np.divmod(generator.permutation(40 * 30), 30)
    values = scores[users, items] if order == "score" else 100 - scores[users, items]
    rows = zip(users.tolist(), items.tolist(), values.tolist(), strict=True)
    found, notes = ranked(frame(dataset, *rows, order=order), dataset, tmp_path, seen)
    assert found.ranks.tolist() == expected.ranks.tolist()
    assert found.repeats_left_out == expected.repeats_left_out
    rows = np.arange(len(queries.users if seen == "allow" else found.queries.users))[:, None]
    owners = found.queries.users[:, None]
    assert (scores[owners, found.top_items] == scores[owners, expected.top_items])[rows].all()
    assert any("share a place" in note for note in notes)
    assert any("taken out" in note for note in notes) == (seen == "exclude")


def test_ranks_by_hand(dataset, tmp_path):
    rows = [(0, 0, 1), (0, "new", 2), (0, 2, 3), (0, 1, 4), (1, 0, 7), (3, 1, 1), ("x", 1, 1)]
    found, notes = ranked(frame(dataset, *rows), dataset, tmp_path)
    # User 0 asks for 1 after 0, and for 2 after 0 and 1; user 1 for 0; user 2's repeats.
    assert found.ranks.tolist() == [3, 2, 1]
    assert found.top_items.tolist() == [[-1, 2, 1], [-1, 2, -1], [0, -1, -1]]
    assert found.repeats_left_out == 1
    assert notes == [
        "left out: the lists of 1 user that the log does not have, such as 'x'",
        "left out: the lists of 1 user without a test event",
        "1 item of the lists that the log does not have, such as 'new', keep their places and are "
        "never hits",
        "taken out of the lists, as the users had them: 3 items",
    ]


def test_what_is_missing_or_repeated_is_said(dataset, tmp_path):
    rows = [(0, 2, 2), (0, 2, 1), (0, 1, 3), (0, None, 4), (0, 3, None), (None, 3, 1)]
    found, notes = ranked(frame(dataset, *rows), dataset, tmp_path, seen="allow")
    assert found.ranks.tolist() == [2, 1, UNRANKED, UNRANKED]
    assert notes == [
        "left out: 1 row of the lists without user (user)",
        "left out: 1 row of the lists without item (item)",
        "left out: 1 row of the lists without rank (rank)",
        "2 users of 3 in the test part have no list: all their items are misses",
        "left out: 1 row that repeat an item of the list, at a worse place or the same",
        "the longest list has 2 items: metrics at more than that count what is not there as a miss",
    ]


def test_lists_without_a_hit_are_doubted(dataset, tmp_path):
    _, notes = ranked(frame(dataset, (0, 4, 1)), dataset, tmp_path)
    assert "no held-out item is in the list of its user" in notes[1]


def test_a_file_is_read_with_columns_of_other_names(dataset, tmp_path):
    table = frame(dataset, (0, 1, 0.5), (0, 2, 0.9), order="score")
    table.columns = ["customer", "sku", "probability"]
    path = tmp_path / "current.csv"
    table.to_csv(path, index=False)
    columns = {"user": "customer", "item": "sku", "score": "probability"}
    found, _ = ranked(str(path), dataset, tmp_path, columns=columns)
    assert found.ranks.tolist() == [2, 1, UNRANKED]


@pytest.mark.parametrize(
    ("change", "columns", "message"),
    [
        (
            lambda t: t.assign(user="nobody"),
            {},
            "none of the 1 user of the lists, such as 'nobody'",
        ),
        (lambda t: t.assign(rank="first"), {}, r"1 row of 1 have no number in 'rank' .* 'first'"),
        (lambda t: t.drop(columns="rank"), {}, "which item was recommended first"),
        (lambda t: t.drop(columns="item"), {}, r"has no column 'item' \(item\)"),
        (lambda t: t, {"score": "p"}, r"has no column 'p' \(score\)"),
        (lambda t: t, {"sku": "item"}, "'sku' is not a role"),
        (lambda t: t.assign(rank=None), {}, "has no row with a user, an item and a rank"),
        (lambda t: t[:0], {}, "no rows"),
        (lambda t: t["user"], {}, "which is one column"),
    ],
)
def test_what_cannot_be_judged_is_one_message(dataset, tmp_path, change, columns, message):
    with pytest.raises(InputError, match=message):
        ranked(change(frame(dataset, (0, 1, 1))), dataset, tmp_path, columns=columns)
