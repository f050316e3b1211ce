"""The vectors of items as a table, for a vector database."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np


def write_vectors(file: Path, item_ids: Sequence[str], vectors_ND: np.ndarray) -> None:
    """Writes a Parquet file of the columns ``item_id`` and ``embedding``, a row per item."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    flat = pa.array(np.ascontiguousarray(vectors_ND, np.float32).reshape(-1))
    embedding = pa.FixedSizeListArray.from_arrays(flat, vectors_ND.shape[1])
    columns = {"item_id": pa.array(list(item_ids), pa.string()), "embedding": embedding}
    pq.write_table(pa.table(columns), file)
