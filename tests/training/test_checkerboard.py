"""The checkerboard: one right recommendation per user, for every model, loss and backend."""

import json

import pytest

from tests.datasets import checkerboard
from tests.models import zoo
from tests.processes import run_python

pytestmark = pytest.mark.slow
PAIRS = [(query, "cross_entropy") for query in zoo.QUERIES] + [
    ("two-tower", loss) for loss in zoo.LOSSES if loss != "cross_entropy"
]
PROGRAM = """
import json, sys
from pathlib import Path

import numpy as np

from recsys.data.dataset import Dataset
from recsys.evaluation.ranking import RetrieverEmbedder, rank
from recsys.models.retriever import ModelConfig
from recsys.training.build import build_retriever
from recsys.training.config import TrainingConfig
from recsys.training.fit import fit
from tests.models import zoo

folder, pairs = Path(sys.argv[1]), json.loads(sys.argv[2])
dataset = Dataset(folder / "dataset")
training = TrainingConfig.model_validate(
    {
        "epochs": 20,
        "batch_size": 10,
        "steps_per_dispatch": 1,  # one shape to compile
        "optimizer": {"learning_rate": 0.02, "decay": "cosine"},
        "precision": sys.argv[3],
    }
)
hits = {}
for query, loss in pairs:
    config = ModelConfig.model_validate(zoo.model(query, loss))
    retriever = build_retriever(config, dataset, "train", 1, training.precision)
    fit(retriever, dataset, training, 1, folder / query / loss)
    embedder = RetrieverEmbedder(retriever, dataset)
    # Two items of the right colour are left: the validation and the test event.
    for part in ("validation", "test"):
        ranked = rank(embedder, dataset, dataset.queries(part), "exclude", 2)
        hits[f"{query} {loss} {part}"] = float(np.mean(ranked.ranks <= 2))
print(json.dumps(hits))
"""


@pytest.mark.parametrize(
    "backend, precision",
    [("tensorflow", "float32"), ("jax", "float32"), ("jax", "mixed_bfloat16")],
)
def test_checkerboard(tmp_path, backend, precision):
    checkerboard(tmp_path / "dataset", users=100, items=16)
    pairs = PAIRS if precision == "float32" else PAIRS[:2]
    # The few in another precision are as fast as on a user's machine.
    environment = {} if precision == "float32" else {"XLA_FLAGS": ""}
    command = ("-c", PROGRAM, str(tmp_path), json.dumps(pairs), precision)
    done = run_python(backend, *command, **environment)
    assert done.returncode == 0, done.stderr[-3000:]
    hits = json.loads(done.stdout.splitlines()[-1])
    wrong = {name: share for name, share in hits.items() if share < 0.95}
    assert not wrong, wrong
