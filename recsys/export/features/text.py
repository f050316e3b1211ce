"""A text: text [B]."""

import tensorflow as tf

from recsys.data.sources.text import NOT_A_WORD
from recsys.export.features.vocabulary import ServedVocabulary


class ServedText(ServedVocabulary):
    """The indices of its words."""

    spec = tf.TensorSpec([None], tf.string)

    def encode(self, values: tf.Tensor) -> tf.Tensor:
        return self.known(tf.ragged.map_flat_values(self.table.lookup, _split_words(values)))


def _split_words(text: tf.Tensor) -> tf.RaggedTensor:
    # DuckDB, which made the vocabulary, lowers letter by letter. TensorFlow
    # lowers these two by their surroundings or into two characters.
    for upper, lower in (("Σ", "σ"), ("İ", "i")):
        text = tf.strings.regex_replace(text, upper, lower)
    lowered = tf.strings.lower(text, encoding="utf-8")
    return tf.strings.split(tf.strings.regex_replace(lowered, NOT_A_WORD, " "))
