"""The query tower as a model of its own, for ``predict``."""

import keras

from recsys.models.retriever import Retriever


class QueryModel(keras.Model):
    """Calls :meth:`Retriever.embed_query`, compiled by the backend.

    The item tower is evaluated once, for the whole catalogue, and histories are
    looked up in what it said.

    Args:
        retriever: whose weights it shares.
    """

    def __init__(self, retriever: Retriever) -> None:
        super().__init__(dtype="float32")
        self.retriever = retriever
        self.item_vectors = self.add_weight(
            shape=(retriever.catalogue_items, retriever.config.dim),
            initializer="zeros",
            trainable=False,
            name="item_vectors",
        )
        # XLA slows recurrent towers on CPUs down, and only JAX needs it.
        self.compile(jit_compile=keras.backend.backend() == "jax")
        self.built = True
        self.refresh()

    def refresh(self) -> None:
        """Evaluates the item tower with the weights as they are now."""
        # A copy: of a tower of ids alone they are the table itself, and JAX donates both.
        self.item_vectors.assign(keras.ops.copy(self.retriever.item_vectors()))

    def call(self, inputs):
        return self.retriever.embed_query(inputs, item_vectors=self.item_vectors)
