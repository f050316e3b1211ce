"""An approximate index: asked with query vectors, it answers with items.

The best items of a query are those of the largest inner product, which is no distance: an item may
be nearer to others than to itself, so that the graph of HNSW has parts that no search reaches, and
clusters gather the longest vectors. So each item vector gets one more coordinate, which makes all
of them equally long. A query gets a zero there, and their length, which changes no order. The
nearest by Euclidean distance are then those of the largest inner product (Bachrach et al.,
"Speeding up the Xbox recommender system using a Euclidean transformation for inner-product spaces",
2014). The exact scores of what the index finds are computed from float32 vectors.

Legend of shapes: B queries, N items, D dimensions, K answers, C candidates.
"""

import math
import numbers
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from recsys.data.sources.text import normal_id
from recsys.errors import Damaged, InputError
from recsys.export.ann.config import IndexConfig
from recsys.export.manifest import FILE as MODEL_MANIFEST
from recsys.system.extras import require
from recsys.system.manifests import as_files, check, digest, read_manifest
from recsys.system.reading import reading

FORMAT = 1
MANIFEST, INDEX, VECTORS, TABLE = "manifest.json", "index.faiss", "vectors.npy", "vectors.parquet"
MEND = "Build it again (`recsys index RUN`)"
# Scores that an exact search computes at once: 256 MB.
SCORES = 2**26


def library() -> Any:
    """FAISS.

    Raises:
        MissingExtra: it is not installed.
    """
    return require("faiss", extra="ann", what="an approximate index (recsys index)")


def model_digest(model: Path) -> str:
    """What tells a SavedModel from all others: the digest of its manifest."""
    file = model / MODEL_MANIFEST
    if not file.is_file():
        raise InputError(f"{model} is not an exported model: it has no {MODEL_MANIFEST}")
    return digest(file)


