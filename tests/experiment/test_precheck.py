"""What is refused without the libraries that a run needs, and so at once."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
EXPERIMENTS = REPOSITORY / "experiments"
# The libraries that take seconds to import cannot be found: what answers does without them.
PROGRAM = """
import contextlib, io, json, sys

HEAVY = "tensorflow keras jax pandas ibis duckdb pyarrow scipy sklearn mlflow matplotlib optuna"

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in HEAVY.split():
            raise ModuleNotFoundError(f"{name} is blocked")

sys.meta_path.insert(0, Blocker())
from recsys import cli
from recsys.errors import InputError
from recsys.experiment.precheck import refuse_early

def asks():
    import pandas
    if pandas.isna(3) or isinstance(3, pandas.Series):
        raise InputError("misled")

def refuses():
    raise InputError("as it is — é")

refuse_early(["json"], asks)
try:
    refuse_early(["json"], refuses)
except InputError as error:
    assert str(error) == "as it is — é"
said = []
for arguments in json.loads(sys.argv[1]):
    sys.argv = ["recsys", *arguments]
    errors = io.StringIO()
    with contextlib.redirect_stderr(errors):
        try:
            cli.main()
        except SystemExit as stopped:
            said.append([stopped.code, errors.getvalue()])
        except ModuleNotFoundError as error:
            said.append([1, repr(error)])
print(json.dumps(said))
"""
REFUSED = {
    "run quickstart-lstm.yaml seed=3": "training.seeds",
    "run quickstart-lstm.yaml --name a/b": "a name begins with a letter",
    "run cdnow-buys.yaml propensity.peroid=3": "did you mean 'period'?",
    "run sentiment-musical-instruments.yaml reviews.paht=3": "did you mean 'path'?",
    "prepare cdnow-buys.yaml data.split={kind: tme}": "did you mean 'time'?",
    "train nothing.yaml": "there is no experiment file",
    "evaluate quickstart-lstm.yaml seen=maybe": "'exclude' or 'allow'",
    "export quickstart-lstm.yaml export.k=0": "greater than or equal to 1",
    "sweep quickstart-lstm.yaml": "no section `sweep`",
    "sweep quickstart-sweep.yaml sweep.space={training.epoch: {choices: [1]}}": "'epochs'",
    "data check quickstart-lstm.yaml data.lgo=3": "did you mean 'log'?",
    "audience build complete-journey-campaign.yaml": "where: is needed",
    "campaign build complete-journey-campaign.yaml nme=3": "did you mean 'name'?",
    "replay complete-journey-replay.yaml strem=3": "did you mean 'stream'?",
    "recommend quickstart-lstm.yaml --user u": "is a file, not the folder of a run",
    "recommend quickstart-lstm.yaml": "give one of",
}


@pytest.fixture(scope="module")
def said() -> dict[str, tuple[int, str]]:
    """By command, its exit status and what it said; all in one process."""
    commands = [_split(command) for command in REFUSED]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps(commands)],
        cwd=EXPERIMENTS,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return dict(zip(REFUSED, json.loads(done.stdout), strict=True))


def _split(command: str) -> list[str]:
    """At blanks that are not within braces."""
    words: list[str] = []
    for word in command.split():
        if words and words[-1].count("{") > words[-1].count("}"):
            words[-1] += f" {word}"
        else:
            words.append(word)
    return words


@pytest.mark.parametrize("command", REFUSED)
def test_it_is_refused_without_what_takes_long_to_import(said, command):
    status, message = said[command]
    assert status == 2, message
    assert REFUSED[command] in message


FADING = """
from typing import Literal

import keras
from pydantic import Field
from recsys.models.query.encoder import BaseEncoderConfig


class FadingConfig(BaseEncoderConfig):
    kind: Literal["fading"] = "fading"
    keep: float = Field(0.8, gt=0, lt=1)

    def build(self, dim, positions, **kwargs):
        return Fading(self.keep, **kwargs)


@keras.saving.register_keras_serializable(package="fading")
class Fading(keras.layers.Layer):
    def __init__(self, keep, **kwargs):
        super().__init__(**kwargs)
        self.keep = keep

    def call(self, history_BLD, training=False):
        return self.keep * history_BLD
"""
ASKED = """
import sys
from recsys.errors import InputError
from recsys.experiment.file import validated
from recsys.experiment.precheck import refuse_early


def model(**encoder):
    from recsys.models.retriever import ModelConfig

    return validated(ModelConfig, {"dim": 4, "query": {"encoder": encoder}}, "here")


early = lambda **encoder: refuse_early(["recsys.models.retriever"], lambda: model(**encoder))
early(kind="fading", keep=0.5)
for ask in (early, model):
    try:
        ask(kind="fadig")
    except InputError as error:
        print(error)
assert "fading_package" not in sys.modules
try:
    model(kind="fading", keep=2)
except InputError as error:
    print(error)

import numpy as np
from recsys.models.retriever import Retriever

retriever = Retriever(model(kind="fading", keep=0.5), 5, 5, 1)
again = Retriever.from_config(retriever.get_config())
assert type(again.config.query.encoder).__module__ == "fading_package"
batch = {"history": np.zeros((1, 2), np.int32), "length": np.array([0])}
start, found = np.asarray(again.start), np.asarray(again.embed_query(batch))
np.testing.assert_allclose(found[0], 0.5 * start, rtol=1e-6)
"""


def test_the_encoder_of_an_installed_package_is_known_to_both(tmp_path):
    (tmp_path / "fading_package.py").write_text(FADING)
    metadata = tmp_path / "fading-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: fading\nVersion: 1.0\n")
    entry_point = "[recsys.encoders]\nfading = fading_package:FadingConfig\n"
    (metadata / "entry_points.txt").write_text(entry_point)
    done = subprocess.run(
        [sys.executable, "-c", ASKED],
        env=os.environ
        | {
            "PYTHONPATH": os.pathsep.join([str(REPOSITORY), str(tmp_path)]),
            "KERAS_BACKEND": "jax",  # which is imported in half the time
        },
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    early, late, wrong = [line for line in done.stdout.splitlines() if line.startswith("  ")]
    assert early == late and "'frequency', 'fading'; did you mean 'fading'?" in early
    assert wrong == "  query.encoder.keep: Input should be less than 1, received 2"
