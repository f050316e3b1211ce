"""What each channel's tool imports: files of push notifications, e-mails, social audiences.

Ids stand in them as they are in the log, and addresses as they are among the contacts: the tool
finds the user and the item by them. Text that users read is made fit to be looked at in a
spreadsheet too (:func:`written`).
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal

import pandas as pd
from pydantic import Field

from recsys.config import Distinct, StrictConfig
from recsys.display import printable, spreadsheet_cell
from recsys.errors import InputError
from recsys.marketing.campaigns.offers import OfferConfig, Offered
from recsys.marketing.campaigns.platforms import PlatformName
from recsys.marketing.campaigns.wording import LONGEST_TITLE, REASON, Wording, written
from recsys.marketing.contacts.contacts import Detail

# Between the items, and the titles, of one row.
BETWEEN = "|"


class PushConfig(StrictConfig):
    """Push notifications: ``user``, ``items`` (ids), ``reason``.

    Where the contacts have a column of push tokens, ``push_token`` follows the user.
    """

    kind: Literal["push"]
    offer: OfferConfig = OfferConfig()
    reason: Wording = Field(REASON, description="what the notification says")

    def write(
        self, users: Sequence[str], tokens: Mapping[str, str] | None, offers: Offered, path: Path
    ) -> None:
        """Writes a row per user as CSV.

        Args:
            users: ids.
            tokens: by user, where the tool finds devices by them; None: it finds users by id.
            offers: of these users.
            path: of the file.
        """
        _write_csv(
            path,
            {
                "user": list(users),
                **({} if tokens is None else {"push_token": [tokens[user] for user in users]}),
                "items": [BETWEEN.join(offers[user].items) for user in users],
                "reason": [written(self.reason, offers[user]) for user in users],
            },
        )


class EmailConfig(StrictConfig):
    """E-mails: ``user``, ``email``, ``subject``, ``items`` (ids), ``titles``, ``reason``.

    The address stands in clear, as it was given, without blanks around it.
    """

    kind: Literal["email"]
    subject: Wording = Field(description="of the e-mail, such as `We miss you: {{ titles[0] }}`")
    offer: OfferConfig = OfferConfig()
    reason: Wording = Field(REASON, description="why the first item")

    def write(
        self, users: Sequence[str], addresses: Mapping[str, str], offers: Offered, path: Path
    ) -> None:
        """Writes a row per user as CSV.

        Args:
            users: ids.
            addresses: by user.
            offers: of these users.
            path: of the file.

        Raises:
            InputError: a subject is empty.
        """
        subjects = [written(self.subject, offers[user]) for user in users]
        if empty := subjects.count(""):
            raise InputError(
                f"{empty} of {len(users)} e-mails would have no subject, as {self.subject!r} "
                "gives none where its words are empty: write something for them, as in "
                "{% if because %}...{% else %}For you{% endif %}"
            )
        _write_csv(
            path,
            {
                "user": list(users),
                "email": [addresses[user] for user in users],
                "subject": subjects,
                "items": [BETWEEN.join(offers[user].items) for user in users],
                "titles": [_joined(offers[user].titles) for user in users],
                "reason": [written(self.reason, offers[user]) for user in users],
            },
        )


class SocialConfig(StrictConfig):
    """An audience for an advertising platform: hashed identifiers, and nothing else."""

    kind: Literal["social"]
    platform: PlatformName
    fields: Distinct[list[Detail]] | None = Field(
        None, description="contact details to give away; e-mail and phone by default"
    )


Channel = Annotated[PushConfig | EmailConfig | SocialConfig, Field(discriminator="kind")]


def _joined(titles: Sequence[str]) -> str:
    shown = (printable(title, LONGEST_TITLE).replace(BETWEEN, "/") for title in titles)
    return spreadsheet_cell(BETWEEN.join(shown))


def _write_csv(path: Path, columns: dict[str, list[str]]) -> None:
    pd.DataFrame(columns).to_csv(path, index=False, lineterminator="\n")
