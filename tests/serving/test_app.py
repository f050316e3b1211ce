import asyncio
import json
import logging
import threading

import httpx
import numpy as np
import pytest
from starlette.testclient import TestClient

from recsys.serving.app import make_app
from recsys.serving.metrics import Metrics
from recsys.serving.settings import ServingSettings
from recsys.serving.source import VersionFolder
from recsys.serving.versions import Versions
from tests.serving.conftest import HOSTILE, NAME

MODEL = f"/v1/models/{NAME}"
PREDICT = f"{MODEL}:predict"
TOKEN = b"t" * 32


def client_of(versions, token=None, pictures=None, **settings):
    limits = ServingSettings(**{"rate": None, **settings})
    app = make_app(NAME, versions, limits, Metrics(), token, pictures)
    return TestClient(app, "http://localhost", raise_server_exceptions=False)


@pytest.fixture
def client(versions):
    return client_of(versions)


def error_of(response, status):
    assert response.status_code == status
    document = response.json()
    assert list(document) == ["error"]
    return document["error"]


def test_every_address_of_a_model_answers_as_the_savedmodel_does(client, versions):
    body = {"instances": [{"history": ["apple", "fig"]}]}
    wanted = versions.newest.recommender.call(
        "serving_default", {"history": np.array([["apple", "fig"]], object)}
    )
    for which in ("", "/versions/1", "/labels/stable"):
        (found,) = client.post(f"{MODEL}{which}:predict", json=body).json()["predictions"]
        assert found["item_id"] == [item.decode() for item in wanted["item_id"][0]]
        np.testing.assert_array_equal(np.float32(found["score"]), wanted["score"][0])
    # Eight items, two of them had: of twenty places fourteen are empty.
    assert found["item_id"].count("") == 14 and found["score"].count(-float("inf")) == 14
    columns = client.post(PREDICT, json={"inputs": {"history": [["apple", "fig"]]}}).json()
    assert columns == {"outputs": {name: [value] for name, value in found.items()}}


@pytest.mark.parametrize("rows", [1, 7, 256])
def test_every_signature_of_the_manifest_answers(client, versions, rows):
    inputs = {"history": [["apple", ""]] * rows, "exclude": [["fig"]] * rows}
    inputs["item_id"] = ["fig"] * rows
    for name, described in versions.newest.signatures.items():
        given = {each: inputs[each] for each in described["inputs"]}
        answer = client.post(PREDICT, json={"signature_name": name, "inputs": given})
        assert answer.status_code == 200, answer.text
        (output,) = answer.json().values()
        first = next(iter(output.values())) if isinstance(output, dict) else output
        assert len(first) == rows


def test_a_model_that_reads_events(models):
    client = client_of(Versions(VersionFolder(models["eventful"]), {}, Metrics()))
    row = {"history": ["apple", "fig"], "what": ["view", ""], "price": [20.5, float("nan")]}
    body = json.dumps({"instances": [row, row]})
    rows = client.post(PREDICT, content=body).json()["predictions"]
    assert rows[0]["item_id"] == rows[1]["item_id"] and len(rows[0]["item_id"]) == 3
    row["price"] = [1.0]
    assert "a value per event" in error_of(client.post(PREDICT, json={"instances": [row]}), 400)


def test_status_and_metadata(client):
    status = {
        "version": "1",
        "state": "AVAILABLE",
        "status": {"error_code": "OK", "error_message": ""},
    }
    for which in ("", "/versions/1", "/labels/stable"):
        assert client.get(f"{MODEL}{which}").json() == {"model_version_status": [status]}
    found = client.get(f"{MODEL}/metadata").json()
    assert found["model_spec"] == {"name": NAME, "signature_name": "", "version": "1"}
    signatures = found["metadata"]["signature_def"]["signature_def"]
    dimensions = [{"size": "-1", "name": ""}, {"size": "-1", "name": ""}]
    assert signatures["embed_query"]["inputs"]["history"] == {
        "dtype": "DT_STRING",
        "tensor_shape": {"dim": dimensions, "unknown_rank": False},
        "name": "history",
    }


