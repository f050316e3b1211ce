"""The same data for everyone: a generated log; or the prepared dataset, and its rows as arrays."""

from pathlib import Path

import numpy as np

from recsys.data.batches.sequences import cut_sequences
from recsys.data.prepare.prepare import prepare
from recsys.data.sources.generate import generate
from recsys.experiment.schema import load_experiment

EXPERIMENTS = {
    "movielens-1m": "movielens-1m-attention",
    "beauty": "beauty-attention",
    "gowalla": "gowalla-two-tower",
}
REPOSITORY = Path(__file__).parents[2]


def generated_log(events: int, folder: Path) -> dict[str, object]:
    """Writes a log with side tables: half a million users, 100 thousand items.

    Returns:
        ``log``, its folder.
    """
    log = folder / f"log-{events}"
    if not log.exists():
        generate(log, events, users=500_000, items=100_000)
    return {"log": str(log)}


def arrays_of(data: str, max_events: int, dim: int, folder: Path) -> dict[str, object]:
    """Prepares a dataset and writes what peers read.

    Args:
        data: a key of :data:`EXPERIMENTS`.
        max_events: events of history of a sequence.
        dim: width of the random vectors that are ranked with.
        folder: where to write.

    Returns:
        ``dataset``, the dataset's folder; ``items`` and ``users``, how many; and
        the paths of ``row_items`` and ``row_offsets`` (sequences of ``max_events`` + 1
        events, as our batches cut them), ``pair_users`` and ``pair_items`` (the
        training events), ``seen_items`` and ``seen_offsets`` (the same, by user),
        ``user_vectors`` and ``item_vectors`` (random).
    """
    experiment = load_experiment(REPOSITORY / "experiments" / f"{EXPERIMENTS[data]}.yaml")
    dataset = prepare(experiment.data, folder / "datasets")
    begins = np.asarray(dataset.user_offsets[:-1])
    ends = dataset.part_range("train")[1]
    events = np.asarray(dataset.event_items)
    apart = np.arange(len(events))
    cut = cut_sequences(begins, ends, apart, max_events, max_events)
    kept = cut.ends - cut.begins > 1
    row_events = [events[b:e] for b, e in zip(cut.begins[kept], cut.ends[kept], strict=True)]
    trained = [events[b:e] for b, e in zip(begins, ends, strict=True)]
    generator = np.random.default_rng(1)
    written = {
        "row_items": np.concatenate(row_events),
        "row_offsets": np.cumsum([0, *map(len, row_events)]),
        "pair_users": np.repeat(np.arange(dataset.users, dtype=np.int32), ends - begins),
        "pair_items": np.concatenate(trained),
        "seen_items": np.concatenate(trained),
        "seen_offsets": np.cumsum([0, *map(len, trained)]),
        "user_vectors": generator.normal(size=(dataset.users, dim)).astype(np.float32),
        "item_vectors": generator.normal(size=(dataset.items, dim)).astype(np.float32),
    }
    paths: dict[str, object] = {
        "dataset": str(dataset.path),
        "items": dataset.items,
        "users": dataset.users,
    }
    for name, array in written.items():
        path = folder / f"{data}-{max_events}-{name}.npy"
        np.save(path, array)
        paths[name] = str(path)
    return paths
