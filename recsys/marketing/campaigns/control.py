"""The global control group: users who get nothing from any campaign."""

from collections.abc import Sequence
from datetime import date

from pydantic import Field, model_validator

from recsys.config import StrictConfig
from recsys.errors import InputError
from recsys.marketing.campaigns.built import Built
from recsys.marketing.campaigns.draws import seeded_draw


class ControlConfig(StrictConfig):
    """Users who get nothing from any campaign with the same control.

    The draw knows the seed and the user alone, so that it is the same users in every campaign
    file with this share and seed. What all campaigns change together is seen by them, and by
    no holdout of a single campaign. It is of ids: what goes to others at an address that they share
    with a user in it reaches that user, too, and is counted when a campaign is measured.
    """

    share: float = Field(
        ge=0, lt=1, description="share of all users; 0 ends the control that `replaces` names"
    )
    seed: int = Field(1, description="of the draw; another one draws other users")
    replaces: int | None = Field(
        None, description="seed of the control of earlier campaigns that ends with this one"
    )

    @model_validator(mode="after")
    def _holds_somebody(self) -> "ControlConfig":
        if not self.share and self.replaces is None:
            raise ValueError(
                "a control with a share of 0 holds no users: leave `control` out or, to end the "
                "control of earlier campaigns, name its seed: {share: 0, replaces: 1}"
            )
        return self

    def holds(self, user: str) -> bool:
        """Whether a user is in it."""
        return seeded_draw(self.seed, "global control")(user) < self.share

    @property
    def identity(self) -> tuple[float, int] | None:
        """Share and seed, by which controls are the same; None of one that holds nobody."""
        return (self.share, self.seed) if self.share else None


def refuse_broken_control(
    control: ControlConfig | None, name: str, at: date, built: Sequence[Built]
) -> None:
    """Refuses to break a control group that has begun: it is kept, or ended explicitly.

    A control is in force from the first campaign that has it until one of a later or the same day
    ``replaces`` it. Every version that was built counts: which one was sent is not known.

    Args:
        control: of the campaign file.
        name: of the campaign file; its own versions of the same day do not count.
        at: its day of sending.
        built: what lies in the runs folder.

    Raises:
        InputError: an earlier campaign has a control that is in force, and this file has none or
            another one and does not end it.
    """
    before = [each for each in built if each.at <= at and (each.name, each.at) != (name, at)]
    last: dict[tuple[float, int], Built] = {}
    for each in sorted(before, key=lambda each: each.at):
        if each.control is not None:
            last[each.control] = each
    on = {
        identity: latest
        for identity, latest in last.items()
        if not any(
            each.replaces == identity[1] and each.control != identity and each.at >= latest.at
            for each in before
        )
    }
    ours = None if control is None else control.identity
    if not on or ours in on or (control and control.replaces in {seed for _, seed in on}):
        return
    (share, seed), other = next(iter(on.items()))
    have = "none" if ours is None else f"another (share {ours[0]:g}, seed {ours[1]})"
    raise InputError(
        f"{other.folder} of {other.at} has a global control group, whose users get nothing from "
        f"any campaign, and {name!r} has {have}: write `control: "
        f"{{share: {share:g}, seed: {seed}}}`. To end it, write `control: "
        f"{{share: 0, replaces: {seed}}}` once, or begin another with `replaces: {seed}` beside "
        "its share and a seed of its own"
    )
