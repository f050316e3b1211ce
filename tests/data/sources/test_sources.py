import functools
import http.server
import io
import threading
import traceback

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

from recsys.data.sources.sources import LogConfig, TableConfig
from recsys.errors import InputError
from recsys.system import redaction
from tests.data.conftest import SMALL_LOG

ROWS = [dict(zip(("user", "item", "time"), line.split(","), strict=True))
        for line in SMALL_LOG.splitlines()[1:]]  # fmt: skip


def parquet(compression="zstd", **columns):
    table = pa.Table.from_pylist(ROWS)
    for name, kind in columns.items():
        index = table.schema.get_field_index(name)
        table = table.set_column(index, name, table[name].cast(kind))
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression=compression)
    return buffer.getvalue()


EXPECTED = {"a": ["x", "y", "z", "w", "x"], "b": ["x", "z", "y", "w", "x"]}


def histories(dataset):
    ids = dataset.item_ids
    bounds = zip(dataset.user_offsets[:-1], dataset.user_offsets[1:], strict=True)
    events = [[ids[i] for i in dataset.event_items[begin:end]] for begin, end in bounds]
    return dict(zip(dataset.user_ids, events, strict=True))


@pytest.mark.parametrize(
    ("name", "content", "options"),
    [
        ("log.csv", SMALL_LOG, {}),
        ("log.csv.gz", SMALL_LOG, {}),
        ("log.tsv", SMALL_LOG.replace(",", "\t"), {}),
        ("log.txt", SMALL_LOG.replace(",", ";"), {}),
        ("log.csv", SMALL_LOG.replace(",", "|"), {"delimiter": "|"}),
        ("log.dat", SMALL_LOG.replace(",", "::"), {}),
        ("bom.csv", b"\xef\xbb\xbf" + SMALL_LOG.encode(), {}),
        ("windows.csv", SMALL_LOG.replace("\n", "\r\n"), {}),
        ("wide.csv", SMALL_LOG.encode("utf-16"), {"encoding": "utf-16"}),
        (
            "headerless.csv",
            SMALL_LOG.split("\n", 1)[1],
            {"column_names": ["user", "item", "time"]},
        ),
        ("log.jsonl", ROWS, {}),
        ("log.ndjson.gz", ROWS, {}),
        ("log.parquet", parquet(), {}),
        ("typed.parquet", parquet(time=pa.int64()), {}),
        ("log.pq", parquet(time=pa.float64()), {}),
        ("log.unknown", SMALL_LOG, {"format": "csv"}),
    ],
)
def test_formats_read_the_same(write, prepared, name, content, options):
    assert histories(prepared(write(name, content), log=options)) == EXPECTED


def test_folder_of_parts(write, prepared, tmp_path):
    header, *lines = SMALL_LOG.splitlines(keepends=True)
    write("parts/1.csv", header + "".join(lines[:5]))
    write("parts/2.csv", header + "".join(lines[5:]))
    assert histories(prepared(tmp_path / "parts")) == EXPECTED


def test_any_column_names(write, prepared):
    renamed = SMALL_LOG.replace("user,item,time", "Who is it,Ware,am/um")
    columns = {"user": "Who is it", "item": "Ware", "time": "am/um"}
    assert histories(prepared(write("log.csv", renamed), log={"columns": columns})) == EXPECTED


def test_ids_keep_their_form(write, prepared):
    rows = "user,item,time\n" + "".join(
        f"{user},{item},{time}\n"
        for time, (user, item) in enumerate(
            [("007", "1e5"), (" 17850.0", '"a, b"'), ("17850", "0")]
        )
    )
    dataset = prepared(write("log.csv", rows), split={**CUT_THREE})
    assert dataset.user_ids == ["007", "17850"]
    assert sorted(dataset.item_ids) == ["0", "1e5", "a, b"]


CUT_THREE = {"kind": "time", "validation_quantile": 0.1, "test_quantile": 0.6}


def test_json_ids_of_mixed_types(write, prepared):
    rows = [{"user": user, "item": item, "time": t} for t, (user, item) in
            enumerate([(1, 2.0), ("x", "b"), (1.0, 9007199254740993)])]  # fmt: skip
    dataset = prepared(write("log.jsonl", rows), split=CUT_THREE)
    assert dataset.user_ids == ["1", "x"]
    assert sorted(dataset.item_ids) == ["2", "9007199254740993", "b"]


