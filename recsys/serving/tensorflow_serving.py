"""What TensorFlow Serving is started with: the models, their labels, batching, and a compose file.

Written as text, whose messages the tests read by the published protobufs. See
https://www.tensorflow.org/tfx/serving/serving_config.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from recsys.errors import InputError
from recsys.export.manifest import verified_manifest
from recsys.export.signature import refuse_unsigned
from recsys.serving.source import Source
from recsys.system.files import atomic_path

MODELS, BATCHING, MONITORING = "models.config", "batching.config", "monitoring.config"
COMPOSE = "compose.yaml"
METRICS = "/monitoring/prometheus/metrics"
IMAGE = "tensorflow/serving"
# Where the container has the model, and these files.
BASE, CONFIG = "/models", "/config"
BATCH = 64
BATCH_TIMEOUT_MICROSECONDS = 1_000
ENQUEUED_BATCHES = 100


@dataclass(frozen=True)
class ServingFiles:
    """Files for TensorFlow Serving.

    Attributes:
        files: text by name.
        name: of the model in addresses.
        versions: that are loaded.
    """

    files: Mapping[str, str]
    name: str
    versions: list[str]

    def write(self, folder: Path) -> list[Path]:
        """Writes them, each in whole or not at all."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in self.files.items():
            with atomic_path(folder / name) as partial:
                partial.write_text(text, encoding="utf-8")
        return [folder / name for name in self.files]


def serving_files(
    source: Source, labels: Mapping[str, str], name: str | None = None
) -> ServingFiles:
    """The files for the versions of a model.

    Every version that is to be loaded is verified.

    Args:
        source: of the versions, which lie in one folder.
        labels: version by label, such as ``stable`` and ``canary``; without any, the newest version
            is ``stable``.
        name: of the model in addresses; None: the experiment's.

    Raises:
        InputError: there is no such version, a file of one is not what was exported, or the
            versions do not lie in a folder of versions.
    """
    found = dict(source.versions())
    newest = max(found, key=int, default=None)
    if newest is None:
        raise InputError("there is no version to be served")
    labels = labels or {"stable": newest}
    wanted = sorted({*labels.values()}, key=int)
    if missing := [each for each in wanted if each not in found]:
        have = ", ".join(sorted(found, key=int))
        raise InputError(f"there is no version {missing[0]} (there are: {have})")
    folders = {found[each].resolve().parent for each in wanted}
    if len(folders) > 1 or any(found[each].resolve().name != each for each in wanted):
        raise InputError(
            "TensorFlow Serving reads a folder that has a folder a version, named by its number: "
            "name such a folder, as runs/NAME/SEED/model is"
        )
    manifests = [verified_manifest(found[each]) for each in wanted]
    for each in wanted:
        refuse_unsigned(found[each])
    name = name or source.name or manifests[-1]["experiment"].get("name") or "model"
    return ServingFiles(
        {
            MODELS: _models(name, labels, wanted),
            BATCHING: _batching(),
            MONITORING: _monitoring(),
            COMPOSE: _compose(name, folders.pop()),
        },
        name,
        wanted,
    )


def _models(name: str, labels: Mapping[str, str], versions: list[str]) -> str:
    chosen = "\n".join(f"        versions: {each}" for each in versions)
    labelled = "\n".join(
        f"    version_labels {{\n      key: {json.dumps(label)}\n      value: {number}\n    }}"
        for label, number in sorted(labels.items())
    )
    return f"""\
# tensorflow.serving.ModelServerConfig. Move a label to another version here: the server reads
# the file again every minute (--model_config_file_poll_wait_seconds).
model_config_list {{
  config {{
    name: {json.dumps(name)}
    base_path: {json.dumps(f"{BASE}/{name}")}
    model_platform: "tensorflow"
    model_version_policy {{
      specific {{
{chosen}
      }}
    }}
{labelled}
  }}
}}
"""


def _batching() -> str:
    return f"""\
# tensorflow.serving.BatchingParameters: requests that come within a millisecond are one call.
# Requests that share a call must have histories of one length: pad them on the right with ""
# to a fixed one. Leave pad_variable_length_inputs off: it pads a history with its own first id,
# which changes the answer without a word.
max_batch_size {{ value: {BATCH} }}
batch_timeout_micros {{ value: {BATCH_TIMEOUT_MICROSECONDS} }}
max_enqueued_batches {{ value: {ENQUEUED_BATCHES} }}
pad_variable_length_inputs: false
"""


def _monitoring() -> str:
    return f"""\
# tensorflow.serving.MonitoringConfig
prometheus_config {{ enable: true path: "{METRICS}" }}
"""


def _compose(name: str, folder: Path) -> str:
    tag = version("tensorflow")
    # JSON is YAML: quotes and all.
    volume = json.dumps(f"${{MODEL_FOLDER:-{folder}}}:{BASE}/{name}:ro", ensure_ascii=False)
    return f"""\
# docker compose up. REST at 8501, gRPC at 8500, metrics at {METRICS}.
# Of TensorFlow Serving's release for the TensorFlow that wrote the model, or a later one. It asks
# for no token and encrypts nothing: both ports are open to this machine alone.
services:
  tensorflow-serving:
    image: {IMAGE}:${{TENSORFLOW_SERVING:-{tag}}}
    command:
      - --model_config_file={CONFIG}/{MODELS}
      - --model_config_file_poll_wait_seconds=60
      # Labels stand in the file before their versions are loaded.
      - --allow_version_labels_for_unavailable_models=true
      - --monitoring_config_file={CONFIG}/{MONITORING}
      # Where clients send histories of one length (see {BATCHING}):
      # - --enable_batching=true
      # - --batching_parameters_file={CONFIG}/{BATCHING}
    ports:
      - "127.0.0.1:8500:8500"
      - "127.0.0.1:8501:8501"
    volumes:
      - .:{CONFIG}:ro
      - {volume}
    restart: unless-stopped
"""
