"""Builds an approximate index, and publishes it only if it finds what an exact search does."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from recsys.errors import InputError
from recsys.export.ann.config import IndexConfig
from recsys.export.ann.index import (
    FORMAT,
    INDEX,
    MANIFEST,
    TABLE,
    VECTORS,
    ApproximateIndex,
    equally_long,
    exact_search,
    library,
    longest,
    model_digest,
)
from recsys.export.vectors_table import write_vectors
from recsys.system.display import counted
from recsys.system.files import whole_folder
from recsys.system.manifests import write_folder_manifest

# Relative to the largest score of a query: what rounding leaves between two sums of products.
ROUNDING = 1e-5
# Vectors that clusters and quantisers are learned from at most.
LEARNED_FROM = 1_000_000
SEED = 0


def build_index(
    vectors_ND: np.ndarray, item_ids: Sequence[str], queries_BD: np.ndarray, config: IndexConfig
) -> tuple[ApproximateIndex, dict[str, Any]]:
    """An index of items, whatever it finds, and how well it finds it.

    Args:
        vectors_ND: float32, of the items.
        item_ids: their ids.
        queries_BD: float32, query vectors as they are asked.
        config: how to build it.

    Returns:
        The index, and what was measured: ``recall`` of ``k`` answers, on how many ``queries``, and
        ``build_seconds``.

    Raises:
        InputError: there are no items or fewer than two queries, or FAISS is not installed.
    """
    if not len(vectors_ND) or len(queries_BD) < 2:
        raise InputError(
            f"an index needs items and at least two queries, received "
            f"{counted(len(vectors_ND), 'item')} and {counted(len(queries_BD), 'query', 'queries')}"
        )
    started = time.monotonic()
    kind = config.kind_for(len(vectors_ND))
    config = config.model_copy(update={"kind": kind})
    if kind == "ivf":
        config = config.model_copy(update={"nlist": config.lists_for(len(vectors_ND))})
    vectors_ND = np.ascontiguousarray(vectors_ND, np.float32)
    index, length = _built(vectors_ND, config), longest(vectors_ND)
    seconds = time.monotonic() - started
    # Half of the misses that are accepted: the other queries may miss a little more.
    enough = (1 + config.min_recall) / 2
    chosen_by, judged_by = queries_BD[::2], queries_BD[1::2]
    for effort in _efforts(config, len(vectors_ND)):
        found = ApproximateIndex(index, item_ids, vectors_ND, length, effort)
        if recall(found, vectors_ND, chosen_by, config.k) >= enough:
            break
    return found, {
        "recall": recall(found, vectors_ND, judged_by, config.k),
        "k": min(config.k, len(vectors_ND)),
        "queries": len(judged_by),
        "build_seconds": round(seconds, 3),
    }


def _built(vectors_ND: np.ndarray, config: IndexConfig) -> Any:
    faiss = library()
    multiple = config.pq_dims if config.quantise == "pq" else 1
    widened = equally_long(vectors_ND, multiple)
    width = widened.shape[1]
    if config.kind == "hnsw":
        code = "SQ8" if config.quantise == "int8" else "Flat"
        index = faiss.index_factory(width, f"HNSW{config.m},{code}", faiss.METRIC_L2)
        index.hnsw.efConstruction = config.ef_construction
    else:
        index = _lists(faiss, width, config, width // multiple)
    if not index.is_trained:
        learned_from = widened
        if len(widened) > LEARNED_FROM:
            chosen = np.random.default_rng(SEED).choice(len(widened), LEARNED_FROM, replace=False)
            learned_from = widened[np.sort(chosen)]
        index.train(learned_from)
    index.add(widened)
    return index


def _lists(faiss: Any, width: int, config: IndexConfig, groups: int) -> Any:
    """Inverted lists: by distance to a centre, and within a list by inner product.

    A query's last coordinate is 0, so that the product is the score, whatever a quantiser made of
    that coordinate of an item.
    """
    lists, metric = config.nlist, faiss.METRIC_INNER_PRODUCT
    centres = faiss.IndexFlatL2(width)
    if config.quantise == "pq":
        index = faiss.IndexIVFPQ(centres, width, lists, groups, 8, metric)
        index.by_residual = False  # or the distance to the centre would be taken for a product
    elif config.quantise == "int8":
        code = faiss.ScalarQuantizer.QT_8bit
        index = faiss.IndexIVFScalarQuantizer(centres, width, lists, code, metric, False)
    else:
        index = faiss.IndexIVFFlat(centres, width, lists, metric)
    centres.this.disown()  # the index owns it from here on, and what is read back does
    index.own_fields = True
    return index


def _efforts(config: IndexConfig, items: int) -> list[IndexConfig]:
    """The settings of a search that are tried, the cheapest first; the last one is taken."""
    name = "ef_search" if config.kind == "hnsw" else "nprobe"
    if getattr(config, name) is not None:
        return [config]
    least, most = (64, min(items, 4096)) if config.kind == "hnsw" else (1, config.nlist or 1)
    values = [least]
    while values[-1] < most:
        values.append(min(2 * values[-1], most))
    return [config.model_copy(update={name: value}) for value in values]


def recall(
    index: ApproximateIndex, vectors_ND: np.ndarray, queries_BD: np.ndarray, k: int
) -> float:
    """The share of the exact answers that an index finds, the mean over queries.

    An answer counts if its score is that of the last exact one or better: which of several equal
    items is answered makes no difference. What the index does not find by itself is missing.
    """
    k = min(k, len(vectors_ND))
    _, exact_BK = exact_search(vectors_ND, queries_BD, k)
    nothing = [np.empty(0, np.int64)] * len(queries_BD)
    _, found_BK = index.find(queries_BD, k, nothing, completes=False)
    slack = ROUNDING * np.abs(exact_BK).max(axis=1, keepdims=True)
    return float((found_BK >= exact_BK[:, -1:] - slack).mean())


def publish_index(
    folder: Path,
    model: Path,
    version: str,
    vectors_ND: np.ndarray,
    item_ids: Sequence[str],
    queries_BD: np.ndarray,
    config: IndexConfig,
) -> dict[str, Any]:
    """Builds an index and writes its folder, if it finds enough.

    Args:
        folder: to write; one that is there is replaced.
        model: folder of the SavedModel that it belongs to.
        version: of that model.
        vectors_ND, item_ids, queries_BD, config: see :func:`build_index`.

    Returns:
        The manifest.

    Raises:
        InputError: its recall is below ``min_recall``, nothing was written; or see
            :func:`build_index`.
    """
    index, measured = build_index(vectors_ND, item_ids, queries_BD, config)
    used = index.config
    if measured["recall"] < config.min_recall:
        raise InputError(
            f"the index finds {measured['recall']:.4f} of the {measured['k']} best items of "
            f"{measured['queries']:,} queries, and min_recall is {config.min_recall}. Nothing was "
            f"published. {_mend(used)}"
        )
    faiss = library()
    with whole_folder(folder, replaces=True) as draft:
        faiss.write_index(index.faiss_index, str(draft / INDEX))
        np.save(draft / VECTORS, np.ascontiguousarray(vectors_ND, np.float32))
        write_vectors(draft / TABLE, item_ids, vectors_ND)
        manifest = {
            "format": FORMAT,
            "model": {"version": version, "manifest_sha256": model_digest(model)},
            "items": len(item_ids),
            "dim": int(vectors_ND.shape[1]),
            "longest": longest(vectors_ND),
            "index_bytes": (draft / INDEX).stat().st_size,
            **measured,
            "settings": used.model_dump(mode="json"),
            "faiss": faiss.__version__,
        }
        write_folder_manifest(draft, MANIFEST, manifest)
    return manifest


def _mend(config: IndexConfig) -> str:
    """What to raise."""
    if config.kind == "hnsw":
        raised = f"ef_search (now {config.ef_search}), ef_construction ({config.ef_construction})"
        raised += f" or m ({config.m})"
    else:
        raised = f"nprobe (now {config.nprobe} of {config.nlist} lists)"
    if config.quantise is not None:
        raised += f", or rescore ({config.rescore:g}), or quantise less ({config.quantise})"
    return f"Raise {raised}"
