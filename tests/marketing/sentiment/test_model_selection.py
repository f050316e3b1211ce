"""What reviews say, judged on a later period."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from recsys.errors import InputError
from recsys.marketing.measurement import scores
from recsys.marketing.sentiment import fitting, model_selection
from recsys.marketing.sentiment.classifier import Scorer
from recsys.marketing.sentiment.features import quality_before
from recsys.marketing.sentiment.fitting import SENTIMENT, SentimentConfig
from recsys.marketing.sentiment.model_selection import select_sentiment_model
from recsys.marketing.sentiment.reviews import ReviewsConfig
from tests.marketing.sentiment.texts import DAY, START, read, rows

EXPERIMENTS = Path(__file__).parents[3] / "experiments"
NETWORK = {
    "dim": 16,
    "units": 16,
    "dropout": 0.1,
    "learning_rate": 0.01,
    "batch_size": 32,
    "epochs": 7,
    "patience": 3,
}
QUICK = SentimentConfig.model_validate({"readers": ["cnn"], "network": NETWORK, "folds": 2})


@pytest.fixture(autouse=True, scope="module")
def _few_resamples():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scores, "RESAMPLES", 40)
        yield


@pytest.fixture(scope="module")
def reviews(tmp_path_factory):
    return read(tmp_path_factory.mktemp("reviews"), rows())


@pytest.fixture(scope="module")
def told():
    return []


@pytest.fixture(scope="module")
def selected(reviews, told):
    return select_sentiment_model(reviews, QUICK, lambda stage, share: told.append((stage, share)))


class Fake:
    """A network that remembers what it was trained on; its answer is drawn by its seed."""

    def __init__(self, train, answer):
        self.seen = {" ".join(words) for words in train.texts}
        self.answer = answer

    def predict(self, texts):
        assert not self.seen & {" ".join(words) for words in texts}
        return np.full(len(texts), self.answer)


class Checked:
    """A classifier that refuses what it was trained on."""

    def __init__(self, train, classifier):
        self.fake = Fake(train, 0.5)
        self.classifier = classifier

    def predict(self, texts):
        self.fake.predict(texts)
        return self.classifier.predict(texts)


@pytest.fixture
def fake(monkeypatch):
    """Networks that cost nothing, and refuse to score what they have seen."""
    fitted = []

    def fit(kind, train, validation, vocabulary, max_words, config, seed):
        fitted.append((kind, train))
        return Scorer(Fake(train, len(fitted) / 10), vocabulary, float(train.positive.mean())), 1

    monkeypatch.setattr(fitting, "fit_network", fit)
    return fitted


def apart(table: pd.DataFrame) -> pd.DataFrame:
    """The reviews, each with a word that no other has."""
    return table.assign(text=[f"{text} nr{row}" for row, text in enumerate(table["text"])])


@pytest.mark.nightly
def test_a_reader_of_order_beats_tfidf_in_two_languages(selected):
    assert selected.chosen.kind == "cnn" and selected.scoring is selected.chosen
    assert selected.metrics["cnn"]["auc"]["low"] > 0.9
    assert set(selected.metrics) == {"cnn", "tfidf"}
    assert selected.comparison["low"] > 0
    assert selected.verdict.startswith("cnn is better than TF-IDF (+0.")
    assert [each.kind for each in selected.tried] == ["cnn", "tfidf"]


def test_parts_follow_each_other_in_time(selected):
    scored = selected.scored
    spans = scored.groupby("part", observed=True)["time"].agg(["min", "max", "size"])
    assert spans["size"].to_dict() == {"train": 720, "validation": 90, "test": 90}
    assert spans["max"]["train"] < spans["min"]["validation"]
    assert spans["max"]["validation"] < spans["min"]["test"]
    assert selected.parts["test"]["reviews"] == 90
    assert selected.parts["test"]["until"] == str(
        pd.Timestamp(START + 899 * DAY, unit="s").strftime("%Y-%m-%dT%H:%M:%SZ")
    )


def test_every_review_has_a_score_that_follows_its_stars(selected):
    for _, part in selected.scored.groupby("part", observed=True):
        auc = SENTIMENT["auc"](part["positive"].to_numpy(), part["sentiment"].to_numpy())
        assert auc > 0.9
    assert selected.scored["sentiment"].between(0, 1).all()
    assert not selected.scored["unread"].any()


def test_new_texts_are_scored_and_what_is_foreign_gets_the_mean(selected):
    texts = ["the case so very good on friday", "the case not very good on friday", "Пока!"]
    found, unread = selected.score(texts)
    assert found[0] > 0.8 and found[1] < 0.2
    assert unread.tolist() == [False, False, True]
    train = selected.scored[selected.scored["part"] == "train"]
    assert found[2] == pytest.approx(train["positive"].mean())


def test_good_items_are_found(selected):
    quality = quality_before(selected.scored, int(selected.scored["time"].max()) + 1)["quality"]
    assert quality["i0"] > quality["i5"] > quality["i9"]


def test_what_is_told_while_it_works(selected, told):
    stages = [stage for stage, _ in told]
    assert stages == ["words", "cnn", "tfidf", "scores, fold 1", "scores, fold 2", "metrics"]
    shares = [share for _, share in told]
    assert shares == sorted(shares) and shares[-1] == 1


def test_the_result_as_a_document(selected):
    document = selected.as_document()
    assert document["chosen"] == "cnn" and document["scoring"] == "cnn"
    assert set(document["test"]["tfidf"]) == set(SENTIMENT)
    assert document["tried"][0]["settings"]["epochs"] >= 1


@pytest.mark.parametrize("wins", ["tfidf", "lstm"])
def test_no_review_is_scored_by_a_model_that_saw_its_stars(tmp_path, fake, monkeypatch, wins):
    """The fake network refuses texts that it was trained on; so does the regression here."""
    config = QUICK.model_copy(update={"readers": ["rnn", "lstm"], "folds": 3})
    real = fitting.fit_tfidf
    parts = []

    def fit(train, vocabulary, *others):
        parts.append(train)
        if wins == "lstm":
            return Scorer(Fake(train, 0.5), vocabulary, 0.5)
        scorer = real(train, vocabulary, *others)
        return Scorer(Checked(train, scorer.classifier), vocabulary, scorer.mean)

    monkeypatch.setattr(fitting, "fit_tfidf", fit)
    monkeypatch.setattr(model_selection, "_deciding", lambda each: each.kind == wins)
    selected = select_sentiment_model(read(tmp_path, apart(rows())), config)
    assert selected.scoring.kind == wins
    folds = parts[-3:] if wins == "tfidf" else [train for _, train in fake[-3:]]
    assert [len(each.texts) for each in folds] == [480] * 3  # of 720
    assert not selected.scored["unread"].any()
    train = selected.scored["part"] == "train"
    answers = selected.scored.loc[train, "sentiment"].nunique()
    assert answers == 3 if wins == "lstm" else answers > 100


def test_tfidf_may_win_and_then_it_says_so_and_scores(tmp_path, fake):
    selected = select_sentiment_model(read(tmp_path, apart(rows())), QUICK)
    assert selected.chosen.kind == "cnn" and selected.scoring.kind == "tfidf"
    assert selected.metrics["cnn"]["auc"]["value"] == 0.5  # it says the same of all
    assert selected.verdict.startswith("TF-IDF is better than cnn, the best network (-0.")
    assert selected.scored["sentiment"].nunique() > 100


def test_stars_of_the_test_part_change_the_verdict_only(tmp_path, fake):
    table = apart(rows())
    late = np.arange(len(table)) >= 810
    other = table.assign(stars=np.where(late, 6 - table["stars"], table["stars"]))
    (tmp_path / "other").mkdir()
    one = select_sentiment_model(read(tmp_path, table), QUICK)
    fake.clear()
    two = select_sentiment_model(read(tmp_path / "other", other), QUICK)
    assert one.baseline.settings == two.baseline.settings
    np.testing.assert_allclose(one.scored["sentiment"], two.scored["sentiment"])
    assert one.metrics["tfidf"]["auc"]["value"] != two.metrics["tfidf"]["auc"]["value"]


def test_words_of_later_parts_are_not_learned(tmp_path, fake):
    table = apart(rows())
    table.loc[810:, "text"] += " afterwards"
    selected = select_sentiment_model(read(tmp_path, table), QUICK)
    for each in selected.tried:
        assert "afterwards" not in each.scorer.vocabulary.numbers
        assert "guitar" in each.scorer.vocabulary.numbers


def test_reviews_of_one_time_stay_together(tmp_path, fake):
    table = apart(rows())
    table["time"] = START + DAY * (np.arange(len(table)) // 81)
    scored = select_sentiment_model(read(tmp_path, table), QUICK).scored
    assert scored.groupby("time")["part"].nunique().max() == 1
    assert set(scored["part"]) == {"train", "validation", "test"}


def test_an_unseen_language_is_refused(tmp_path):
    table = pd.concat([rows(720, ("en",)), rows(180, ("zh",), seed=1)], ignore_index=True)
    table["time"] = START + DAY * np.arange(900)
    with pytest.raises(InputError, match=r"unseen language: 100% of the \d+ words.*validation"):
        select_sentiment_model(read(tmp_path, table), QUICK)


def test_one_class_only_is_refused(tmp_path):
    table = rows().assign(stars=5)
    with pytest.raises(InputError, match="all 900 reviews are positive: their stars are from 5"):
        select_sentiment_model(read(tmp_path, table), QUICK)


def test_too_few_reviews_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"too few reviews: of \d+ in the validation part"):
        select_sentiment_model(read(tmp_path, rows(150)), QUICK)


def test_words_that_all_differ_are_refused(tmp_path):
    table = rows()
    table["text"] = [f"word{row}" for row in range(len(table))]
    with pytest.raises(InputError, match="no word occurs in 2 reviews"):
        select_sentiment_model(read(tmp_path, table), QUICK)


def test_metrics_at_one_half_by_hand():
    positive = np.array([True, True, True, False])
    predicted = np.array([0.9, 0.5, 0.4, 0.6])
    assert SENTIMENT["accuracy"](positive, predicted) == 0.5
    assert SENTIMENT["balanced_accuracy"](positive, predicted) == pytest.approx(1 / 3)


def test_what_is_published_was_measured_with_the_defaults():
    text = (EXPERIMENTS / "sentiment-musical-instruments.yaml").read_text()
    document = yaml.safe_load(text)
    assert set(document) == {"task", "reviews", "sentiment"} and document["task"] == "sentiment"
    ReviewsConfig.model_validate(document["reviews"])
    assert SentimentConfig.model_validate(document["sentiment"]) == SentimentConfig()
