"""Who shares an address with somebody who opted out: a message there would reach the latter."""

from recsys.marketing.audiences.suppression import Suppressed
from recsys.marketing.contacts.contacts import Contacts
from recsys.marketing.contacts.reverse_directory import ReverseDirectory

SHARED = "shares an address or a number with somebody who opted out"


class Sharers:
    """Users who share an address or a number with somebody who opted out.

    Args:
        contacts: of the users.
        suppressed: who opted out.
    """

    def __init__(self, contacts: Contacts, suppressed: Suppressed) -> None:
        self._contacts = contacts
        self._suppressed = suppressed
        self._directories: dict[str, ReverseDirectory] = {}
        self._found: dict[tuple[str, str], frozenset[str]] = {}

    def of(self, channel: str, detail: str) -> frozenset[str]:
        """Users who have a detail in common with one who opted out of a channel, these included."""
        if (channel, detail) not in self._found:
            self._found[channel, detail] = self._of(self._suppressed.of(channel), detail)
        return self._found[channel, detail]

    def _of(self, silent: frozenset[str], detail: str) -> frozenset[str]:
        silent &= self._contacts.rows.keys()
        if not silent:
            return frozenset()
        if detail not in self._directories:
            self._directories[detail] = ReverseDirectory(self._contacts, detail)
        return frozenset().union(*map(self._directories[detail].sharing, silent))
