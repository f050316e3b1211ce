"""Networks that read a review word by word, trained with Keras' own ``fit``."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import keras
import numpy as np
from keras import ops
from pydantic import Field, PositiveFloat, PositiveInt

from recsys.config import StrictConfig
from recsys.marketing.sentiment.classifier import Labelled, Scorer
from recsys.marketing.sentiment.tokens import PADDING, Vocabulary
from recsys.models.text.convolution import ConvolutionalTextConfig
from recsys.models.text.recurrent import RecurrentTextConfig

ReaderKind = Literal["rnn", "gru", "lstm", "cnn"]


class NetworkConfig(StrictConfig):
    """How wide the networks are, and how they are trained."""

    dim: PositiveInt = Field(64, description="width of a word's vector, and of a text's")
    units: PositiveInt = Field(
        64, description="width of a recurrent state; filters of each width of a convolution"
    )
    dropout: float = Field(0.5, ge=0, lt=1, description="share dropped in the reader and after it")
    epochs: PositiveInt = Field(15, description="at most")
    patience: PositiveInt = Field(
        2, description="epochs without a lower loss on validation before training stops"
    )
    batch_size: PositiveInt = Field(64, description="reviews a step")
    learning_rate: PositiveFloat = Field(0.001, description="of Adam")


def build_model(kind: ReaderKind, words: int, config: NetworkConfig, prior: float) -> keras.Model:
    """Word vectors → reader → dropout → logit.

    Args:
        kind: of the reader: a simple RNN, a GRU, an LSTM, or a convolution (Kim, 2014).
        words: numbers of the vocabulary, 0 being padding.
        config: widths and dropout.
        prior: the positive share, which an untrained model answers on average.

    Returns:
        From int32 [batch, words], padded on the right with 0, to a logit, float [batch, 1].
    """
    reader: ConvolutionalTextConfig | RecurrentTextConfig
    if kind == "cnn":
        reader = ConvolutionalTextConfig(kind="cnn", filters=config.units, dropout=config.dropout)
    else:
        reader = RecurrentTextConfig(
            kind="rnn", cell=kind, units=config.units, dropout=config.dropout
        )
    numbers = keras.Input((None,), dtype="int32", name="words")
    there = ops.cast(ops.not_equal(numbers, PADDING), "float32")
    vectors = keras.layers.Embedding(words, config.dim, name="embedding")(numbers)
    text = reader.build(config.dim, name="reader")(vectors * ops.expand_dims(there, -1), there)
    text = keras.layers.Dropout(config.dropout, name="dropout")(text)
    log_odds = keras.initializers.Constant(float(np.log(prior / (1 - prior))))
    logit = keras.layers.Dense(1, bias_initializer=log_odds, name="logit")(text)
    return keras.Model(numbers, logit, name=kind)


@dataclass(frozen=True)
class Network:
    """A trained network as a classifier.

    Attributes:
        model: of :func:`build_model`, trained.
        vocabulary: its words.
        width: words read of a text.
    """

    model: keras.Model
    vocabulary: Vocabulary
    width: int

    def predict(self, texts: Sequence[list[str]]) -> np.ndarray:
        """float [texts], the probability that each is positive."""
        words = self.vocabulary.encode(texts, self.width)
        logits = self.model.predict(words, batch_size=256, verbose=0)[:, 0]
        return 1 / (1 + np.exp(-logits.astype(np.float64)))


def fit_network(
    kind: ReaderKind,
    train: Labelled,
    validation: Labelled,
    vocabulary: Vocabulary,
    max_words: int,
    config: NetworkConfig,
    seed: int,
) -> tuple[Scorer, int]:
    """Trains a network until its loss on validation stops falling; the best epoch is kept.

    Classes are not weighted: the answer is to be a probability, and weights would raise all
    probabilities of the rarer class.

    Args:
        kind: of the reader.
        train: texts that are learned from.
        validation: texts that say when to stop.
        vocabulary: of the training part.
        max_words: words read of a text, at most.
        config: widths and training.
        seed: of weights, order and dropout; sets the seeds of Keras, NumPy and Python.

    Returns:
        The network, and how many epochs it was trained until its best.
    """
    keras.utils.set_random_seed(seed)
    width = min(max_words, max(map(len, train.texts)))
    prior = float(train.positive.mean())
    model = build_model(kind, vocabulary.size, config, prior)
    model.compile(
        optimizer=keras.optimizers.Adam(config.learning_rate),
        loss=keras.losses.BinaryCrossentropy(from_logits=True),
        # On TensorFlow XLA gains nothing here; see recsys.training.compiler.
        jit_compile="auto" if keras.backend.backend() == "jax" else False,
    )
    stopping = keras.callbacks.EarlyStopping(
        "val_loss", patience=config.patience, restore_best_weights=True
    )
    model.fit(
        vocabulary.encode(train.texts, width),
        train.positive.astype(np.float32)[:, None],
        batch_size=config.batch_size,
        epochs=config.epochs,
        validation_data=(
            vocabulary.encode(validation.texts, width),
            validation.positive.astype(np.float32)[:, None],
        ),
        callbacks=[stopping],
        verbose=0,
    )
    return Scorer(Network(model, vocabulary, width), vocabulary, prior), stopping.best_epoch + 1