def test_encoding(write, prepared):
    text = SMALL_LOG.replace(",w,", ",café,").encode("latin-1")
    path = write("log.csv", text)
    with pytest.raises(InputError, match="encoding: latin-1"):
        prepared(path)
    assert "café" in prepared(path, log={"encoding": "latin-1"}).item_ids
    with pytest.raises(InputError, match="unknown encoding"):
        prepared(path, log={"encoding": "latin-99"})


def test_missing_column_names_the_nearest(write, prepared):
    path = write("log.csv", SMALL_LOG)
    columns = {"user": "User_ID", "item": "item"}
    with pytest.raises(InputError, match=r"no column 'User_ID' \(user\). Did you mean 'user'\?"):
        prepared(path, log={"columns": columns}, split={"kind": "random"})


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("header.csv", "user,item,time\n", "has no rows"),
        ("cut.json", '[{"user": "a", "item": "x", "time": 1}, {"user": "b", "it', "cannot be read"),
        ("cut.parquet", parquet()[:-40], "truncated Parquet"),
        ("broken.parquet", b"PAR1" + b"x" * 100 + b"PAR1", "cannot be read"),
        ("empty.csv", "", "is empty"),
    ],
)
def test_broken_files(write, prepared, tmp_path, name, content, message):
    with pytest.raises(InputError, match=message):
        prepared(write(name, content))
    assert list((tmp_path / "datasets").iterdir()) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"timezone": "Mars"}, "Unknown TimeZone 'Mars'.*Europe/Berlin"),
        ({"time_format": "%Q"}, "Correct `time_format`"),
    ],
)
def test_time_settings_that_do_not_exist(write, prepared, options, message):
    path = write("log.csv", "user,item,time\na,x,2020-01-01\nb,y,2020-01-02\n")
    with pytest.raises(InputError, match=message):
        prepared(path, log=options)


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"columns": {"user": "u", "item": "i"}}, "either `path` or `public`"),
        ({"path": "x", "public": "movielens-100k"}, "either `path` or `public`"),
        ({"path": "x", "columns": {"user": "u", "item": "i"}, "event_weights": {"a": 1}}, "event"),
        ({"path": "x", "columns": {"user": "u", "item": "i"}, "minimum_value": 1}, "value"),
        ({"path": "x", "columns": {"user": "u", "quantity": "q"}}, "`columns.quantity` needs"),
        ({"path": "x", "columns": {"user": "u", "item": "i", "tiem": "t"}}, "tiem"),
        (
            {
                "path": "x",
                "columns": {"user": "u", "item": "i", "event": "e"},
                "event_weights": {"view": 0},
            },
            "all 0",
        ),
        ({"public": "movielens-9"}, "no public data set 'movielens-9'"),
    ],
)
def test_log_settings_that_do_not_fit(section, message):
    with pytest.raises(ValidationError, match=message):
        LogConfig.model_validate(section)


def test_public_log_knows_its_columns():
    assert LogConfig.model_validate({"public": "movielens-100k"}).columns.time == "time"
    assert TableConfig.model_validate({"public": "movielens-100k"}).key == "id"


def test_short_and_long_features():
    features = {"age": "numeric", "tags": {"kind": "multivalued", "separator": ";"}}
    table = TableConfig.model_validate({"path": "x", "key": "id", "features": features})
    assert table.features["age"].kind == "numeric"
    assert table.features["tags"].separator == ";"
    with pytest.raises(ValidationError, match="zip code"):
        TableConfig.model_validate({"path": "x", "key": "id", "features": {"zip code": "numeric"}})


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture
def http_address(tmp_path):
    """A server without byte ranges, as many are."""
    (tmp_path / "web").mkdir()
    handler = functools.partial(_Quiet, directory=str(tmp_path / "web"))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("name", "content"),
    [("log.csv", SMALL_LOG), ("log.csv.gz", SMALL_LOG), ("log.parquet", parquet())],
)
def test_http(write, prepared, http_address, name, content):
    write(f"web/{name}", content)
    assert histories(prepared(f"{http_address}/{name}")) == EXPECTED


def test_http_failures(prepared, http_address):
    with pytest.raises(InputError, match="does not exist on its server"):
        prepared(f"{http_address}/missing.csv")
    with pytest.raises(InputError, match="cannot be downloaded"):
        prepared("http://127.0.0.1:9/log.csv")