def test_metadata_are_the_published_message(client):
    """A client in any language reads it by the protobuf."""
    from google.protobuf import json_format
    from tensorflow_serving.apis import get_model_metadata_pb2, get_model_status_pb2

    message = get_model_metadata_pb2.GetModelMetadataResponse()
    json_format.ParseDict(client.get(f"{MODEL}/metadata").json(), message)
    unpacked = get_model_metadata_pb2.SignatureDefMap()
    assert message.metadata["signature_def"].Unpack(unpacked)
    assert unpacked.signature_def["serving_default"].outputs["score"].dtype == 1  # DT_FLOAT
    status = json_format.ParseDict(
        client.get(MODEL).json(), get_model_status_pb2.GetModelStatusResponse()
    )
    assert status.model_version_status[0].version == 1


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("/v1/models/other:predict", "no such model: tiny"),
        (f"{MODEL}/versions/9:predict", "not served: 1 is"),
        (f"{MODEL}/labels/canary:predict", "no version of that label"),
        ("/v2/nothing", "nothing at this address"),
    ],
)
def test_what_is_not_served_is_not_found(client, address, said):
    assert said in error_of(client.post(address, json={"instances": [[]]}), 404)


def test_another_method(client):
    assert "another method" in error_of(client.put("/healthz"), 405)
    assert "another method" in error_of(client.get(f"{MODEL}:predict"), 405)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"\xff", 400),
        (b'{"instances": [{"history": [1]}]}', 400),
        (b'{"instances": [{"history": ["a"], "user": "u"}]}', 400),
        (json.dumps({"instances": [{"history": ["a"] * 1_000_000}]}).encode(), 413),
        (json.dumps({"instances": [{"history": ["a"] * 20_000}]}).encode(), 413),
        (json.dumps({"instances": [{"history": ["a"]}] * 257}).encode(), 413),
        (b"x" * 40_000_000, 413),
        (b"[" * 1_000_000, 400),
    ],
    ids=lambda value: f"{value[:40]!r}" if isinstance(value, bytes) else str(value),
)
def test_bad_bodies_are_one_message_and_the_server_stays(client, body, status):
    assert error_of(client.post(PREDICT, content=body), status)
    assert client.post(PREDICT, json={"instances": [[]]}).status_code == 200


def test_a_body_that_lies_about_its_size(client):
    assert error_of(client.post(PREDICT, content=iter([b"x" * 2**20] * 3)), 413)
    compressed = client.post(PREDICT, content=b"{}", headers={"Content-Encoding": "gzip"})
    assert "compressed" in error_of(compressed, 415)


def test_a_body_that_does_not_come(versions):
    async def ask():
        client = client_of(versions, body_seconds=0.05)
        sent = []

        async def receive():
            await asyncio.sleep(30)

        async def send(message):
            sent.append(message)

        scope = {
            "type": "http", "method": "POST", "path": PREDICT, "query_string": b"",
            "headers": [(b"host", b"localhost")], "client": ("127.0.0.1", 1),
        }  # fmt: skip
        await client.app(scope, receive, send)
        return sent

    start, body = asyncio.run(ask())
    assert start["status"] == 408 and b"did not come within" in body["body"]


@pytest.mark.parametrize(
    ("header", "said"),
    [
        (None, "a token is needed"),
        ("Bearer " + "x" * 32, "wrong"),
        ("Bearer", "wrong"),
        ("Basic " + "t" * 32, "wrong"),
        ("Bearer " + "t" * 31, "wrong"),
        ("Bearer ünï", "wrong"),
    ],
)
def test_a_token_that_is_missing_or_wrong(versions, header, said):
    client = client_of(versions, TOKEN)
    headers = {} if header is None else {"Authorization": header.encode("utf-8")}
    for address in ("/metrics", "/page/items?q=a", MODEL, f"{MODEL}/metadata"):
        response = client.get(address, headers=headers)
        assert said in error_of(response, 401)
        assert response.headers["www-authenticate"] == "Bearer"
    assert error_of(client.post(PREDICT, json={"instances": [[]]}, headers=headers), 401)
    assert client.get("/").status_code == client.get("/readyz").status_code == 200


def test_the_right_token(versions):
    headers = {"Authorization": f"Bearer {TOKEN.decode()}"}
    assert client_of(versions, TOKEN).get(MODEL, headers=headers).status_code == 200


def test_more_requests_than_allowed(versions):
    client = client_of(versions, rate="3/minute")
    assert [client.get(MODEL).status_code for _ in range(5)] == [200] * 3 + [429] * 2
    response = client.get(MODEL)
    assert "3/minute" in error_of(response, 429) and response.headers["retry-after"] == "20"
    assert client.get("/healthz").status_code == 200


