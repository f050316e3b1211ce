"""What a query encoder is: a config that says what it needs, and the layer that it builds."""

from typing import Any, Protocol

import keras

from recsys.config import StrictConfig


class EncoderConfig(Protocol):
    """Settings of a query encoder, with which a model reads histories.

    :class:`BaseEncoderConfig` answers everything but ``kind`` and ``build`` as most encoders
    do. Nothing else in the framework asks which encoder it has.

    Attributes:
        kind: names it in an experiment.
        needs_order: whether it reads the order of events, so that a log must have one.
        reads_times: whether its layer is called with ``times_BL``.
        reads_whole_sequences: whether an event is predicted from those after it, too: its layer is
            called with ``lengths_B``, and a log must not have an order.
        packs: whether it keeps sequences apart that share a lane: its layer may be called with
            ``segment_ids_BL`` and ``position_ids_BL``. It cannot pack and read whole sequences.
        compiles: whether XLA may compile it for TensorFlow on a GPU.
    """

    @property
    def kind(self) -> str: ...

    @property
    def needs_order(self) -> bool: ...

    @property
    def reads_times(self) -> bool: ...

    @property
    def reads_whole_sequences(self) -> bool: ...

    @property
    def packs(self) -> bool: ...

    @property
    def compiles(self) -> bool: ...

    def check(self, dim: int, positions: int) -> None:
        """Refuses a dim of the model, or so many positions of a sequence, that it cannot have.

        Raises:
            ValueError: naming the setting of ``query.encoder`` and the dim.
        """
        ...

    def activations(self, dim: int, width: int) -> float:
        """Numbers that training keeps of each position, for the forecast of memory.

        Args:
            dim: width of a vector.
            width: positions of a lane.
        """
        ...

    def build(self, dim: int, positions: int, **kwargs: Any) -> keras.layers.Layer:
        """The layer, from [B, L, D] to the same shape; position t depends on positions 0 to t.

        Args:
            dim: width of a vector.
            positions: of a sequence, at most.
            kwargs: for the layer's constructor (``dtype``, ``name``).
        """
        ...


class BaseEncoderConfig(StrictConfig):
    """The answers that suit most encoders; see :class:`EncoderConfig`."""

    @property
    def needs_order(self) -> bool:
        return True

    @property
    def reads_times(self) -> bool:
        return False

    @property
    def reads_whole_sequences(self) -> bool:
        return False

    @property
    def packs(self) -> bool:
        return False

    @property
    def compiles(self) -> bool:
        return True

    def check(self, dim: int, positions: int) -> None:
        """Any will do."""

    def activations(self, dim: int, width: int) -> float:
        """Nothing, until ``scripts/benchmark/memory.py`` has measured it."""
        return 0.0
