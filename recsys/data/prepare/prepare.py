"""From a log to a prepared dataset: filter, encode, order, write.

The result lies in ``<datasets>/<fingerprint>/``, where the fingerprint covers
the content of all sources, the settings and the dataset format: the same log
and settings are prepared once. Work goes on in a hidden folder beside it, which
is renamed at the end, so that a dataset is there whole or not at all.
"""

import hashlib
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from recsys.data.dataset import Dataset
from recsys.data.manifest import FORMAT
from recsys.data.prepare import splits
from recsys.data.prepare.build import Builder, Progress
from recsys.data.prepare.config import DataConfig
from recsys.data.prepare.features.encode import mark_files
from recsys.data.prepare.side_table import TableConfig
from recsys.data.sources.config import FileConfig, LogConfig
from recsys.data.sources.engine import blaming_input, connect
from recsys.data.sources.files import SourceFiles
from recsys.data.sources.public import Table
from recsys.data.sources.read import locate, read_table
from recsys.errors import Damaged
from recsys.system.files import draft_folder, locked, remove_drafts, whole_folder

logger = logging.getLogger(__name__)


def prepare(
    config: DataConfig,
    datasets_dir: str | Path,
    progress: Progress | None = None,
    memory_gib: float = 3.0,
) -> Dataset:
    """Prepares a log, or opens what was prepared from the same log and settings.

    Its files are compared with their digests; a dataset that is damaged is prepared again.

    Args:
        config: the experiment's ``data`` section.
        datasets_dir: where prepared datasets lie; made if missing.
        progress: called with what is being done and the share done, 0 to 1.
        memory_gib: what the engine may hold in memory before it spills to disk.

    Raises:
        InputError: anything about the log, the tables, the settings or the disk
            that the user can mend. Nothing half-written is left.
    """
    tell = progress or (lambda stage, share: None)
    datasets = Path(datasets_dir)
    splits.check_columns(config.split, config.log.columns)
    with blaming_input(str(datasets)), _workshop(datasets) as scratch:
        tell("finding files", 0.0)
        files = _locate(config, scratch)
        fingerprint = _fingerprint(config, files, _mark_files(config, files, scratch, memory_gib))
        final = datasets / fingerprint
        if final.exists() and (found := _intact(final, config)) is not None:
            return found
        with whole_folder(final, replaces=True) as built:
            con = connect(scratch, memory_gib)
            try:
                Builder(con, config, files, built, tell).build(fingerprint)
            finally:
                con.disconnect()
        tell("dataset ready", 1.0)
    return Dataset(final, _source(config))


def _source(config: DataConfig) -> dict[str, Any]:
    """The section as it was given, with what addresses hold in secret, every default spelled out.

    The manifest has it without secrets, and with the paths of the first time.
    """
    source = config.model_dump(mode="json")
    for name in ("log", "users", "items"):
        table: FileConfig | None = getattr(config, name)
        if table is not None:
            source[name]["path"] = table.path
    return source


def _intact(folder: Path, config: DataConfig) -> Dataset | None:
    """The dataset of a folder; None if it is damaged, with a warning."""
    try:
        dataset = Dataset(folder, _source(config))
        dataset.verify()
    except Damaged as error:
        logger.warning("%s: it is prepared again", error.what)
        return None
    return dataset


@contextmanager
def _workshop(datasets: Path) -> Iterator[Path]:
    """A scratch folder beside the datasets, for one process at a time."""
    with locked(datasets):
        remove_drafts(datasets)
        with draft_folder(datasets / "preparation") as scratch:
            yield scratch


def _locate(config: DataConfig, scratch: Path) -> dict[Table, SourceFiles]:
    sources: dict[Table, LogConfig | TableConfig | None] = {
        "log": config.log,
        "users": config.users,
        "items": config.items,
    }
    found = {}
    for side, source in sources.items():
        if source is not None:
            folder = scratch / side
            folder.mkdir()
            found[side] = locate(source, side, folder)
    return found


def _mark_files(
    config: DataConfig, files: dict[Table, SourceFiles], scratch: Path, memory_gib: float
) -> list[str]:
    """What changes when files change that a table names; an engine is started only if one does."""
    if config.items is None or not config.items.names_files:
        return []
    where, folder = files["items"], scratch / "image_paths"
    folder.mkdir()
    con = connect(folder, memory_gib)
    try:
        with blaming_input(str(where)):
            source = read_table(con, where, config.items, "items", config.items.roles)
            return mark_files(source.table, config.items, where)
    finally:
        con.disconnect()


def _fingerprint(config: DataConfig, files: dict[Table, SourceFiles], file_marks: list[str]) -> str:
    """Content of the sources and settings; where the files lie makes no difference."""
    place = {"path", "public"}
    settings = config.model_dump(
        mode="json", exclude={"log": place, "users": place, "items": place}
    )
    contents: dict[str, Any] = {side: source.fingerprint for side, source in files.items()}
    if file_marks:
        contents["images"] = file_marks
    document = json.dumps([FORMAT, settings, contents], sort_keys=True)
    return hashlib.sha256(document.encode()).hexdigest()[:16]
