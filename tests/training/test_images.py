"""Items that training has never seen are found by their pictures, from log to SavedModel."""

import json

import numpy as np
import pytest

from recsys.data.feature import Feature
from recsys.models.retriever import ModelConfig, Retriever
from recsys.training.memory import estimate_working_memory, forecast, held_by
from recsys.training.optimizer import OptimizerConfig
from tests.datasets import write_dataset
from tests.models import zoo
from tests.processes import run_python

pytestmark = pytest.mark.slow
USERS, KNOWN, NEW, SIDE = 60, 24, 8, 8
# Trains on the backend of the environment. Prints the share of users whose new items of the right
# colour come first, how many items each traced step reads, and the kinds of arrays kept.
PROGRAM = """
import json
import sys
from pathlib import Path

import numpy as np

from recsys.data.dataset import Dataset
from recsys.evaluation.ranking import RetrieverEmbedder
from recsys.export.request import ExportConfig, ExportRequest
from recsys.export.probes import write_probes
from recsys.models.items.tower import ItemTower
from recsys.models.retriever import ModelConfig
from recsys.training.build import build_retriever
from recsys.training.checkpoint import load_checkpoint
from recsys.training.config import TrainingConfig
from recsys.training.fit import fit

folder, known = Path(sys.argv[1]), int(sys.argv[2])
dataset = Dataset(folder / "dataset")
config = ModelConfig.model_validate(json.loads(sys.argv[3]))
training = TrainingConfig.model_validate(
    {"epochs": 10, "batch_size": 20, "optimizer": {"learning_rate": 0.02}}
)
retriever = build_retriever(config, dataset, "train", seed=1)
reads_all, call = [], ItemTower.call

def watched(tower, item_ids=None, **arguments):
    if arguments.get("training"):
        reads_all.append(item_ids is None)
    return call(tower, item_ids, **arguments)

ItemTower.call = watched
fit(retriever, dataset, training, 1, folder / "checkpoints")
ItemTower.call = call
embedder = RetrieverEmbedder(retriever, dataset)
queries = embedder.embed(dataset.queries("test"), slice(0, dataset.users))
new = queries @ embedder.item_vectors[known:].T
right = np.stack([new[user, user % 2 :: 2] for user in range(dataset.users)])
wrong = np.stack([new[user, 1 - user % 2 :: 2] for user in range(dataset.users)])
kept = [load_checkpoint(path)[0] for path in (folder / "checkpoints").glob("*.npz")]
retriever.save(folder / "retriever.keras")
write_probes(retriever, dataset, folder / "probes.npz", 8)
request = ExportRequest(
    retriever=folder / "retriever.keras",
    dataset=dataset.path,
    probes=folder / "probes.npz",
    model_folder=folder / "model",
    config=ExportConfig(k=3, timed_queries=0),
)
found = {
    "right_first": float(np.mean(right.min(axis=1) > wrong.max(axis=1))),
    "reads_all": reads_all,
    "kept": sorted({str(array.dtype) for arrays in kept for array in arrays.values()}),
    "request": request.model_dump_json(),
}
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def pictures() -> np.ndarray:
    """Even items have a bright column, odd ones a bright row, at random places in noise."""
    generator = np.random.default_rng(0)
    pixels = generator.integers(1, 60, (KNOWN + NEW, SIDE, SIDE, 1))
    for item, place in enumerate(generator.integers(0, SIDE, KNOWN + NEW)):
        line = (item, slice(None), place) if item % 2 == 0 else (item, place)
        pixels[line] += 180
    return pixels.astype(np.uint8)


@pytest.mark.parametrize(
    ("backend", "item"),
    [
        pytest.param("tensorflow", {"id_dropout": 0.5}, marks=pytest.mark.nightly),
        pytest.param("jax", {"id": False}, marks=pytest.mark.nightly),
        ("jax", {"cold_start": {}}),
    ],
)
def test_new_items_are_found_and_served(tmp_path, pictures, backend, item):
    generator = np.random.default_rng(0)
    users = []
    for user in range(USERS):
        liked = generator.permutation(np.arange(user % 2, KNOWN, 2)).tolist()
        users.append([liked, [], [KNOWN + user % 2]])
    photo = Feature(name="photo", kind="image", width=SIDE, channels=1)
    features = {"photo": (photo, pictures)}
    write_dataset(tmp_path / "dataset", users, KNOWN + NEW, item_features=features)
    reader = {"filters": 8, "blocks": 2}
    config = zoo.model("average", "popularity", item={**item, "features": ["photo"]})
    config["item"]["image"] = reader
    arguments = [str(tmp_path), str(KNOWN), json.dumps(config)]
    done = run_python(backend, "-c", PROGRAM, *arguments)
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    # By chance, all 4 of 8 come first for one user in 70.
    assert found["right_first"] > 0.9
    # A sampled loss reads the pictures of a batch, also where items have no id to gather.
    assert found["reads_all"] and not any(found["reads_all"])
    # Pictures are in the dataset, and in no checkpoint.
    assert "uint8" not in found["kept"] and "float32" in found["kept"]
    request, reply = tmp_path / "request.json", tmp_path / "reply.json"
    request.write_text(found["request"])
    exported = run_python("export", "-m", "recsys.export.process", str(request), str(reply))
    assert exported.returncode == 0, exported.stderr[-3000:]
    manifest = json.loads(reply.read_text())["manifest"]
    assert manifest["gate"]["parity"]["largest_relative_difference"] < 1e-4


def retriever_of(loss: str) -> Retriever:
    config = ModelConfig.model_validate(zoo.model("average", loss, item=zoo.ITEMS["image"]))
    return Retriever(config, 500, 400, 2, item_features=zoo.item_specs("image"))


def test_the_forecast_counts_pictures_by_the_byte_and_what_reading_them_takes():
    batches = {
        "history": np.zeros((1, 2, 3), np.int32),
        "targets": np.zeros((1, 8), np.int32),
        "query_positions": np.zeros((1, 8), np.int32),
        "negatives": np.zeros((1, 4), np.int32),
        "user": np.zeros((1, 2), np.int32),
    }
    sampled, whole = retriever_of("uniform"), retriever_of("cross_entropy")
    needed = forecast(sampled, OptimizerConfig())
    assert needed.features == 500 * 6 * 6 * 3
    slots = 2 * 4 * sum(v.numpy().size for v in sampled.trainable_variables)
    assert 0 <= needed.optimizer - slots < 100  # seeds of dropout are counted, too
    assert held_by(sampled) == needed.tables + needed.weights + needed.features
    # 4 filters of 6 × 6 and 8 of 3 × 3, before and after pooling.
    numbers = (6 * 6 * 4 + 3 * 3 * 8) * 1.25
    assert sampled.item_tower.features.activations == numbers
    read = estimate_working_memory(whole, batches) - estimate_working_memory(sampled, batches)
    assert read > 4 * numbers * (500 - 2 * 4 - 8 - 4)
