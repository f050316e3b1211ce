"""Who a campaign reaches: not too often, with something to offer, at an address."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from recsys.errors import InputError
from recsys.marketing.audiences.suppression import Suppressed
from recsys.marketing.campaigns.addresses import Address, Addresses, one_per_mailbox
from recsys.marketing.campaigns.assignment import Plan
from recsys.marketing.campaigns.campaign_file import CampaignConfig, CampaignFile
from recsys.marketing.campaigns.channels import EmailConfig, PushConfig, SocialConfig
from recsys.marketing.campaigns.draws import seeded_draw
from recsys.marketing.campaigns.history import History
from recsys.marketing.campaigns.offers import Offer, OfferConfig, Offers
from recsys.marketing.campaigns.sharers import Sharers
from recsys.marketing.campaigns.social import Hashed, hash_contacts, people, write_social
from recsys.marketing.campaigns.stock import offers_left
from recsys.marketing.contacts.contacts import Contacts

HELD_OUT = "held out of another campaign"
OFTEN, NO_OFFER = "addressed too often", "nothing to offer"


class Reach:
    """What stands between a campaign and each user; keeps on the way what will be written.

    Whoever cannot be reached anyway takes no pieces of the stock; whoever is held out of the
    campaign later does, so that what others are offered does not depend on the draw.

    Args:
        config: the campaigns.
        history: what other campaigns mean to this one.
        contacts: of the users, if the file names them.
        suppressed: who opted out.
        tell: called with what is being done.
    """

    def __init__(
        self,
        config: CampaignFile,
        history: History,
        contacts: Contacts | None,
        suppressed: Suppressed,
        tell: Callable[[str], None],
    ) -> None:
        self._config = config
        self._contacts = contacts
        self._campaigns = {each.name: each for each in config.campaigns}
        self._tell = tell
        self._history = history
        self._sharers: Sharers | None = None
        self._addresses: Addresses | None = None
        if contacts is not None:
            self._sharers = Sharers(contacts, suppressed)
            self._addresses = Addresses(contacts, self._sharers)
        self._found: dict[str, dict[str, Address]] = {}
        self._offers: dict[str, dict[str, Offer]] = {each.name: {} for each in config.campaigns}
        self._hashed: dict[str, Hashed] = {}

    @cached_property
    def _recommender(self) -> Offers:
        assert self._config.recommender is not None  # the file's validator asks for it
        return Offers(self._config.recommender)

    @cached_property
    def _stock(self) -> np.ndarray:
        """float [items]: to how many users each item could be offered at first."""
        return offers_left(self._config.stock, self._recommender.dataset)

    @cached_property
    def _left(self) -> np.ndarray:
        """float [items]: to how many users each can still be offered."""
        return self._stock.copy()

    def __call__(self, plan: Plan, users: Sequence[str]) -> Mapping[str, str]:
        """Of users, those whom a campaign cannot reach, and why.

        Raises:
            InputError: the channel lacks what it needs.
        """
        self._tell(plan.name)
        often, elsewhere = self._history.frequency, self._history.held_out.users
        reasons = {user: OFTEN for user in users if often.is_reached(user, plan.channel)}
        reasons |= {user: HELD_OUT for user in users if user in elsewhere}
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
        """Those who have no address, nothing to offer, or the address of somebody who has both."""
        if not self._by_address(channel):
            return self._without_offer(campaign, channel.offer, users)
        assert self._addresses is not None
        detail = channel.address_detail
        waiting, reasons = self._addresses.find(channel.kind, detail, users)
        self._found[campaign.name] = {}
        # Whoever shares a mailbox takes a piece of the stock only if no one before had an offer.
        while waiting:
            first = one_per_mailbox(waiting)
            without = self._without_offer(campaign, channel.offer, list(first))
            served = {user: each for user, each in first.items() if user not in without}
            self._addresses.take(detail, served)
            self._found[campaign.name] |= served
            rest = [user for user in waiting if user not in first]
            waiting, repeated = self._addresses.find(channel.kind, detail, rest)
            reasons |= without | repeated
        return reasons

    def _by_address(self, channel: PushConfig | EmailConfig) -> bool:
        """Whether the channel's tool finds users by an address of theirs, and not by id."""
        return self._contacts is not None and channel.address_detail in self._contacts.details

    def _without_offer(
        self, campaign: CampaignConfig, offer: OfferConfig | None, users: Sequence[str]
    ) -> dict[str, str]:
        if offer is None:
            return {}
        origin = f"campaign {campaign.name!r}"
        if isinstance(campaign.channel, EmailConfig) and not self._recommender.titled():
            raise InputError(
                f"{origin}: an e-mail names items by their titles, and the recommender "
                f"{self._config.recommender} knows none: map data.items.title in its experiment "
                "and run it again"
            )
        choice = self._recommender.choice(offer, self._stock >= 1, origin)
        # Who comes first gets the last pieces, and that must not be who has the smallest id.
        config = self._config
        turn = seeded_draw(config.seed, config.name, f"{config.at}", f"offers of {campaign.name}")
        drawn = sorted(users, key=turn)
        offers = self._recommender.of(drawn, offer, choice, self._left)
        found = {user: each for user, each in offers if each is not None}
        self._offers[campaign.name] |= found
        return {user: NO_OFFER for user in users if user not in found}

    def sold_out(self) -> int:
        """How many items are offered to as many users as their pieces allow."""
        if not any(self._offers.values()):
            return 0
        return int(((self._stock >= 1) & (self._left < 1)).sum())

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
        channel = campaign.channel
        if isinstance(channel, PushConfig | EmailConfig):
            found = self._found.get(campaign.name, {})
            addresses = {user: address.text for user, address in found.items()}
            offers = self._offers[campaign.name]
            if isinstance(channel, EmailConfig):
                channel.write(users, addresses, offers, path)
            else:
                tokens = addresses if self._by_address(channel) else None
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
