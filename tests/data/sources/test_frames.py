"""Frames of several libraries as one file, exactly or not at all."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recsys.data.sources import frames
from recsys.data.sources.frames import open_frame, write_frame
from recsys.errors import InputError

FIVE = UUID(int=5)


def written(frame, folder, *names):
    opened = open_frame(frame, "the frame")
    return write_frame(opened.read(names or opened.names), "the frame", folder)


def read_back(values, folder):
    """A column of pandas as the engine sees it, as text."""
    path = written(pd.DataFrame({"x": values}), folder)
    rows = duckdb.sql(f"SELECT CAST(x AS VARCHAR) FROM '{path}'").fetchall()
    return [value for (value,) in rows]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (pd.Series([1, 2**63 - 1]), ["1", "9223372036854775807"]),
        (pd.Series([1, 2**64 - 1], dtype="uint64"), ["1", "18446744073709551615"]),
        (pd.Series([2**64 + 1, 2**64, None], dtype=object), [str(2**64 + 1), str(2**64), None]),
        (pd.Series([2**53 + 1, None], dtype="Int64"), ["9007199254740993", None]),
        (pd.Series([7, None, 8], dtype=object), ["7", None, "8"]),
        (pd.Series([1.0, np.nan]), ["1.0", None]),
        (pd.Series([Decimal("1.50"), Decimal(10**38 + 1)]), ["1.50", f"{10**38 + 1}.00"]),
        (pd.Series([Decimal(10**37 + 1), None, Decimal("NaN")]), [str(10**37 + 1), None, None]),
        (pd.Series([Decimal(10**45 + 1), Decimal(10**45)]), [str(10**45 + 1), str(10**45)]),
        (pd.Series(["a", None, float("nan"), pd.NA], dtype=object), ["a", None, None, None]),
        (pd.Series(["a", None], dtype="string"), ["a", None]),
        (pd.Series(["a", None], dtype=pd.ArrowDtype(pa.large_string())), ["a", None]),
        (pd.Series(pd.Categorical(["b", None, "a"])), ["b", None, "a"]),
        (pd.Series(pd.Categorical([2**53 + 1, None, 7])), ["9007199254740993", None, "7"]),
        (pd.Series(pd.arrays.SparseArray([0, 5])), ["0", "5"]),
        (pd.Series([FIVE, None]), [str(FIVE), None]),
        (pd.Series([b"a", None]), ["a", None]),
        (pd.Series([True, None], dtype="boolean"), ["true", None]),
        (pd.Series([date(2026, 1, 2), None]), ["2026-01-02", None]),
        (pd.Series([datetime(2026, 1, 2, 3), None], dtype=object), ["2026-01-02 03:00:00", None]),
    ],
)
def test_values_are_read_exactly(tmp_path, values, expected):
    assert read_back(values, tmp_path) == expected


def test_times_stay_the_same(tmp_path):
    zoned = pd.Series(pd.to_datetime(["2026-01-01 09:00"])).dt.tz_localize("Europe/Berlin")
    mixed = pd.Series(
        [datetime(2026, 1, 1, 8, tzinfo=UTC), pd.Timestamp("2026-01-01 03:00-05:00")], dtype=object
    )
    for values in (zoned, zoned.dt.as_unit("ns"), zoned.astype(object), mixed):
        path = written(pd.DataFrame({"x": values}), tmp_path)
        rows = duckdb.sql(f"SELECT epoch_us(x::TIMESTAMPTZ) FROM '{path}'").fetchall()
        assert set(rows) == {(1_767_254_400_000_000,)}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([1, "1", None], r"'x' of the frame holds values of several types: whole numbers \(1 row, "
         r"such as '1'\) and text \(1 row, such as '1'\).*astype\('string'\)"),
        ([b"a", "a"], "several types: bytes .* and text"),
        ([1.0, "1"], "several types: fractions .* and text"),
        ([True, 1], "several types: booleans .* and whole numbers"),
        ([date(2026, 1, 1), datetime(2026, 1, 1, 5)], "dates .* and times without a zone"),
        ([datetime(2026, 1, 1, 5), date(2026, 1, 1)], "times without a zone .* and dates"),
        ([datetime(2026, 1, 1), datetime(2026, 1, 1, tzinfo=UTC)], "without a zone .* with a zone"),
        ([pd.Timestamp("2026-01-01"), "2026-01-02"], "times without a zone .* and text"),
        ([FIVE, str(FIVE)], "several types: UUIDs .* and text"),
        ([1.5, 2**60], "cannot be read"),
        ([{"a"}, {"b"}], "holds sets"),
        ([object(), object()], "cannot be read"),
        (["a", "\ud800", "\ud800"], r"'x' of the frame holds text with half of a character in it "
         r"\(a lone surrogate\) in 2 rows, such as '\\ud800': replace them"),
        ([["a"], ["\ud800"]], "lone surrogate"),
        ([Decimal(1), Decimal("-Infinity")],
         r"decimals that are not numbers in 1 row, such as Decimal\('-Infinity'\)"),
    ],
)  # fmt: skip
def test_what_would_be_joined_or_cut_is_refused(tmp_path, values, message):
    frame = pd.DataFrame({"x": pd.Series(values, dtype=object), "fine": 1})
    with pytest.raises(InputError, match=message):
        written(frame, tmp_path, "x")
    assert written(frame, tmp_path, "fine").exists()  # a column that is not needed does no harm
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (pd.Series(pd.Categorical([1, "1"])), "several types"),
        (pd.Series(pd.to_timedelta([1], unit="s")), "'x' of the frame.*duration.*seconds"),
        (pd.Series(pd.period_range("2026", periods=1, freq="D")), "pandas.period"),
        (pd.Series(pd.interval_range(0, 1)), "pandas.interval"),
        (pd.Series([1 + 2j]), "complex128"),
    ],
)
def test_types_that_a_file_does_not_hold_are_refused(tmp_path, values, message):
    with pytest.raises(InputError, match=message):
        written(pd.DataFrame({"x": values}), tmp_path)


def test_equal_frames_are_one_file(tmp_path, monkeypatch):
    monkeypatch.setattr(frames, "ROWS", 3)
    numbers, letters = list(range(7)), list("abcdefg")
    plain = pa.table({"n": numbers, "s": letters})
    chunked = pa.concat_tables([plain.slice(0, 1), plain.slice(1, 4), plain.slice(5)])
    large = plain.cast(pa.schema([("n", pa.int64()), ("s", pa.large_string())]))
    pairs = pa.table({"n": numbers, "s": pa.array(letters).dictionary_encode()})
    paths = {
        written(each, tmp_path)
        for each in (
            plain,
            chunked,
            large,
            pairs,
            chunked.to_reader(),
            plain.combine_chunks().to_batches()[0],
            pd.DataFrame({"n": numbers, "s": letters}),
            pd.DataFrame({"n": numbers, "s": pd.Categorical(letters)}),
            duckdb.sql("SELECT * FROM plain"),
        )
    }
    assert len(paths) == 1 and len(list(tmp_path.iterdir())) == 1
    path = paths.pop()
    assert pq.read_table(path).to_pydict() == {"n": numbers, "s": letters}
    assert pq.ParquetFile(path).num_row_groups == 3
    assert written(plain.slice(0, 6), tmp_path) != path


def test_types_of_arrow_that_the_engine_would_misread(tmp_path):
    table = pa.table(
        {
            "long": pa.array([Decimal(10**45 + 1)], pa.decimal256(50, 0)),
            "view": pa.array(["a"], pa.string_view()),
            "runs": pa.RunEndEncodedArray.from_arrays([1], ["b"]),
            "lists": pa.array([["c"]], pa.large_list(pa.string_view())),
            "uuid": pa.array([FIVE.bytes], pa.uuid()),
            "few": pa.DictionaryArray.from_arrays([0], pa.array(["d"], pa.string_view())),
        }
    )
    path = written(table, tmp_path)
    rows = duckdb.sql(f"SELECT long, view, runs, lists, CAST(uuid AS VARCHAR), few FROM '{path}'")
    assert rows.fetchall() == [(str(10**45 + 1), "a", "b", ["c"], str(FIVE), "d")]
    durations = pa.table({"x": pa.array([timedelta(1)])})
    with pytest.raises(InputError, match="'x' of the frame is of the type duration"):
        written(durations, tmp_path)


def test_names_of_pandas(tmp_path):
    frame = pd.DataFrame({"u": [1, 2], 0: [3, 4]}).set_index("u")
    opened = open_frame(frame, "the frame")
    assert opened.names == ("0", "u")  # a level of the index is a column
    path = written(frame, tmp_path, "u", "0")
    assert pq.read_table(path).to_pydict() == {"u": [1, 2], "0": [3, 4]}
    twice = open_frame(pd.DataFrame([[1, 2]], columns=["u", "u"]), "the frame")
    with pytest.raises(InputError, match="the frame has 2 columns named 'u' \\(user\\)"):
        twice.column("u", "user")
    both = pd.DataFrame({"u": [1]}, index=pd.Index([2], name="u"))
    with pytest.raises(InputError, match="2 columns named 'u'"):
        open_frame(both, "the frame").column("u", "user")
    levels = pd.DataFrame([[1]], columns=pd.MultiIndex.from_tuples([("a", "b")]))
    with pytest.raises(InputError, match="columns of 2 levels"):
        open_frame(levels, "the frame")
    several = pd.DataFrame(
        {"x": [1, 2, 3]},
        index=pd.MultiIndex.from_tuples([(1, 2), (1, 3), (4, 2)], names=["a", "b"]),
    )
    path = written(several, tmp_path, "a", "b")
    assert pq.read_table(path).to_pydict() == {"a": [1, 1, 4], "b": [2, 3, 2]}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([{"u": 1}], r"the frame is a list: a pandas or Polars DataFrame, .* is needed"),
        (None, "the frame is a NoneType"),
        (np.zeros((2, 2)), "the frame is a numpy.ndarray"),
        (pd.Series([1]), "pandas.Series, which is one column"),
    ],
)
def test_what_is_not_a_frame(given, message):
    with pytest.raises(InputError, match=message):
        open_frame(given, "the frame")


def test_a_plan_is_to_be_collected():
    class LazyFrame:
        def collect(self):
            raise NotImplementedError

    with pytest.raises(InputError, match=r"it is a plan: call \.collect\(\) first"):
        open_frame(LazyFrame(), "the frame")


def test_the_interchange_protocol(tmp_path):
    class Other:
        def __init__(self, table):
            self.table = table

        def __dataframe__(self, *arguments, **options):
            return self.table.__dataframe__(*arguments, **options)

    path = written(Other(pa.table({"u": ["a", "b"]})), tmp_path)
    assert pq.read_table(path).to_pydict() == {"u": ["a", "b"]}


def test_a_frame_without_rows(tmp_path):
    with pytest.raises(InputError, match="the frame has no rows"):
        written(pd.DataFrame({"u": []}), tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_stream_that_breaks_off_leaves_nothing(tmp_path):
    def batches():
        yield pa.record_batch({"u": [1]})
        raise OSError("the line is down")

    reader = pa.RecordBatchReader.from_batches(pa.schema({"u": pa.int64()}), batches())
    with pytest.raises(InputError, match=r"cannot be read to its end: .*the line is down"):
        written(reader, tmp_path)
    assert not list(tmp_path.iterdir())
