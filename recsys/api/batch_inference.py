"""A folder of recommendations to many users, that continues where it was stopped.

=======================  ==================================================================
file                     holds
=======================  ==================================================================
``part-00000.parquet``   ``user``, ``rank``, ``item``, ``score`` (and ``title``): the answers of
                         a few thousand users, in their order
``_manifest.json``       of which model, users and ``k`` they are, what each part holds, and the
                         digests of the parts that are done
=======================  ==================================================================
"""

import csv
import logging
import re
from collections.abc import Collection, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from recsys.api.answers import DEFAULT_K, named
from recsys.api.forgetting import ids_in
from recsys.api.ids import id_of, ids_of
from recsys.data.dataset import Dataset
from recsys.errors import InputError
from recsys.export.batch_inference import LogUsers, PartWriter, QuerySource, Shard, parts
from recsys.export.manifest import FILE
from recsys.export.recommend import Recommender
from recsys.protection.encryption import encryption_of
from recsys.protection.forgotten import NOBODY, ForgottenUsers, forgotten_users
from recsys.protection.noted_folders import MANIFEST, note_folder
from recsys.protection.tables import columns_of, users_in
from recsys.runs.console import working
from recsys.system.display import counted
from recsys.system.files import locked, remove_drafts
from recsys.system.manifests import (
    as_document,
    as_files,
    damaged,
    describe,
    digest,
    read_manifest,
    write_manifest,
)
from recsys.system.wording import option

logger = logging.getLogger(__name__)

ALL = "all"
FORMAT = 1
TABLES = (".csv", ".parquet")


def log_users(recommender: Recommender, dataset: Dataset, users: Any, column: str) -> LogUsers:
    """Users of the log whom nobody asked to forget.

    Args:
        recommender: the published model.
        dataset: the one that it was exported with.
        users: ids, or a file of them (:func:`read_users`); None or "all": everybody.
        column: of the log, that has users.

    Raises:
        InputError: none of them is known, the file cannot be read, or it is another dataset.
    """
    if users is None or (isinstance(users, str) and users == ALL):
        given: Sequence[str] = dataset.user_ids
        found = dict(zip(given, range(len(given)), strict=True))
    else:
        read = read_users(users, column) if isinstance(users, Path) else ids_of(users, "users")
        given = list(dict.fromkeys(read))
        places = {user: dataset.user_places.get(dataset.stored_user_id(user)) for user in given}
        found = {user: place for user, place in places.items() if place is not None}
        if unknown := [user for user in given if user not in found]:
            logger.warning("left out, the log has no such users: %s", named(unknown))
    gone = forgotten_of(dataset).among(found)
    if gone:
        logger.info("left out, as they are to be forgotten: %s", counted(len(gone), "user"))
    left = [user for user in found if user not in gone]
    if not left:
        raise InputError(f"none of {counted(len(given), 'user')} is in the dataset {dataset.path}")
    return LogUsers(recommender, dataset, left, np.array([found[user] for user in left]))


def forgotten_of(dataset: Dataset | None) -> ForgottenUsers:
    """The users whom later work with a dataset leaves out."""
    return NOBODY if dataset is None else forgotten_users(runs_folder(dataset))


def runs_folder(dataset: Dataset) -> Path:
    """The folder of all runs, in which a dataset lies."""
    return dataset.path.resolve().parents[1]


def read_users(path: Path, column: str) -> list[str]:
    """Ids in a file: a text file with one on each line, or a column of a CSV or Parquet table.

    Args:
        path: of the file.
        column: of a table; one that is called ``user`` or ``user_id`` does as well.

    Raises:
        InputError: it cannot be read, or has no such column.
    """
    if path.suffix not in TABLES:
        return [id_of(line, str(path)) for line in ids_in(path)]
    try:
        there = columns_of(path)
        name = next((each for each in (column, "user", "user_id") if each in there), None)
        if name is None:
            raise InputError(
                f"{path} has no column {column!r} of users; it has "
                f"{', '.join(map(repr, there)) or 'none'}. A file with an id on each line and no "
                "header is to be called .txt"
            )
        found = users_in(path, name)
    except (OSError, UnicodeError, csv.Error, pa.ArrowInvalid) as error:
        raise InputError(f"{path} cannot be read as a table of users: {error}") from error
    if missing := sum(not (user or "").strip() for user in found):
        raise InputError(f"{path}: {counted(missing, 'row')} without {name}")
    return [id_of(user, str(path)) for user in found]


def shard_of(given: str) -> Shard:
    """The share of users that is written ``2/8``.

    Raises:
        InputError: it is not written so.

    Example:
        >>> str(shard_of("2/8"))
        'shard-2-of-8'
    """
    found = re.fullmatch(r"([0-9]{1,6})/([0-9]{1,6})", given)
    if found is not None:
        number, shards = map(int, found.groups())
        if 1 <= number <= shards:
            return Shard(number, shards)
    raise InputError(
        f"{option('shard')} is {given!r}: write the number of the shard, from 1, and how many "
        "there are, as 2/8"
    )


def shard_folder(out: Path, shard: Shard) -> Path:
    """Where the answers of a shard lie, beside those of the others.

    Raises:
        InputError: the folder holds something else, as all users or shards of another number.
    """
    folder = out / str(shard)
    others = [path.name for path in out.glob("[!.]*")] if out.is_dir() else []
    fellows = {str(Shard(number, shard.shards)) for number in range(1, shard.shards + 1)}
    if strange := [name for name in others if name not in fellows]:
        raise InputError(
            f"{out} holds {named(sorted(strange))}, which are no shards of {shard.shards}: name "
            f"another folder ({option('out')}), or remove this one"
        )
    return folder


