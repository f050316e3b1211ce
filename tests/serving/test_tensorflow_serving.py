"""What is written for TensorFlow Serving is read by its published messages; no server runs here."""

import importlib.util
import shutil
from concurrent.futures import ThreadPoolExecutor

import grpc
import numpy as np
import pytest
import tensorflow as tf
import yaml
from google.protobuf import (
    descriptor_pb2,
    descriptor_pool,
    json_format,
    message_factory,
    text_format,
)
from tensorflow_serving.apis import predict_pb2, prediction_log_pb2, prediction_service_pb2
from tensorflow_serving.apis.prediction_service_pb2_grpc import (
    PredictionServiceServicer,
    add_PredictionServiceServicer_to_server,
)
from tensorflow_serving.config.model_server_config_pb2 import ModelServerConfig

from recsys.errors import InputError
from recsys.serving.source import VersionFolder, find_source
from recsys.serving.tensorflow_serving import serving_files
from tests.commands import recsys
from tests.damage import flip
from tests.processes import REPOSITORY
from tests.serving.conftest import NAME, TOKEN

# The package tensorflow-serving-api lacks these two messages: the fields in use, by the names in
# session_bundle_config.proto and monitoring_config.proto.
INT64 = ".google.protobuf.Int64Value"
UNPUBLISHED = {
    "BatchingParameters": {
        "max_batch_size": INT64,
        "batch_timeout_micros": INT64,
        "max_enqueued_batches": INT64,
        "num_batch_threads": INT64,
        "pad_variable_length_inputs": bool,
    },
    "PrometheusConfig": {"enable": bool, "path": str},
    "MonitoringConfig": {"prometheus_config": ".test.PrometheusConfig"},
}


def unpublished(name):
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(wrappers().serialized_pb)
    file = descriptor_pb2.FileDescriptorProto(name="test.proto", package="test", syntax="proto3")
    file.dependency.append("google/protobuf/wrappers.proto")
    kinds = {bool: descriptor_pb2.FieldDescriptorProto.TYPE_BOOL}
    kinds[str] = descriptor_pb2.FieldDescriptorProto.TYPE_STRING
    for message, fields in UNPUBLISHED.items():
        declared = file.message_type.add(name=message)
        for number, (field, kind) in enumerate(fields.items(), 1):
            added = declared.field.add(name=field, number=number, label=1)
            if isinstance(kind, str):
                added.type, added.type_name = added.TYPE_MESSAGE, kind
            else:
                added.type = kinds[kind]
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"test.{name}"))()


def wrappers():
    from google.protobuf import wrappers_pb2

    return wrappers_pb2.DESCRIPTOR


@pytest.fixture
def two(folder):
    shutil.copytree(folder / "1", folder / "2")
    return folder


def test_models_and_labels(two):
    made = serving_files(VersionFolder(two), {"stable": "1", "canary": "2"})
    assert made.name == NAME and made.versions == ["1", "2"]
    assert made.files["models.config"].isascii()
    config = text_format.Parse(made.files["models.config"], ModelServerConfig())
    (model,) = config.model_config_list.config
    assert (model.name, model.base_path) == (NAME, f"/models/{NAME}")
    assert model.model_platform == "tensorflow"
    assert list(model.model_version_policy.specific.versions) == [1, 2]
    assert dict(model.version_labels) == {"stable": 1, "canary": 2}


def test_without_labels_the_newest_is_stable(two):
    made = serving_files(VersionFolder(two), {}, name="shop")
    (model,) = text_format.Parse(
        made.files["models.config"], ModelServerConfig()
    ).model_config_list.config
    assert model.name == "shop" and dict(model.version_labels) == {"stable": 2}
    assert list(model.model_version_policy.specific.versions) == [2]


def test_batching_never_pads_by_itself(two):
    files = serving_files(VersionFolder(two), {}).files
    batching = text_format.Parse(files["batching.config"], unpublished("BatchingParameters"))
    assert batching.max_batch_size.value == 64 and batching.batch_timeout_micros.value == 1000
    assert batching.pad_variable_length_inputs is False
    monitoring = text_format.Parse(files["monitoring.config"], unpublished("MonitoringConfig"))
    assert monitoring.prometheus_config.enable
    assert monitoring.prometheus_config.path == "/monitoring/prometheus/metrics"


def test_the_compose_file_mounts_what_it_names(two):
    files = serving_files(VersionFolder(two), {}).files
    (service,) = yaml.safe_load(files["compose.yaml"])["services"].values()
    major, minor, _ = tf.__version__.split(".")
    assert service["image"].startswith("tensorflow/serving:")
    assert f"{major}.{minor}." in service["image"]
    assert f"${{MODEL_FOLDER:-{two.resolve()}}}:/models/{NAME}:ro" in service["volumes"]
    named = [word.partition("=/config/")[2] for word in service["command"]]
    assert {name for name in named if name} == {"models.config", "monitoring.config"}
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])


