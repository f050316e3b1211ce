"""A built campaign file, and what it changed once it is measured."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recsys.marketing.results.tables import versioned_table

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Campaign:
    """A built campaign file.

    Attributes:
        path: the folder of its version, ``<runs-dir>/campaigns/<name>/<version>``.

    Example:
        >>> campaign = marketing.build_campaign("spring.yaml")
        >>> bool(campaign.assignments["held_out"].any())
        True
    """

    path: Path

    @property
    def assignments(self) -> "pd.DataFrame":
        """A row per user and campaign: ``held_out`` until when, or sent the campaign."""
        return versioned_table(self.path, "assignments.parquet")

    @property
    def messages(self) -> "pd.DataFrame":
        """Which user is sent what, when."""
        return versioned_table(self.path, "messages.parquet")

    @property
    def left_out(self) -> "pd.DataFrame":
        """Users whom a campaign cannot reach: ``user``, ``campaign`` and ``reason``."""
        return versioned_table(self.path, "left_out.parquet")

    def summary(self) -> str:
        """Where the users of its audiences went."""
        from recsys.marketing.campaigns.summary import campaign_summary

        return campaign_summary(self.path)

    def __str__(self) -> str:
        return self.summary()


@dataclass(frozen=True)
class MeasuredUplift:
    """What a campaign changed.

    Attributes:
        path: ``uplift.json`` in the campaign's folder.

    Example:
        >>> uplift = marketing.measure("runs/campaigns/spring/1", "orders.csv")
        >>> bool(uplift.table.loc["responded"]["difference"].notna().all())
        True
    """

    path: Path

    @cached_property
    def document(self) -> dict[str, Any]:
        """``uplift.json``: everything that was found."""
        from recsys.marketing.campaigns.uplift_summary import read_uplift

        return read_uplift(self.path)

    @property
    def table(self) -> "pd.DataFrame":
        """The uplift of each campaign, of everybody and by segment.

        Returns:
            A row per (outcome, campaign, segment), the segment ``""`` for everybody: the fields
            of :class:`recsys.marketing.measurement.uplift.Uplift`. The control group is
            the campaign ``"control"``.
        """
        import pandas as pd

        compared = list(self.document["campaigns"])
        if self.document["control"]:
            compared.append({"name": "control", **self.document["control"]})
        rows = {
            (outcome, campaign["name"], segment): found
            for campaign in compared
            for outcome in ("responded", "value")
            if outcome in campaign
            for segment, found in {
                "": campaign[outcome]["overall"],
                **campaign[outcome]["segments"],
            }.items()
        }
        names = ["outcome", "campaign", "segment"]
        if not rows:
            return pd.DataFrame(index=pd.MultiIndex.from_arrays([[]] * 3, names=names))
        index = pd.MultiIndex.from_tuples(rows, names=names)
        return pd.DataFrame(list(rows.values()), index=index)

    def summary(self) -> str:
        """What the campaigns changed, and what stands in the way of saying so."""
        from recsys.marketing.campaigns.uplift_summary import uplift_summary

        return uplift_summary(self.path)

    def __str__(self) -> str:
        return self.summary()
