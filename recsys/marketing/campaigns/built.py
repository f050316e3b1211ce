"""Campaigns that were built before, as they lie in the runs folder."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from pathlib import Path

import pandas as pd

from recsys.errors import Damaged, InputError
from recsys.marketing.versions import checked, read_version, versions
from recsys.protection.encryption import read_frame
from recsys.system.reading import reading

DEFINITION, COUNTS = "campaign.yaml", "campaign.json"
ASSIGNMENTS = "assignments.parquet"
FOLDER = "campaigns"
KEYS = ("name", "at", "days", "outcome", "control", "knew", "campaigns")
COLUMNS = ["user", "campaign", "channel", "time", "held_out", "control", "own_holdout"]
MEND = (
    "Until then it is not known which users it addresses and holds out: build it again from its "
    "file (`recsys campaign build`), which puts back what is damaged. If it was never sent, its "
    "folder may be moved out of the runs folder instead"
)

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Built:
    """A version of a campaign file.

    Attributes:
        folder: where it lies.
        name: of the campaign file.
        at: its day of sending.
        days: from that day on, in which its outcome counts.
        outcome: what it is to move.
        control: share and seed of its global control group; None without one.
        replaces: seed of the control that it ended.
        knew: names and days of the campaigns that were there when it was built, and whose
            outcomes count on some of the same days.
        pseudonyms: name and id of the key by which it knows users; None: by the log's ids.
    """

    folder: Path
    name: str
    at: date
    days: int
    outcome: str
    control: tuple[float, int] | None = None
    replaces: int | None = None
    knew: frozenset[tuple[str, date]] = frozenset()
    pseudonyms: Mapping[str, str] | None = None

    @property
    def until(self) -> date:
        """The last day on which its outcome counts."""
        return self.at + timedelta(days=self.days - 1)

    def overlaps(self, first: date, last: date) -> bool:
        """Whether its outcome counts on some day from the first to the last."""
        return self.at <= last and self.until >= first

    @cached_property
    def assignments(self) -> pd.DataFrame:
        """Those of its assignments' columns that others need (:data:`COLUMNS`).

        Raises:
            InputError: they are not what was written.
        """
        try:
            path = checked(self.folder, ASSIGNMENTS)
            with reading(path, MEND):
                return read_frame(path, COLUMNS)
        except Damaged as error:
            raise _refused(error) from error


def built_campaigns(runs_dir: Path, own: str) -> list[Built]:
    """Every version of every campaign file in a runs folder, by name and age.

    Args:
        runs_dir: where ``campaigns/<name>/<version>`` lies.
        own: name of the file that is being built. A version of it that cannot be read is left
            out with a warning, as building it again is what mends it.

    Raises:
        InputError: another one's counts are not what was written.
    """
    found = []
    for folder in sorted((runs_dir / FOLDER).glob("*/")):
        for version in versions(folder):
            try:
                found.append(_read(version))
            except Damaged as error:
                if folder.name != own:
                    raise _refused(error) from error
                logger.warning("%s: what it addressed is not known", error.what)
    return found


def heeded(built: Sequence[Built], name: str, at: date) -> list[Built]:
    """The campaigns that a campaign file heeds: what they sent, and which users they hold out.

    In every version, as it is not known which one was sent: to leave out or to spare some users too
    many harms nothing. Not among them are versions of the file itself for the same day, nor
    campaigns of that day or a later one that were built after it, which heed it: so a file that
    is built again comes to the same. One of an earlier day always counts, whenever it was built.

    Args:
        built: what lies in the runs folder.
        name: of the campaign file.
        at: its day of sending.
    """
    return [
        each
        for each in built
        if (each.name, each.at) != (name, at) and not (each.at >= at and (name, at) in each.knew)
    ]


def refuse_other_pseudonyms(built: Sequence[Built], pseudonyms: Mapping[str, str] | None) -> None:
    """Refuses campaigns that know users by other ids than the one that is built.

    Args:
        built: the campaigns that it heeds.
        pseudonyms: name and id of its key; None: it knows users by the log's ids.

    Raises:
        InputError: no cap and no holdout of such a campaign would be kept.
    """
    for each in built:
        if each.pseudonyms != pseudonyms:
            raise InputError(
                f"{each.folder} knows users by {_said(each.pseudonyms)}, and this campaign by "
                f"{_said(pseudonyms)}: what it sent and whom it holds out cannot be told. Move "
                "its folder out of the runs folder to go on without"
            )


def _said(pseudonyms: Mapping[str, str] | None) -> str:
    if pseudonyms is None:
        return "the log's ids"
    return f"pseudonyms of the key {pseudonyms['key']!r} (id {pseudonyms['id']})"


def newest(built: Sequence[Built]) -> list[Built]:
    """Of each name and day the version that was built last."""
    return list({(each.name, each.at): each for each in built}.values())


def _read(version: Path) -> Built:
    document = read_version(version, COUNTS, KEYS)
    control = document["control"] or {}
    return Built(
        folder=version,
        name=document["name"],
        at=date.fromisoformat(document["at"]),
        days=document["days"],
        outcome=document["outcome"],
        control=(control["share"], control["seed"]) if control.get("share") else None,
        replaces=control.get("replaces"),
        pseudonyms=document.get("pseudonyms"),
        knew=frozenset((each["name"], date.fromisoformat(each["at"])) for each in document["knew"]),
    )


def _refused(error: Damaged) -> InputError:
    """The same, with what it means to the campaign that is built or measured."""
    return InputError(f"{error.what}. {MEND}")
