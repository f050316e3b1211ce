"""Users who share a contact detail: what goes to the one reaches the other, too."""

from collections.abc import Hashable, Iterable

from recsys.marketing.contacts.contacts import Contacts
from recsys.marketing.contacts.reverse_directory import ReverseDirectory


class SharedDetails:
    """Users who have contact details in common, in whatever spelling.

    Args:
        contacts: of the users. Without them a user's id is all there is, and nobody is known to
            share anything.
    """

    def __init__(self, contacts: Contacts | None = None) -> None:
        self._contacts = contacts
        self._directories: dict[str, ReverseDirectory] = {}

    def of(self, users: Iterable[str], details: Iterable[str]) -> frozenset[str]:
        """Users who have a detail in common with any of some users, these included.

        Args:
            users: ids.
            details: such as ``email``; those that the contacts do not have are nobody's.
        """
        asked = frozenset(users)
        if not asked:
            return asked
        return asked.union(*(each.sharing(asked) for each in self._known(details)))

    def place(self, user: str, details: Iterable[str]) -> Hashable:
        """What is equal for users of whom :meth:`of` says the same; at least a user's own id."""
        keys = tuple(each.key(user) for each in self._known(details))
        return keys if any(keys) else user

    def first_of_each(self, users: Iterable[str], details: Iterable[str]) -> list[str]:
        """The users who have no detail in common with one of these before them."""
        details = list(details)
        first: list[str] = []
        reached: set[str] = set()
        for user in users:
            if user not in reached:
                first.append(user)
                reached |= self.of([user], details)
        return first

    def _known(self, details: Iterable[str]) -> list[ReverseDirectory]:
        """The directories of those details that the contacts have, made when first asked for."""
        if self._contacts is None:
            return []
        known = [detail for detail in details if detail in self._contacts.details]
        for detail in known:
            if detail not in self._directories:
                self._directories[detail] = ReverseDirectory(self._contacts, detail)
        return [self._directories[detail] for detail in known]
