"""The server as a process: what it says, reloads under load, and how it ends."""

import re
import shutil
import signal
import socket
import threading
import time

import httpx
import pytest

from tests.commands import recsys
from tests.damage import flip
from tests.serving.conftest import NAME, TOKEN

pytestmark = pytest.mark.slow

PREDICT = f"/v1/models/{NAME}:predict"
BODY = {"instances": [{"history": ["secret-user", "apple"]}]}
SECONDS = 60


def test_it_says_what_it_verified_and_nothing_of_requests(server, client):
    assert client.post(PREDICT, json=BODY).status_code == 200
    assert client.post(PREDICT, content=b"secret-user").status_code == 400
    assert client.get(PREDICT, headers={"Authorization": "Bearer secret-token"}).status_code == 401
    said = server.log.read_text()
    assert "verified version=1 files=6" in said
    assert f"model={NAME} token=True" in said
    assert "secret" not in said and TOKEN not in said
    # TensorFlow may have lines of its own, which begin otherwise.
    ours = [line for line in said.splitlines() if re.match(r"\d{4}-\d\d-\d\dT", line)]
    assert len(ours) == 4


def test_what_is_no_http_leaves_it_up(server, client):
    host, port = server.url.removeprefix("http://").split(":")
    for sent in (b"\x16\x03\x01\x02", b"GET / HTTP/9\r\n\r\n", b"POST / HTTP/1.1\r\nHost"):
        with socket.create_connection((host, int(port))) as connection:
            connection.sendall(sent)
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nX: " + b"x" * 1_000_000)
    assert client.get("/readyz").json() == {"status": "ok"}


def test_a_huge_body_is_refused_before_it_has_come(client):
    def chunks():
        for _ in range(30):
            yield b"x" * 2**20

    response = client.post(PREDICT, content=chunks())
    assert response.status_code == 413 and "larger than" in response.json()["error"]
    sized = client.post(PREDICT, content=b"x" * (30 * 2**20))
    assert sized.status_code == 413


class Load:
    """Clients that ask without a pause; what they are answered, by version and status."""

    def __init__(self, url, clients):
        self.answers = []
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=[url]) for _ in range(clients)]

    def _ask(self, url):
        with httpx.Client(base_url=url, timeout=SECONDS) as client:
            while not self._stop.is_set():
                try:
                    self.answers.append(client.post(PREDICT, json=BODY).status_code)
                except httpx.HTTPError as error:
                    self.answers.append(repr(error))

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join()


def test_reloads_lose_no_request_and_it_ends_in_order(folder, start):
    with start(str(folder), "--poll-seconds", "0.2", "--rate", "none") as server:
        with Load(server.url, clients=4) as load:
            shutil.copytree(folder / "1", folder / "2")
            server.wait_for("published newest=2", SECONDS)
            shutil.copytree(folder / "1", folder / "3")
            flip(folder / "3" / "saved_model.pb")
            server.wait_for("version_refused version=3", SECONDS)
            shutil.copytree(folder / "1", folder / "4")
            server.wait_for("published newest=4 before=2", SECONDS)
            time.sleep(0.3)
        assert len(load.answers) > 20 and set(load.answers) == {200}
        served = httpx.get(f"{server.url}/v1/models/{NAME}").json()["model_version_status"]
        assert [each["version"] for each in served] == ["4"]
        # What has begun is answered, though the server is asked to end while the body comes.
        host, port = server.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as connection:
            body = b'{"instances": [["apple"]]}'
            head = (
                f"POST {PREDICT} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
            )
            connection.sendall(head.encode() + body[:5])
            time.sleep(0.3)
            server.process.send_signal(signal.SIGTERM)
            time.sleep(0.5)
            connection.sendall(body[5:])
            assert connection.recv(100).startswith(b"HTTP/1.1 200")
        assert server.process.wait(SECONDS) == 143
        assert "Traceback" not in server.log.read_text()


def test_what_is_wrong_is_one_message(models, tmp_path, monkeypatch):
    monkeypatch.delenv("RECSYS_KEY_SERVE", raising=False)
    folder = shutil.copytree(models["lstm"], tmp_path / "model")
    flip(folder / "1" / "variables" / "variables.index")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        for arguments, said in (
            ([str(tmp_path / "nothing")], "there is no folder"),
            ([str(folder)], "variables.index is damaged"),
            ([str(models["lstm"]), "--host", "0.0.0.0"], "no token is set"),
            ([str(models["lstm"]), "--port", port], f"127.0.0.1:{port} cannot be listened at"),
            ([str(models["lstm"]), "--rate", "often"], "--rate"),
            ([str(models["lstm"]), "--label", "canary"], "--label canary"),
            ([str(models["lstm"]), "--items", "items.csv"], "--picture go together"),
        ):
            if "--port" not in arguments:
                arguments = [*arguments, "--port", "0"]
            done = recsys("serve", *arguments)
            assert done.returncode == 2 and said in done.stderr, done.stderr
            assert "Traceback" not in done.stderr
