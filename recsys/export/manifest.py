"""``assets.extra/manifest.json``: what the artefact is and where it comes from."""

import hashlib
import json
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import recsys
from recsys.data.dataset import Dataset
from recsys.errors import InputError
from recsys.export.export import ExportRequest

if TYPE_CHECKING:
    # Whoever asks a published model for recommendations needs no Keras.
    from recsys.models.retriever import Retriever

FORMAT = 1
EXTRA = "assets.extra"
FILE = f"{EXTRA}/manifest.json"
PACKAGES = ("tensorflow", "keras", "tensorflow-recommenders", "numpy")


def describe_signatures(signatures: Mapping[str, Any]) -> dict[str, Any]:
    """Names, types and shapes (None = any) of every signature's inputs and outputs."""
    return {
        name: {
            "inputs": _describe(signature.structured_input_signature[1]),
            "outputs": _describe(signature.structured_outputs),
        }
        for name, signature in sorted(signatures.items())
    }


def _describe(specs: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: {"dtype": spec.dtype.name, "shape": spec.shape.as_list()}
        for name, spec in sorted(specs.items())
    }


def write_manifest(
    folder: Path,
    request: ExportRequest,
    retriever: "Retriever",
    dataset: Dataset,
    signatures: Mapping[str, Any],
    parity: Mapping[str, Any],
) -> dict[str, Any]:
    """Writes the manifest of a finished SavedModel and returns it.

    It is written last: the checksums cover every other file of the folder.
    """
    files = _checksums(folder)
    manifest = {
        "format": FORMAT,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "version": request.config.version,
        "data": {"fingerprint": dataset.fingerprint, "fitted_part": request.fitted_part},
        "model": {
            "k": request.config.k,
            "seen": request.seen,
            "dim": retriever.config.dim,
            "max_events": retriever.config.max_events,
            "catalogue_items": retriever.catalogue_items,
        },
        "signatures": describe_signatures(signatures),
        "parity": dict(parity),
        "experiment": request.experiment,
        "metrics": request.metrics,
        "versions": {
            "recsys": recsys.__version__,
            "python": platform.python_version(),
            **{name: version(name) for name in PACKAGES},
        },
        "size_bytes": sum(file["bytes"] for file in files.values()),
        "files": files,
    }
    text = json.dumps(manifest, indent=2, ensure_ascii=False)
    (folder / FILE).write_text(text + "\n", encoding="utf-8")
    return manifest


def read_manifest(folder: Path) -> dict[str, Any]:
    """Reads the manifest of a published SavedModel.

    Raises:
        InputError: the folder is not one of ours.
    """
    file = folder / FILE
    if not file.is_file():
        raise InputError(
            f"{folder} is not an exported model: it has no {FILE}. "
            "Give the folder of one version, e.g. runs/NAME/SEED/model/1."
        )
    return json.loads(file.read_text(encoding="utf-8"))


def _checksums(folder: Path) -> dict[str, dict[str, Any]]:
    files = {}
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        with file.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        name = file.relative_to(folder).as_posix()
        files[name] = {"bytes": file.stat().st_size, "sha256": digest}
    return files
