"""Who a campaign reaches: not too often, with something to offer, at an address."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from recsys.errors import InputError
from recsys.marketing.audiences.suppression import Suppressed
from recsys.marketing.campaigns.addresses import Address, AddressDetail, Addresses
from recsys.marketing.campaigns.assignment import Plan
from recsys.marketing.campaigns.campaign_file import CampaignConfig, CampaignFile
from recsys.marketing.campaigns.caps import Frequency
from recsys.marketing.campaigns.channels import EmailConfig, PushConfig, SocialConfig
from recsys.marketing.campaigns.offers import Offer, Offers
from recsys.marketing.campaigns.sharers import Sharers
from recsys.marketing.campaigns.social import Hashed, hash_contacts, people, write_social
from recsys.marketing.campaigns.stock import in_stock
from recsys.marketing.contacts.contacts import Contacts

OFTEN, NO_OFFER = "addressed too often", "nothing to offer"


class Reach:
    """What stands between a campaign and each user; keeps on the way what will be written.

    Args:
        config: the campaigns.
        contacts: of the users, if the file names them.
        suppressed: who opted out.
        tell: called with what is being done.
    """

    def __init__(
        self,
        config: CampaignFile,
        contacts: Contacts | None,
        suppressed: Suppressed,
        tell: Callable[[str], None],
    ) -> None:
        self._config = config
        self._contacts = contacts
        self._campaigns = {each.name: each for each in config.campaigns}
        self._tell = tell
        self._frequency = Frequency(config.caps, config.sent, config.name, config.at)
        self._sharers: Sharers | None = None
        self._addresses: Addresses | None = None
        if contacts is not None:
            self._sharers = Sharers(contacts, suppressed)
            self._addresses = Addresses(contacts, self._sharers)
        self._found: dict[str, dict[str, Address]] = {}
        self._offers: dict[str, dict[str, Offer]] = {}
        self._hashed: dict[str, Hashed] = {}

    @cached_property
    def _recommender(self) -> Offers:
        assert self._config.recommender is not None  # the file's validator asks for it
        return Offers(self._config.recommender)

    @cached_property
    def _stock(self) -> np.ndarray:
        return in_stock(self._config.stock, self._recommender.dataset)

    def __call__(self, plan: Plan, users: Sequence[str]) -> Mapping[str, str]:
        """Of users, those whom a campaign cannot reach, and why.

        Raises:
            InputError: the channel lacks what it needs.
        """
        self._tell(plan.name)
        reasons = {user: OFTEN for user in users if self._frequency.is_reached(user, plan.channel)}
        rest = [user for user in users if user not in reasons]
        if not rest:
            return reasons
        campaign = self._campaigns[plan.name]
        match campaign.channel:
            case SocialConfig(platform=platform, fields=fields):
                assert self._contacts is not None
                hashed = hash_contacts(rest, self._contacts, platform, fields, self._sharers)
                self._hashed[campaign.name] = hashed
                unreached = dict(
                    zip(hashed.left_out["user"], hashed.left_out["reason"], strict=True)
                )
            case PushConfig() | EmailConfig():
                unreached = self._unwritten(campaign, campaign.channel, rest)
        return reasons | unreached

    def _unwritten(
        self, campaign: CampaignConfig, channel: PushConfig | EmailConfig, users: Sequence[str]
    ) -> dict[str, str]:
        """Those who have no address, nothing to offer, or an address that somebody else has."""
        detail = self._address_detail(channel)
        if detail is None:
            return self._without_offer(campaign, channel, users)
        assert self._addresses is not None
        found, reasons = self._addresses.find(channel.kind, detail, users)
        reasons |= self._without_offer(campaign, channel, list(found))
        found = {user: each for user, each in found.items() if user not in reasons}
        reasons |= self._addresses.take(detail, found)
        self._found[campaign.name] = found
        return reasons

    def _address_detail(self, channel: PushConfig | EmailConfig) -> AddressDetail | None:
        """The contact detail that is a channel's address; None where users are found by id."""
        if isinstance(channel, EmailConfig):
            return "email"
        tokens = self._contacts is not None and "push_token" in self._contacts.details
        return "push_token" if tokens else None

    def _without_offer(
        self, campaign: CampaignConfig, channel: PushConfig | EmailConfig, users: Sequence[str]
    ) -> dict[str, str]:
        origin = f"campaign {campaign.name!r}"
        if isinstance(channel, EmailConfig) and not self._recommender.titled():
            raise InputError(
                f"{origin}: an e-mail names items by their titles, and the recommender "
                f"{self._config.recommender} knows none: map data.items.title in its experiment "
                "and run it again"
            )
        choice = self._recommender.choice(channel.offer, self._stock, origin)
        offers = dict(self._recommender.of(users, channel.offer, choice))
        found = {user: offer for user, offer in offers.items() if offer is not None}
        self._offers[campaign.name] = found
        return {user: NO_OFFER for user in users if user not in found}

    def unusable(self, campaign: CampaignConfig) -> dict[str, int]:
        """How many contact details could not be used, by field and reason."""
        if campaign.name not in self._hashed:
            return {}
        details = self._hashed[campaign.name].unusable
        named = details["field"] + ": " + details["reason"]
        return {str(why): int(users) for why, users in named.value_counts().items()}

    def content(self) -> list[Any]:
        """What would be written, for a fingerprint."""
        offers = {
            name: {user: asdict(offer) for user, offer in found.items()}
            for name, found in self._offers.items()
        }
        found = {
            name: {user: address.text for user, address in each.items()}
            for name, each in self._found.items()
        }
        return [offers, found, {name: each.cells for name, each in self._hashed.items()}]

    def write(self, campaign: CampaignConfig, users: Sequence[str], path: Path) -> None:
        """Writes what the campaign's channel imports.

        Raises:
            InputError: so few would be in a social audience that the platform could tell who.
        """
        channel, offers = campaign.channel, self._offers.get(campaign.name, {})
        if isinstance(channel, PushConfig | EmailConfig):
            found = self._found.get(campaign.name, {})
            addresses = {user: found[user].text for user in users if user in found}
            if isinstance(channel, EmailConfig):
                channel.write(users, addresses, offers, path)
            else:
                tokens = None if self._address_detail(channel) is None else addresses
                channel.write(users, tokens, offers, path)
            return
        least = self._config.minimum_size
        hashed = self._hashed.get(campaign.name)
        if hashed is None or len(people(hashed, users)) < least:
            raise InputError(
                f"campaign {campaign.name!r}: fewer than {least} people would be in its social "
                "audience, which leaves the house: widen the audience, lower its holdout, or "
                "take the campaign out"
            )
        write_social(hashed, users, path)
