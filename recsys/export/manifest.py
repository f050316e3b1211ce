"""``assets.extra/manifest.json``: what the artefact is and where it comes from."""

import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import recsys
from recsys.data.dataset import Dataset
from recsys.errors import Damaged
from recsys.export.inputs import event_inputs
from recsys.export.request import ExportRequest
from recsys.system.manifests import as_document, as_files, check, describe, files_in
from recsys.system.manifests import read_manifest as read_sealed
from recsys.system.manifests import write_manifest as write_sealed
from recsys.system.reading import read_json

if TYPE_CHECKING:
    # To ask a published model for recommendations needs no Keras.
    from recsys.models.retriever import Retriever

FORMAT = 4
MEND = "Export it again (`recsys export` with the experiment of the run)"
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
    gate: Mapping[str, Any],
    filters: Mapping[str, Any],
) -> dict[str, Any]:
    """Writes the manifest of a finished SavedModel and returns it.

    It is written last: the checksums cover every other file of the folder.

    Args:
        folder: its own.
        request, retriever, dataset: what it was made of.
        signatures: as they were loaded back.
        gate: what each gate before publication found.
    """
    files = describe(folder, files_in(folder))
    manifest = {
        "format": FORMAT,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "version": request.config.version,
        "data": {
            "fingerprint": dataset.fingerprint,
            "fitted_part": request.fitted_part,
            # By which key `user_id` is a pseudonym; null: it is the log's id.
            "pseudonyms": dataset.manifest.pseudonyms,
            "encryption": dataset.manifest.encryption,
        },
        "model": {
            "k": request.config.k,
            "seen": request.seen,
            "dim": retriever.config.dim,
            "max_events": retriever.config.max_events,
            "catalogue_items": retriever.catalogue_items,
            # The inputs beside the history that have a value for each of its events.
            "event_inputs": event_inputs(retriever.batch_spec, dataset),
        },
        # By input of `recommend_filtered`, what it allows: kind, values, share of items with one.
        "filters": dict(filters),
        "signatures": describe_signatures(signatures),
        "gate": {
            "verdict": "passed",
            **gate,
            "budget": request.config.budget.limits,
        },
        "experiment": request.experiment,
        "own_parts": request.own_parts,
        "metrics": request.metrics,
        # How the best items are put in another order, and what it changes on the test part; then
        # `score` is by what they are in it, and no product of vectors. null: they are not.
        "rerank": _rerank(request),
        # Of which version it is a refreshed one, and what its catalogue changed; null: of none.
        "refresh": request.refresh,
        "privacy": request.privacy,
        "versions": {
            "recsys": recsys.__version__,
            "python": platform.python_version(),
            **{name: version(name) for name in PACKAGES},
        },
        "files": as_document(files),
    }
    write_sealed(folder / FILE, manifest)
    return manifest


def _rerank(request: ExportRequest) -> dict[str, Any] | None:
    if request.config.rerank is None:
        return None
    return {"settings": request.config.rerank.model_dump(mode="json"), **(request.rerank or {})}


def read_manifest(folder: Path) -> dict[str, Any]:
    """Reads the manifest of a published SavedModel.

    Raises:
        Damaged: the folder is not one of ours or of another format, or the manifest is not what
            was written.
    """
    file = folder / FILE
    if not file.is_file():
        raise Damaged(
            folder,
            "Give the folder of one version, e.g. runs/NAME/SEED/model/1, or export it again",
            f"is not an exported model: it has no {FILE}",
        )
    # Before the seal, which another format may not have.
    found = read_json(file, MEND, ["format"])["format"]
    if found != FORMAT:
        raise Damaged(folder, MEND, f"has model format {found}, this version reads {FORMAT}")
    return read_sealed(file, MEND)


def verified_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a SavedModel whose files are those that were exported.

    Raises:
        Damaged: a file is not, or see :func:`read_manifest`.
    """
    manifest = read_manifest(folder)
    check(folder, as_files(manifest.get("files"), folder / FILE, MEND), MEND)
    return manifest
