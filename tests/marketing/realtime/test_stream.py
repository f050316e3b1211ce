"""Logs as streams: in order, each event once."""

import pytest

from recsys.errors import InputError
from recsys.marketing.realtime.stream import open_stream
from tests.marketing.logs import microseconds
from tests.marketing.realtime.streams import config, write_stream

ROWS = [
    ("ann", "fig", 0, "view"),
    ("bob", "fig", 5, "cart"),
    ("ann", "nut", 5, "view"),
    ("ann", "nut", 9, "cart"),
]


def events(settings) -> list:
    with open_stream(settings) as stream:
        return list(stream)


def test_events_come_in_the_order_of_their_rows(tmp_path):
    path = write_stream(tmp_path / "log.csv", ROWS)
    with open_stream(config(path)) as stream:
        assert stream.types == ("cart", "view") and stream.items == ("fig", "nut")
        assert stream.events == 4 and stream.left_out.empty
        found = list(stream)
    assert [(each.user, each.item, each.type, each.row) for each in found] == [
        (user, item, kind, row) for row, (user, item, _, kind) in enumerate(ROWS, 1)
    ]
    assert found[1].time == microseconds(5 / 1440) and found[1].session is None


def test_disorder_is_one_message(tmp_path):
    path = write_stream(tmp_path / "log.csv", [*ROWS, ("cid", "fig", 8, "view")])
    with pytest.raises(InputError) as raised:
        events(config(path))
    assert str(raised.value) == (
        f"{path}: row 5 (user 'cid') is of 2024-01-01T00:08:00Z, before row 4 of "
        "2024-01-01T00:09:00Z: the stream is out of order. Set `sorted: true` to replay a log by "
        "its times, or mend what wrote it."
    )


def test_a_log_is_replayed_by_its_times(tmp_path):
    path = write_stream(tmp_path / "log.csv", ROWS[::-1])
    found = events(config(path, sorted=True))
    assert [each.row for each in found] == [4, 2, 3, 1]  # at once: as they stand in the log


def test_the_order_breaks_ties_of_a_log(tmp_path):
    rows = [(*row, 9 - number) for number, row in enumerate(ROWS)]
    path = write_stream(tmp_path / "log.csv", rows, "user item minutes event order")
    document = config(path, sorted=True).model_dump(by_alias=True)
    document["stream"]["columns"]["order"] = "order"
    ordered = type(config(path)).model_validate(document)
    assert [each.row for each in events(ordered)] == [1, 3, 2, 4]


def test_duplicates_are_one_message(tmp_path):
    path = write_stream(tmp_path / "log.csv", [*ROWS, ROWS[1], ROWS[1]])
    with pytest.raises(InputError) as raised:
        events(config(path))
    assert str(raised.value) == (
        f"{path}: row 5 (user 'bob', item 'fig', 2024-01-01T00:05:00Z) repeats row 2, and so do "
        "2 rows in all: they are equal to an earlier one in every column read. Set `duplicates: "
        "drop` to leave them out, or map a column that tells them apart."
    )


def test_duplicates_are_dropped_and_kept_aside(tmp_path):
    """Delivered twice, and the second time late: what is dropped is not out of order."""
    path = write_stream(tmp_path / "log.csv", [*ROWS, ROWS[1], ("", "fig", 10, "view")])
    with open_stream(config(path, duplicates="drop")) as stream:
        assert [each.row for each in stream] == [1, 2, 3, 4]
        left_out = stream.left_out
    assert left_out[["row", "reason"]].to_numpy().tolist() == [
        [5, "duplicate"],
        [6, "empty user"],
    ]
    assert left_out.loc[0, ["user", "item", "time", "event"]].tolist() == [
        "bob",
        "fig",
        "2024-01-01T00:05:00Z",
        "cart",
    ]


def test_a_line_that_is_no_row_is_kept_aside_by_its_place(tmp_path):
    path = write_stream(tmp_path / "log.csv", [*ROWS, ROWS[1]])
    with open(path, "a") as log:
        log.write("ann,fig\n")
    with open_stream(config(path, duplicates="drop")) as stream:
        assert [each.row for each in stream] == [1, 2, 3, 4]
        left_out = stream.left_out
    assert left_out["reason"].tolist() == ["duplicate", "wrong number of cells"]
    assert left_out.loc[1, ["file", "line"]].tolist() == [path, 7]
    assert not left_out.isin(["ann,fig"]).any(axis=None)  # who may have opted out


def test_what_differs_in_a_column_read_is_no_duplicate(tmp_path):
    rows = [(*ROWS[0], "a"), (*ROWS[0], "b"), (*ROWS[0], None)]
    path = write_stream(tmp_path / "log.csv", rows, "user item minutes event session")
    assert [each.session for each in events(config(path))] == ["a", "b", None]


def test_the_end_is_left_out(tmp_path):
    path = write_stream(tmp_path / "log.csv", ROWS)
    until = config(path, until="2024-01-01T00:05:00+00:00")
    assert [each.row for each in events(until)] == [1]


@pytest.mark.parametrize("event", ["carts", "xyz"])
def test_an_unknown_type_of_a_trigger_is_one_message(tmp_path, event):
    path = write_stream(tmp_path / "log.csv", ROWS)
    trigger = {"kind": "abandoned", "name": "left", "event": event, "completed_by": "view"}
    with pytest.raises(InputError, match=f"'left' looks for events of the type '{event}'") as error:
        events(config(path, [trigger]))
    assert ("Did you mean 'cart'?" in str(error.value)) == (event == "carts")
    assert "Its types: cart, view" in str(error.value)
