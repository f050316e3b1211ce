"""The exporting process: ``python -m recsys.export.process REQUEST.json REPLY.json``.

Started by :func:`recsys.export.export.export_in_subprocess`, which also sets
the environment that this module's imports need.
"""

import errno
import json
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from recsys.data.dataset import Dataset
from recsys.data.refreshed import RefreshedDataset
from recsys.errors import InputError, ParityError
from recsys.export.filter_probes import filter_probes
from recsys.export.filters import (
    attribute_columns,
    describe_filters,
    filter_inputs,
    write_filters,
)
from recsys.export.footprint import Footprint
from recsys.export.inputs import EXCLUDE, HISTORY, serving_inputs
from recsys.export.lifeline import end_with_parent
from recsys.export.manifest import EXTRA, write_manifest
from recsys.export.own_parts import unpack
from recsys.export.parity import ParityGate
from recsys.export.probes import Probes
from recsys.export.quality import PlainOrder, QualityGate
from recsys.export.request import ExportRequest
from recsys.export.serving import ServingGraph
from recsys.export.signature import sign, signing_key
from recsys.export.signatures import SavedSignatures
from recsys.export.titles import write_titles
from recsys.export.warmup import write_warmup_requests
from recsys.models import saved
from recsys.models.retriever import Retriever
from recsys.protection.personal_files import close_to_others
from recsys.system.files import whole_folder

# Queries that latency is measured with, in turn.
TIMED = 16


def export(request: ExportRequest) -> dict[str, Any]:
    """Writes, checks and publishes a SavedModel, or nothing; returns its manifest.

    Raises:
        InputError: something given is missing or cannot be used, or the SavedModel takes more
            than ``export.budget`` allows.
        ParityError: the SavedModel is not the model that was trained and evaluated.
    """
    dataset = open_dataset(request.dataset, request.catalogue)
    config = request.config
    with (
        whole_folder(request.destination, replaces=True) as folder,
        Footprint(config.timed_queries) as footprint,
    ):
        retriever = load_retriever(request.retriever)
        probes = Probes.load(request.probes)
        filters, rerank = config.filters, config.rerank
        ServingGraph(
            retriever, dataset, request.seen, config.k, request.fitted_part, filters, rerank
        ).save(folder)
        saved = SavedSignatures(folder)
        parity = ParityGate(
            saved,
            retriever,
            dataset,
            request.seen,
            config.k,
            config.tolerance,
            request.fitted_part,
            filters,
            rerank,
        )
        found = {"parity": parity.check(probes), "quality": _quality(request, retriever, parity)}
        (folder / EXTRA).mkdir()
        write_titles(folder, dataset, retriever.catalogue_items)
        columns = attribute_columns(dataset, filters, retriever.catalogue_items)
        candidates = dataset.recommendable(request.fitted_part)[: retriever.catalogue_items]
        if columns:
            write_filters(folder, columns, candidates)
        described = describe_filters(columns, candidates)
        wheres = filter_probes(columns, len(probes.histories))
        filtered = filter_inputs(described, wheres)
        write_warmup_requests(
            folder, _warmup_requests(request, retriever, dataset, probes, filtered)
        )
        queries = _single_queries(retriever, dataset, probes, TIMED)
        measured = footprint.measure(folder, queries)
        config.budget.check(measured)
        gate = {**found, "footprint": measured}
        manifest = write_manifest(
            folder, request, retriever, dataset, saved.signatures, gate, described
        )
        if config.signing_key is not None:
            sign(folder, signing_key(config.signing_key))
        if retriever.config.query.user_id:
            close_to_others(folder)  # it holds the ids of users
        return manifest


def open_dataset(folder: Path, catalogue: Path | None) -> Dataset:
    """The dataset, with the catalogue that the model is exported with."""
    return Dataset(folder) if catalogue is None else RefreshedDataset(folder, catalogue)


