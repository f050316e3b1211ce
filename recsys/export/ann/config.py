"""How an approximate index is built, and what it must find."""

import math
from typing import Literal

from pydantic import Field, model_validator

from recsys.config import StrictConfig

# Beyond this, a graph takes too long to build and its links as much memory as the vectors.
HNSW_UP_TO = 1_000_000
# What FAISS asks for to train a centroid, without a warning.
VECTORS_PER_LIST = 39


class IndexConfig(StrictConfig):
    """Settings of an approximate index (FAISS)."""

    kind: Literal["hnsw", "ivf"] | None = Field(
        None,
        description="hnsw: a navigable graph; ivf: inverted lists of a clustering. null: hnsw up "
        "to a million items, ivf beyond",
    )
    quantise: Literal["int8", "pq"] | None = Field(
        None,
        description="what the index holds of a vector: one byte a dimension (int8), or one for "
        "`pq_dims` dimensions (product quantisation, of ivf only); null: float32. Scores are "
        "computed from float32 vectors whatever it is",
    )
    pq_dims: int = Field(4, ge=1, description="dimensions that share a byte, with pq")
    m: int = Field(32, ge=4, le=128, description="links of a vertex of hnsw")
    ef_construction: int = Field(
        200, ge=8, description="candidates that hnsw looks at to link a new vertex"
    )
    ef_search: int | None = Field(
        None, ge=1, description="candidates that a search of hnsw keeps; null: see `min_recall`"
    )
    nlist: int | None = Field(
        None, ge=1, description="lists of ivf; null: 4 √items, as far as there are items for them"
    )
    nprobe: int | None = Field(
        None, ge=1, description="lists that a search of ivf reads; null: see `min_recall`"
    )
    rescore: float = Field(
        2.0,
        ge=1,
        description="candidates by the index, as a multiple of what is asked for, whose exact "
        "scores are computed",
    )
    k: int = Field(100, ge=1, description="answers of which recall is measured")
    queries: int = Field(1000, ge=2, description="query vectors that recall is measured on")
    min_recall: float = Field(
        0.99,
        ge=0,
        le=1,
        description="share of the exact answers that the index must find, or it is not published. "
        "Where `ef_search` and `nprobe` are null, they are doubled until half of the queries miss "
        "no more than half of what they may; the other half decides",
    )

    @model_validator(mode="after")
    def _graphs_need_distances(self) -> "IndexConfig":
        if self.kind == "hnsw" and self.quantise == "pq":
            raise ValueError(
                "`quantise: pq` is for `kind: ivf`: a graph is not found through by distances that "
                "coarse. Use `quantise: int8`, or ivf"
            )
        return self

    def kind_for(self, items: int) -> Literal["hnsw", "ivf"]:
        """The kind of an index of so many items."""
        if self.kind is not None:
            return self.kind
        return "hnsw" if items <= HNSW_UP_TO and self.quantise != "pq" else "ivf"

    def lists_for(self, items: int) -> int:
        """How many lists an index of so many items has."""
        most = max(1, items // VECTORS_PER_LIST)
        return min(self.nlist or math.ceil(4 * math.sqrt(items)), most)