def test_a_foreign_name_of_this_machine_is_refused(versions):
    rebound = {"Host": "attacker.example:8501"}
    assert error_of(client_of(versions).get("/", headers=rebound), 403)
    for local in ("localhost:8501", "127.0.0.1", "[::1]:8501"):
        assert client_of(versions).get("/", headers={"Host": local}).status_code == 200
    assert client_of(versions, TOKEN).get("/", headers=rebound).status_code == 200


def test_what_the_model_cannot_answer_is_a_failure_without_what_was_asked(
    versions, monkeypatch, caplog
):
    def fail(*_):
        raise RuntimeError("of the user secret-user")

    client = client_of(versions)
    with monkeypatch.context() as patch, caplog.at_level(logging.INFO, "recsys.serving"):
        patch.setattr(versions.newest.recommender, "call", fail)
        assert "secret" not in error_of(client.post(PREDICT, json={"instances": [[]]}), 500)
    assert "secret" not in caplog.text and "error=RuntimeError" in caplog.text
    assert client.post(PREDICT, json={"instances": [[]]}).status_code == 200


def test_more_requests_at_once_than_may_wait(versions, monkeypatch):
    go_on = threading.Event()
    call = versions.newest.recommender.call

    def slow(*arguments):
        assert go_on.wait(30)
        return call(*arguments)

    async def ask():
        app = client_of(versions, workers=1, waiting=2).app
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            asked = [
                asyncio.create_task(client.post(PREDICT, json={"instances": [[]]}))
                for _ in range(5)
            ]
            refused, _ = await asyncio.wait(asked, return_when="FIRST_COMPLETED")
            go_on.set()
            return refused, await asyncio.gather(*asked)

    with monkeypatch.context() as patch:
        patch.setattr(versions.newest.recommender, "call", slow)
        refused, answers = asyncio.run(ask())
    assert sorted(each.status_code for each in answers) == [200] * 3 + [503] * 2
    for each in refused:
        assert "try again" in error_of(each.result(), 503)
        assert each.result().headers["retry-after"] == "1"


def test_metrics(client):
    client.post(PREDICT, json={"instances": [["fig"], ["apple"]]})
    client.post(PREDICT, content=b"{")
    found = client.get("/metrics").text
    assert 'recsys_requests_total{route="predict",status="200"} 1.0' in found
    assert 'recsys_requests_total{route="predict",status="400"} 1.0' in found
    assert 'recsys_request_seconds_count{route="predict"} 2.0' in found
    assert "recsys_rows_total 2.0" in found
    assert "process_resident_memory_bytes" in found


def test_the_page_searches_and_says_why(versions):
    picture = "https://example.org/apple.jpg"
    client = client_of(versions, pictures={"apple": picture})
    found = client.get("/page/items", params={"q": "APPLE"}).json()["items"]
    # What begins with the words comes first.
    assert found == [
        {"id": "Apple", "title": "Apple"},
        {"id": "apple", "title": "An apple", "picture": picture},
    ]
    assert client.get("/page/items", params={"q": "brulee co"}).json()["items"] == [
        {"id": "crème brûlée", "title": HOSTILE}
    ]
    assert client.get("/page/items", params={"q": " "}).json() == {"items": []}
    assert "letters" in error_of(client.get("/page/items", params={"q": "a" * 201}), 400)
    answer = client.post("/page/recommend", json={"history": ["apple", "fig"]}).json()
    wanted = client.post(PREDICT, json={"instances": [["apple", "fig"]]}).json()["predictions"][0]
    assert [item["id"] for item in answer["items"]] == [i for i in wanted["item_id"] if i]
    assert answer["model"] == NAME and answer["version"] == "1" and answer["catalogue"] == 8
    assert "6 of 12 items" in answer["note"]
    titles = {title for item in answer["items"] for title in item["why"]}
    assert titles and titles <= {"An apple", "fig"}


@pytest.mark.parametrize(
    "body",
    [{}, {"history": "a"}, {"history": [1]}, {"history": ["a"] * 51}, {"history": ["\ud800"]},
     {"history": [], "user": "u"}],
)  # fmt: skip
def test_the_page_refuses_what_is_no_history(client, body):
    assert error_of(client.post("/page/recommend", content=json.dumps(body)), 400)


def test_headers_of_the_page(client):
    response = client.get("/")
    policy = response.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy
    assert response.headers["x-content-type-options"] == "nosniff"
    assert "http://" not in response.text and "https://" not in response.text
