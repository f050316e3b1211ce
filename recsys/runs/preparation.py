"""Prepares the dataset of an experiment, and says so."""

import time
from pathlib import Path

from recsys.data.dataset import Dataset
from recsys.data.prepare.config import DataConfig
from recsys.data.prepare.findings import findings
from recsys.data.prepare.prepare import prepare
from recsys.runs.console import say, warn, working
from recsys.system.display import counted
from recsys.system.redaction import redact


def prepare_dataset(
    data: DataConfig, runs_dir: Path, brief: bool = False, told: str | None = None
) -> Dataset:
    """Prepares a dataset under ``<runs-dir>/datasets``, or finds it there.

    What was left out of it, and what else a person should know, is said either way.
    Unlike :func:`open_dataset`, a log that is beyond its limits is refused.

    Args:
        data: what to prepare.
        runs_dir: the folder of all runs.
        brief: the notes were said already, such as for the first of several seeds.
        told: fingerprint of a dataset whose notes were said already, such as by
            ``Dataset.from_frame``; the log may have changed since.

    Raises:
        InputError: the log cannot be prepared, or is beyond ``data.limits``.
    """
    dataset = open_dataset(data, runs_dir, brief, told)
    if data.limits.is_set:
        from recsys.data.checks.check import check_dataset, refuse_beyond

        refuse_beyond(check_dataset(dataset, data.limits), data.limits, log_of(data))
    return dataset


def log_of(data: DataConfig) -> str:
    """The log, for messages."""
    path = data.log.path
    return redact(f"the log {data.log.public or (path[0] if isinstance(path, list) else path)}")


def open_dataset(
    data: DataConfig, runs_dir: Path, brief: bool = False, told: str | None = None
) -> Dataset:
    """Prepares a dataset, or finds it, whatever its limits; see :func:`prepare_dataset`."""
    began = time.monotonic()
    with working("preparing the log") as tell:
        dataset = prepare(data, runs_dir / "datasets", progress=tell)
    manifest = dataset.manifest
    parts = ", ".join(f"{count:,} {part}" for part, count in manifest.part_events.items())
    items = counted(manifest.items, "item") if manifest.has_items else "no items"
    say(
        f"dataset {dataset.fingerprint[:12]}: {counted(manifest.events, 'event')} ({parts}), "
        f"{counted(manifest.users, 'user')}, {items} in {time.monotonic() - began:.1f} s"
    )
    if brief or dataset.fingerprint == told:
        return dataset
    for line in findings(manifest, dataset.path / "quarantine.parquet"):
        warn(f"  {line}")
    return dataset
