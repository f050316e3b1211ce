"""The batch that travels from a log to a model: its keys, their shapes and dtypes.

A batch is a dictionary of NumPy arrays. Training reads a :class:`TrainingBatch`, which
:class:`recsys.data.batches.training_batches.TrainingBatches` assembles; evaluation, export and
serving ask with a :class:`QueryBatch`, which :mod:`recsys.data.batches.histories` encodes. A
model's :class:`BatchSpec` (``retriever.batch_spec``) says which of the keys it reads.

Legend of shapes, here and in the suffixes of names (``segment_ids_BL``):

======  ========================================================================================
suffix  meaning
======  ========================================================================================
``B``   lanes of a batch: a sequence each, or several where they are packed
``L``   positions of a lane; a sequence of n events has n + 1, as the start vector comes first
``E``   events of a lane: L, or L - 1 without packing, where the start is not written down
``S``   sequences of a batch: parts of users' histories, of which each belongs to one user
``Q``   queries of a batch: positions at which something is predicted
``P``   predictions of a batch: events that are predicted; a query may predict several
``N``   negatives, shared by all predictions of a batch
``V``   items that are scored: a catalogue, or what a sampled loss drew (a language model's
        vocabulary)
``D``   width of a vector
======  ========================================================================================

Two users, of whom the first chose the items 3, 1 and 2 in turn and the second 4 and 2, as one
batch of a model that reads packed sequences. Position 0 of each sequence is the start vector, so
its ``history`` says nothing (0); each position predicts the event after it, and the last event is
predicted and not read.

>>> import numpy as np
>>> batch: TrainingBatch = {
...     "history": np.array([[0, 3, 1, 0, 4]], np.int32),
...     "segment_ids": np.array([[0, 0, 0, 1, 1]], np.int32),
...     "position_ids": np.array([[0, 1, 2, 0, 1]], np.int32),
...     "query_positions": np.array([0, 1, 2, 3, 4], np.int32),
...     "targets": np.array([3, 1, 2, 4, 2], np.int32),
...     "weights": np.ones(5, np.float32),
... }
>>> check_batch(batch)

What a retriever makes of it: a query vector for each position, and a loss for the batch.

>>> from recsys.models.retriever import Retriever
>>> model = {"dim": 8, "max_events": 4, "query": {"encoder": {"kind": "attention"}}}
>>> retriever = Retriever(model, catalogue_items=5, known_items=5, users=2)
>>> retriever.batch_spec.training_keys
('history', 'segment_ids', 'position_ids', 'query_positions', 'targets', 'weights')
>>> outputs = retriever(batch)
>>> tuple(outputs["queries"].shape), tuple(outputs["items"].shape)
((1, 5, 8), (5, 8))
>>> round(float(retriever.loss_of(outputs, batch)), 1)  # before training, about log(5)
1.6
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple, Protocol, TypedDict, get_args, get_type_hints

import numpy as np

# The key of a feature is this and its name: of the users, and of the events that are read.
USER_FEATURE = "user_feature."
EVENT_FEATURE = "event_feature."


class Layout(NamedTuple):
    """What an array of a batch must look like.

    Attributes:
        dtype: of its elements.
        axes: one letter of the legend for each axis.
    """

    dtype: str
    axes: str


class TrainingBatch(TypedDict, total=False):
    """A batch with what is to be predicted.

    Beside these keys ``user_feature.<name>`` [S, …], and ``event_feature.<name>`` [B, E] of the
    events that are read, 0 where there is none.

    Arrays are filled up to shapes that are the same from batch to batch, so that each is
    compiled once: what fills them up reads nothing, and its ``weights`` are 0.
    """

    # The item of each event that is read, as an index; 0 where there is none.
    history: Annotated[np.ndarray, Layout("int32", "BE")]
    # Whole seconds since the first event of the sequence; of a model that reads times.
    history_times: Annotated[np.ndarray, Layout("int32", "BE")]
    # Events of each sequence; of a model that reads whole sequences.
    length: Annotated[np.ndarray, Layout("int32", "B")]
    # The sequence that each position belongs to, -1: to none; where sequences are packed.
    segment_ids: Annotated[np.ndarray, Layout("int32", "BL")]
    # How many events of its sequence precede each position; where sequences are packed.
    position_ids: Annotated[np.ndarray, Layout("int32", "BL")]
    # The user of each sequence, -1: nobody's; of a model that reads the user's id.
    user: Annotated[np.ndarray, Layout("int32", "S")]
    # The queries, as places among the positions of all lanes, lane after lane.
    query_positions: Annotated[np.ndarray, Layout("int32", "Q")]
    # The query of each prediction; missing where each query predicts one event, its own.
    query_ids: Annotated[np.ndarray, Layout("int32", "P")]
    # The item that is predicted.
    targets: Annotated[np.ndarray, Layout("int32", "P")]
    # How much each prediction counts in the loss; 0: nothing is predicted.
    weights: Annotated[np.ndarray, Layout("float32", "P")]
    # Items drawn for a sampled loss, and the logarithm of how often each is expected among them.
    negatives: Annotated[np.ndarray, Layout("int32", "N")]
    negative_log_counts: Annotated[np.ndarray, Layout("float32", "N")]


class QueryBatch(TypedDict, total=False):
    """A batch of questions, a whole history a lane.

    Beside these keys ``user_feature.<name>`` [B, …] and ``event_feature.<name>`` [B, E].
    """

    # The last events of each history, oldest first, padded with 0 on the right.
    history: Annotated[np.ndarray, Layout("int32", "BE")]
    # Whole seconds since the first of these events; of a model that reads times.
    history_times: Annotated[np.ndarray, Layout("int32", "BE")]
    # How many events there are; 0 for an empty history.
    length: Annotated[np.ndarray, Layout("int32", "B")]
    # Who asks, -1: unknown; of a model that reads the user's id.
    user: Annotated[np.ndarray, Layout("int32", "B")]


@dataclass(frozen=True)
class BatchSpec:
    """What a model reads of a batch.

    Attributes:
        max_events: events of a history, at most.
        history: whether it reads the history at all. ``history`` is there nevertheless, as its
            shape is that of the batch.
        times: whether it reads ``history_times``.
        whole_sequences: whether an event is predicted from those after it, too: the history of
            a sequence holds its last event, and ``length`` says where it ends.
        packed: whether a lane of a training batch holds several sequences, which the model keeps
            apart by ``segment_ids``.
        user: whether it reads ``user``.
        user_features: names of the user features that it reads.
        event_features: names of the event features that it reads.
        negatives: whether its loss needs ``negatives``.
    """

    max_events: int
    history: bool = True
    times: bool = False
    whole_sequences: bool = False
    packed: bool = False
    user: bool = False
    user_features: tuple[str, ...] = ()
    event_features: tuple[str, ...] = ()
    negatives: bool = False

    @property
    def training_keys(self) -> tuple[str, ...]:
        """The keys of a training batch; ``query_ids`` come with logs of events at one time."""
        there = {
            "history": True,
            "history_times": self.times,
            **{EVENT_FEATURE + name: True for name in self.event_features},
            "length": self.whole_sequences,
            "segment_ids": self.packed,
            "position_ids": self.packed,
            "user": self.user,
            **{USER_FEATURE + name: True for name in self.user_features},
            "query_positions": True,
            "targets": True,
            "weights": True,
            "negatives": self.negatives,
            "negative_log_counts": self.negatives,
        }
        return tuple(key for key, is_there in there.items() if is_there)

    @property
    def query_keys(self) -> tuple[str, ...]:
        """The keys of a query batch.

        >>> BatchSpec(max_events=50, times=True, user_features=("country",)).query_keys
        ('history', 'history_times', 'length', 'user_feature.country')
        """
        there = {"history": True, "history_times": self.times, "length": True, "user": self.user}
        keys = [key for key, is_there in there.items() if is_there]
        keys += [EVENT_FEATURE + name for name in self.event_features]
        return (*keys, *(USER_FEATURE + name for name in self.user_features))

    @property
    def event_keys(self) -> tuple[str, ...]:
        """The keys of a query batch that hold a value an event."""
        times = ("history_times",) if self.times else ()
        return ("history", *times, *(EVENT_FEATURE + name for name in self.event_features))


class NegativeSampler(Protocol):
    """Draws the negatives of one batch.

    Attributes:
        count: how many.
    """

    count: int

    def draw(
        self, generator: np.random.Generator, targets: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Draws ``count`` items.

        Args:
            generator: the batch's own source of randomness.
            targets: int32 [P], the real targets of the batch.

        Returns:
            int32 [N], the items, and float32 [N], the logarithm of each item's expected number
            of occurrences among the ``count``.
        """
        ...


