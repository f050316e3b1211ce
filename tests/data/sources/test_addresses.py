"""Paths and addresses: of nothing, of folders, of servers and object stores, with secrets."""

import functools
import http.server
import threading
import traceback

import fsspec
import pytest

from recsys.data.sources.addresses import expand_environment
from recsys.data.sources.files import find_files
from recsys.errors import InputError
from recsys.system import redaction
from tests.data.conftest import SMALL_LOG
from tests.data.sources.small_log import EXPECTED, histories, parquet

CSV = "user,item\na,x\n"


@pytest.mark.parametrize("path", ["nowhere.csv", "no*.csv", "s3a-unknown://x/y.csv"])
def test_nothing_there(scratch, path):
    with pytest.raises(InputError, match=r"no file|not an address"):
        find_files(path, scratch)


def test_folder_without_data(write, scratch, tmp_path):
    write("log/readme.md", "hello")
    with pytest.raises(InputError, match="holds no CSV, JSON or Parquet file"):
        find_files(str(tmp_path / "log"), scratch)


def test_environment(monkeypatch, write, scratch, tmp_path):
    write("log.csv", CSV)
    monkeypatch.setenv("LOG_FOLDER", str(tmp_path))
    assert find_files("${LOG_FOLDER}/log.csv", scratch).paths == (str(tmp_path / "log.csv"),)
    monkeypatch.delenv("LOG_FOLDER")
    with pytest.raises(InputError, match="environment variable LOG_FOLDER"):
        expand_environment("${LOG_FOLDER}/log.csv")


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