def test_the_command_writes_them_all(two, tmp_path):
    done = recsys("serving-config", str(two), "--label", "canary=2", "-o", str(tmp_path / "out"))
    assert done.returncode == 0, done.stderr
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == [
        "batching.config",
        "compose.yaml",
        "models.config",
        "monitoring.config",
    ]
    assert f"v1/models/{NAME}:predict" in done.stderr


def test_what_it_cannot_serve(two, tmp_path):
    def refused(path, said, **labels):
        with pytest.raises(InputError, match=said):
            serving_files(find_source(str(path), tmp_path), labels)

    refused(two, r"no version 7 \(there are: 1, 2\)", canary="7")
    copy = shutil.copytree(two / "1", tmp_path / "copy")
    refused(copy, "a folder that has a folder a version")
    flip(two / "2" / "saved_model.pb")
    refused(two, r"saved_model\.pb is damaged")


def test_the_warm_up_requests_are_the_published_message(models, versions):
    """TensorFlow Serving reads them by its own definition, and the model answers each."""
    file = models["lstm"] / "1" / "assets.extra" / "tf_serving_warmup_requests"
    logs = [
        prediction_log_pb2.PredictionLog.FromString(record.numpy())
        for record in tf.data.TFRecordDataset(str(file))
    ]
    assert logs
    for log in logs:
        request = log.predict_log.request
        inputs = {name: tf.make_ndarray(value) for name, value in request.inputs.items()}
        name = request.model_spec.signature_name
        assert inputs.keys() == versions.newest.signatures[name]["inputs"].keys()
        assert versions.newest.recommender.call(name, inputs)


class Answers(PredictionServiceServicer):
    """Answers by the SavedModel what the published service defines."""

    def __init__(self, recommender):
        self._recommender = recommender
        self.asked = None

    def Predict(self, request, context):
        self.asked = request
        inputs = {name: tf.make_ndarray(value) for name, value in request.inputs.items()}
        response = predict_pb2.PredictResponse()
        name = request.model_spec.signature_name or "serving_default"
        for output, value in self._recommender.call(name, inputs).items():
            response.outputs[output].CopyFrom(tf.make_tensor_proto(value))
        return response


@pytest.fixture
def service(versions):
    """A service of the published definition, which the SavedModel answers; its address."""
    answers = Answers(versions.newest.recommender)
    server = grpc.server(ThreadPoolExecutor(1))
    add_PredictionServiceServicer_to_server(answers, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield answers, f"127.0.0.1:{port}"
    server.stop(None).wait()


def client(name):
    path = REPOSITORY / "scripts" / "clients" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def answer_of(versions, history, exclude):
    found = versions.newest.recommender.call(
        "recommend_excluding",
        {"history": np.array([history], object), "exclude": np.array([exclude], object)},
    )
    pairs = zip(found["item_id"][0], found["score"][0].tolist(), strict=True)
    return [(item.decode(), score) for item, score in pairs if item]


def test_the_grpc_client_that_is_shown(versions, service):
    answers, address = service
    found = client("grpc_client").recommend(address, NAME, ["apple"], ["fig", "grape"], "canary")
    assert found == answer_of(versions, ["apple"], ["fig", "grape"]) and len(found) == 5
    assert answers.asked.model_spec.name == NAME
    assert answers.asked.model_spec.version_label == "canary"
    assert client("grpc_client").recommend(address, NAME, [])


def test_the_rest_client_that_is_shown(versions, server):
    rest = client("rest_client")
    model = f"{server.url}/v1/models/{NAME}"
    (found,) = rest.recommend(model, [["apple"]], [["fig", "grape"]], TOKEN)
    wanted = answer_of(versions, ["apple"], ["fig", "grape"])
    assert [item for item, _ in found] == [item for item, _ in wanted]
    np.testing.assert_allclose([s for _, s in found], [s for _, s in wanted], rtol=1e-6)
    both = rest.recommend(model, [["apple", "fig", "grape"], ["apple"]], token=TOKEN)
    assert [len(row) for row in both] == [5, 7]
    with pytest.raises(SystemExit, match="401: the token is wrong"):
        rest.recommend(model, [["apple"]], token="wrong")


def test_the_request_as_json_is_the_published_request(versions):
    """The same request in REST and gRPC gives the same inputs."""
    from recsys.serving.protocol import Limits, read_request

    asked = read_request(
        {"instances": [["apple", "fig"]]} | {"signature_name": "embed_query"},
        versions.newest.signatures,
        Limits(4, 4),
    )
    request = predict_pb2.PredictRequest()
    request.model_spec.name, request.model_spec.version_label = NAME, "stable"
    request.model_spec.signature_name = asked.signature
    for name, value in asked.inputs.items():
        request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
    again = json_format.ParseDict(json_format.MessageToDict(request), predict_pb2.PredictRequest())
    assert tf.make_ndarray(again.inputs["history"]).tolist() == [[b"apple", b"fig"]]
    service = prediction_service_pb2.DESCRIPTOR.services_by_name["PredictionService"]
    assert service.methods_by_name["Predict"].input_type.full_name == request.DESCRIPTOR.full_name
