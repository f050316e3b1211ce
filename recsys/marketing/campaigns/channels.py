"""What each channel's tool imports: files of push notifications, e-mails, social audiences.

Ids stand in them as they are in the log, and addresses as they are among the contacts: the tool
finds the user and the item by them. Text that users read is made fit to be looked at in a
spreadsheet too (:func:`written`).
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, ClassVar, Literal, Self

import pandas as pd
from pydantic import Field, model_validator

from recsys.config import Distinct, StrictConfig
from recsys.errors import InputError
from recsys.marketing.campaigns.addresses import AddressDetail
from recsys.marketing.campaigns.offers import OfferConfig, Offered
from recsys.marketing.campaigns.platforms import PlatformName
from recsys.marketing.campaigns.wording import (
    LONGEST_TITLE,
    REASON,
    Wording,
    words_in,
    written,
)
from recsys.marketing.contacts.contacts import Detail
from recsys.system.display import printable, spreadsheet_cell

# Between the items, and the titles, of one row.
BETWEEN = "|"


class Message(StrictConfig):
    """What is sent to a user: an offer, a text, or both.

    Attributes:
        address_detail: the contact detail that is the user's address in the channel.
    """

    address_detail: ClassVar[AddressDetail]

    offer: OfferConfig | None = Field(
        OfferConfig(),
        description="what is offered; null, or left out in a file without a `recommender`: a "
        "plain message, whose text and subject are all there is",
    )
    text: Wording | None = Field(
        None, description="the text of the message, beside its offer if any"
    )
    reason: Wording = Field(REASON, description="why the first item is offered")

    def _templates(self) -> dict[str, Wording]:
        return {} if self.text is None else {"text": self.text}

    @model_validator(mode="after")
    def _plain_is_plain(self) -> Self:
        if self.offer is None:
            self._refuse_what_is_not_plain()
        return self

    def without_offer(self) -> Self:
        """The same as a plain message.

        Raises:
            ValueError: it speaks of an offer.
        """
        plain = self.model_copy(update={"offer": None})
        plain._refuse_what_is_not_plain()
        return plain

    def _refuse_what_is_not_plain(self) -> None:
        for name, template in self._templates().items():
            if words := words_in(template):
                raise ValueError(
                    f"`{name}` speaks of {', '.join(words)}, and nothing is offered: give the "
                    "campaign an `offer` and the file the `recommender` that makes it"
                )
        if self.reason != REASON:
            raise ValueError(
                "`reason` tells why an item is offered, and none is: write it in `text`"
            )

    def _columns(
        self, users: Sequence[str], addresses: Mapping[str, str] | None, offers: Offered
    ) -> dict[str, list[str]]:
        """What a message with or without an offer has, by column."""
        columns = {"user": list(users)}
        if addresses is not None:
            columns[self.address_detail] = [addresses[user] for user in users]
        for name, template in self._templates().items():
            columns[name] = [written(template, offers.get(user)) for user in users]
        if self.offer is not None:
            columns["items"] = [BETWEEN.join(offers[user].items) for user in users]
            columns["reason"] = [written(self.reason, offers[user]) for user in users]
        return columns


class PushConfig(Message):
    """Push notifications: ``user``, ``text`` if there is one, ``items`` (ids) and ``reason``.

    Without an offer ``user`` and ``text``. ``push_token`` follows the user where the contacts have
    a column of such.
    """

    address_detail = "push_token"
    kind: Literal["push"]

    def _refuse_what_is_not_plain(self) -> None:
        super()._refuse_what_is_not_plain()
        if self.text is None:
            raise ValueError(
                "a notification that offers nothing needs a text: give it a `text`, or the "
                "file the `recommender` that makes offers"
            )

    def write(
        self, users: Sequence[str], addresses: Mapping[str, str] | None, offers: Offered, path: Path
    ) -> None:
        """Writes a row per user as CSV.

        Args:
            users: ids.
            addresses: by user; push tokens, or None where the tool finds users by id.
            offers: of these users, if the message has one.
            path: of the file.

        Raises:
            InputError: a text is empty.
        """
        columns = self._columns(users, addresses, offers)
        if self.text is not None:
            _refuse_empty("notifications", "text", self.text, columns["text"])
        _write_csv(path, columns)


class EmailConfig(Message):
    """E-mails: ``user``, ``email``, ``subject``, ``text`` if there is one, and the offer's columns.

    These are ``items`` (ids), ``titles`` and ``reason``. The address stands in clear, as it was
    given, without blanks around it. The text may be the e-mail tool's.
    """

    address_detail = "email"
    kind: Literal["email"]
    subject: Wording = Field(description="of the e-mail, such as `We miss you: {{ titles[0] }}`")

    def _templates(self) -> dict[str, Wording]:
        return {"subject": self.subject, **super()._templates()}

    def write(
        self, users: Sequence[str], addresses: Mapping[str, str], offers: Offered, path: Path
    ) -> None:
        """Writes a row per user as CSV.

        Args:
            users: ids.
            addresses: by user; of all of them.
            offers: of these users, if the message has one.
            path: of the file.

        Raises:
            InputError: a subject is empty.
        """
        columns = self._columns(users, addresses, offers)
        _refuse_empty("e-mails", "subject", self.subject, columns["subject"])
        if self.offer is not None:
            reasons = columns.pop("reason")
            titles = [_joined(offers[user].titles) for user in users]
            columns |= {"titles": titles, "reason": reasons}
        _write_csv(path, columns)


class SocialConfig(StrictConfig):
    """An audience for an advertising platform: hashed identifiers, and nothing else."""

    kind: Literal["social"]
    platform: PlatformName = Field(description="the network that imports the file")
    fields: Distinct[list[Detail]] | None = Field(
        None, description="contact details to give away; e-mail and phone by default"
    )


def _refuse_empty(what: str, column: str, template: Wording, lines: Sequence[str]) -> None:
    if empty := lines.count(""):
        raise InputError(
            f"{empty:,} of {len(lines):,} {what} would have no {column}, as {template!r} gives "
            "none where its words are empty: write something for them, as in "
            "{% if because %}...{% else %}For you{% endif %}"
        )


Channel = Annotated[PushConfig | EmailConfig | SocialConfig, Field(discriminator="kind")]


def _joined(titles: Sequence[str]) -> str:
    shown = (printable(title, LONGEST_TITLE).replace(BETWEEN, "/") for title in titles)
    return spreadsheet_cell(BETWEEN.join(shown))


def _write_csv(path: Path, columns: dict[str, list[str]]) -> None:
    pd.DataFrame(columns).to_csv(path, index=False, lineterminator="\n")
