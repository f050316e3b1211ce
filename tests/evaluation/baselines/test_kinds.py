"""Every baseline by its name: settings to try, memory, and settings taken back."""

import numpy as np
import pytest

from recsys.errors import InputError
from recsys.evaluation import baseline_settings
from recsys.evaluation.baselines import als, ease, markov, recent_popular
from recsys.evaluation.baselines.kinds import BASELINES, check_baselines
from recsys.evaluation.config import EvaluationConfig
from tests.evaluation.baselines.logs import EVERYTHING, FASHION, fill_memory
from tests.evaluation.conftest import WriteDataset

NAMES = ["popular", "recent_popular", "item_knn", "ease", "als", "markov"]
LARGE = ("item_knn", "ease", "als", "markov")


def baseline(name):
    """The baseline of a kind, as it comes."""
    return BASELINES.find(name)()


def test_settings_worth_trying(write_dataset: WriteDataset) -> None:
    timed = write_dataset(FASHION, users=3, items=3)

    def tried(name, seen="exclude", dataset=timed):
        return [settings for settings, _ in baseline(name).candidates(dataset, "train", seen)]

    assert tried("popular") == [{}]
    assert [each["days"] for each in tried("recent_popular")] == list(recent_popular.WINDOW_DAYS)
    assert len(tried("item_knn")) == 3
    assert len(tried("item_knn", seen="allow")) == 6
    assert [each["regularization"] for each in tried("ease")] == list(ease.REGULARIZATIONS)
    assert len(tried("als")) == len(als.FACTORS) * len(als.STRENGTHS)
    assert [each["window"] for each in tried("markov")] == list(markov.WINDOWS)
    ordered = write_dataset(FASHION, users=3, items=3, has_time=False, name="ordered")
    shares = [each["share"] for each in tried("recent_popular", dataset=ordered)]
    assert shares == list(recent_popular.WINDOW_SHARES)


@pytest.mark.parametrize("name", NAMES)
def test_fit_takes_the_settings_of_a_candidate(
    write_dataset: WriteDataset, monkeypatch, name
) -> None:
    monkeypatch.setattr(als, "FACTORS", (2, 3))
    dataset = write_dataset(FASHION, users=3, items=3)
    queries = dataset.queries("test")
    for settings, fitted in baseline(name).candidates(dataset, "train", "allow"):
        again = baseline(name).fit(dataset, "train", settings)
        expected = fitted().score(queries, EVERYTHING)
        assert expected.shape == (1, 3) and np.isfinite(expected).all()
        assert again.score(queries, EVERYTHING) == pytest.approx(expected)


@pytest.mark.parametrize("name", LARGE)
def test_what_does_not_fit_into_memory_says_so(
    write_dataset: WriteDataset, monkeypatch, name
) -> None:
    dataset = write_dataset(FASHION, users=3, items=3)
    check_baselines(map(baseline, NAMES), dataset, "validation")
    fill_memory(monkeypatch)
    with pytest.raises(InputError, match=rf"{name} needs about .* GiB for 3 items"):
        check_baselines([baseline(name)], dataset, "train")
    with pytest.raises(InputError, match=rf"{name} needs about .* GiB for 3 items"):
        baseline(name).fit(dataset, "train", {})


def test_nothing_is_fitted_before_all_are_known_to_fit(
    write_dataset: WriteDataset, monkeypatch
) -> None:
    dataset = write_dataset(FASHION, users=3, items=3)
    fill_memory(monkeypatch)
    monkeypatch.setattr(recent_popular.RecentPopular, "candidates", None)
    config = EvaluationConfig(baselines=("recent_popular", "ease"))
    with pytest.raises(InputError, match="ease needs about"):
        baseline_settings.choose_settings(dataset, "exclude", config)


def test_every_baseline_is_one_word_in_an_experiment() -> None:
    config = EvaluationConfig.model_validate({"baselines": NAMES})
    assert [each.kind for each in config.baselines] == NAMES
    assert config.model_dump(mode="json")["baselines"] == NAMES
    with pytest.raises(ValueError, match="each kind of baseline once"):
        EvaluationConfig.model_validate({"baselines": ["popular", {"kind": "popular"}]})