class TestSecrets:
    """An address with a password and a signature, or with what the environment holds."""

    @pytest.fixture(autouse=True)
    def forgetful(self, monkeypatch):
        monkeypatch.setattr(redaction, "_shown", {})

    @pytest.fixture
    def address(self, write, http_address):
        write("web/log.csv", SMALL_LOG)
        return http_address.replace("//", "//alice:hunter2@") + "/log.csv?X-Amz-Signature=ab12cd"

    def test_nothing_that_is_written_shows_them(self, address, prepared, tmp_path):
        dataset = prepared(address)
        assert histories(dataset) == EXPECTED
        shown = address.replace("alice:hunter2", "***").replace("ab12cd", "***")
        assert dataset.manifest.settings["log"]["path"] == shown
        for file in (path for path in dataset.path.rglob("*") if path.is_file()):
            content = file.read_bytes()
            assert b"hunter2" not in content and b"ab12cd" not in content
        # The same log is the same dataset, whatever its address.
        assert prepared(tmp_path / "web" / "log.csv").path == dataset.path

    def test_no_message_shows_them(self, address, prepared):
        for broken, what in (
            (address.replace("/log.csv", "/other.csv"), "does not exist on its server"),
            (address.replace("127.0.0.1:", "127.0.0.1:9/x?pass=ab12cd&"), "cannot be downloaded"),
            (address.replace("http:", "htp:"), "is not an address that can be read"),
        ):
            with pytest.raises(InputError, match=what) as refused:
                prepared(broken)
            assert self._said(refused.value).count("***") >= 2
        with pytest.raises(InputError, match="has no column 'who'") as refused:
            prepared(address, log={"columns": {"user": "who", "item": "item", "time": "time"}})
        # The file is called by its address, not by the copy that was downloaded.
        assert self._said(refused.value).startswith("http://***@127.0.0.1:")
        assert "/log.csv?X-Amz-Signature=*** has no column" in str(refused.value)

    @pytest.mark.parametrize("part", ["HOST", "LOGIN", "NAME", "SIGNATURE"])
    def test_what_the_environment_holds_is_told_by_its_name(
        self, http_address, prepared, monkeypatch, part
    ):
        values = {
            "HOST": http_address.removeprefix("http://"),
            "LOGIN": "alice:hunter2",
            "NAME": "hunter2-missing",
            "SIGNATURE": "hunter2/ab12cd",
        }
        for name, value in values.items():
            monkeypatch.setenv(name, value)
        path = "http://${LOGIN}@${HOST}/${NAME}.csv?sig=${SIGNATURE}"
        with pytest.raises(InputError, match="does not exist") as refused:
            prepared(path)
        assert self._said(refused.value).startswith(f"{path} does not")
        monkeypatch.setenv("HOST", "127.0.0.1:9")
        with pytest.raises(InputError, match="cannot be downloaded") as refused:
            prepared(path)
        assert self._said(refused.value).startswith(f"{path} cannot")
        assert values[part] not in str(refused.value)

    def test_an_address_without_its_secrets_is_not_asked(self, prepared):
        for path in ("https://***@host/log.csv", "https://h/log.csv?format=csv&sig=***"):
            with pytest.raises(InputError, match="lacks its secrets, which are not kept"):
                prepared(path)

    @staticmethod
    def _said(error):
        """The message; nothing that a traceback would print beside it holds a secret."""
        said = "".join(traceback.format_exception(error))
        assert "hunter2" not in said and "ab12cd" not in said
        return str(error)


@pytest.fixture(scope="module")
def s3():
    moto_server = pytest.importorskip("moto.server")
    server = moto_server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        filesystem = fsspec.filesystem("s3", skip_instance_cache=True)
        filesystem.mkdir("shop")
        header, *lines = SMALL_LOG.splitlines(keepends=True)
        filesystem.pipe_file("shop/log/1.csv", (header + "".join(lines[:5])).encode())
        filesystem.pipe_file("shop/log/2.csv", (header + "".join(lines[5:])).encode())
        filesystem.pipe_file("shop/log.parquet", parquet())
        yield filesystem
    server.stop()


@pytest.mark.parametrize(
    "place",
    [
        "s3://shop/log.parquet",
        "s3://shop/log",
        "s3://shop/log/*.csv",
        ["s3://shop/log/1.csv", "s3://shop/log/2.csv"],
    ],
)
def test_s3(prepared, s3, place):
    assert histories(prepared(place)) == EXPECTED


def test_s3_object_that_is_not_there(prepared, s3):
    with pytest.raises(InputError, match=r"no remote file s3://shop/other.csv"):
        prepared("s3://shop/other.csv")
    with pytest.raises(InputError, match=r"no remote file"):
        prepared("s3://shop/*.jsonl")
