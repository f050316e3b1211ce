"""All that is known of users in one table, to be asked by a query."""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from recsys.errors import InputError
from recsys.marketing.propensity.files import USERS
from recsys.marketing.versions import digest
from recsys.protection.encryption import Encryption, encryption_in
from recsys.protection.forgotten import NOBODY, ForgottenUsers
from recsys.protection.pseudonyms import StoredId, as_given, stored_id
from recsys.runs.opening import open_run
from recsys.system.display import counted

logger = logging.getLogger(__name__)

USER, SEGMENT = "user", "segment"
# Columns of a run's users that are what it predicted, not what it was told.
ANSWERS = ("probability", "amount", "predicted")


@dataclass(frozen=True)
class UsersTable:
    """The users of some predictions.

    Attributes:
        rows: a row per user: ``user`` (the id as in the log), features, segment and cluster of
            the first run that knows the user, and each run's prediction under its name; of
            classes the likeliest, and ``<name>_<class>`` the probability of each.
        known: ids of all users of the log, those without a prediction too.
        marks: by run, what its users were read from.
        stored: what becomes of an id that a person or a table gives: where users have pseudonyms,
            that of the id.
        pseudonyms: name and id of the key of these; None: users have none.
        encryption: of what is made of it; None: tables are not encrypted.
    """

    rows: pd.DataFrame
    known: frozenset[str]
    marks: Mapping[str, str]
    stored: StoredId = as_given
    pseudonyms: Mapping[str, str] | None = None
    encryption: Encryption | None = None


def read_users(runs: Mapping[str, str], forgotten: ForgottenUsers = NOBODY) -> UsersTable:
    """Joins the users of runs of ``task: propensity``.

    Args:
        runs: folders by the name that the prediction gets.
        forgotten: users who are left out, with a warning that counts them.

    Raises:
        InputError: a folder is none of such a run, the runs are about different logs, or a
            prediction has the name of another column.
    """
    rows: pd.DataFrame | None = None
    known: set[str] = set()
    marks, logs = {}, {}
    document: dict[str, str] | None = None
    encryption: Encryption | None = None
    for name, run in runs.items():
        folder = open_run(Path(run))
        file = folder.path / USERS
        if not file.is_file():
            raise InputError(
                f"{folder.path} has no {USERS}: give a finished run of `task: propensity` whose "
                "users are asked about now"
            )
        found = folder.table(file).set_index(USER).drop(columns="reasons", errors="ignore")
        known |= set(found.index)
        if folder.dataset_record.is_file():
            logs[name] = folder.files.read(folder.dataset_record, ["fingerprint"])["fingerprint"]
            known |= set(folder.dataset().user_ids)
        if folder.metrics.is_file():
            document = folder.read_metrics().get("pseudonyms")
        # As closed as the closest of what it is made of.
        encryption = encryption or encryption_in(file)
        marks[name] = digest(file)
        answers = [each for each in map(str, found) if each.partition("_")[0] in ANSWERS]
        named = found[answers].rename(columns={each: _named(each, name) for each in answers})
        rest = found.drop(columns=answers)
        _refuse_taken(named, [USER, *(rest if rows is None else rows)], name)
        if rows is None:
            rows = rest.join(named)
        else:
            rows = rows.combine_first(rest)[[*rows, *rest.columns.difference(rows.columns)]]
            rows = rows.join(named, how="left")
    if len(set(logs.values())) > 1:
        listed = ", ".join(f"{name}: {mark}" for name, mark in logs.items())
        raise InputError(
            f"the runs are about different logs (datasets {listed}), in which one id may be two "
            "people: run them again on one log, with one `data` section"
        )
    assert rows is not None  # the config asks for one run at least
    if out := forgotten.among(rows.index):
        rows = rows[~rows.index.isin(out)]
        left_out = counted(len(out), "user who is", "users who are")
        logger.warning("%s to be forgotten left out of %s", left_out, ", ".join(runs.values()))
    stored = stored_id(document, known, f"the log of {', '.join(runs.values())}")
    return UsersTable(
        rows.reset_index(names=USER), frozenset(known), marks, stored, document, encryption
    )


def _named(column: str, name: str) -> str:
    """``probability`` becomes ``buys``, ``probability_lost`` becomes ``buys_lost``."""
    _, _, of_class = column.partition("_")
    return f"{name}_{of_class}" if of_class else name


def _refuse_taken(named: pd.DataFrame, there: Iterable[str], name: str) -> None:
    # SQL does not tell `Segment` from `segment`.
    known = {each.casefold(): each for each in map(str, there)}
    taken = [known[each.casefold()] for each in map(str, named) if each.casefold() in known]
    if taken:
        raise InputError(
            f"the prediction {name!r} would be the column {taken[0]!r}, which users have already: "
            "give it another name in `runs`"
        )
