"""From a log to a prepared dataset: filter, encode, order, write.

The result lies in ``<datasets>/<fingerprint>/``, where the fingerprint covers
the content of all sources, the settings and the dataset format: the same log
and settings are prepared once. Work goes on in a hidden folder beside it, which
is renamed at the end, so that a dataset is there whole or not at all.
"""

import contextlib
import hashlib
import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from recsys.data.dataset import MEND, Dataset
from recsys.data.manifest import FORMAT, MANIFEST
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
from recsys.protection.encryption import Encryption
from recsys.protection.forgotten import ForgottenUsers, forgotten_users
from recsys.protection.personal_files import close_to_others
from recsys.protection.pseudonyms import Pseudonyms
from recsys.system.files import draft_folder, locked, remove_drafts, whole_folder
from recsys.system.reading import read_json

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
    pseudonyms = config.protection.open_pseudonyms()
    encryption = config.protection.open_encryption()
    with blaming_input(str(datasets)), _workshop(datasets) as scratch:
        tell("finding files", 0.0)
        files = _locate(config, scratch)
        marks = _mark_files(config, files, scratch, memory_gib)
        keys = {"pseudonyms": pseudonyms, "encryption": encryption}
        source = _fingerprint(config, files, marks, keys)
        forgotten = forgotten_users(datasets.parent)
        for folder in _prepared(datasets, source):
            if (found := _intact(folder, config)) is not None and _may_be_used(found, forgotten):
                return found
        fingerprint = _without(source, forgotten)
        final = datasets / fingerprint
        with whole_folder(final, replaces=True) as built:
            con = connect(scratch, memory_gib)
            try:
                builder = Builder(
                    con, config, files, built, tell, pseudonyms, forgotten, encryption
                )
                builder.build(fingerprint, source)
            finally:
                con.disconnect()
            close_to_others(built)
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


def _prepared(datasets: Path, source: str) -> list[Path]:
    """Folders of datasets of one log and settings, whichever users were left out."""
    found = [datasets / source] if (datasets / source).exists() else []
    for manifest in sorted(datasets.glob(f"*/{MANIFEST}")):
        with contextlib.suppress(Damaged):
            document = read_json(manifest, MEND)
            is_of_it = isinstance(document, dict) and document.get("source_fingerprint") == source
            if is_of_it and manifest.parent not in found:
                found.append(manifest.parent)
    return found


def _may_be_used(dataset: Dataset, forgotten: ForgottenUsers) -> bool:
    """Whether nobody in a dataset is to be forgotten, and no one was cut out of it."""
    manifest = dataset.manifest
    if manifest.cut_users:
        return False
    if not forgotten or manifest.forgotten == forgotten.digest:
        return True
    return not forgotten.among(dataset.user_ids)


def _without(source: str, forgotten: ForgottenUsers) -> str:
    """The fingerprint of a dataset from which users are left out."""
    if not forgotten:
        return source
    return hashlib.sha256(f"{source} {forgotten.digest}".encode()).hexdigest()[:16]


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


def _fingerprint(
    config: DataConfig,
    files: dict[Table, SourceFiles],
    file_marks: list[str],
    keys: Mapping[str, Pseudonyms | Encryption | None],
) -> str:
    """Content of the sources, settings and keys; where files lie and limits make no difference.

    Nor does how a table of a lake and its version were named: its content is that version.
    """
    left_out: dict[str, Any] = {"limits": True}
    for side in ("log", "users", "items"):
        is_of_lake = side in files and files[side].snapshot is not None
        left_out[side] = {"path", "public", "version", "as_of", *(["format"] if is_of_lake else [])}
    settings = config.model_dump(mode="json", exclude=left_out)
    contents: dict[str, Any] = {side: source.fingerprint for side, source in files.items()}
    if file_marks:
        contents["images"] = file_marks
    contents |= {use: each.as_document() for use, each in keys.items() if each is not None}
    document = json.dumps([FORMAT, settings, contents], sort_keys=True)
    return hashlib.sha256(document.encode()).hexdigest()[:16]
