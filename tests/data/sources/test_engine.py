import errno
import subprocess
import sys

import duckdb
import ibis
import pyarrow as pa
import pytest
from ibis.common.exceptions import TableNotFound

from recsys.data.sources.engine import blaming_input, connect, connect_in_memory, stream
from recsys.errors import InputError


def test_tables_can_be_dropped(tmp_path):
    """sqlglot 30.18 and later write DROP TABLE without a name for Ibis 12."""
    con = connect(tmp_path, memory_gib=1)
    con.create_table("numbers", pa.table({"n": [1]}))
    con.drop_table("numbers")
    with pytest.raises(TableNotFound):
        con.table("numbers")
    con.create_table("numbers", pa.table({"n": [2]}))
    con.create_table("numbers", pa.table({"n": [3]}), overwrite=True)
    assert con.table("numbers").n.sum().execute() == 3


# What a kernel of Jupyter looks like to DuckDB, where ipywidgets is not installed.
BARE_NOTEBOOK = """
import sys, types
from pathlib import Path

notebook = types.ModuleType("IPython")
notebook.get_ipython = lambda: types.SimpleNamespace(config={"IPKernelApp": {}})
sys.modules |= {"IPython": notebook, "ipywidgets": None}

import duckdb
try:
    duckdb.sql("SET enable_progress_bar = false")
except duckdb.InvalidInputException as error:
    print("ipywidgets" in str(error))

from recsys.data.sources.engine import connect, connect_in_memory, connect_in_memory
for con in (connect(Path(sys.argv[1]), memory_gib=1), connect_in_memory()):
    print(con.raw_sql("SELECT current_setting('enable_progress_bar')").fetchone()[0])
"""


def test_a_notebook_without_widgets_has_an_engine(tmp_path):
    command = [sys.executable, "-c", BARE_NOTEBOOK, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.stdout.split() == ["True", "False", "False"], done.stderr


def test_an_engine_in_memory_takes_tables_at_once():
    con = connect_in_memory()
    con.con.register("numbers", pa.table({"n": [1, 2]}))
    assert con.table("numbers").count().to_pyarrow().as_py() == 2


def test_stream_gives_all_rows_in_order(tmp_path):
    con = connect(tmp_path, memory_gib=1)
    con.create_table("numbers", pa.table({"n": list(range(5000))}))
    batches = list(stream(con, con.table("numbers").order_by(ibis.desc("n")), rows=2048))
    assert len(batches) > 1
    numbers = [n for batch in batches for n in batch["n"].to_pylist()]
    assert numbers == list(range(4999, -1, -1))


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device", "/data/x"),
        duckdb.IOException('Could not write file "/data/x": No space left on device'),
        duckdb.TransactionException('Could not write file "/data/x": No space left on device'),
        OSError("1000 requested and 10 written"),
    ],
)
def test_full_disk_is_told(error):
    with pytest.raises(InputError, match="the disk is full"), blaming_input("log.csv"):
        raise error


def test_a_place_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="file cannot be used"), blaming_input("datasets"):
        (tmp_path / "file").mkdir()


def test_other_os_errors_are_ours():
    with pytest.raises(OSError, match="odd"), blaming_input("log.csv"):
        raise OSError(errno.EINVAL, "odd")


@pytest.mark.parametrize(
    "error",
    [
        duckdb.Error("TProtocolException: Invalid data"),
        duckdb.Error("Parquet file is likely corrupted, dictionary offset out of range"),
    ],
)
def test_damaged_parquet_is_told(error):
    refused = pytest.raises(
        InputError, match=r"log\.parquet cannot be read.*file is damaged: fetch"
    )
    with refused, blaming_input("log.parquet"):
        raise error


def test_times_beyond_all_bounds_are_the_logs_fault():
    with pytest.raises(InputError, match="Overflow"), blaming_input("log.csv"):
        raise duckdb.OutOfRangeException("Out of Range Error: Overflow in multiplication")


def test_no_extension_is_fetched(tmp_path):
    con = connect(tmp_path, memory_gib=1)
    value = con.raw_sql("SELECT current_setting('autoinstall_known_extensions')").fetchone()
    assert value == (False,)
