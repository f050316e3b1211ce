"""Reviews in English and Chinese in which a negation turns the meaning."""

from pathlib import Path

import numpy as np
import pandas as pd

from recsys.marketing.sentiment.reviews import Reviews, ReviewsConfig, read_reviews

START = 1_600_000_000
DAY = 86_400
COLUMNS = {name: name for name in ("user", "item", "text", "stars", "time")}
FILLERS = ["the", "guitar", "case", "arrived", "on", "friday", "and", "used", "it", "at", "home"]
ENGLISH = ["good", "great", "lovely", "solid"], ["bad", "awful", "ugly", "poor"]
CHINESE = ["喜欢", "满意", "便宜"], ["讨厌", "失望", "粗糙"]
NOUNS = ["吉他", "音箱", "琴弦", "踏板"]


def sentence(generator: np.random.Generator, positive: bool, language: str) -> str:
    """Praise, or blame that is negated (30 %); the other way round if not positive."""
    negated = generator.random() < 0.3
    good, bad = ENGLISH if language == "en" else CHINESE
    word = generator.choice(good if positive != negated else bad)
    if language == "zh":
        return f"这个{generator.choice(NOUNS)}我{'不' if negated else '很'}{word}。"
    before, after = (generator.choice(FILLERS, generator.integers(1, 4)) for _ in range(2))
    told = f"{'not' if negated else 'so'} very {word}"
    return " ".join([*before, told, *after]) + "!"


def texts(count: int, languages: tuple[str, ...] = ("en",), seed: int = 0):
    """Sentences, and which are positive: as many as are not."""
    generator = np.random.default_rng(seed)
    positive = np.arange(count) % 2 == 0
    spoken = generator.choice(languages, count)
    told = [
        sentence(generator, bool(each), str(language))
        for each, language in zip(positive, spoken, strict=True)
    ]
    return told, positive


def rows(count: int = 900, languages: tuple[str, ...] = ("en", "zh"), seed: int = 0):
    """Reviews, one a day; the first items are liked better than the last."""
    generator = np.random.default_rng(seed)
    items = generator.integers(0, 10, count)
    positive = generator.random(count) < 0.9 - 0.08 * items
    spoken = generator.choice(languages, count)
    return pd.DataFrame(
        {
            "user": [f"u{user}" for user in generator.integers(0, 40, count)],
            "item": [f"i{item}" for item in items],
            "text": [
                sentence(generator, bool(each), str(language))
                for each, language in zip(positive, spoken, strict=True)
            ],
            "stars": np.where(positive, 5, generator.integers(1, 4, count)),
            "time": START + DAY * np.arange(count),
        }
    )


def written(folder: Path, table: pd.DataFrame, **settings) -> ReviewsConfig:
    """The reviews as a file."""
    table.to_csv(folder / "reviews.csv", index=False)
    config = {"path": str(folder / "reviews.csv"), "columns": COLUMNS, **settings}
    return ReviewsConfig.model_validate(config)


def read(folder: Path, table: pd.DataFrame, **settings) -> Reviews:
    """The reviews, written and read again."""
    return read_reviews(written(folder, table, **settings))
