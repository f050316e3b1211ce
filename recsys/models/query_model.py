"""The query tower as a model of its own, for ``predict``."""

import keras

from recsys.models.retriever import Retriever


class QueryModel(keras.Model):
    """Calls :meth:`Retriever.embed_query`, compiled by the backend.

    Args:
        retriever: whose weights it shares.
    """

    def __init__(self, retriever: Retriever) -> None:
        super().__init__(dtype="float32")
        self.retriever = retriever
        # XLA slows recurrent towers on CPUs down, and only JAX needs it.
        self.compile(jit_compile=keras.backend.backend() == "jax")
        self.built = True

    def call(self, inputs):
        return self.retriever.embed_query(inputs)
