"""A hand-written dataset, retrievers for it, and their exports, made once."""

import dataclasses
import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from recsys.data.dataset import Dataset
from recsys.data.feature import Feature
from recsys.data.manifest import Manifest
from recsys.evaluation.ranking import RetrieverEmbedder, rank
from recsys.evaluation.ranks_file import write_ranks
from recsys.export.manifest import read_manifest
from recsys.export.probes import Probes, write_probes
from recsys.export.request import ExportConfig, ExportRequest
from recsys.models.retriever import ModelConfig, Retriever
from tests.key_pairs import key_pair
from tests.processes import run_python

# The first eight have training events; the last two are in the item table only.
ITEMS = [
    "apple",
    "Apple",
    "crème brûlée",
    "日本茶",
    "17850",
    "fig",
    "grape",
    "hazel",
    "new",
    "newer",
]
KNOWN_ITEMS = 8
CONTEXT = [2, 6]  # in ``context_dataset``
USERS = ["ann", "böb", "cid", "dot"]
EVENTS = {
    "ann": [0, 1, 2, 3, 4, 5, 6, 0, 1],
    "böb": [7],
    "cid": [4, 4, 8, 2],
    "dot": [3, 2, 1],
}
# Seconds since 1970 of the events: ten minutes and more apart, two at once.
TIMES = {
    user: [1_700_000_000 + 600 * (number // 2) ** 3 for number in range(len(events))]
    for user, events in EVENTS.items()
}
TIMED = {"encoder": {"kind": "attention", "blocks": 1, "times": True}}
FEATURES = {
    "city": (Feature(name="city", kind="categorical", vocabulary_size=3), ["Köln", "Paris"]),
    "tags": (
        Feature(name="tags", kind="multivalued", width=2, vocabulary_size=4),
        ["a", "b", "c"],
    ),
    "bio": (
        Feature(name="bio", kind="text", width=3, vocabulary_size=4),
        ["likes", "thé", "σίσυφοσ"],
    ),
    "age": (Feature(name="age", kind="numeric", mean=40.0, deviation=8.0), None),
    "taste": (Feature(name="taste", kind="vector", width=2), None),
}
USER_VALUES = {
    "city": np.array([1, 2, 0, 1], np.int32),
    "tags": np.array([[1, 2], [3, 0], [0, 0], [2, 0]], np.int32),
    "bio": np.array([[1, 2, 0], [3, 1, 2], [0, 0, 0], [2, 2, 0]], np.int32),
    "age": np.array([-1.0, 0.5, 0.0, 2.25], np.float32),
    "taste": np.array([[0.5, -1], [2, 1], [0, 0], [1, 1]], np.float32),
}
EVENTFUL = {"encoder": {"kind": "gru", "units": 6}, "event_features": ["what", "price"]}
EVENT_FEATURES = {
    "what": (Feature(name="what", kind="categorical", vocabulary_size=3), ["view", "Käufe"]),
    "price": (Feature(name="price", kind="numeric", mean=20.0, deviation=5.0), None),
}
EVENT_VALUES = {
    "what": np.array([1, 2, 0, 1, 1, 2, 2, 0, 1, 2, 1, 1, 2, 0, 1, 2, 1], np.int32),
    "price": np.linspace(-2, 2, 17, dtype=np.float32),
}
# Of the items: the ninth is in the table only, and the fourth has nothing.
ATTRIBUTES = {
    "category": [["tea"], ["tea"], ["17"], [], ["tea"], ["夏"], ["17"], ["tea"], ["new"], ["tea"]],
    "genres": [["a"], ["a", "b"], ["b", "c"], [], ["c"], [], ["a", "c"], ["b"], ["d"], ["a"]],
    "price": [1.0, 5.0, 19.99, None, 5.0, 7.5, 0.0, 20.0, 3.0, None],
}
FILTERED = {
    "two_tower": list(ATTRIBUTES),
    "context": ["price", "genres"],
    "reranked": ["price"],
}
RERANK = {
    "diversity": 0.4,
    "popularity": 0.3,
    # Events are minutes to hours apart.
    "freshness": {"weight": 0.5, "half_life_days": 0.02},
    "candidates": 2,
}
RERANKED = {"reranked": RERANK, "less_popular": {"popularity": 0.5}}
GENRES = np.array([[1], [2], [1], [0], [2], [1], [1], [2], [1], [2]], np.int32)


def write_dataset(folder: Path) -> Dataset:
    """Writes the layout of ``recsys.data.dataset`` by hand; the last event is the test's."""
    (folder / "features").mkdir(parents=True)
    counts = np.array([len(EVENTS[user]) for user in USERS])
    offsets = np.concatenate([[0], np.cumsum(counts)])
    items = np.concatenate([EVENTS[user] for user in USERS]).astype(np.int32)
    arrays = {
        "user_offsets": offsets,
        "part_ends": np.stack([offsets[1:] - 1, offsets[1:] - 1], axis=1),
        "event_items": items,
        "event_weights": np.ones(len(items), np.float32),
        "event_times": np.concatenate([TIMES[user] for user in USERS]) * 10**6 + 999_999,
        "history_ends": np.arange(len(items)),
        "item_counts": _counts(items, offsets[1:] - 1),
        "features/item.genre": GENRES,
        **{f"features/user.{name}": values for name, values in USER_VALUES.items()},
        **{f"features/event.{name}": values for name, values in EVENT_VALUES.items()},
    }
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)
    titles = ["An apple", *ITEMS[1:]]
    _write_table(folder / "items.parquet", item_id=ITEMS, title=titles)
    _write_table(folder / "users.parquet", user_id=USERS)
    _write_table(folder / "attributes.parquet", **ATTRIBUTES)
    for side, features in (("user", FEATURES), ("event", EVENT_FEATURES)):
        for name, (_, vocabulary) in features.items():
            if vocabulary:
                file = folder / f"features/{side}.{name}.vocabulary.parquet"
                _write_table(file, value=vocabulary)
    _write_table(folder / "features/item.genre.vocabulary.parquet", value=["sour", "sweet"])
    manifest = Manifest(
        fingerprint="f" * 16,
        users=len(USERS),
        items=len(ITEMS),
        events=len(items),
        part_events={"train": len(items) - 4, "validation": 0, "test": 4},
        known_items={"train": KNOWN_ITEMS, "validation": KNOWN_ITEMS, "test": 9},
        has_order=True,
        has_time=True,
        user_features=tuple(feature for feature, _ in FEATURES.values()),
        event_features=tuple(feature for feature, _ in EVENT_FEATURES.values()),
        item_features=(Feature(name="genre", kind="multivalued", width=1, vocabulary_size=3),),
        settings={},
        quality={},
        split={},
    )
    manifest.write(folder)
    return Dataset(folder)


def _counts(items: np.ndarray, of_test: np.ndarray) -> np.ndarray:
    """int64 [items, 3]: events of each item in each part, of which validation has none."""
    trained = np.delete(items, of_test)
    parts = [np.bincount(each, minlength=len(ITEMS)) for each in (trained, [], items[of_test])]
    return np.stack([part.astype(np.int64) for part in parts], axis=1)


def _write_table(file: Path, **columns: list) -> None:
    pyarrow.parquet.write_table(pa.table(columns), file)


def make_retriever(
    query: dict[str, Any],
    features: bool = False,
    catalogue: int = KNOWN_ITEMS,
    dtype: str = "float32",
) -> Retriever:
    """A retriever with large random weights, so that every bit of it shows in the scores."""
    config = {"dim": 8, "max_events": 5, "query": query}
    if features:
        config["item"] = {"features": ["genre"], "hidden": [4]}
    specs = [
        feature.model_dump(include={"name", "kind", "width", "vocabulary_size"})
        for feature, _ in FEATURES.values()
    ]
    genre = {"name": "genre", "kind": "multivalued", "width": 1, "vocabulary_size": 3}
    retriever = Retriever(
        ModelConfig.model_validate(config),
        catalogue_items=catalogue,
        known_items=min(catalogue, KNOWN_ITEMS),
        users=len(USERS),
        item_features=[genre] if features else [],
        user_features=specs if features else [],
        event_features=[
            EVENT_FEATURES[name][0].model_dump() for name in query.get("event_features", [])
        ],
        dtype=dtype,
    )
    random = np.random.default_rng(0)
    for variable in retriever.trainable_variables:
        variable.assign(random.normal(0, 0.5, variable.shape))
    if features:
        retriever.item_tower.assign_features({"genre": GENRES})
    return retriever


@dataclass(frozen=True)
class Exported:
    """An export with what it was made from."""

    retriever: Retriever
    dataset: Dataset
    request: ExportRequest
    reply: dict[str, Any]

    @property
    def folder(self) -> Path:
        return self.request.destination

    @property
    def manifest(self) -> dict[str, Any]:
        return read_manifest(self.folder)


def make_request(
    folder: Path,
    retriever: Retriever,
    dataset: Dataset,
    seen: str,
    k: int,
    filters: Sequence[str] = (),
    rerank: dict[str, Any] | None = None,
    timed_queries: int = 0,
) -> ExportRequest:
    """Saves what an exporting process needs."""
    folder.mkdir()
    retriever.save(folder / "retriever.keras")
    write_probes(retriever, dataset, folder / "probes.npz", count=7)
    return ExportRequest(
        retriever=folder / "retriever.keras",
        dataset=dataset.path,
        probes=folder / "probes.npz",
        model_folder=folder / "model",
        config=ExportConfig(
            k=k,
            warmup_requests=4 if filters else 3,
            filters=list(filters),
            rerank=rerank,
            timed_queries=timed_queries,
        ),
        seen=seen,
        experiment={"name": "tiny"},
        metrics={"test": {"ndcg@10": {"value": 0.1}}},
    )


def with_export(request: ExportRequest, **changes: Any) -> ExportRequest:
    """The same but for some settings of ``export``."""
    config = {**request.config.model_dump(), **changes}
    return request.model_copy(update={"config": ExportConfig.model_validate(config)})


def write_ranks_of(retriever: Retriever, seen: str, dataset: Dataset, file: Path) -> Path:
    """Evaluates a model on the test part, and writes the ranks as a run does."""
    queries = dataset.queries("test")
    candidates = dataset.recommendable("train")
    scorer = RetrieverEmbedder(retriever, dataset)
    ranked = rank(scorer, dataset, queries, seen, k=5, candidates=candidates)
    write_ranks(ranked, dataset, file)
    return file


EXPORT_ALL = """
import sys
from recsys.export.process import main

for file in sys.argv[1:]:
    main(file, file + ".reply")
"""


@pytest.fixture(scope="session")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return write_dataset(tmp_path_factory.mktemp("dataset"))


@pytest.fixture(scope="session")
def context_dataset(tmp_path_factory: pytest.TempPathFactory, dataset: Dataset) -> Dataset:
    """The same, but that the items in ``CONTEXT`` are read only, and never recommended."""
    folder = tmp_path_factory.mktemp("context") / "dataset"
    shutil.copytree(dataset.path, folder)
    counts = np.zeros((len(ITEMS), 3), np.int64)
    counts[:KNOWN_ITEMS, 0] = 1
    np.save(folder / "item_counts.npy", counts)
    counts[CONTEXT] = 0
    np.save(folder / "item_targets.npy", counts)
    manifest = dataset.manifest.model_copy(update={"has_context": True})
    manifest.write(folder)
    return Dataset(folder)


@pytest.fixture(scope="session")
def exports(
    tmp_path_factory: pytest.TempPathFactory, dataset: Dataset, context_dataset: Dataset
) -> dict[str, Exported]:
    """Eight exports, some with filters or reranked, and four failures, in one process.

    Starting one takes longer than its work.
    """
    root = tmp_path_factory.mktemp("exports")
    lstm = {"encoder": {"kind": "lstm", "units": 6}}
    two_tower = {"user_id": True, "user_features": list(FEATURES), "hidden": [4]}
    kinds = {
        "lstm": (make_retriever(lstm), "exclude", 20),
        "two_tower": (make_retriever(two_tower, features=True, catalogue=len(ITEMS)), "allow", 3),
        "one_item": (make_retriever({}, catalogue=1), "exclude", 2),
        "timed": (make_retriever(TIMED), "exclude", 3),
        "eventful": (make_retriever(EVENTFUL), "exclude", 3),
        "context": (make_retriever({}), "exclude", 20),
        "reranked": (make_retriever({}), "exclude", 3),
        "less_popular": (make_retriever({}), "allow", 5),
    }
    datasets = dict.fromkeys(kinds, dataset) | {"context": context_dataset}
    requests = {
        name: make_request(
            root / name,
            retriever,
            datasets[name],
            seen,
            k,
            FILTERED.get(name, ()),
            RERANKED.get(name),
            40 * (name == "lstm"),
        )
        for name, (retriever, seen, k) in kinds.items()
    }
    requests["context"] = with_export(requests["context"], signing_key="release")
    private, _ = key_pair(root / "context" / "release")
    absent = {"retriever": root / "absent.keras", "model_folder": root / "absent"}
    requests["absent"] = requests["one_item"].model_copy(update=absent)
    kinds["absent"] = kinds["one_item"]
    probes = Probes.load(requests["lstm"].probes)
    dataclasses.replace(probes, embeddings=probes.embeddings + 1).save(root / "wrong.npz")
    requests["wrong"] = requests["lstm"].model_copy(update={"probes": root / "wrong.npz"})
    kinds["wrong"] = kinds["lstm"]
    budget = {"size_bytes": 1000, "latency_p99_ms": 1e-6}
    requests["large"] = with_export(requests["lstm"], budget=budget)
    kinds["large"] = kinds["lstm"]
    requests["ill"] = requests["lstm"].model_copy(
        update={"ranks": write_ranks_of(*kinds["context"][:2], dataset, root / "ranks.parquet")}
    )
    kinds["ill"] = kinds["lstm"]
    for name, request in requests.items():
        (root / f"{name}.json").write_text(request.model_dump_json())
    files = [str(root / f"{name}.json") for name in requests]
    key = {"RECSYS_KEY_RELEASE_FILE": str(private)}
    done = run_python("export", "-c", EXPORT_ALL, *files, **key)
    assert done.returncode == 0, done.stderr[-3000:]
    replies = {name: json.loads((root / f"{name}.json.reply").read_text()) for name in requests}
    return {
        name: Exported(kinds[name][0], datasets.get(name, dataset), requests[name], replies[name])
        for name in requests
    }
