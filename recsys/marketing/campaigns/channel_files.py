"""What each channel imports: messages with their offers, addresses, or hashed contacts."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from recsys.errors import InputError
from recsys.marketing.campaigns.campaign_file import CampaignConfig, CampaignFile
from recsys.marketing.campaigns.channels import EmailConfig, PushConfig
from recsys.marketing.campaigns.offers import Offer
from recsys.marketing.campaigns.social import Hashed, people, write_social
from recsys.marketing.contacts.contacts import Contacts


class ChannelFiles:
    """What is written of the users whom campaigns reach.

    Args:
        config: the campaigns.
        contacts: of the users, if the file names them.

    Attributes:
        served: users who have a campaign of the file.
        addresses: by campaign the address of each user.
        offers: by campaign the offer to each user.
        hashed: by campaign of a social channel the contacts, hashed.
    """

    def __init__(self, config: CampaignFile, contacts: Contacts | None) -> None:
        self._config = config
        self._contacts = contacts
        self.served: set[str] = set()
        self.addresses: dict[str, dict[str, str]] = {}
        self.offers: dict[str, dict[str, Offer]] = {each.name: {} for each in config.campaigns}
        self.hashed: dict[str, Hashed] = {}

    def by_address(self, channel: PushConfig | EmailConfig) -> bool:
        """Whether the channel's tool finds users by an address of theirs, and not by id."""
        return self._contacts is not None and channel.address_detail in self._contacts.details

    def unusable(self, campaign: CampaignConfig) -> dict[str, int]:
        """How many contact details could not be used, by field and reason."""
        if campaign.name not in self.hashed:
            return {}
        details = self.hashed[campaign.name].unusable
        named = details["field"] + ": " + details["reason"]
        return {str(why): int(users) for why, users in named.value_counts().items()}

    def content(self) -> list[Any]:
        """What would be written, for a fingerprint."""
        offers = {
            name: {user: asdict(offer) for user, offer in found.items()}
            for name, found in self.offers.items()
        }
        addresses = {
            name: {user: text for user, text in found.items() if user in self.served}
            for name, found in self.addresses.items()
        }
        cells = {
            name: {user: row for user, row in hashed.cells.items() if user in self.served}
            for name, hashed in self.hashed.items()
        }
        return [offers, addresses, cells]

    def write(self, campaign: CampaignConfig, users: Sequence[str], path: Path) -> None:
        """Writes what the campaign's channel imports.

        Args:
            campaign: of the file.
            users: those who are sent it.
            path: of the channel's file.

        Raises:
            InputError: so few would be in a social audience that the platform could tell who.
        """
        channel = campaign.channel
        if isinstance(channel, PushConfig | EmailConfig):
            addresses = self.addresses.get(campaign.name, {})
            offers = self.offers[campaign.name]
            if isinstance(channel, EmailConfig):
                channel.write(users, addresses, offers, path)
            else:
                tokens = addresses if self.by_address(channel) else None
                channel.write(users, tokens, offers, path)
            return
        least = self._config.minimum_size
        hashed = self.hashed.get(campaign.name)
        if hashed is None or len(people(hashed, users)) < least:
            raise InputError(
                f"campaign {campaign.name!r}: fewer than {least} people would be in its social "
                "audience, which leaves the house: widen the audience, lower its holdout, or "
                "take the campaign out"
            )
        write_social(hashed, users, path)
