"""A sweep at a glance, while it is at work and after."""

from pathlib import Path

from recsys.runs.folder import RunFolder
from recsys.system.display import counted as count
from recsys.system.text_table import text_table
from recsys.tuning.page import best_first, setting, write_sweep_page
from recsys.tuning.study import Study, counted
from recsys.tuning.sweep_file import check_sweep_folder, read_sweep

PAGE = "sweep.html"


def trials(folder: Path) -> tuple[str, Path]:
    """The trials of a sweep as a table, the best first, and the page that shows them as plots.

    Args:
        folder: of the sweep.

    Raises:
        InputError: it is not one, or its files are damaged.
    """
    check_sweep_folder(folder)
    files = RunFolder(folder)
    experiment, config = read_sweep(files.files.checked(files.experiment))
    study = Study(folder, config, experiment.evaluation.metric, {})
    tried, others = study.tried(), study.at_work()
    metric = experiment.evaluation.metric
    columns = ["outcome", metric, *config.minimize, "epochs", "seconds"]
    keys = [key.rpartition(".")[2] for key in config.space]
    rows = [
        [
            str(trial.number),
            trial.outcome,
            "" if trial.value is None else f"{trial.value:.4f}",
            *(f"{trial.taken[name]:,.4g}" if trial.taken else "" for name in config.minimize),
            str(trial.epochs),
            f"{trial.seconds:.0f}",
            *(setting(trial.values[key]) for key in config.space),
        ]
        for trial in best_first(tried)
    ]
    work = f"; workers are at {count(len(others), 'trial')} more" if others else ""
    table = text_table(f"{experiment.name}: {counted(tried)}{work}", [*columns, *keys], rows)
    return table, write_sweep_page(folder / PAGE, experiment, config, study)
