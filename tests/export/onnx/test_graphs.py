"""Graphs of ONNX, by ONNX Runtime, against the graphs of the SavedModel."""

import json

import pytest

from tests.datasets import checkerboard
from tests.export.conftest import Exported
from tests.models import zoo
from tests.processes import run_python

pytest.importorskip("tf2onnx")
pytestmark = [pytest.mark.slow, pytest.mark.nightly]
# Of each model of the zoo, with one block where there may be several, the largest relative
# difference of a query vector, and the mean distance of two.
ZOO = """
import json, sys
from pathlib import Path

import numpy as np
import onnx
import tensorflow as tf

from recsys.data.dataset import Dataset
from recsys.export.inputs import serving_inputs
from recsys.export.onnx.convert import Converter
from recsys.export.onnx.graphs import OnnxGraphs
from recsys.export.onnx.signatures import OnnxSignatures
from recsys.export.probes import choose_queries
from recsys.export.serving import ServingGraph
from recsys.models.retriever import Retriever

folder, models = Path(sys.argv[1]), json.loads(sys.argv[2])
dataset = Dataset(folder / "dataset")
generator = np.random.default_rng(3)
for name, model in models.items():
    known = dataset.manifest.known_items["train"]
    retriever = Retriever(model, known, known, dataset.users)
    for variable in retriever.trainable_variables:
        variable.assign(variable * 2 + generator.normal(0.1, 0.1, variable.shape))
    vectors = np.asarray(retriever.item_vectors())
    vectors.tofile(folder / "vectors.bin")
    graphs = OnnxGraphs(retriever, dataset, vectors, "exclude", 3, "train").graphs()
    converter = Converter(dataset.item_ids[:known], "vectors.bin")
    onnx.save_model(converter.convert("asked", graphs["embed_query"]), folder / "asked.onnx")
    histories = choose_queries(dataset, known, retriever.batch_spec, 12)
    inputs = serving_inputs(dataset, retriever.batch_spec, histories)
    found = OnnxSignatures(folder, ["asked"]).call("asked", inputs)["embedding"]
    graph = ServingGraph(retriever, dataset, "exclude", 3, "train")
    given = {key: tf.constant(value) for key, value in inputs.items()}
    expected = graph.embed_query(given)["embedding"].numpy()
    of_real = expected[4:]  # the first are awkward ones
    apart = np.mean(np.linalg.norm(of_real[:, None] - of_real, axis=-1))
    largest = np.abs(found - expected).max() / np.abs(expected).max()
    print(json.dumps([name, float(largest), float(apart)]))
"""
# What an operation without a counterpart is told as.
UNKNOWN = """
import tensorflow as tf
from recsys.errors import InputError
from recsys.export.onnx.convert import Converter
from recsys.export.onnx.graphs import Graph, Input, Step

def embed_query(given):
    with tf.name_scope("query_tower/encoder"):
        return {"embedding": tf.math.lgamma(given["age"])}

graph = Graph({"age": Input(tf.TensorSpec([None, 2], tf.float32))}, (Step(embed_query, ("age",)),))
try:
    Converter([], "vectors.bin").convert("asked", graph)
except InputError as error:
    print(error)
"""
# Of each model a whole export, and then what its graphs say of queries of none.
EXPORTS = """
import json, sys
from pathlib import Path

import numpy as np
from recsys.export.onnx.process import export
from recsys.export.onnx.request import OnnxRequest
from recsys.export.onnx.signatures import OnnxSignatures

for file in sys.argv[1:]:
    request = OnnxRequest.model_validate_json(Path(file).read_text())
    manifest = export(request)
    graphs = OnnxSignatures(request.destination, manifest["signatures"])
    for name, described in manifest["signatures"].items():
        inputs = {
            key: np.zeros([0] + [each or 1 for each in spec["shape"][1:]], spec["dtype"])
            if spec["dtype"] != "string" else np.full([0, 1][: len(spec["shape"])], "", object)
            for key, spec in described["inputs"].items()
        }
        for answer in graphs.call(name, inputs).values():
            assert len(answer) == 0
    print(json.dumps(manifest["parity"]["largest_relative_difference"]))
"""


@pytest.fixture(scope="module")
def differences(tmp_path_factory):
    folder = tmp_path_factory.mktemp("zoo")
    checkerboard(folder / "dataset")
    models = {}
    for name in zoo.QUERIES:
        model = json.loads(json.dumps({**zoo.model(name), "dim": 8}))
        encoder = model["query"]["encoder"]
        if encoder is not None and encoder["kind"] in ("attention", "frequency", "time_varying"):
            encoder["blocks"] = 1
        models[name] = model
    done = run_python("export", "-c", ZOO, str(folder), json.dumps(models))
    assert done.returncode == 0, done.stderr[-3000:]
    return {name: rest for name, *rest in map(json.loads, done.stdout.splitlines())}


@pytest.mark.parametrize("name", zoo.QUERIES)
def test_every_encoder_answers_as_it_does_in_tensorflow(differences, name):
    largest, apart = differences[name]
    assert largest < 2e-5
    assert apart > 1e-3  # or equal vectors would prove nothing


def test_an_operation_without_a_counterpart_is_one_message():
    done = run_python("export", "-c", UNKNOWN)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "no counterpart of an operation of embed_query" in done.stdout
    assert "Lgamma (embed_query/query_tower/encoder/Lgamma)" in done.stdout


def request(exported: Exported, folder) -> str:
    asked = exported.request
    file = folder.with_suffix(".json")
    file.write_text(
        json.dumps(
            {
                "retriever": str(asked.retriever),
                "dataset": str(asked.dataset),
                "model": str(exported.folder),
                "version": asked.config.version,
                "destination": str(folder),
                "k": asked.config.k,
                "seen": asked.seen,
                "catalogue_items": exported.retriever.catalogue_items,
                "rerank": asked.config.rerank and asked.config.rerank.model_dump(mode="json"),
                "fitted_part": asked.fitted_part,
                "probes": 7,
                "tolerance": asked.config.tolerance,
            }
        )
    )
    return str(file)


def test_features_context_and_another_order_pass_the_gate(exports, tmp_path):
    names = ["two_tower", "eventful", "context", "reranked"]
    files = [request(exports[name], tmp_path / name) for name in names]
    done = run_python("export", "-c", EXPORTS, *files)
    assert done.returncode == 0, done.stderr[-3000:]
    assert max(map(float, done.stdout.splitlines())) < 1e-5
    assert (tmp_path / "two_tower" / "item_tower.onnx").is_file()
    # It holds the ids of users.
    modes = {file.stat().st_mode & 0o777 for file in (tmp_path / "two_tower").iterdir()}
    assert modes == {0o600}
