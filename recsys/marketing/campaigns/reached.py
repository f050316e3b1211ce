"""Users whom messages reach: those they are for, and those who share the address they go to."""

from collections.abc import Mapping

import pandas as pd

from recsys.marketing.campaigns.social import IDENTIFYING
from recsys.marketing.contacts.shared_details import SharedDetails

# By channel the contact details to which a message may have gone. What other campaigns and other
# tools told a platform is not known, so that it may be any.
DETAILS: Mapping[str, tuple[str, ...]] = {
    "email": ("email",),
    "push": ("push_token",),
    "social": IDENTIFYING,
}


def reached(messages: pd.DataFrame, shared: SharedDetails) -> frozenset[str]:
    """Users whom any of some messages reached.

    Args:
        messages: ``user`` and ``channel``, none of them missing.
        shared: which users share an address; where that is not known, a message reaches the
            user it is for.
    """
    by_channel = messages.groupby("channel")["user"]
    return frozenset().union(
        *(shared.of(users, DETAILS.get(str(channel), ())) for channel, users in by_channel)
    )