def _quality(
    request: ExportRequest, retriever: Retriever, parity: ParityGate
) -> dict[str, Any] | None:
    """What the quality gate found; None of a model that was not evaluated."""
    if request.ranks is None:
        return None
    call = parity.call
    if request.config.rerank is not None:
        call = PlainOrder(
            call,
            parity.dataset,
            parity.dataset.recommendable(request.fitted_part)[: retriever.catalogue_items],
            request.seen,
            request.config.k,
        )
    gate = QualityGate(
        call,
        parity.dataset,
        retriever.batch_spec,
        retriever.catalogue_items,
        request.config.k,
    )
    most = request.config.quality_queries
    found = gate.check(request.ranks, request.cutoffs, most, request.seed)
    return {**found, "before_rerank": request.config.rerank is not None}


def load_retriever(file: Path) -> Retriever:
    """Loads a trained model, whichever backend wrote it, to compute in float32."""
    if not file.is_file():
        raise InputError(f"there is no trained model at {file}. Run `recsys train` first.")
    return saved.load_retriever(file).in_float32()


def _warmup_requests(
    request: ExportRequest,
    retriever: Retriever,
    dataset: Dataset,
    probes: Probes,
    filters: Mapping[str, np.ndarray],
) -> Iterator[tuple[str, dict[str, np.ndarray]]]:
    """Single queries, as an online service gets them, in turn for each signature."""
    signatures = ["serving_default", "recommend_excluding", "embed_query"]
    if filters:
        signatures.append("recommend_filtered")
    queries = _single_queries(retriever, dataset, probes, request.config.warmup_requests)
    for number, inputs in enumerate(queries):
        probe = len(probes.histories) - 1 - number
        one = slice(probe, probe + 1)
        signature = signatures[number % len(signatures)]
        if signature in ("recommend_excluding", "recommend_filtered"):
            inputs[EXCLUDE] = inputs[HISTORY][:, :1]
        if signature == "recommend_filtered":
            inputs |= {name: values[one] for name, values in filters.items()}
        yield signature, inputs


def _single_queries(
    retriever: Retriever, dataset: Dataset, probes: Probes, most: int
) -> Iterator[dict[str, np.ndarray]]:
    """Inputs of single queries, of real histories first: they come last among the probes."""
    for number in range(min(most, len(probes.histories))):
        probe = len(probes.histories) - 1 - number
        one = slice(probe, probe + 1)
        yield serving_inputs(dataset, retriever.batch_spec, probes.histories[one])


def reply_to(request_file: Path, parts: bytes = b"") -> dict[str, Any]:
    """Exports by a request file; failures become part of the reply.

    Args:
        request_file: an :class:`recsys.export.request.ExportRequest`.
        parts: the user's own classes (:func:`recsys.export.own_parts.packed`).
    """
    request = ExportRequest.model_validate_json(request_file.read_text())
    return reply(lambda: export(request), request.destination, parts)


def reply(work: Callable[[], dict[str, Any]], destination: Path, parts: bytes) -> dict[str, Any]:
    """The manifest of what was exported, or what failed.

    Args:
        work: exports, and returns the manifest.
        destination: where to.
        parts: see :func:`reply_to`.
    """
    try:
        unpack(parts)
        return {"manifest": work()}
    except InputError as error:
        return {"input_error": str(error)}
    except ParityError as error:
        return {"error": f"the gate refused the export: {error}"}
    except (OSError, tf.errors.OpError) as error:
        if getattr(error, "errno", None) == errno.ENOSPC or "No space left" in str(error):
            return {
                "input_error": f"no space left to write {destination}. "
                "Free some, or choose another --runs-dir; nothing was left half-written."
            }
        return {"error": traceback.format_exc()}
    except Exception:
        return {"error": traceback.format_exc()}


def main(request_file: str, reply_file: str) -> None:
    """Reads a request, writes the reply."""
    reply = reply_to(Path(request_file), sys.stdin.buffer.read())
    Path(reply_file).write_text(json.dumps(reply))


if __name__ == "__main__":
    end_with_parent()
    main(*sys.argv[1:])