def share_of(source: QuerySource, shard: Shard) -> QuerySource:
    """The users of a shard.

    Raises:
        InputError: there are more shards than users, and it has none.
    """
    share = shard.of(source)
    if not share.users:
        raise InputError(
            f"{shard} has none of {counted(len(source.users), 'user')}: ask for fewer shards"
        )
    return share


def recommend_all(
    recommender: Recommender,
    source: QuerySource,
    out: Path,
    k: int | None,
    titles: bool,
    dataset: Dataset | None,
    shard: Shard | None = None,
) -> None:
    """Writes the folder, or what it lacks; see :meth:`recsys.Run.recommend_all`.

    Args:
        recommender: the published model.
        source: whom for.
        out: the folder.
        k: how many items for each; None: 10, or as many as the model returns.
        titles: with a column ``title``.
        dataset: whose users they are; None: of no log.
        shard: of the users, that ``source`` has; None: it has all.

    Raises:
        InputError: the folder holds something else, or ``k`` is more than was exported.
    """
    k = min(DEFAULT_K, recommender.manifest["model"]["k"]) if k is None else k
    recommender.check_k(k)
    data = recommender.manifest["data"]
    writer = PartWriter(
        recommender, source, k, titles,
        encryption_of(data["encryption"], f"the model {recommender.folder}"),
    )  # fmt: skip
    asked = {
        "model": digest(recommender.folder / FILE),
        "dataset": data["fingerprint"],
        "users": source.digest(),
        "k": k,
        "titles": titles,
        **({} if shard is None else {"shard": str(shard)}),
    }
    if shard is not None:
        _refuse_other_shards(out, asked)
    out.mkdir(mode=0o700, parents=True, exist_ok=True)
    with locked(out / MANIFEST, f"another process is writing {out}: wait until it has ended"):
        document = _opened(out, asked, len(source.users))
        if dataset is not None:
            note_folder(runs_folder(dataset), out)
        else:
            logger.info(
                "`recsys forget` does not reach %s: remove it when a user is forgotten", out
            )
        _write_missing(out, document, writer)
    _say_counts(out, document["parts"].values(), k)


def _write_missing(out: Path, document: dict[str, Any], writer: PartWriter) -> None:
    users = len(writer.source.users)
    places_of = {
        f"part-{number:05}.parquet": places for number, places in enumerate(parts(users, writer.k))
    }
    missing = [name for name in places_of if name not in document["files"]]
    answered = users - sum(len(places_of[name]) for name in missing)
    if answered and missing:
        logger.info("continued: %s of %s users are done", f"{answered:,}", f"{users:,}")
    with working("recommendations") as shown:

        def done(more: int) -> None:
            nonlocal answered
            answered += more
            shown(f"{answered:,} of {counted(users, 'user')}", answered / users)

        for name in missing:
            counts = writer.write(out / name, places_of[name], done)
            document["parts"][name] = asdict(counts)
            document["files"] |= as_document(describe(out, [out / name]))
            document["finished"] = len(document["files"]) == len(places_of)
            write_manifest(out / MANIFEST, document, private=True)


def _opened(out: Path, asked: dict[str, Any], users: int) -> dict[str, Any]:
    """The manifest of a folder, with the parts of it that are done.

    Raises:
        InputError: the folder holds something else.
    """
    another = f"Name another folder ({option('out')}), or remove this one"
    path = out / MANIFEST
    if not path.is_file():
        if any(not each.name.startswith(".") for each in out.iterdir()):
            raise InputError(f"{out} holds other files, and no recommendations: {another}")
        return {"format": FORMAT, "asked": asked, "finished": False, "parts": {}, "files": {}}
    remove_drafts(out)
    document = read_manifest(path, another)
    if told := _differences(document.get("asked", {}), asked):
        raise InputError(f"{out} holds recommendations of {told}: {another}")
    files = as_files(document["files"], path, another)
    for name in damaged(out, files):
        logger.warning("%s is damaged or missing, and made again", out / name)
        del document["files"][name], document["parts"][name]
        document["finished"] = False
    return document


def _refuse_other_shards(out: Path, asked: dict[str, Any]) -> None:
    """Refuses a shard beside others that are of something else: they are read together."""
    another = f"Name another folder ({option('out')}), or remove those shards"
    shared = {name: asked[name] for name in asked if name != "shard"}
    for path in sorted(out.parent.glob(f"shard-*/{MANIFEST}")):
        there = read_manifest(path, another).get("asked", {})
        if path.parent != out and (told := _differences(there, shared)):
            raise InputError(f"{path.parent} holds recommendations of {told}: {another}")


def _differences(there: dict[str, Any], asked: dict[str, Any]) -> str:
    """In what recommendations that are there differ from those that are asked for, in words."""
    return ", ".join(
        f"another {name}" if name in ("model", "dataset")
        else "other users (or some were forgotten)" if name == "users"
        else f"{name} {there.get(name)} instead of {asked[name]}"
        for name in asked if there.get(name) != asked[name]
    )  # fmt: skip


def _say_counts(out: Path, of_parts: Collection[dict[str, int]], k: int) -> None:
    def sum_of(count: str) -> int:
        return sum(part[count] for part in of_parts)

    users, without, fewer = map(sum_of, ("users", "users_without_answer", "users_with_fewer"))
    logger.info("%s: %s for %s", out, counted(sum_of("items"), "item"), counted(users, "user"))
    if without or fewer:
        logger.warning(
            "of %s, %s got nothing, and %s fewer than %d items, as the catalogue, less what they "
            "had, has no more",
            counted(users, "user"), f"{without:,}", f"{fewer:,}", k,
        )  # fmt: skip
