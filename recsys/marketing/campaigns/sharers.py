"""Who shares an address with somebody who opted out: a message there would reach the latter."""

from recsys.marketing.audiences.suppression import Suppressed
from recsys.marketing.contacts.shared_details import SharedDetails

SHARED = "shares an address or a number with somebody who opted out"


class Sharers:
    """Users who share an address or a number with somebody who opted out.

    Args:
        shared: which users share what.
        suppressed: users who opted out.
    """

    def __init__(self, shared: SharedDetails, suppressed: Suppressed) -> None:
        self._shared = shared
        self._suppressed = suppressed
        self._found: dict[tuple[str, str], frozenset[str]] = {}

    def of(self, channel: str, detail: str) -> frozenset[str]:
        """Users who have a detail in common with one who opted out of a channel, these included."""
        if (channel, detail) not in self._found:
            silent = self._suppressed.of(channel)
            self._found[channel, detail] = self._shared.of(silent, [detail])
        return self._found[channel, detail]
