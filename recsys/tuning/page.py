"""The page of a sweep: what was tried, as plots and as a table, in one file that works offline."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from recsys.experiment.file import value_at
from recsys.experiment.schema import Experiment
from recsys.reports.page import inline, write_page
from recsys.system.display import printable
from recsys.tuning import plots
from recsys.tuning.search_space import SweepConfig
from recsys.tuning.study import Study, Tried, best_of, counted, front_of


def write_sweep_page(path: Path, experiment: Experiment, config: SweepConfig, study: Study) -> Path:
    """Writes the page, in whole or not at all.

    Args:
        path: of the page.
        experiment: that was searched around.
        config: what was searched.
        study: what came of it so far.
    """
    tried = study.tried()
    metric, best = experiment.evaluation.metric, best_of(tried)
    front = front_of(tried, config.minimize)
    own = own_values(experiment, tried)
    images = {
        "history": inline(plots.history(tried, metric, None if own is None else own.value)),
        "parallel": inline(plots.parallel_coordinates(tried, config.space, metric)),
    }
    if shares := study.importances():
        images["importances"] = inline(plots.importances(shares))
    if config.minimize and front:
        images["front"] = inline(plots.pareto_front(tried, front, metric, config.minimize, own))
    return write_page(
        path,
        "sweep.html",
        filters={"setting": setting},
        name=experiment.name,
        metric=metric,
        best=best,
        own=own,
        front=[trial.number for trial in front],
        tried=best_first(tried),
        counted=counted(tried),
        at_work=len(study.at_work()),
        complete=sum(trial.outcome == "complete" for trial in tried),
        keys=list(config.space),
        minimize=config.minimize,
        hours=sum(trial.seconds for trial in tried) / 3600,
        images=images,
    )


def own_values(experiment: Experiment, tried: Sequence[Tried]) -> Tried | None:
    """The trial that has the experiment's own values, if it was tried."""
    document = experiment.dump()

    def value(key: str) -> Any:
        try:
            return value_at(document, key)
        except KeyError:  # of another choice
            return None

    return next((t for t in tried if all(value(key) == v for key, v in t.values.items())), None)


def best_first(tried: Sequence[Tried]) -> list[Tried]:
    """The trials as people look for them: what did not come to its end, last."""
    return sorted(
        tried, key=lambda trial: (trial.outcome != "complete", -(trial.value or 0.0), trial.number)
    )


def setting(value: Any) -> str:
    """A value of a setting, for a table."""
    if isinstance(value, float):
        return f"{value:.4g}"
    return printable(value if isinstance(value, str) else json.dumps(value))
