"""What campaigns that were built before mean to one that is built now."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from recsys.marketing.audiences.users_table import UsersTable
from recsys.marketing.campaigns.built import (
    Built,
    built_campaigns,
    heeded,
    refuse_other_pseudonyms,
)
from recsys.marketing.campaigns.campaign_file import CampaignFile
from recsys.marketing.campaigns.caps import ALL, Frequency
from recsys.marketing.campaigns.control import refuse_broken_control
from recsys.marketing.campaigns.holdouts import HeldOut, held_out_elsewhere, to_be_built_again
from recsys.marketing.campaigns.messages import (
    channel_notes,
    messages_elsewhere,
    messages_of,
    together,
)
from recsys.marketing.contacts.shared_details import SharedDetails


@dataclass(frozen=True)
class History:
    """What other campaigns mean to a campaign file.

    Attributes:
        frequency: how often users were addressed.
        held_out: users held out of another campaign, and so of this one.
        knew: campaigns whose outcome counts on some of the same days.
        notes: what the user should know about it.
        shared: which users share an address.
    """

    frequency: Frequency
    held_out: HeldOut
    knew: Sequence[Built]
    notes: list[str]
    shared: SharedDetails

    def conflicts(self, config: CampaignFile, held_out: set[str]) -> list[str]:
        """Which campaigns address users whom the file holds out."""
        window = config.at, config.until
        return to_be_built_again(self.knew, window, config.outcome, held_out, self.shared)


def read_history(
    config: CampaignFile, runs_dir: Path, table: UsersTable, shared: SharedDetails
) -> History:
    """Looks at the campaigns in a runs folder, and at what the file names besides.

    Args:
        config: the campaign file.
        runs_dir: where ``campaigns/<name>/<version>`` lies.
        table: the users of the log.
        shared: which users share an address, as far as the file has contacts.

    Raises:
        InputError: a campaign or table cannot be read or has no user of the log, or an earlier
            campaign has a control group that this file does not keep.
    """
    built = built_campaigns(runs_dir, config.name)
    refuse_other_pseudonyms(heeded(built, config.name, config.at), table.pseudonyms)
    refuse_broken_control(config.control, config.name, config.at, built)
    control = None if config.control is None else config.control.identity
    before = heeded(built, config.name, config.at)
    knew = [each for each in before if each.overlaps(config.at, config.until)]
    held_out = held_out_elsewhere(
        knew,
        (config.at, config.until),
        config.outcome,
        control,
        config.holdouts,
        table.known,
        table.stored,
    )
    frequency, notes = _frequency(config, built, before, control, table, shared)
    return History(frequency, held_out, knew, held_out.notes + notes, shared)


def _frequency(
    config: CampaignFile,
    built: Sequence[Built],
    before: Sequence[Built],
    control: tuple[float, int] | None,
    table: UsersTable,
    shared: SharedDetails,
) -> tuple[Frequency, list[str]]:
    if config.sent is not None and config.sent.complete:
        built = before = []
    longest = max((cap.days for cap in config.caps.values()), default=0)
    lately = [each for each in before if 0 <= (config.at - each.at).days < longest]
    elsewhere, notes = messages_elsewhere(config.sent, built, table.known, table.stored)
    if config.caps.keys() - {ALL}:
        notes += channel_notes(elsewhere)
    messages = together([messages_of(lately, control), elsewhere])
    return Frequency(config.caps, messages, config.name, config.at, shared), notes
