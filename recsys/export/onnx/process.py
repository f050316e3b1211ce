"""The exporting process: ``python -m recsys.export.onnx.process REQUEST.json REPLY.json``.

Started by :func:`recsys.export.export.in_subprocess`, as the export of the SavedModel is.
"""

import json
import platform
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import onnx

import recsys
from recsys.data.dataset import Dataset
from recsys.export.inputs import (
    HISTORY,
    ITEM_ID,
    decode_feature,
    input_name,
    serving_inputs,
)
from recsys.export.lifeline import end_with_parent
from recsys.export.manifest import FILE as MODEL_MANIFEST
from recsys.export.onnx.convert import OPSET, TEXT_DOMAIN, TEXT_OPSET, Converter
from recsys.export.onnx.graphs import EMBEDDING, ITEM_TOWER, OnnxGraphs
from recsys.export.onnx.request import FORMAT, LIBRARIES, MANIFEST, OnnxRequest
from recsys.export.onnx.signatures import OnnxSignatures
from recsys.export.parity import BATCH_SIZES, SIGNATURES, ParityGate
from recsys.export.probes import Probes, choose_queries
from recsys.export.process import load_retriever, open_dataset, reply
from recsys.export.signatures import Arrays, SavedSignatures
from recsys.export.vectors_table import write_vectors
from recsys.models.retriever import Retriever
from recsys.protection.personal_files import close_to_others
from recsys.system.files import whole_folder
from recsys.system.manifests import digest, write_folder_manifest

VECTORS, TABLE = "item_vectors.bin", "vectors.parquet"
# Items that are asked for at a time, and those that the item tower is compared with.
ITEMS, SAMPLE = 2**16, 1000


def export(request: OnnxRequest) -> dict[str, Any]:
    """Writes, checks and publishes the graphs of a SavedModel, or nothing; returns the manifest.

    Raises:
        InputError: something given cannot be used, or an operation has no counterpart in ONNX.
        ParityError: a graph does not answer as the SavedModel does.
    """
    dataset = open_dataset(request.dataset, request.catalogue)
    retriever = _retriever(request, dataset)
    item_ids = dataset.item_ids[: request.catalogue_items]
    saved = SavedSignatures(request.model)
    probes = _probes(request, saved, retriever, dataset)
    graphs = OnnxGraphs(
        retriever,
        dataset,
        probes.item_vectors,
        request.seen,
        request.k,
        request.fitted_part,
        request.rerank,
    ).graphs()
    with whole_folder(request.destination, replaces=True) as folder:
        probes.item_vectors.astype("<f4").tofile(folder / VECTORS)
        converter = Converter(item_ids, VECTORS)
        for name, graph in graphs.items():
            onnx.save_model(converter.convert(name, graph), folder / f"{name}.onnx")
        signatures = OnnxSignatures(folder, SIGNATURES)
        gate = ParityGate(
            signatures,
            retriever,
            dataset,
            request.seen,
            request.k,
            request.tolerance,
            request.fitted_part,
            rerank=request.rerank,
        )
        if ITEM_TOWER in graphs:
            _check_item_tower(folder, gate, retriever, dataset, probes.item_vectors)
        missing = _missing(serving_inputs(dataset, retriever.batch_spec, probes.histories))
        answers = (each.call("embed_query", missing)[EMBEDDING] for each in (signatures, saved))
        gate.compare("embed_query, of missing features,", *answers)
        parity = gate.check(probes)
        recommended = np.flatnonzero(dataset.recommendable(request.fitted_part)[: len(item_ids)])
        ids = [item_ids[item] for item in recommended]
        write_vectors(folder / TABLE, ids, probes.item_vectors[recommended])
        manifest = {
            "format": FORMAT,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "model": {
                "version": request.version,
                "manifest_sha256": digest(request.model / MODEL_MANIFEST),
            },
            "opset": {"ai.onnx": OPSET, TEXT_DOMAIN: TEXT_OPSET},
            "signatures": OnnxSignatures(folder, graphs).describe(),
            "item_vectors": {"dtype": "float32", "shape": list(probes.item_vectors.shape)},
            "parity": parity,
            "versions": {
                "recsys": recsys.__version__,
                "python": platform.python_version(),
                **{name: version(name) for name in ("tensorflow", "keras", *LIBRARIES)},
            },
        }
        write_folder_manifest(folder, MANIFEST, manifest)
        if retriever.batch_spec.user:
            close_to_others(folder)  # it holds the ids of users
    return manifest


