"""An encoder and a loss of a user's own reach the process that exports the model."""

import json

import pytest

from recsys.errors import InputError
from recsys.export.own_parts import unpack
from tests.processes import run_python

# A module beside the program, as a user's own modules are: it is not installed.
LOSS = """
from typing import Literal

from keras import ops
from recsys.models.losses.cross_entropy import CrossEntropy
from recsys.models.losses.loss import BaseLossConfig


class DoubledConfig(BaseLossConfig):
    kind: Literal["doubled"] = "doubled"

    def build(self, items):
        return Doubled()


class Doubled(CrossEntropy):
    def __call__(self, *arguments):
        return 2 * super().__call__(*arguments)
"""
# What a notebook or a script does; the encoder is its own, written in it.
PROGRAM = '''
import json, sys
from pathlib import Path
from typing import Literal

import keras
import numpy as np
from keras import ops

folder = Path(sys.argv[1])
sys.path.append(str(folder))
from doubled import DoubledConfig
from recsys.export.export import export_in_subprocess
from recsys.export.probes import write_probes
from recsys.export.request import ExportConfig, ExportRequest
from recsys.models.query.encoder import BaseEncoderConfig
from recsys.models.retriever import ModelConfig
from recsys.models.saved import load_retriever
from recsys.training.build import build_retriever
from recsys.training.config import TrainingConfig
from recsys.training.fit import fit
from tests.datasets import checkerboard


class FirstConfig(BaseEncoderConfig):
    kind: Literal["first"] = "first"
    share: float = 0.5

    def build(self, dim, positions, **kwargs):
        return First(self.share, **kwargs)


@keras.saving.register_keras_serializable(package="mine")
class First(keras.layers.Layer):
    """The last event and, by a share, the start."""

    def __init__(self, share, **kwargs):
        super().__init__(**kwargs)
        self.share = share

    def call(self, history_BLD, training=False):
        return history_BLD + self.share * history_BLD[:, :1]

    def get_config(self):
        return {**super().get_config(), "share": self.share}


dataset = checkerboard(folder / "dataset")
config = ModelConfig(dim=8, query={"encoder": FirstConfig(share=0.25)}, loss=DoubledConfig())
retriever = build_retriever(config, dataset, "train", seed=1)
progress = fit(retriever, dataset, TrainingConfig(epochs=1), 1, folder / "checkpoints")
more = build_retriever(config, dataset, "train", seed=1)
more = fit(more, dataset, TrainingConfig(epochs=2), 1, folder / "checkpoints")
retriever.save(folder / "retriever.keras")
assert load_retriever(folder / "retriever.keras").config == config
write_probes(retriever, dataset, folder / "probes.npz", count=5)
request = ExportRequest(
    retriever=folder / "retriever.keras",
    dataset=dataset.path,
    probes=folder / "probes.npz",
    model_folder=folder / "model",
    config=ExportConfig(k=3, timed_queries=0),
    own_parts={"model.loss": {"module": "doubled", "class": "DoubledConfig", "group": ""}},
)
manifest = export_in_subprocess(request)
assert manifest["own_parts"] == request.own_parts
print(json.dumps([manifest["gate"]["parity"], [len(progress.history), len(more.history)]]))
'''


@pytest.mark.nightly
@pytest.mark.slow
def test_classes_of_a_program_are_trained_resumed_and_exported(tmp_path):
    (tmp_path / "doubled.py").write_text(LOSS)
    (tmp_path / "program.py").write_text(PROGRAM)
    done = run_python("tensorflow", str(tmp_path / "program.py"), str(tmp_path))
    assert done.returncode == 0, done.stderr[-3000:]
    parity, epochs = json.loads(done.stdout.splitlines()[-1])
    assert parity["probes"] == 5 and parity["largest_relative_difference"] < 1e-4
    assert epochs == [1, 2]
    # The SavedModel needs none of these classes, and none of them is kept.
    assert not [path for path in tmp_path.rglob("*.pkl")]
    assert sorted(path.name for path in (tmp_path / "model").iterdir()) == ["1"]


def test_a_module_that_cannot_be_imported_is_named(tmp_path):
    (tmp_path / "doubled.py").write_text(LOSS)
    program = (
        "import sys, cloudpickle; sys.path.append(sys.argv[1]); import doubled; "
        "inner = cloudpickle.dumps([doubled.DoubledConfig]); "
        "open('parts', 'wb').write(cloudpickle.dumps(([], inner)))"
    )
    done = run_python("tensorflow", "-c", program, str(tmp_path), cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    with pytest.raises(InputError, match=r"No module named 'doubled'.*PYTHONPATH"):
        unpack((tmp_path / "parts").read_bytes())