def equally_long(vectors_ND: np.ndarray, multiple: int = 1) -> np.ndarray:
    """Item vectors with a further coordinate, which makes them as long as the longest.

    Args:
        vectors_ND: float32.
        multiple: coordinates of a group; zeros fill up groups, and the new one is in its own.

    >>> equally_long(np.array([[3, 0], [0, 5]], np.float32)).tolist()
    [[3.0, 0.0, 4.0], [0.0, 5.0, 0.0]]
    """
    squares = np.einsum("nd,nd->n", vectors_ND, vectors_ND, dtype=np.float64)
    missing = np.sqrt(np.maximum(squares.max(initial=0.0) - squares, 0.0))
    place = -(-vectors_ND.shape[1] // multiple) * multiple
    widened = _widened(vectors_ND, place + multiple)
    widened[:, place] = missing
    return widened


def longest(vectors_ND: np.ndarray) -> float:
    """The length of the longest vector."""
    return float(np.sqrt(np.einsum("nd,nd->n", vectors_ND, vectors_ND).max(initial=0.0)))


def _widened(vectors: np.ndarray, width: int) -> np.ndarray:
    widened = np.zeros((len(vectors), width), np.float32)
    widened[:, : vectors.shape[1]] = vectors
    return widened


def exact_search(
    vectors_ND: np.ndarray, queries_BD: np.ndarray, k: int
) -> tuple[np.ndarray, np.ndarray]:
    """The best items by a product with all of them.

    Returns:
        int64 [B, K] items, best first, and float32 [B, K] scores.
    """
    k = min(k, len(vectors_ND))
    step = max(1, SCORES // max(1, len(vectors_ND)))
    items, scores = [], []
    for begin in range(0, len(queries_BD), step):
        scores_BN = queries_BD[begin : begin + step] @ vectors_ND.T
        best = np.argpartition(-scores_BN, k - 1, axis=1)[:, :k]
        best_scores = np.take_along_axis(scores_BN, best, axis=1)
        order = np.argsort(-best_scores, axis=1, kind="stable")
        items.append(np.take_along_axis(best, order, axis=1))
        scores.append(np.take_along_axis(best_scores, order, axis=1))
    if not items:
        return np.empty((0, k), np.int64), np.empty((0, k), np.float32)
    return np.concatenate(items), np.concatenate(scores)


class ApproximateIndex:
    """The items of one exported model, searched approximately.

    :meth:`load` opens what ``recsys index`` wrote.

    Args:
        index: of FAISS, over :func:`equally_long` vectors.
        item_ids: of the items, in its order.
        vectors_ND: float32, their vectors.
        length: of the longest of them.
        config: with the effort of a search (``ef_search`` or ``nprobe``) filled in.
        manifest: of the folder; empty before there is one.
        folder: that it was read from; None: it was not.

    Attributes:
        faiss_index: as given.
        config: as given.
        folder: as given.
        manifest: recall, sizes, settings and the model that it belongs to.
    """

    def __init__(
        self,
        index: Any,
        item_ids: Sequence[str],
        vectors_ND: np.ndarray,
        length: float,
        config: IndexConfig,
        manifest: dict[str, Any] | None = None,
        folder: Path | None = None,
    ) -> None:
        self.folder = folder
        self.faiss_index, self.config = index, config
        self._item_ids = np.array([*item_ids, ""], object)
        self._vectors_ND = vectors_ND
        self._length = length
        self._places: dict[str, int] | None = None
        self.manifest = manifest or {}

    @classmethod
    def load(cls, folder: str | Path, model: str | Path) -> "ApproximateIndex":
        """Opens an index, and holds it to the model whose ``embed_query`` is to feed it.

        Args:
            folder: that ``recsys index`` wrote.
            model: folder of the SavedModel.

        Raises:
            InputError: it is an index of another model, or FAISS is not installed.
            Damaged: a file is missing or not what was written.
        """
        folder = Path(folder)
        file = folder / MANIFEST
        if not file.is_file():
            raise Damaged(folder, MEND, f"is not an approximate index: it has no {MANIFEST}")
        manifest = read_manifest(file, MEND)
        if manifest.get("format") != FORMAT:
            what = f"has index format {manifest.get('format')}, this version reads {FORMAT}"
            raise Damaged(folder, MEND, what)
        if manifest["model"]["manifest_sha256"] != model_digest(Path(model)):
            raise InputError(
                f"{folder} is an index of another model than {model}: its items would be found by "
                f"vectors of another space. {MEND}, or give the model that it was built for"
            )
        check(folder, as_files(manifest["files"], file, MEND), MEND)
        # Where it is not installed, nothing was damaged.
        faiss = library()
        from pyarrow import parquet

        with reading(folder / INDEX, MEND):
            index = faiss.read_index(str(folder / INDEX))
        with reading(folder / VECTORS, MEND):
            vectors_ND = np.load(folder / VECTORS, mmap_mode="r", allow_pickle=False)
        with reading(folder / TABLE, MEND):
            table = parquet.read_table(folder / TABLE, columns=["item_id"])
        config = IndexConfig.model_validate(manifest["settings"])
        ids = table["item_id"].to_pylist()
        return cls(index, ids, vectors_ND, manifest["longest"], config, manifest, folder)

    def __len__(self) -> int:
        return len(self._vectors_ND)

    def search(
        self, queries: np.ndarray, k: int = 100, exclude: Sequence[Sequence[str]] | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """The items of the largest scores, as the SavedModel's signatures answer.

        As many more are fetched as are excluded at most. A query for which the index finds too few
        is answered exactly.

        Args:
            queries: float32 [B, D], by ``embed_query`` of the model.
            k: how many answers a row has.
            exclude: for each query ids that are not to be answered, such as its history; unknown
                ones are ignored.

        Returns:
            Ids, object [B, K], best first, and scores, float32 [B, K]. Rows with fewer answers end
            in ``""`` and −∞.

        Raises:
            InputError: the shape of the queries is another one, ``k`` is no whole number from 1, or
                ``exclude`` is not a list of ids for each.
        """
        try:
            queries_BD = np.ascontiguousarray(queries, np.float32)
        except (TypeError, ValueError) as error:
            raise InputError(f"expected query vectors of numbers: {error}") from error
        if queries_BD.ndim != 2 or queries_BD.shape[1] != self._vectors_ND.shape[1]:
            raise InputError(
                f"expected query vectors of the shape [queries, {self._vectors_ND.shape[1]}], "
                f"received {list(queries_BD.shape)}"
            )
        if not np.isfinite(queries_BD).all():
            raise InputError("a query vector holds a value that is not a finite number")
        if not isinstance(k, numbers.Integral) or k < 1:
            raise InputError(f"k is {k!r}: expected a whole number from 1")
        left_out = self._numbers(exclude, len(queries_BD))
        items_BK, scores_BK = self.find(queries_BD, k, left_out)
        return self._item_ids[items_BK], scores_BK

    def _numbers(self, exclude: Sequence[Sequence[str]] | None, queries: int) -> list[np.ndarray]:
        """The items to leave out of each row."""
        if exclude is None:
            return [np.empty(0, np.int64)] * queries
        if len(exclude) != queries:
            raise InputError(
                f"`exclude` has {len(exclude)} lists of ids, and there are {queries} queries: give "
                "one for each"
            )
        if self._places is None:
            self._places = {item: place for place, item in enumerate(self._item_ids[:-1])}
        places = self._places
        found = []
        for ids in exclude:
            if isinstance(ids, str) or not isinstance(ids, Iterable):
                raise InputError(
                    f"`exclude` has {ids!r:.80} where a list of ids is expected: give a list for "
                    'each query, such as [["i5", "i18"]]'
                )
            listed = list(ids)
            if other := [item for item in listed if not isinstance(item, str)]:
                raise InputError(f"`exclude` has {other[0]!r:.80}, which is not an id: give text")
            left_out = {places.get(normal_id(item), -1) for item in listed} - {-1}
            found.append(np.array(sorted(left_out), np.int64))
        return found

    def find(
        self,
        queries_BD: np.ndarray,
        k: int,
        left_out: Sequence[np.ndarray],
        completes: bool = True,
    ) -> tuple[np.ndarray, np.ndarray]:
        """As :meth:`search`, in numbers of items.

        Args:
            queries_BD: float32.
            k: how many answers a row has.
            left_out: int64 arrays of items, one for each query.
            completes: whether a query for which the index finds too few is answered exactly.

        Returns:
            int64 [B, K] items, −1 where there is none, and float32 [B, K] scores.
        """
        widest = max(map(len, left_out), default=0)
        wanted = min(len(self), math.ceil((k + widest) * self.config.rescore))
        candidates_BC = self._candidates(queries_BD, wanted)
        items_BK = np.full((len(queries_BD), k), -1, np.int64)
        scores_BK = np.full((len(queries_BD), k), -np.inf, np.float32)
        for row, (query_D, candidates, excluded) in enumerate(
            zip(queries_BD, candidates_BC, left_out, strict=True)
        ):
            items = np.setdiff1d(candidates[candidates >= 0], excluded)
            if completes and len(items) < min(k, len(self) - len(excluded)):
                items = np.setdiff1d(np.arange(len(self)), excluded)
            scores = np.asarray(self._vectors_ND[items]) @ query_D
            best = np.argsort(-scores, kind="stable")[:k]
            items_BK[row, : len(best)], scores_BK[row, : len(best)] = items[best], scores[best]
        return items_BK, scores_BK

    def _candidates(self, queries_BD: np.ndarray, wanted: int) -> np.ndarray:
        """int64 [B, C] items by the index, −1 where it found fewer."""
        faiss = library()
        config = self.config
        if config.kind == "hnsw":
            # It finds as many as it keeps at most.
            effort = max(config.ef_search or 0, wanted)
            parameters = faiss.SearchParametersHNSW(efSearch=effort)
        else:
            parameters = faiss.SearchParametersIVF(nprobe=config.nprobe or 1)
        lengths_B1 = np.linalg.norm(queries_BD, axis=1, keepdims=True)
        lengths_B1 = np.maximum(lengths_B1, np.finfo(np.float32).tiny)
        widened = _widened(queries_BD * (self._length / lengths_B1), self.faiss_index.d)
        return self.faiss_index.search(widened, wanted, params=parameters)[1]
