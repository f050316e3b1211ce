"""The training step, as the loop sees it."""

from typing import Any, Protocol

import keras

from recsys.data.batches.recipe import Batches
from recsys.errors import InputError
from recsys.models.retriever import Retriever
from recsys.training.checkpoint import State
from recsys.training.compiler import compiles
from recsys.training.optimizer import OptimizerConfig, OptimizerState


class Step(Protocol):
    """Trains a retriever, several batches a call.

    Of a table (see :attr:`Retriever.tables`) a step gathers the unique rows of a
    batch, differentiates with respect to them, and scatters rows and optimizer
    slots back; a table that every batch touches as a whole
    (:attr:`Retriever.whole_tables`) is updated as a whole. What is not a table is
    updated by a Keras optimizer.
    """

    def run(self, batches: Batches, steps: int | None = None) -> Any:
        """Takes one step per batch.

        What is compiled depends on how many batches there are, and not on how many are taken.

        Args:
            batches: arrays of :meth:`TrainingBatches.batch`, stacked:
                [steps, batch, ...]; with a sampled loss also ``negatives`` and
                ``negative_log_counts`` [steps, draws]. On JAX also a
                :class:`recsys.data.batches.recipe.Recipe`.
            steps: how many of the batches are taken, the first ones: the others fill up, and
                leave no trace. None: all.

        Returns:
            float32 [at least the steps taken], the losses, possibly still being computed:
            ``np.asarray`` waits for them.
        """
        ...

    def scale_rate(self, scale: float) -> None:
        """From now on the learning rate is so many times the schedule's."""
        ...

    def working_memory(self, batches: Batches) -> int:
        """Bytes that :meth:`run` needs for such batches, beside weights and slots.

        On JAX it is the compiler's figure; on TensorFlow it is estimated (see
        :func:`recsys.training.memory.estimate_working_memory`).
        """
        ...

    def state(self) -> State:
        """Everything that training changes, by name: weights, slots, counters, seeds."""
        ...

    def restore(self, state: State) -> None:
        """Puts back what :meth:`state` returned."""
        ...

    def synchronise(self) -> None:
        """Brings the retriever's variables up to date."""
        ...

    def optimizer_state(self) -> OptimizerState:
        """What the optimizer remembers, whatever the backend."""
        ...

    def take_up(self, state: OptimizerState) -> None:
        """Goes on with what an optimizer remembers of another training.

        The course of the learning rate begins anew. Call it before the first step.
        """
        ...


def build_step(retriever: Retriever, config: OptimizerConfig, total_steps: int) -> Step:
    """The step of the backend that Keras runs on.

    Raises:
        InputError: on a backend other than TensorFlow and JAX.
    """
    backend = keras.backend.backend()
    if backend == "jax":
        from recsys.training.step_jax import JaxStep

        return JaxStep(retriever, config, total_steps)
    if backend == "tensorflow":
        from recsys.training.step_tensorflow import TensorFlowStep

        return TensorFlowStep(retriever, config, total_steps, compiled=compiles(retriever))
    raise InputError(f"KERAS_BACKEND is {backend!r}: training runs on tensorflow or jax")
