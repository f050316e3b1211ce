"""Checks that a finished run recommends items that training has never seen.

    python scripts/check_new_items.py runs/online-retail-text/1

Counted are the held-out events whose item has no event in the part of the log
that the model was fitted on. Each is ranked among all such new items of the
catalogue, and among the whole catalogue, beside

- a random order;
- popularity in the category: an item with fitted events has its own popularity, a
  new one the mean popularity of the known items of its category;
- the user's categories: first the items of the categories that the user's
  history holds most events of, then by popularity in the category.

Categories come from the item features of the dataset: the value of a
categorical one, the first value of a multi-valued one, the first and the last
word of a text, the tenth of the items that a number falls into.

With ``seen: allow`` a user's history may hold the new item itself, bought after
the fitted part; such repeats are left out: recalling them needs no training.
The last line shows whether the model is above each of the others, and so does
the exit status.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from recsys.data.dataset import Dataset
from recsys.data.manifest import Part
from recsys.data.queries import Queries
from recsys.evaluation.comparison import Contender, compare
from recsys.evaluation.confidence import intervals
from recsys.evaluation.metrics import Ratio, ranking_metrics
from recsys.evaluation.ranking import Embedder, RankedQueries, RetrieverEmbedder, Scorer, rank
from recsys.evaluation.slices import item_activity
from recsys.runs.folder import RunFolder
from recsys.runs.opening import open_run

TENTHS = np.linspace(0, 1, 11)[1:-1]


class Random:
    """An order of its own for every query."""

    def __init__(self, catalogue_items: int) -> None:
        self.catalogue_items = catalogue_items
        self._generator = np.random.default_rng(0)

    def score(self, queries: Queries, block: slice) -> np.ndarray:
        """float32 [block, catalogue_items]."""
        shape = (len(queries.users[block]), self.catalogue_items)
        return self._generator.random(shape, dtype=np.float32)


class PopularInCategory:
    """Popularity, a new item's being the mean of its category.

    All new items of a category tie, so ties are broken at random: counted
    against the target, they would leave this scorer no chance.
    """

    def __init__(self, categories: np.ndarray, activity: np.ndarray) -> None:
        self.catalogue_items = len(categories)
        known = activity > 0
        events = np.bincount(categories, weights=activity)
        items = np.bincount(categories[known], minlength=len(events))
        mean = events / np.maximum(items, 1)
        self.popularity = np.where(known, activity, mean[categories])
        self._random = Random(self.catalogue_items)

    def score(self, queries: Queries, block: slice) -> np.ndarray:
        """float32 [block, catalogue_items]."""
        ties = self._random.score(queries, block)
        return np.stack([places(self.popularity, tie) for tie in ties])


class CategoriesOfUser:
    """The categories of a user's history, most frequent first; within, by popularity."""

    def __init__(self, dataset: Dataset, categories: np.ndarray, activity: np.ndarray) -> None:
        self.catalogue_items = len(categories)
        self._dataset = dataset
        self._categories = categories
        self._popular = PopularInCategory(categories, activity)

    def score(self, queries: Queries, block: slice) -> np.ndarray:
        """float32 [block, catalogue_items]."""
        begins = self._dataset.user_offsets[queries.users[block]]
        scores = self._popular.score(queries, block)
        for row, begin, end in zip(scores, begins, queries.history_ends[block], strict=True):
            history = self._categories[self._dataset.event_items[begin:end]]
            events = np.bincount(history, minlength=self._categories.max() + 1)
            row[:] = places(events[self._categories], row)
        return scores


def places(*keys: np.ndarray) -> np.ndarray:
    """float32: each item's place from the worst, 0, to the best; by the first key first."""
    order = np.lexsort(keys[::-1])
    found = np.empty(len(order), np.float32)
    found[order] = np.arange(len(order))
    return found


@dataclass(frozen=True)
class Among:
    """A scorer that ranks some items only (bool [items])."""

    scorer: Scorer | Embedder
    items: np.ndarray

    @property
    def catalogue_items(self) -> int:
        """As the scorer's."""
        return self.scorer.catalogue_items

    def score(self, queries: Queries, block: slice) -> np.ndarray:
        """float32 [block, catalogue_items], −∞ for the other items."""
        if isinstance(self.scorer, Embedder):
            scores = self.scorer.embed(queries, block) @ self.scorer.item_vectors.T
        else:
            scores = self.scorer.score(queries, block)
        return np.where(self.items[: self.catalogue_items], scores, np.float32(-np.inf))


