"""Who must not be addressed: the list that a company keeps of those who said no."""

from collections.abc import Set
from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from recsys.data.sources import FileConfig
from recsys.errors import InputError
from recsys.marketing.tables import read_columns

CHANNELS = frozenset({"push", "email", "social"})
EVERY_CHANNEL = "all"
SHOWN = 3


class SuppressionConfig(FileConfig):
    """The list of those who opted out."""

    key: str = Field("user", description="column with the user's id as in the log")
    channel: str | None = Field(
        None,
        description="column with the channel that is opted out of (push, email, social; empty or "
        "`all`: every one); without it, every row is for every channel",
    )
    unknown: Literal["refuse", "allow"] = Field(
        "refuse",
        description="what to do about ids that the log does not have: `allow` if the list also "
        "holds people who never did anything",
    )


@dataclass(frozen=True)
class Suppressed:
    """Who opted out.

    Attributes:
        everywhere: ids of those who are not addressed at all.
        channels: by channel, ids of those who are not addressed there.
        unknown: how many ids of the list the log does not have.
    """

    everywhere: frozenset[str] = frozenset()
    channels: dict[str, frozenset[str]] | None = None
    unknown: int = 0

    def of(self, channel: str) -> frozenset[str]:
        """Who is not addressed in a channel."""
        return self.everywhere | (self.channels or {}).get(channel, frozenset())


def read_suppressed(config: SuppressionConfig | None, known: Set[str]) -> Suppressed:
    """Reads the list.

    Args:
        config: where it is; None: nobody opted out.
        known: ids of all users of the log.

    Raises:
        InputError: the list cannot be read, a row has no id or names no channel, or ids are
            unknown: they may be of another kind, and then somebody who said no would be addressed.
    """
    if config is None:
        return Suppressed()
    columns = {"user": config.key, "channel": config.channel}
    rows = read_columns(config, columns, ids=["user"])
    if rows["user"].isnull().any():
        row = int(rows["user"].isnull().to_numpy().argmax()) + 1
        raise InputError(
            f"{config.path}: row {row} of the opt-out list has no {config.key!r}, so that nobody "
            "knows who said no: complete it or take it out"
        )
    strangers = sorted(set(rows["user"]) - known)
    if strangers and config.unknown == "refuse":
        raise InputError(
            f"{config.path}: {len(strangers)} of the {rows['user'].nunique()} users of the "
            f"opt-out list are not in the log (such as {', '.join(strangers[:SHOWN])}), so they "
            "may be addressed under another id. Give the ids of the log, or say `unknown: allow` "
            "if the list also holds people who never did anything."
        )
    where = [EVERY_CHANNEL] * len(rows)
    if config.channel is not None:
        where = rows["channel"].fillna(EVERY_CHANNEL).str.casefold().tolist()
    by_channel: dict[str, set[str]] = {}
    for user, channel in zip(rows["user"], where, strict=True):
        by_channel.setdefault(channel, set()).add(user)
    if odd := sorted(set(by_channel) - CHANNELS - {EVERY_CHANNEL}):
        raise InputError(
            f"{config.path}: {odd[0]!r} in the opt-out list is no channel; there are "
            f"{', '.join(sorted(CHANNELS))}, and {EVERY_CHANNEL!r}"
        )
    everywhere = frozenset(by_channel.pop(EVERY_CHANNEL, set()))
    rest = {channel: frozenset(users) for channel, users in by_channel.items()}
    return Suppressed(everywhere, rest, len(strangers))
