"""The steps of an experiment, seed by seed."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, get_args

from recsys.errors import InputError
from recsys.experiment.schema import Experiment
from recsys.pipeline import Pipeline
from recsys.reports.report import write_report
from recsys.runs.folder import RunFolder
from recsys.system.keywords import nearest
from recsys.system.processes import current
from recsys.tracking.run import flatten

Step = Literal["train", "evaluate", "export"]
STEPS: tuple[Step, ...] = get_args(Step)


def do(
    experiment: Experiment,
    runs_dir: Path,
    overwrite: bool = False,
    only: Step | None = None,
    seeds: Sequence[int] | None = None,
    told: str | None = None,
) -> Iterator[RunFolder]:
    """Prepares, trains, evaluates and exports; yields the folder of each seed when it is done.

    Args:
        experiment: as resolved.
        runs_dir: where runs, datasets and the MLflow store lie.
        overwrite: replace what another experiment left under the same name.
        only: this step alone, on what the earlier ones left.
        seeds: some of the experiment's; None: all.
        told: fingerprint of a dataset whose notes were said already.

    Raises:
        InputError: something cannot be used; what was done before is kept.
    """
    if only is not None and only not in STEPS:
        near = nearest(str(only), STEPS, most=1)
        mend = f"did you mean {near[0]!r}? " if near else ""
        raise InputError(f"only={only!r}: {mend}The steps are {', '.join(STEPS)}")
    done: list[RunFolder] = []
    with current.together():
        current.agree("the experiment", _settings(experiment, overwrite, only))
        for pipeline in pipelines(experiment, runs_dir, overwrite, seeds, told):
            if not current.is_first():
                pipeline.train_along()
            elif only is None:
                pipeline.run()
            else:
                _one(pipeline, only)
            # The others wait for what the first one makes of the trained model.
            current.from_first(f"seed {pipeline.seed}", lambda: None)
            done.append(pipeline.folder)
            yield pipeline.folder
        if only in (None, "evaluate") and current.is_first():
            # The last seed's page shows all seeds; those before it were written without it.
            for folder in done[:-1]:
                write_report(folder.path)


def _settings(experiment: Experiment, overwrite: bool, only: Step | None) -> dict[str, Any]:
    """What processes that train together must have in common, by dotted key."""
    return flatten(experiment.dump()) | {"overwrite": overwrite, "only": only}


def pipelines(
    experiment: Experiment,
    runs_dir: Path,
    overwrite: bool = False,
    seeds: Sequence[int] | None = None,
    told: str | None = None,
) -> Iterator[Pipeline]:
    """A pipeline per seed, each made when its turn comes; see :func:`do`."""
    for seed in seeds or experiment.training.seeds:
        yield Pipeline(experiment, seed, runs_dir, overwrite, told=told)


def _one(pipeline: Pipeline, step: Step) -> None:
    dataset = pipeline.prepare()
    with pipeline.at_work(dataset) as tracker:
        match step:
            case "train":
                pipeline.train(dataset, tracker)
            case "evaluate":
                pipeline.evaluate(dataset)
                pipeline.measure_rerank(dataset)
                pipeline.publish(tracker)
            case "export":
                pipeline.export(dataset, tracker)