def categories(dataset: Dataset) -> Iterator[tuple[str, np.ndarray]]:
    """Name and category (int [items], 0 = none) by each item feature."""
    for feature in dataset.manifest.item_features:
        values = np.asarray(dataset.feature("item", feature.name))
        if feature.kind == "categorical":
            yield feature.name, values
        elif feature.kind == "multivalued":
            yield feature.name, values[:, 0]
        elif feature.kind == "text":
            last = np.maximum(np.count_nonzero(values, axis=1) - 1, 0)
            yield f"first of {feature.name}", values[:, 0]
            yield f"last of {feature.name}", np.take_along_axis(values, last[:, None], axis=1)[:, 0]
        elif feature.kind == "numeric":
            yield f"tenth of {feature.name}", np.searchsorted(np.quantile(values, TENTHS), values)


def new_item_queries(dataset: Dataset, part: Part, is_new: np.ndarray) -> Queries:
    """The queries of a part with the targets that are new, repeats left out."""
    queries = dataset.queries(part)
    queries, _ = queries.with_targets(is_new[queries.target_items])
    begins = dataset.user_offsets[queries.users][queries.target_queries]
    ends = queries.history_ends[queries.target_queries]
    repeats = [
        item in dataset.event_items[begin:end]
        for item, begin, end in zip(queries.target_items, begins, ends, strict=True)
    ]
    return queries.with_targets(~np.array(repeats, dtype=bool))[0]


def show(name: str, ranked: RankedQueries, k: Sequence[int]) -> dict[str, float]:
    """Prints recall with 95 % intervals, and returns it."""
    metrics = ranking_metrics(ranked, k)
    recalls = {f"recall@{cut}": metrics[f"recall@{cut}"] for cut in k}
    ratios = {metric: Ratio.mean(values) for metric, values in recalls.items()}
    found = intervals(ratios, ranked.queries.users)
    cells = [f"{i.value:.4f} ({i.low:.4f} to {i.high:.4f})" for i in found.values()]
    print(f"  {name:32}" + "".join(f"{cell:>28}" for cell in cells), flush=True)
    return {metric: float(values.mean()) for metric, values in recalls.items()}


def check(folder: RunFolder, part: Part, k: Sequence[int]) -> bool:
    """Prints both tables; whether the model is above all else in the first recall of each."""
    experiment, dataset = folder.read_experiment(), folder.dataset()
    activity = item_activity(dataset, "validation" if experiment.training.refit else "train")
    is_new = activity == 0
    queries = new_item_queries(dataset, part, is_new)
    print(
        f"{experiment.name}, {part}: {len(queries.target_items)} held-out events of "
        f"{len(np.unique(queries.target_items))} new items, {len(queries)} queries of "
        f"{len(np.unique(queries.users))} users"
    )
    model = RetrieverEmbedder(keras.saving.load_model(folder.retriever), dataset)
    others: dict[str, Scorer] = {"random": Random(dataset.items)}
    for name, category in categories(dataset):
        others[f"popular in {name}"] = PopularInCategory(category, activity)
        others[f"user's {name}"] = CategoriesOfUser(dataset, category, activity)
    is_above = True
    for candidates, items in (("new items", is_new), ("all items", np.ones_like(is_new))):
        heads = "".join(f"{f'recall@{cut}':>28}" for cut in k)
        print(f"{f'among {np.count_nonzero(items)} {candidates}':34}{heads}")
        ranked = {
            name: rank(Among(scorer, items), dataset, queries, experiment.seen, max(k))
            for name, scorer in {"model": model, **others}.items()
        }
        recall = {name: show(name, found, k)[f"recall@{k[0]}"] for name, found in ranked.items()}
        best = max(others, key=lambda name: recall[name])
        pair = (Contender("model", ranked["model"]), Contender(best, ranked[best]))
        print("  " + compare([pair], [f"recall@{k[0]}"])[0].sentence)
        is_above &= recall["model"] > recall[best]
    print("above all" if is_above else "NOT ABOVE ALL")
    return is_above


def main() -> int:
    """Exit status 0 if the model is above everything beside it."""
    parser = argparse.ArgumentParser(description="Recall of items that training has not seen.")
    parser.add_argument("run", type=Path, help="folder of a finished run")
    parser.add_argument("--part", choices=("validation", "test"), default="test")
    parser.add_argument("-k", type=int, nargs="+", default=[10, 50], help="lengths of the lists")
    given = parser.parse_args()
    return 0 if check(open_run(given.run), given.part, given.k) else 1


if __name__ == "__main__":
    sys.exit(main())
