"""The campaign file: who gets what where, and within which bounds."""

from datetime import date

from pydantic import Field, PositiveInt, model_validator

from recsys.config import NAME, StrictConfig
from recsys.marketing.audiences.audience import Definition
from recsys.marketing.audiences.suppression import SuppressionConfig, check_suppression
from recsys.marketing.campaigns.caps import Caps, SentConfig
from recsys.marketing.campaigns.channels import Channel, EmailConfig, SocialConfig
from recsys.marketing.campaigns.stock import StockConfig
from recsys.marketing.contacts.contacts import ContactsConfig


class CampaignConfig(StrictConfig):
    """What one audience gets in one channel."""

    name: str = Field(pattern=NAME, description="names its file and the channel's campaign")
    audience: str = Field(description="one of `audiences`")
    channel: Channel
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
    at: date = Field(description="the day of sending")
    runs: dict[str, str] = Field(
        min_length=1,
        description="folders of runs of `task: propensity`, by the name that their prediction "
        "gets in audiences",
    )
    recommender: str | None = Field(
        None, description="folder of a recommender's run, which makes the offers"
    )
    audiences: dict[str, Definition] = Field(min_length=1)
    campaigns: list[CampaignConfig] = Field(min_length=1)
    minimum_size: PositiveInt = Field(
        50, ge=5, description="users that an audience has at least (k-anonymity)"
    )
    suppress: SuppressionConfig | None = Field(None, description="who opted out")
    contacts: ContactsConfig | None = Field(
        None, description="how users are reached: by e-mail, on social, and by push with tokens"
    )
    stock: StockConfig | None = Field(None, description="what is in stock; everything by default")
    caps: Caps = Field({}, description="how often a user is addressed at most, by channel")
    sent: SentConfig | None = Field(None, description="what was sent before, for the caps")
    holdout: float = Field(0.1, ge=0, lt=1, description="share that gets nothing, to compare with")
    seed: int = Field(1, description="of the holdout's draw")
    expected_rate: float = Field(
        0.1, gt=0, lt=1, description="share of those held out who are expected to respond anyway"
    )

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
            if self.recommender is None:
                raise ValueError(
                    f"campaign {campaign.name!r} offers items (channel {campaign.channel.kind}): "
                    "name the `recommender` that finds them"
                )
        if unused := sorted(set(self.audiences) - {each.audience for each in self.campaigns}):
            raise ValueError(f"no campaign is for the audience {unused[0]!r}: take it out")
        return self
