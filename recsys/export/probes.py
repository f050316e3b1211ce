"""Sample queries with the trained model's own answers, for the parity gate.

The training process writes them (with its backend, whichever that is), the
exporting process compares the SavedModel with them.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from recsys.batch import BatchSpec
from recsys.data.batches.histories import HistoryEncoder
from recsys.data.dataset import Dataset
from recsys.export.inputs import UNKNOWN, Histories, event_times
from recsys.export.manifest import MEND
from recsys.export.precision import full_float32_products
from recsys.models.query_model import QueryModel
from recsys.models.retriever import Retriever
from recsys.system.files import atomic_path
from recsys.system.reading import reading

# Before the name of an event feature, in the file.
FEATURE = "feature."


@dataclass(frozen=True)
class Probes:
    """Queries and answers, in dataset indices.

    Attributes:
        histories: the queries.
        embeddings: float32 [probes, dim], the trained model's query vectors.
        item_vectors: float32 [catalogue_items, dim], its item vectors.

    The trained model's score of an item is the dot product of the two.
    """

    histories: Histories
    embeddings: np.ndarray
    item_vectors: np.ndarray

    def save(self, file: Path) -> None:
        """Writes an ``.npz`` file, atomically."""
        histories = self.histories
        lengths = [len(history) for history in histories.items]
        features: dict[str, Any] = {
            f"{FEATURE}{name}": np.concatenate(values)
            for name, values in histories.features.items()
        }
        with atomic_path(file, private=True) as partial:
            np.savez(
                partial,
                history_items=np.concatenate(histories.items),
                history_times=np.concatenate(histories.times),
                history_offsets=np.cumsum([0, *lengths]),
                **features,
                users=histories.users,
                embeddings=self.embeddings,
                item_vectors=self.item_vectors,
            )

    @classmethod
    def load(cls, file: Path) -> "Probes":
        """Reads what :meth:`save` wrote."""
        with reading(file, MEND), np.load(file, allow_pickle=False) as arrays:
            cuts = arrays["history_offsets"][1:-1]
            features = {
                name.removeprefix(FEATURE): np.split(arrays[name], cuts)
                for name in arrays.files
                if name.startswith(FEATURE)
            }
            histories = Histories(
                np.split(arrays["history_items"], cuts),
                np.split(arrays["history_times"], cuts),
                features,
                arrays["users"],
            )
            return cls(
                histories=histories,
                embeddings=arrays["embeddings"],
                item_vectors=arrays["item_vectors"],
            )


def write_probes(retriever: Retriever, dataset: Dataset, file: Path, count: int = 64) -> Probes:
    """Chooses probes, asks the trained retriever, and saves both.

    Args:
        retriever: the trained model.
        dataset: what it was trained on.
        file: the ``.npz`` to write.
        count: how many probes, at least 4.
    """
    histories = choose_queries(dataset, retriever.catalogue_items, retriever.batch_spec, count)
    # Mixed precision keeps float32 variables: compared is what these give, free
    # of 16-bit rounding, which differs from one device to the next.
    retriever = retriever.in_float32()
    encoder = HistoryEncoder(dataset, retriever.catalogue_items, retriever.batch_spec)
    with full_float32_products():
        model = QueryModel(retriever)
        given = encoder.of_events(
            histories.items, histories.times, histories.features, histories.users
        )
        embeddings = np.asarray(model.predict_on_batch(given))
    item_vectors = keras.ops.convert_to_numpy(model.item_vectors)
    probes = Probes(histories, embeddings, item_vectors)
    probes.save(file)
    return probes


def choose_queries(
    dataset: Dataset, catalogue_items: int, spec: BatchSpec, count: int
) -> Histories:
    """Chooses histories and users: the awkward ones first, then real ones.

    The awkward ones are an empty history of an unknown and of a known user, a
    single event, and more events than the encoder reads, with gaps that grow by
    an hour each, of which the event features are those of the log's first events.
    The real ones are evenly spread over the users.

    Args:
        dataset: whose events and users they are.
        catalogue_items: of the model; histories hold items at or beyond it, too.
        spec: what the model reads.
        count: how many, at least 4.
    """
    max_events = spec.max_events
    longer_than_window = np.arange(max_events + 5, dtype=np.int32) % catalogue_items
    no_events = np.empty(0, np.int32)
    histories = [no_events, no_events, np.zeros(1, np.int32), longer_than_window]
    times = [3600 * np.cumsum(np.arange(len(history))) for history in histories]
    users = [UNKNOWN, 0, UNKNOWN, 0]
    values = {name: dataset.feature("event", name) for name in spec.event_features}
    features = {
        name: [np.resize(each[: len(history)], len(history)) for history in histories]
        for name, each in values.items()
    }
    # A few times the window is enough to prove that what lies beyond it is
    # excluded; a whole history may be a hundred thousand events.
    keep = 4 * max_events
    spread = np.linspace(0, dataset.users - 1, max(0, count - len(histories)))
    for user in spread.astype(np.int32):
        begin, end = dataset.user_offsets[user : user + 2]
        events = slice(max(begin, end - keep), end)
        histories.append(np.asarray(dataset.event_items[events], np.int32))
        times.append(event_times(dataset, events))
        for name, each in values.items():
            features[name].append(np.asarray(each[events]))
        users.append(int(user))
    return Histories(histories, times, features, np.asarray(users, np.int32))
