"""A run that asked about users in a few lines: the estimator beside the rule, and who wins."""

import json

from recsys.run_folder import RunFolder
from recsys.summary import metrics_table


def summary(folder: RunFolder) -> str:
    """The headline of a run's ``metrics.json`` as text.

    Args:
        folder: of a finished run.
    """
    metrics = json.loads(folder.metrics.read_text())
    rows = {metrics["chosen"]["kind"].replace("_", " "): metrics["test"], **metrics["baselines"]}
    table = metrics_table(f"{folder.path}: test", list(metrics["test"]), rows)
    return table + metrics["comparison"]["sentence"]
