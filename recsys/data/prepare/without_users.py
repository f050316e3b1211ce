"""A prepared dataset without some of its users: what they did is cut out, all else stays.

Items keep their numbers and features their vocabularies, so that models that were trained on the
dataset still read it. It is not what preparing the log without these users would give: filters and
splits go by all users. So it is not used for a training that begins later
(:attr:`recsys.data.manifest.Manifest.cut_users`).
"""

import shutil
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from recsys.data.dataset import Dataset
from recsys.data.manifest import MANIFEST, PARTS
from recsys.data.prepare.catalogue import write_users
from recsys.data.sources.text import normal_id
from recsys.protection.encryption import encryption_in, encryption_of, read_table, write_table
from recsys.protection.personal_files import close_to_others
from recsys.system.files import whole_folder

HIDDEN = "(a note that named a user who was forgotten)"


def cut_users(dataset: Dataset, users: Collection[str]) -> np.ndarray:
    """Writes a dataset again, in its place, without some users.

    Args:
        dataset: whose users they are; it is to be opened again afterwards.
        users: their ids, in every form that the dataset's files may have: of the log, and
            pseudonyms.

    Returns:
        int64 [events + 1]: where each event, and the end of the last one, stands now. An event that
        is gone has the place of the next one.
    """
    gone = frozenset(users)
    stays = np.array([user not in gone for user in dataset.user_ids], dtype=bool)
    offsets = np.asarray(dataset.user_offsets)
    kept = np.repeat(stays, np.diff(offsets))
    places = np.concatenate(([0], np.cumsum(kept))).astype(np.int64)
    encryption = encryption_of(dataset.manifest.encryption, f"the dataset {dataset.path}")
    with whole_folder(dataset.path, replaces=True) as folder:
        (folder / "features").mkdir()
        for file in dataset.path.rglob("*"):
            target = folder / file.relative_to(dataset.path)
            if file.is_dir() or file.name == MANIFEST:
                continue
            if file.suffix != ".npy":
                shutil.copyfile(file, target)
                continue
            array = np.load(file, mmap_mode="r", allow_pickle=False)
            if file.name.startswith("event"):
                np.save(target, array[kept])
            elif file.name.startswith("user."):
                np.save(target, array[stays])
            else:
                np.save(target, array)
        np.save(folder / "history_ends.npy", places[np.asarray(dataset.history_ends)[kept]])
        np.save(folder / "user_offsets.npy", np.append(places[offsets[:-1][stays]], places[-1]))
        ends = places[np.asarray(dataset.part_ends)[stays]]
        np.save(folder / "part_ends.npy", ends)
        parts = _parts(dataset)[kept]
        items = np.asarray(dataset.event_items)[kept]
        weights = np.asarray(dataset.event_weights)[kept]
        np.save(folder / "item_counts.npy", _counts(items, parts, dataset.items))
        if dataset.manifest.has_context:
            is_target = weights > 0
            targets = _counts(items[is_target], parts[is_target], dataset.items)
            np.save(folder / "item_targets.npy", targets)
        ids = pa.chunked_array([pa.array(dataset.user_ids, pa.string())])
        write_users(ids.filter(pa.array(stays)), folder, encryption)
        _cut_quarantine(dataset.path / "quarantine.parquet", folder, users)
        counts = np.bincount(parts, minlength=len(PARTS))
        manifest = dataset.manifest.model_copy(
            update={
                "users": int(stays.sum()),
                "events": int(kept.sum()),
                "part_events": {part: int(n) for part, n in zip(PARTS, counts, strict=True)},
                "cut_users": dataset.manifest.cut_users + int((~stays).sum()),
                "quality": without_names(dataset.manifest.quality, users),
                "files": {},
            }
        )
        manifest.write(folder)
        close_to_others(folder)
    return places


def without_names(document: Any, users: Collection[str]) -> Any:
    """A document whose texts that name one of the users, in quotes, say so instead.

    Args:
        document: of JSON.
        users: their ids.
    """
    if isinstance(document, dict):
        return {key: without_names(value, users) for key, value in document.items()}
    if isinstance(document, list):
        return [without_names(value, users) for value in document]
    if not isinstance(document, str):
        return document
    is_named = any(shown in document for user in users for shown in (repr(user), ascii(user)))
    return HIDDEN if is_named else document


def _parts(dataset: Dataset) -> np.ndarray:
    """int64 [events]: the part of each event."""
    offsets, ends = np.asarray(dataset.user_offsets), np.asarray(dataset.part_ends)
    bounds = np.column_stack([offsets[:-1], ends, offsets[1:]])
    return np.repeat(np.tile(np.arange(len(PARTS)), dataset.users), np.diff(bounds).reshape(-1))


def _counts(items: np.ndarray, parts: np.ndarray, size: int) -> np.ndarray:
    counts = np.bincount(items * np.int64(len(PARTS)) + parts, minlength=size * len(PARTS))
    return counts.reshape(size, len(PARTS)).astype(np.int64)


def _cut_quarantine(path: Path, folder: Path, users: Collection[str]) -> None:
    """Rows of the users, and lines that could not be read and name one of them."""
    rows = read_table(path)
    given = [None if user is None else normal_id(user) for user in rows["user"].to_pylist()]
    keep = [user not in users for user in given]
    lines = [
        None if line is None or any(user in line for user in users) else line
        for line in rows["raw"].to_pylist()
    ]
    place = rows.column_names.index("raw")
    rows = rows.set_column(place, "raw", pa.array(lines, pa.string()))
    write_table(rows.filter(pa.array(keep, pa.bool_())), folder / path.name, encryption_in(path))
