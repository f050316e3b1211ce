"""Every model of the zoo is exported behind the parity gate."""

import json
import subprocess
import sys

import keras

from recsys.data.dataset import Dataset
from recsys.export.export import ExportRequest, child_environment
from recsys.export.probes import write_probes
from recsys.models.retriever import Retriever
from tests.datasets import checkerboard
from tests.models import zoo

# One process for all of them: starting TensorFlow takes longer than exporting.
PROGRAM = """
import sys
from pathlib import Path

from recsys.export.export import ExportRequest
from recsys.export.process import export

for file in sys.argv[1:]:
    manifest = export(ExportRequest.model_validate_json(Path(file).read_text()))
    print(manifest["parity"])
"""


def request(query: str, dataset: Dataset, folder) -> str:
    keras.utils.set_random_seed(3)
    known = dataset.manifest.known_items["train"]
    retriever = Retriever(zoo.model(query), known, known, dataset.users)
    # Large weights, so that every bit of the model shows in the scores.
    retriever.set_weights([weight * 10 + 0.1 for weight in retriever.get_weights()])
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
        ).model_dump_json()
    )
    return str(file)


def test_every_model_is_exported_with_parity(tmp_path):
    dataset = checkerboard(tmp_path / "dataset")
    requests = [request(query, dataset, tmp_path / query) for query in zoo.QUERIES]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *requests],
        env=child_environment(),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert len(done.stdout.splitlines()) == len(requests)
    for query in zoo.QUERIES:
        manifest = tmp_path / query / "model" / "1" / "assets.extra" / "manifest.json"
        assert json.loads(manifest.read_text())["parity"]
