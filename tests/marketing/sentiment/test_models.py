"""Networks that read in order, beside a bag of words that cannot."""

import keras
import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from recsys.marketing.sentiment.baseline import fit_tfidf
from recsys.marketing.sentiment.classifier import Labelled
from recsys.marketing.sentiment.models import NetworkConfig, build_model, fit_network
from recsys.marketing.sentiment.tokens import TokensConfig, learn_vocabulary, split_words
from tests.marketing.sentiment.texts import texts

QUICK = NetworkConfig(
    dim=16, units=16, dropout=0.1, learning_rate=0.01, batch_size=32, epochs=15, patience=4
)


def labelled(count: int, seed: int) -> Labelled:
    told, positive = texts(count, seed=seed)
    return Labelled([split_words(text) for text in told], positive)


TRAIN, VALIDATION, TEST = labelled(800, 1), labelled(200, 2), labelled(200, 3)
VOCABULARY = learn_vocabulary(TRAIN.texts, TokensConfig())


def auc(scorer) -> float:
    return float(roc_auc_score(TEST.positive, scorer.score(TEST.texts)[0]))


@pytest.mark.parametrize(
    "kind, epochs",
    [pytest.param("rnn", 15, marks=pytest.mark.nightly), ("lstm", 15), ("cnn", 7)],
)
def test_networks_understand_a_negation_before_its_word(kind, epochs):
    config = QUICK.model_copy(update={"epochs": epochs})
    scorer, best = fit_network(kind, TRAIN, VALIDATION, VOCABULARY, 32, config, seed=1)
    assert auc(scorer) > 0.95
    assert 1 <= best <= epochs


@pytest.mark.parametrize("ngrams", [1, 2])
def test_a_bag_of_words_cannot_tell_what_a_negation_turns(ngrams):
    """Nor can pairs of neighbours, as another word stands between."""
    scorer = fit_tfidf(TRAIN, VOCABULARY, 2, {"ngrams": ngrams, "strength": 1.0}, seed=1)
    assert 0.6 < auc(scorer) < 0.85


def test_tfidf_learns_what_single_words_say():
    plain = [row for row, words in enumerate(TRAIN.texts) if "not" not in words]
    scorer = fit_tfidf(TRAIN[np.array(plain)], VOCABULARY, 2, {"ngrams": 1, "strength": 1.0}, 1)
    said, _ = scorer.score([["very", "good"], ["very", "awful"]])
    assert said[0] > 0.8 and said[1] < 0.2


def test_training_stops_and_keeps_the_best_epoch_and_repeats_itself():
    """Stars of validation that are the other way round: what is learned only does harm."""
    wrong = Labelled(VALIDATION.texts, ~VALIDATION.positive)
    patient = QUICK.model_copy(update={"epochs": 30, "patience": 2})
    scorer, epochs = fit_network("cnn", TRAIN, wrong, VOCABULARY, 32, patient, 1)
    assert epochs == 1
    once, _ = fit_network(
        "cnn", TRAIN, wrong, VOCABULARY, 32, QUICK.model_copy(update={"epochs": 1}), 1
    )
    np.testing.assert_allclose(scorer.score(TEST.texts)[0], once.score(TEST.texts)[0], atol=1e-5)


def test_padding_does_not_matter_and_a_text_without_words_answers_the_prior():
    keras.utils.set_random_seed(1)
    model = build_model("lstm", 9, QUICK, prior=0.9)
    short = np.array([[2, 3], [0, 0]], dtype=np.int32)
    long = np.array([[2, 3, 0, 0], [0, 0, 0, 0]], dtype=np.int32)
    one, other = (keras.ops.convert_to_numpy(model(words)) for words in (short, long))
    np.testing.assert_allclose(one, other, atol=1e-6)
    assert 1 / (1 + np.exp(-one[1, 0])) == pytest.approx(0.9)


@pytest.mark.parametrize("kind", ["rnn", "gru", "lstm", "cnn"])
def test_a_network_is_saved_and_loaded(kind, tmp_path):
    model = build_model(kind, 9, QUICK, prior=0.5)
    words = np.array([[2, 3, 0], [8, 0, 0]], dtype=np.int32)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded(words), model(words), atol=1e-6)
