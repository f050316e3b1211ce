"""Users whom a campaign reaches: not too often, with something to offer, at an address."""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property

import numpy as np

from recsys.errors import InputError
from recsys.marketing.audiences.suppression import Suppressed
from recsys.marketing.campaigns.addresses import Addresses
from recsys.marketing.campaigns.assignment import Plan
from recsys.marketing.campaigns.campaign_file import CampaignConfig, CampaignFile
from recsys.marketing.campaigns.channel_files import ChannelFiles
from recsys.marketing.campaigns.channels import EmailConfig, PushConfig, SocialConfig
from recsys.marketing.campaigns.draws import seeded_draw
from recsys.marketing.campaigns.history import History
from recsys.marketing.campaigns.offers import OfferConfig, Offers
from recsys.marketing.campaigns.sharers import Sharers
from recsys.marketing.campaigns.social import hash_contacts, identifying_fields
from recsys.marketing.campaigns.stock import offers_left
from recsys.marketing.contacts.contacts import Contacts

HELD_OUT = "held out of another campaign"
BESIDE_HELD_OUT = "shares an address or a number with a user held out of another campaign"
TAKEN = "shares an address or a number with a user who has one of these campaigns"
OFTEN, NO_OFFER = "addressed too often", "nothing to offer"


class Reach:
    """What stands between a campaign and each user; fills the channels' files on the way.

    A user who cannot be reached anyway takes no pieces of the stock; a user who is held out of the
    campaign later does, so that what others are offered does not depend on the draw.

    Of users who share an address, one has a campaign of the file: the first, in the order of the
    campaigns and then of the predictions, whom that campaign reaches. Otherwise what goes to the
    one would reach the other, who may be held out. An address is what the channel finds users by:
    a mailbox, a device or what a platform is told, in whatever spelling.

    Args:
        config: the campaigns.
        history: what other campaigns mean to this one.
        contacts: of the users, if the file names them.
        suppressed: users who opted out.
        tell: called with what is being done.

    Attributes:
        files: what will be written of the users reached.
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
        self._shared = history.shared
        self.files = ChannelFiles(config, contacts)
        # Users whom a campaign of the file reaches, by sharing an address too.
        self._reached: set[str] = set()
        self._sharers: Sharers | None = None
        self._addresses: Addresses | None = None
        if contacts is not None:
            self._sharers = Sharers(self._shared, suppressed)
            self._addresses = Addresses(contacts, self._sharers)

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

    def check(self) -> None:
        """Refuses what keeps a campaign from offering anything, before a model is asked.

        Raises:
            InputError: the recommender has no model or no titles for an e-mail, the stock cannot be
                read, or no item fits an offer.
        """
        for campaign in self._config.campaigns:
            if isinstance(campaign.channel, SocialConfig) or campaign.channel.offer is None:
                continue
            if isinstance(campaign.channel, EmailConfig) and not self._recommender.titled():
                raise InputError(
                    f"{_origin(campaign)}: an e-mail names items by their titles, and the "
                    f"recommender {self._config.recommender} has none: map data.items.title in "
                    "its experiment and run it again"
                )
            offer = campaign.channel.offer
            self._recommender.allowed(offer, self._stock >= 1, _origin(campaign))

    def __call__(self, plan: Plan, users: Sequence[str]) -> Mapping[str, str]:
        """Of some users, those whom a campaign cannot reach, and why.

        Raises:
            InputError: the channel lacks what it needs.
        """
        self._tell(plan.name)
        campaign = self._campaigns[plan.name]
        details = self._details(campaign)
        often, elsewhere = self._history.frequency, self._history.held_out.users
        beside = self._shared.of(elsewhere, details)
        reasons = {user: OFTEN for user in users if often.is_reached(user, plan.channel)}
        reasons |= {user: BESIDE_HELD_OUT for user in users if user in beside}
        reasons |= {user: HELD_OUT for user in users if user in elsewhere}
        rest = [user for user in users if user not in reasons]
        if not rest:
            return reasons
        reasons |= self._without_address(campaign, rest)
        taken = self._reached | self._shared.of(self.files.served, details)
        waiting = []
        for user in rest:
            if user in taken:
                reasons.setdefault(user, TAKEN)
            elif user not in reasons:
                waiting.append(user)
        return reasons | self._without_turn(campaign, details, waiting)

    def _details(self, campaign: CampaignConfig) -> list[str]:
        """The contact details by which the campaign's channel finds users."""
        match campaign.channel:
            case SocialConfig(platform=platform, fields=fields):
                assert self._contacts is not None  # the file's validator asks for them
                return identifying_fields(self._contacts, platform, fields)
            case PushConfig() | EmailConfig() as channel:
                return [channel.address_detail]

    def _without_address(self, campaign: CampaignConfig, users: Sequence[str]) -> dict[str, str]:
        """Users whom the campaign's channel does not find, or must not."""
        match campaign.channel:
            case SocialConfig(platform=platform, fields=fields):
                assert self._contacts is not None
                hashed = hash_contacts(users, self._contacts, platform, fields, self._sharers)
                self.files.hashed[campaign.name] = hashed
                return dict(zip(hashed.left_out["user"], hashed.left_out["reason"], strict=True))
            case PushConfig() | EmailConfig() as channel if self.files.by_address(channel):
                assert self._addresses is not None
                detail = channel.address_detail
                found, reasons = self._addresses.find(channel.kind, detail, users)
                self.files.addresses[campaign.name] = found
                return reasons
        return {}

    def _without_turn(
        self, campaign: CampaignConfig, details: Sequence[str], waiting: Sequence[str]
    ) -> dict[str, str]:
        """Users with nothing to be offered, or who share the address of a user served before."""
        offer = None if isinstance(campaign.channel, SocialConfig) else campaign.channel.offer
        reasons: dict[str, str] = {}
        # Of users who share an address, one takes a piece of the stock: the first with an offer.
        while waiting:
            first = self._shared.first_of_each(waiting, details)
            without = self._without_offer(campaign, offer, first)
            served = {user for user in first if user not in without}
            reached = self._shared.of(served, details)
            self.files.served |= served
            self._reached |= reached
            rest = [user for user in waiting if user not in served and user not in without]
            reasons |= without | {user: TAKEN for user in rest if user in reached}
            waiting = [user for user in rest if user not in reached]
        return reasons

    def _without_offer(
        self, campaign: CampaignConfig, offer: OfferConfig | None, users: Sequence[str]
    ) -> dict[str, str]:
        if offer is None:
            return {}
        choice = self._recommender.choice(offer, self._stock >= 1, _origin(campaign))
        # The first users get the last pieces, and these must not be those with the smallest ids.
        config = self._config
        turn = seeded_draw(config.seed, config.name, f"{config.at}", f"offers of {campaign.name}")
        drawn = sorted(users, key=turn)
        offers = self._recommender.of(drawn, offer, choice, self._left)
        found = {user: each for user, each in offers if each is not None}
        self.files.offers[campaign.name] |= found
        return {user: NO_OFFER for user in users if user not in found}

    def sold_out(self) -> int:
        """How many items are offered to as many users as their pieces allow."""
        if not any(self.files.offers.values()):
            return 0
        return int(((self._stock >= 1) & (self._left < 1)).sum())


def _origin(campaign: CampaignConfig) -> str:
    """Where an offer stands, for messages."""
    return f"campaign {campaign.name!r}"