def _retriever(request: OnnxRequest, dataset: Dataset) -> Retriever:
    """The model with the catalogue that the SavedModel has."""
    retriever = load_retriever(request.retriever)
    if request.catalogue is None:
        return retriever
    reads = retriever.config.item.features
    trained = Dataset(request.dataset)
    taught = retriever.item_tower.taught(
        {name: trained.feature("item", name) for name in reads},
        {name: dataset.feature("item", name) for name in reads},
    )
    return retriever.with_catalogue(request.catalogue_items, taught)


def _probes(
    request: OnnxRequest, saved: SavedSignatures, retriever: Retriever, dataset: Dataset
) -> Probes:
    """Queries with the SavedModel's answers."""
    spec = retriever.batch_spec
    histories = choose_queries(dataset, request.catalogue_items, spec, request.probes)
    queries = serving_inputs(dataset, spec, histories)
    vectors = []
    for begin in range(0, request.catalogue_items, ITEMS):
        end = min(begin + ITEMS, request.catalogue_items)
        ids = np.array(dataset.item_ids[begin:end], object)
        vectors.append(saved.call("embed_items", {ITEM_ID: ids})[EMBEDDING])
    return Probes(histories, saved.call("embed_query", queries)[EMBEDDING], np.concatenate(vectors))


def _missing(queries: Arrays) -> Arrays:
    """Queries of which the history is all that is known."""
    nothing = {"O": "", "f": np.nan}
    return {
        name: values if name == HISTORY else np.full_like(values, nothing.get(values.dtype.kind, 0))
        for name, values in queries.items()
    }


def _check_item_tower(
    folder: Path,
    gate: ParityGate,
    retriever: Retriever,
    dataset: Dataset,
    vectors_ND: np.ndarray,
) -> None:
    """Holds the item tower to the vectors of items, by what the table says of them.

    Raises:
        ParityError: they differ.
    """
    tower = OnnxSignatures(folder, [ITEM_TOWER])
    sample = np.unique(np.linspace(0, len(vectors_ND) - 1, SAMPLE).astype(int))
    for size in (*BATCH_SIZES, len(sample)):
        items = np.resize(sample[::-1], size)
        found = tower.call(ITEM_TOWER, _of_items(retriever, dataset, items))[EMBEDDING]
        gate.compare(f"{ITEM_TOWER}, batch of {size},", found, vectors_ND[items])


def _of_items(retriever: Retriever, dataset: Dataset, items: np.ndarray) -> Arrays:
    """What the item tower is given of some items."""
    given = {}
    if retriever.item_tower.table is not None:
        given[ITEM_ID] = np.array([dataset.item_ids[item] for item in items], object)
    for feature in dataset.manifest.item_features:
        if feature.name in retriever.config.item.features:
            values = np.asarray(dataset.feature("item", feature.name))[items]
            given[input_name(feature)] = decode_feature(dataset, "item", feature, values)
    return given


def main(request_file: str, reply_file: str) -> None:
    """Reads a request, writes the reply."""
    request = OnnxRequest.model_validate_json(Path(request_file).read_text())
    replied = reply(lambda: export(request), request.destination, sys.stdin.buffer.read())
    Path(reply_file).write_text(json.dumps(replied))


if __name__ == "__main__":
    end_with_parent()
    main(*sys.argv[1:])
