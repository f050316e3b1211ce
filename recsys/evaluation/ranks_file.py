"""``ranks.parquet``: the rank of every held-out item, by which runs are compared."""

from pathlib import Path

import numpy as np
import pyarrow as pa

from recsys.data.dataset import Dataset
from recsys.data.queries import Queries
from recsys.errors import InputError
from recsys.evaluation.ranking import UNRANKED, RankedQueries
from recsys.protection.encryption import encryption_of, read_table, write_table
from recsys.system.files import atomic_path
from recsys.system.reading import reading

MEND = "Evaluate the run again (`recsys evaluate` with its experiment)"


def write_ranks(ranked: RankedQueries, dataset: Dataset, path: Path) -> None:
    """Writes ``ranks.parquet``, a row per held-out item, in whole or not at all.

    Columns: ``user_id`` and ``item_id`` (text), ``rank`` (int32, 1 = best, null
    where the scorer cannot return the item), ``event`` (int64, where the event
    stands in the dataset).
    """
    owners = ranked.queries.users[ranked.queries.target_queries]
    table = pa.table(
        {
            "user_id": pa.array(dataset.user_ids, pa.string()).take(pa.array(owners)),
            "item_id": pa.array(dataset.item_ids, pa.string()).take(
                pa.array(ranked.queries.target_items)
            ),
            "rank": pa.array(ranked.ranks, pa.int32(), mask=ranked.ranks == UNRANKED),
            "event": pa.array(ranked.queries.target_events, pa.int64()),
        }
    )
    encryption = encryption_of(dataset.manifest.encryption, f"the dataset {dataset.path}")
    with atomic_path(path, private=True) as partial:
        write_table(table, partial, encryption)


def read_ranks(path: Path, dataset: Dataset) -> RankedQueries:
    """Reads ``ranks.parquet`` back, to compare runs on one dataset with each other.

    The top items are not in the file, so the result has none (k is 0), and
    ``repeats_left_out`` is 0.

    Raises:
        InputError: the ranks are damaged, or were made with another dataset.
    """
    with reading(path, MEND):
        table = read_table(path)
        events = table["event"].to_numpy()
        ids = table["item_id"].to_pylist()
        found = table["rank"].fill_null(UNRANKED).to_numpy().astype(np.int32)
    if len(events) and (
        events.max() >= dataset.events
        or ids != [dataset.item_ids[item] for item in dataset.event_items[events]]
    ):
        raise InputError(
            f"{path} was made with another dataset than {dataset.path}: only runs on one dataset "
            "can be compared"
        )
    users = np.searchsorted(dataset.user_offsets, events, side="right") - 1
    history_ends = dataset.history_ends[events]
    same_user = np.diff(users, prepend=-1) == 0
    same_group = np.diff(history_ends, prepend=-1) == 0
    starts = np.flatnonzero(~(same_user & same_group))
    queries = Queries(
        users=users[starts].astype(np.int32),
        history_ends=history_ends[starts],
        target_offsets=np.append(starts, len(events)).astype(np.int64),
        target_items=dataset.event_items[events],
        target_events=events,
    )
    return RankedQueries(queries, found, np.empty((len(starts), 0), np.int32), 0)
