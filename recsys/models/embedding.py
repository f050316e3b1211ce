"""A table of vectors that can be trained row by row."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="recsys")
class EmbeddingTable(keras.layers.Layer):
    """One trainable vector per id.

    Unlike ``keras.layers.Embedding`` it can be called with rows that the
    caller gathered, so that a training step differentiates with respect to the
    rows of a batch instead of the whole table (see ``recsys.training``).

    Args:
        rows: number of ids.
        dim: width of a vector.
        deviation: standard deviation of the initial values. The default keeps
            the first dot products small, so training starts from a nearly
            uniform softmax.
    """

    def __init__(self, rows: int, dim: int, deviation: float = 0.02, **kwargs) -> None:
        super().__init__(**kwargs)
        self.rows = rows
        self.dim = dim
        self.deviation = deviation

    def build(self, input_shape=None) -> None:
        self.embeddings = self.add_weight(
            shape=(self.rows, self.dim),
            initializer=keras.initializers.RandomNormal(stddev=self.deviation),
            name="embeddings",
        )
        self.built = True

    def call(self, ids, rows=None):
        """Looks ids up; an id outside the table gets the zero vector.

        Args:
            ids: int32 [...].
            rows: float32 [n, dim], what ``ids`` index instead of the table.

        Returns:
            [..., dim] in the layer's compute dtype.
        """
        table = self.embeddings if rows is None else rows
        known = ops.logical_and(ids >= 0, ids < ops.shape(table)[0])
        vectors = ops.take(table, ops.where(known, ids, 0), axis=0)
        vectors = ops.where(known[..., None], vectors, 0.0)
        return ops.cast(vectors, self.compute_dtype)

    def get_config(self) -> dict:
        config = {"rows": self.rows, "dim": self.dim, "deviation": self.deviation}
        return {**super().get_config(), **config}