def check_batch(batch: Mapping[str, Any], kind: type = TrainingBatch) -> None:
    """Compares the arrays of a batch with what its keys promise.

    Args:
        batch: its arrays.
        kind: :class:`TrainingBatch` or :class:`QueryBatch`.

    Raises:
        ValueError: an unknown key, another dtype, another number of axes, or two arrays that
            differ in the size of an axis which they share.

    >>> check_batch({"targets": np.zeros(3, np.int32), "weights": np.ones(2, np.float32)})
    Traceback (most recent call last):
        ...
    ValueError: weights: expected float32 [P] with P = 3, received float32 of shape (2,)
    """
    described = {
        key: get_args(hint)[1] for key, hint in get_type_hints(kind, include_extras=True).items()
    }
    sizes: dict[str, int] = {}
    for key, array in batch.items():
        if key.startswith(USER_FEATURE):
            continue
        if key.startswith(EVENT_FEATURE):
            dtype, axes = str(array.dtype), described["history"].axes
        elif key in described:
            dtype, axes = described[key]
        else:
            features = f"{USER_FEATURE}… or {EVENT_FEATURE}…"
            raise ValueError(f"{key}: expected one of {', '.join(described)}, {features}")
        received = f"received {array.dtype} of shape {tuple(array.shape)}"
        if str(array.dtype) != dtype or len(array.shape) != len(axes):
            raise ValueError(f"{key}: expected {dtype} [{', '.join(axes)}], {received}")
        for axis, size in zip(axes, array.shape, strict=True):
            if sizes.setdefault(axis, size) != size:
                wanted = f"{dtype} [{', '.join(axes)}] with {axis} = {sizes[axis]}"
                raise ValueError(f"{key}: expected {wanted}, {received}")
