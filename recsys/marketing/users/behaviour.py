"""What a user has done up to a cutoff, in numbers: recency, frequency, money and the like."""

import ibis.expr.types as ir
import pandas as pd
from pydantic import Field, PositiveInt

from recsys.config import StrictConfig
from recsys.marketing.users.events import DAY, Events, occasions_of


class BehaviourConfig(StrictConfig):
    """Which numbers describe a user."""

    windows_days: list[PositiveInt] = Field(
        [30, 90],
        description="lengths of the last stretches of time in which occasions and money are "
        "counted apart, and held against the stretch before",
    )
    category: str | None = Field(
        None, description="item feature whose values' shares of a user's events are numbers, too"
    )
    categories: PositiveInt = Field(
        10, description="categories that have a share of their own, the first of the vocabulary"
    )
    channels: PositiveInt = Field(
        10, description="channels that have a share of their own, the first by name"
    )

    @property
    def windows(self) -> tuple[int, ...]:
        return tuple(sorted(set(self.windows_days)))


def behaviour(events: Events, cutoff: int, config: BehaviourConfig) -> pd.DataFrame:
    """The numbers of every user who did something before a cutoff.

    Events of one session, or where there are none of one time, are one *occasion*:
    a visit, an order.

    ======================  ===========================================================
    column                  meaning
    ======================  ===========================================================
    ``recency_days``        since the last occasion
    ``tenure_days``         since the first
    ``occasions``           how many (frequency)
    ``events``              how many
    ``gap_days``            between occasions, the mean (rhythm); missing of one
    ``gap_deviation``       their standard deviation; missing of fewer than three
    ``overdue``             recency over the mean gap: above 1, later than usual
    ``items``               different ones, if the log names items
    ``diversity``           items over events: 1, never the same again; likewise
    ``value``               money in the log's unit, if values are mapped: the sum
    ``value_of_occasion``   the mean of the occasions
    ``largest_value``       the largest of them
    ``occasions_30d``, …    occasions in the last days of each window
    ``value_30d``, …        money in them
    ``trend_30d``, …        (in the window - in the one before) / (both), -1 to 1; 0 of none
    ``share_<category>``    of the user's events; an item of several categories counts in each
    ``channel_<name>``      share of the user's events there, if channels are mapped
    ``campaign_share``      of the user's events that answer a campaign, if these are mapped
    ``campaigns``           different ones answered
    ``campaign_days``       since the last answer; missing of none
    ======================  ===========================================================

    Args:
        events: what happened.
        cutoff: microseconds since 1970 UTC; only what happened earlier is read.
        config: which windows and categories.

    Returns:
        A row per user, by ``user``, the index of the dataset.
    """
    past = events.table.filter(events.table.time < cutoff)
    described = _of_occasions(past, cutoff, config)
    if events.dataset.manifest.has_items:
        described = described.join(_of_items(past), "user")
    if config.category is not None:
        shares = _of_categories(past, events, config)
        described = described.left_join(shares, "user").drop("user_right")
    if responses := _responses(past, cutoff, events, config):
        answered = past.group_by("user").aggregate(**responses)
        described = described.left_join(answered, "user").drop("user_right")
    ordered = described.order_by("user")
    return events.con.to_pandas(ordered).set_index("user")


def _of_occasions(past: ir.Table, cutoff: int, config: BehaviourConfig) -> ir.Table:
    occasions = occasions_of(past)
    time = occasions.time
    numbers: dict[str, ir.Value] = {
        "recency_days": (cutoff - time.max()) / DAY,
        "tenure_days": (cutoff - time.min()) / DAY,
        "occasions": occasions.count(),
        "events": occasions.events.sum(),
        "gap_days": occasions.gap.mean(),
        "gap_deviation": occasions.gap.std(how="sample"),
    }
    if "value" in occasions.columns:
        numbers["value"] = occasions.value.sum()
        numbers["value_of_occasion"] = occasions.value.mean()
        numbers["largest_value"] = occasions.value.max()
    for days in config.windows:
        within = time >= cutoff - days * DAY
        before = (time >= cutoff - 2 * days * DAY) & ~within
        numbers[f"occasions_{days}d"] = occasions.count(where=within)
        numbers[f"before_{days}d"] = occasions.count(where=before)
        if "value" in occasions.columns:
            numbers[f"value_{days}d"] = occasions.value.sum(where=within).fill_null(0)
    users = occasions.group_by("user").aggregate(**numbers)
    users = users.mutate(overdue=users.recency_days / users.gap_days.nullif(0))
    for days in config.windows:
        recent, earlier = users[f"occasions_{days}d"], users[f"before_{days}d"]
        trend = ((recent - earlier) / (recent + earlier).nullif(0)).fill_null(0)
        users = users.mutate(**{f"trend_{days}d": trend}).drop(f"before_{days}d")
    return users


def _of_items(past: ir.Table) -> ir.Table:
    users = past.group_by("user").aggregate(items=past.item.nunique(), seen=past.count())
    return users.mutate(diversity=users["items"] / users.seen).drop("seen")


def _responses(
    past: ir.Table, cutoff: int, events: Events, config: BehaviourConfig
) -> dict[str, ir.Value]:
    """Through which channels users come, and which campaigns bring them."""
    found: dict[str, ir.Value] = {}
    if "channel" in past.columns:
        names = events.dataset.event_names("channel")[: config.channels]
        for index, name in enumerate(names):
            found[f"channel_{name}"] = (past.channel == index).mean()
    if "campaign" in past.columns:
        answers = past.campaign >= 0
        found["campaign_share"] = answers.mean()
        found["campaigns"] = past.campaign.nunique(where=answers)
        found["campaign_days"] = (cutoff - past.time.max(where=answers)) / DAY
    return found


def _of_categories(past: ir.Table, events: Events, config: BehaviourConfig) -> ir.Table:
    paired = past.left_join(events.categories, "item")
    totals = past.group_by("user").aggregate(all=past.count())
    names = events.category_names[: config.categories]
    counts = {
        f"share_{name}": paired.count(where=paired.category == index)
        for index, name in enumerate(names, start=1)
    }
    counted = paired.group_by("user").aggregate(**counts).join(totals, "user")
    return counted.select("user", **{name: counted[name] / counted["all"] for name in counts})
