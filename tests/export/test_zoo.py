"""Models of the zoo are exported behind the parity gate; by night, all of them."""

import json

import keras
import numpy as np
import pytest

from recsys.data.dataset import Dataset
from recsys.export.probes import write_probes
from recsys.export.request import ExportConfig, ExportRequest
from recsys.models.retriever import Retriever
from tests.datasets import checkerboard
from tests.models import zoo
from tests.processes import run_python

pytestmark = pytest.mark.slow
# One process for all of them: starting TensorFlow takes longer than exporting.
PROGRAM = """
import sys
from pathlib import Path

from recsys.export.request import ExportConfig, ExportRequest
from recsys.export.process import export

for file in sys.argv[1:]:
    manifest = export(ExportRequest.model_validate_json(Path(file).read_text()))
    print(manifest["gate"]["parity"])
"""


def build(name: str, dataset: Dataset) -> Retriever:
    known = dataset.manifest.known_items["train"]
    if name in zoo.QUERIES:
        return Retriever(zoo.model(name), known, known, dataset.users)
    config = zoo.model("average", item=zoo.ITEMS[name])
    # The last two items of the catalogue are new to training.
    retriever = Retriever(
        config, known, known - 2, dataset.users, item_features=zoo.item_specs(name)
    )
    retriever.item_tower.assign_features(zoo.item_values(known))
    return retriever


def request(name: str, dataset: Dataset, folder) -> str:
    keras.utils.set_random_seed(3)
    retriever = build(name, dataset)
    # Every bit of the model shows in the scores: no weight is zero or like its neighbours, and
    # none so large that attention saturates.
    generator = np.random.default_rng(3)
    for variable in retriever.trainable_variables:
        variable.assign(variable * 2 + generator.normal(0.1, 0.1, variable.shape))
    folder.mkdir()
    retriever.save(folder / "retriever.keras")
    write_probes(retriever, dataset, folder / "probes.npz", 8)
    file = folder / "request.json"
    file.write_text(
        ExportRequest(
            retriever=folder / "retriever.keras",
            dataset=dataset.path,
            probes=folder / "probes.npz",
            model_folder=folder / "model",
            config=ExportConfig(timed_queries=0),
        ).model_dump_json()
    )
    return str(file)


EVERY = [*zoo.QUERIES, "text-cnn", "text-rnn", "image"]
# Others of these are exported by day for the other modules, or differ little from one of them.
BY_DAY = ["cnn", "hstu", "frequency", "time-varying", "image"]


@pytest.mark.parametrize("names", [BY_DAY, pytest.param(EVERY, marks=pytest.mark.nightly)])
def test_models_are_exported_with_parity(tmp_path, names):
    dataset = checkerboard(tmp_path / "dataset")
    requests = [request(name, dataset, tmp_path / name) for name in names]
    done = run_python("export", "-c", PROGRAM, *requests)
    assert done.returncode == 0, done.stderr[-3000:]
    assert len(done.stdout.splitlines()) == len(requests)
    for name in names:
        manifest = tmp_path / name / "model" / "1" / "assets.extra" / "manifest.json"
        assert json.loads(manifest.read_text())["gate"]["parity"]
