"""The tables of the leaderboard: committed results beside published figures, as Markdown."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError
from result_lines import Current, Provenance, ResultLine, Results, Row, current

from recsys.errors import InputError
from recsys.evaluation.seeds import OverSeeds, over_seeds
from recsys.system.display import counted
from recsys.system.yaml_text import read_yaml

BASELINES = {
    "popular": "popularity",
    "recent_popular": "recent popularity",
    "item_knn": "item-KNN",
    "ease": "EASE",
    "als": "ALS",
    "markov": "Markov chain",
}
METRICS = {"ndcg": "NDCG", "hit_rate": "hit rate", "recall": "recall", "mrr": "MRR"}
SPLITS = {
    "leave_one_out": "leave-one-out",
    "time": "global time",
    "fixed": "the log's fixed split",
    "random": "random",
}
ON_TEST = "†"


class PublishedFigure(BaseModel):
    """A figure of others for the protocol of a row; see ``published.yaml``."""

    model_config = ConfigDict(extra="forbid")

    model: str
    metrics: dict[str, float]
    source: str
    chosen_on: Literal["validation", "test", "unknown"]
    how: str = ""


class Published(BaseModel):
    """What ``published.yaml`` holds: sources by name, figures by experiment."""

    model_config = ConfigDict(extra="forbid")

    sources: dict[str, str]
    rows: dict[str, list[PublishedFigure]]


def read_published(path: Path) -> Published:
    """Published figures, each with a source that is listed.

    Raises:
        InputError: something in the file is wrong.
    """
    try:
        found = Published.model_validate(read_yaml(path.read_text(encoding="utf-8"), str(path)))
    except (ValidationError, OSError) as error:
        raise InputError(f"{path}: {error}") from error
    used = {figure.source for figures in found.rows.values() for figure in figures}
    if unknown := used - set(found.sources):
        raise InputError(f"{path}: no such source: {', '.join(sorted(unknown))}")
    return found


def leaderboard(results: Results, rows: dict[str, Row], published: Published) -> str:
    """The tables as Markdown.

    Args:
        results: the lines.
        rows: the experiment files of the lines and of the published figures.
        published: figures of others.
    """
    shown = {name: current(results, row) for name, row in rows.items()}
    done = {name: found for name, found in shown.items() if found.lines}
    missing = [name for name in shown if name not in done]
    blocks = [_table(done, rows, published)] if done else []
    if missing:
        names = ", ".join(f"`{name}`" for name in missing)
        blocks.append(f"No seed was finished yet with the settings as they are now: {names}.")
    older = [_older(name, found) for name, found in shown.items() if found.older]
    blocks += ["\n".join(older)] if older else []
    blocks += [_provenance(done)] if done else []
    blocks.append(_sources(published, rows))
    return "\n\n".join(blocks)


def short_leaderboard(
    results: Results, rows: dict[str, Row], published: Published, head: Sequence[str]
) -> str:
    """The metric that decides in one small table, whose cells hold names and figures only.

    Args:
        results, rows, published: see :func:`leaderboard`.
        head: of the four columns.
    """
    cells = []
    for name, row in rows.items():
        if not (lines := current(results, row).lines):
            continue
        metric = lines[0].metric
        ours = _over(lines, metric)
        low, high = _ends(ours, lines, metric)
        interval = "" if low is None or high is None else f" ({figure(low)} to {figure(high)})"
        theirs = [each for each in published.rows.get(name, []) if metric in each.metrics]
        best = max(theirs, key=lambda each: each.metrics[metric], default=None)
        standing = max(_standings(lines), key=lambda each: each.mean, default=None)
        cells.append(
            [
                f"`{name}`",
                f"{label(metric)} {figure(ours.mean)}{interval}",
                "" if best is None else _brief(best, metric, ours.mean),
                "" if standing is None else standing.text,
            ]
        )
    return _markdown(head, cells) if cells else ""


def _brief(published: PublishedFigure, metric: str, ours: float) -> str:
    text = f"{published.model} {figure(published.metrics[metric])}"
    text = f"**{text}**" if published.metrics[metric] > ours else text
    return text + (f" {ON_TEST}" if published.chosen_on == "test" else "")


def _table(shown: dict[str, Current], rows: dict[str, Row], published: Published) -> str:
    head = [
        *("experiment", "protocol; split", "seeds", "ours", "spread", "test / validation"),
        *("best baseline", "published"),
    ]
    cells = [
        [
            f"`{name}`",
            f"{protocol(rows[name].resolved)}; `{found.lines[0].split}`",
            str(len(found.lines)),
            *_ours(found.lines, rest := published.rows.get(name, [])),
            _baselines(found.lines),
            "; ".join(_published(each, found.lines) for each in rest),
        ]
        for name, found in shown.items()
    ]
    return _markdown(head, cells)


def protocol(settings: dict[str, Any]) -> str:
    """How a log is split and what is asked, in words.

    >>> protocol({"data": {"split": {"kind": "time"}}, "evaluation": {"last_only": True}})
    'global time, the last event of a user'
    """
    said = [SPLITS[settings["data"]["split"]["kind"]]]
    if settings["evaluation"]["last_only"]:
        said.append("the last event of a user")
    if settings.get("training", {}).get("refit"):
        said.append("fitted again on train and validation")
    return ", ".join(said)


def _ours(lines: Sequence[ResultLine], published: Sequence[PublishedFigure]) -> list[str]:
    """The cells of the figures, of their spread, and of the ratio."""
    metrics = shown_beside(lines[0], published)
    over = {metric: _over(lines, metric) for metric in metrics}
    figures = "; ".join(
        f"{label(metric)} {figure(found.mean)}{_interval(found, lines, metric)}"
        for metric, found in over.items()
    )
    deviation = over[metrics[0]].deviation
    spread = "" if deviation is None else figure(deviation)
    return [figures, spread, f"{fmean(line.ratio for line in lines):.3f}"]


def shown_beside(line: ResultLine, published: Sequence[PublishedFigure]) -> list[str]:
    """The metric that decides, and the other one that was published, or else the hit rate."""
    others = [name for each in published for name in each.metrics if name in line.test]
    k = line.metric.rpartition("@")[2]
    second = next((name for name in others if name != line.metric), f"hit_rate@{k}")
    return list(dict.fromkeys([line.metric, second]))


def _over(lines: Sequence[ResultLine], metric: str) -> OverSeeds:
    return over_seeds([line.test[metric].value for line in lines])


def _interval(found: OverSeeds, lines: Sequence[ResultLine], metric: str) -> str:
    low, high = _ends(found, lines, metric)
    if low is None or high is None:
        return ""
    what = " over users" if found.seeds == 1 else ""
    return f" ({figure(low)} to {figure(high)}{what})"


def _ends(
    found: OverSeeds, lines: Sequence[ResultLine], metric: str
) -> tuple[float | None, float | None]:
    """The interval over seeds; that over users, where there is one seed."""
    if found.seeds > 1:
        return found.low, found.high
    return lines[0].test[metric].low, lines[0].test[metric].high


@dataclass(frozen=True)
class Standing:
    """A baseline beside the seeds of a model.

    Attributes:
        name: for people.
        mean: of its metric; it is the same with every seed but for another machine's arithmetic.
        interval: over users, in brackets.
        wins: seeds that it is really better than, in the paired comparison.
        ties: seeds with no real difference.
        seeds: that it was compared with.
    """

    name: str
    mean: float
    interval: str
    wins: int
    ties: int
    seeds: int

    @property
    def text(self) -> str:
        """Name and figure, bold where it wins."""
        text = f"{self.name} {figure(self.mean)}"
        return f"**{text}**" if self.wins else text


def _standings(lines: Sequence[ResultLine]) -> list[Standing]:
    """Every baseline, the best one first."""
    metric = lines[0].metric
    standings = []
    for name in dict.fromkeys(name for line in lines for name in line.baselines):
        found = [line.baselines[name][metric] for line in lines if name in line.baselines]
        compared = [line.comparisons[name] for line in lines if name in line.comparisons]
        low, high = found[0].low, found[0].high
        standings.append(
            Standing(
                BASELINES.get(name, name),
                fmean(each.value for each in found),
                "" if low is None or high is None else f" ({figure(low)} to {figure(high)})",
                wins=sum(each.real and each.difference < 0 for each in compared),
                ties=sum(not each.real for each in compared),
                seeds=len(compared),
            )
        )
    return sorted(standings, key=lambda each: -each.mean)


def _baselines(lines: Sequence[ResultLine]) -> str:
    """The best baseline, and every other one that the model does not beat with every seed."""
    shown = [
        f"{each.text}{each.interval}{_verdict(each.wins, each.ties, each.seeds)}"
        for place, each in enumerate(_standings(lines))
        if not place or each.wins or each.ties
    ]
    return "; ".join(shown) or f"none was ranked by {label(lines[0].metric)}"


def _verdict(wins: int, ties: int, seeds: int) -> str:
    """What the paired comparisons of all seeds say, where the model is not better in each."""
    said = [
        what if count == seeds else f"{what} with {count} of {seeds} seeds"
        for what, count in (("wins", wins), ("a tie", ties))
        if count
    ]
    return f": {', '.join(said)}" if said else ""


def _published(published: PublishedFigure, lines: Sequence[ResultLine]) -> str:
    line = lines[0]
    figures = [
        figure(published.metrics[metric]) if metric in published.metrics else "–"
        for metric in shown_beside(line, [published])
    ]
    if len(published.metrics) == 1:
        figures = figures[:1]
    text = f"{published.model} {', '.join(figures)}"
    theirs, ours = published.metrics.get(line.metric), _over(lines, line.metric)
    if theirs is not None and theirs > ours.mean:
        text = f"**{text}**"
        _, high = _ends(ours, lines, line.metric)
        if high is not None and theirs <= high:
            text += ": a tie"
    return text + (f" {ON_TEST}" if published.chosen_on == "test" else "")


def _older(name: str, found: Current) -> str:
    why = "of an earlier split"
    if found.changed:
        why = f"of other settings ({', '.join(found.changed)})"
    return f"Left out of `{name}`: {counted(len(found.older), 'line')} {why}."


def _provenance(shown: dict[str, Current]) -> str:
    """How each row was made."""
    head = ("experiment", "seeds", "epochs", "minutes in training", "trained on", "commit", "date")
    cells = [
        [
            f"`{name}`",
            ", ".join(str(line.seed) for line in found.lines),
            ", ".join(str(line.epoch) for line in found.lines),
            ", ".join(f"{line.train_seconds / 60:.1f}" for line in found.lines),
            "; ".join(_distinct(found.lines, _machine)),
            ", ".join(_distinct(found.lines, lambda each: _commit(each.commit))),
            _dates(found.lines),
        ]
        for name, found in shown.items()
    ]
    return _markdown(head, cells)


def _distinct(lines: Iterable[ResultLine], said: Callable[[Provenance], str]) -> list[str]:
    found = dict.fromkeys(said(each) for line in lines for each in line.provenance)
    unknown = ["not recorded"] if any(not line.provenance for line in lines) else []
    return [*found, *unknown]


def _machine(provenance: Provenance) -> str:
    backend = provenance.backend
    return f"{provenance.device}, {backend} {provenance.versions.get(backend, '')}".strip()


def _commit(commit: str | None) -> str:
    if commit is None:
        return "not recorded"
    digest, plus, changes = commit.partition("+")
    return f"`{digest[:7]}{plus}{changes}`"


def _dates(lines: Sequence[ResultLine]) -> str:
    dates = sorted(line.date for line in lines if line.date is not None)
    if not dates:
        return "not recorded"
    return dates[0] if dates[0] == dates[-1] else f"{dates[0]} to {dates[-1]}"


def _sources(published: Published, rows: dict[str, Row]) -> str:
    """Where published figures come from, and how they were chosen."""
    cells = [
        [
            f"`{name}`",
            f"{each.model}: {_figures(each.metrics)}",
            _chosen(each),
            published.sources[each.source].strip(),
        ]
        for name, figures in published.rows.items()
        if name in rows
        for each in figures
    ]
    return _markdown(("experiment", "published", "chosen", "source"), cells)


def _figures(metrics: dict[str, float]) -> str:
    return ", ".join(f"{label(metric)} {figure(value)}" for metric, value in metrics.items())


def _chosen(published: PublishedFigure) -> str:
    said = {
        "validation": "on validation",
        "test": f"{ON_TEST} **on the test users**",
        "unknown": "not recorded",
    }[published.chosen_on]
    return f"{said}: {published.how.strip()}" if published.how else said


def label(metric: str) -> str:
    """A metric as a table names it.

    >>> label("hit_rate@10")
    'hit rate@10'
    """
    name, _, k = metric.partition("@")
    return f"{METRICS.get(name, name)}@{k}"


def figure(value: float) -> str:
    """Four decimals, without the 0 in front.

    >>> figure(0.06047), figure(-0.01), figure(1)
    ('.0605', '-.0100', '1.0000')
    """
    return re.sub(r"^(-?)0\.", r"\1.", f"{value:.4f}")


def _markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
