"""The campaign file: which users get what where, and within which bounds."""

from datetime import date, timedelta

from pydantic import Field, PositiveInt, model_validator

from recsys.config import NAME, StrictConfig
from recsys.data.sources.times import Day
from recsys.marketing.audiences.audience import Definition
from recsys.marketing.audiences.suppression import SuppressionConfig, check_suppression
from recsys.marketing.campaigns.caps import Caps
from recsys.marketing.campaigns.channels import Channel, EmailConfig, Message, SocialConfig
from recsys.marketing.campaigns.control import ControlConfig
from recsys.marketing.campaigns.holdouts import HoldoutsConfig
from recsys.marketing.campaigns.messages import SentConfig
from recsys.marketing.campaigns.stock import StockConfig
from recsys.marketing.contacts.contacts import ContactsConfig


class CampaignConfig(StrictConfig):
    """What one audience gets in one channel."""

    name: str = Field(pattern=NAME, description="names its file and the channel's campaign")
    audience: str = Field(description="one of `audiences`")
    channel: Channel = Field(description="where it goes")
    priority: PositiveInt = Field(description="1 is asked first; each user gets one campaign")
    holdout: float | None = Field(
        None, ge=0, lt=1, description="share that gets nothing, to compare with; the file's"
    )

    @property
    def file(self) -> str:
        """What the file is called that its channel imports."""
        return f"{self.channel.kind}-{self.name}.csv"


class CampaignFile(StrictConfig):
    """Campaigns that go out together."""

    name: str = Field(pattern=NAME, description="names its folder")
    at: Day = Field(description="the day of sending")
    days: PositiveInt = Field(
        14, le=3660, description="from the day of sending on, in which the outcome counts"
    )
    outcome: str = Field(
        "purchases",
        pattern=NAME,
        description="what the campaigns are to move: users held out of one campaign stay out of "
        "all others with the same outcome while its days last",
    )
    runs: dict[str, str] = Field(
        min_length=1,
        description="folders of runs of `task: propensity`, by the name that their prediction "
        "gets in audiences",
    )
    recommender: str | None = Field(
        None,
        description="folder of a recommender's run, which makes the offers; without it messages "
        "are plain",
    )
    audiences: dict[str, Definition] = Field(min_length=1, description="by name, who is meant")
    campaigns: list[CampaignConfig] = Field(
        min_length=1, description="what each audience gets in which channel"
    )
    minimum_size: PositiveInt = Field(
        50, ge=5, description="users that an audience has at least (k-anonymity)"
    )
    suppress: SuppressionConfig | None = Field(None, description="users who opted out")
    contacts: ContactsConfig | None = Field(
        None, description="how users are reached: by e-mail, on social, and by push with tokens"
    )
    stock: StockConfig | None = Field(None, description="what is in stock; everything by default")
    caps: Caps = Field({}, description="how often a user is addressed at most, by channel")
    sent: SentConfig | None = Field(
        None,
        description="what other tools sent before, for the caps; campaigns in the runs folder "
        "count by themselves",
    )
    holdout: float = Field(0.1, ge=0, lt=1, description="share that gets nothing, to compare with")
    holdouts: HoldoutsConfig | None = Field(
        None,
        description="users held out of campaigns that other tools or runs folders keep; those "
        "in this runs folder are known",
    )
    control: ControlConfig | None = Field(
        None, description="users who get nothing from any campaign, the same in every file"
    )
    seed: int = Field(1, description="of the holdout's draw")
    currency: str | None = Field(
        None, max_length=8, description="of the money that is measured, as it is shown, such as €"
    )
    expected_rate: float = Field(
        0.1,
        gt=0,
        lt=1,
        description="share of the users held out who are expected to respond anyway",
    )

    @property
    def until(self) -> date:
        """The last day on which the outcome counts."""
        return self.at + timedelta(days=self.days - 1)

    @model_validator(mode="after")
    def _plain_without_recommender(self) -> "CampaignFile":
        """Where nobody makes offers, a message that does not ask for one has none."""
        if self.recommender is not None:
            return self
        campaigns = [
            each.model_copy(update={"channel": each.channel.without_offer()})
            if isinstance(each.channel, Message) and "offer" not in each.channel.model_fields_set
            else each
            for each in self.campaigns
        ]
        return self.model_copy(update={"campaigns": campaigns})

    @model_validator(mode="after")
    def _hangs_together(self) -> "CampaignFile":
        check_suppression(self.suppress, self.contacts)
        # Some file systems do not tell capitals from small letters.
        names = [campaign.name.casefold() for campaign in self.campaigns]
        if repeated := [name for name in names if names.count(name) > 1]:
            raise ValueError(
                f"two campaigns are named {repeated[0]!r}, and their files would be one"
            )
        for campaign in self.campaigns:
            if campaign.audience not in self.audiences:
                raise ValueError(
                    f"campaign {campaign.name!r} is for the audience {campaign.audience!r}; there "
                    f"are {', '.join(self.audiences)}"
                )
            if isinstance(campaign.channel, SocialConfig):
                if self.contacts is None:
                    raise ValueError(
                        f"campaign {campaign.name!r} goes to {campaign.channel.platform}, which "
                        "finds users by e-mail or phone: name the table under `contacts`"
                    )
                continue
            if isinstance(campaign.channel, EmailConfig) and (
                self.contacts is None or self.contacts.email is None
            ):
                raise ValueError(
                    f"campaign {campaign.name!r} goes out by e-mail: name the table of the "
                    "addresses under `contacts`, with its columns `key` and `email`"
                )
            if self.recommender is None and campaign.channel.offer is not None:
                raise ValueError(
                    f"campaign {campaign.name!r} offers items (channel {campaign.channel.kind}): "
                    "name the `recommender` that finds them"
                )
        if self.stock is not None and not self._offers_items():
            raise ValueError(
                "no campaign offers items, so there is nothing to bound: take `stock` out"
            )
        if unused := sorted(set(self.audiences) - {each.audience for each in self.campaigns}):
            raise ValueError(f"no campaign is for the audience {unused[0]!r}: take it out")
        return self

    def _offers_items(self) -> bool:
        return any(getattr(each.channel, "offer", None) is not None for each in self.campaigns)
