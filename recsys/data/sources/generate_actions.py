"""What the events of a generated log were: actions, on which the next event depends."""

import numpy as np
import pyarrow as pa

ACTIONS = pa.array(["view", "cart", "purchase"])
VIEW, CART, PURCHASE = range(3)
SHARES = np.array([0.6, 0.25, 0.15])


class Actions:
    """Draws actions, and moves users through categories as the actions say.

    After a view a user goes on looking in the same category, after a cart in the one after it (what
    goes with what is in the cart), and after a purchase in a favourite one, anew. So whoever knows
    what the last event was knows more of the next than its item tells.

    Args:
        random: draws a first favourite of each user.
        tastes: int [users, phases], favourite categories.
        categories: how many there are.
    """

    def __init__(self, random: np.random.Generator, tastes: np.ndarray, categories: int) -> None:
        self._tastes = tastes
        self._categories = categories
        users, phases = tastes.shape
        # Of each user the category that the next event is of.
        self._next = tastes[np.arange(users), random.integers(phases, size=users)].astype(np.int64)

    def draw(self, random: np.random.Generator, users: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The next events of a log.

        Args:
            random: of the actions, and of the favourites after a purchase.
            users: int [events], in time.

        Returns:
            int64 [events] each: the places in :data:`ACTIONS`, and the categories.
        """
        size = len(users)
        actions = random.choice(len(SHARES), size=size, p=SHARES)
        favourites = self._tastes[users, random.integers(self._tastes.shape[1], size=size)]
        order = np.argsort(users, kind="stable")
        sorted_users, sorted_actions = users[order], actions[order]
        is_first = np.append(True, sorted_users[1:] != sorted_users[:-1])[:size]
        # A walk begins at a user's first event here, and anew after a purchase.
        after_purchase = np.append(False, sorted_actions[:-1] == PURCHASE)[:size]
        begins = np.flatnonzero(is_first | after_purchase)
        walk = np.cumsum(is_first | after_purchase) - 1
        start = np.where(is_first, self._next[sorted_users], favourites[order])[begins]
        carts_before = np.cumsum(sorted_actions == CART) - (sorted_actions == CART)
        moved = carts_before - carts_before[begins][walk]
        found = (start[walk] + moved) % self._categories
        last = np.append(is_first[1:], True)[:size]
        self._go_on(random, sorted_users[last], found[last], sorted_actions[last])
        categories = np.empty(size, np.int64)
        categories[order] = found
        return actions, categories

    def _go_on(
        self,
        random: np.random.Generator,
        users: np.ndarray,
        categories: np.ndarray,
        actions: np.ndarray,
    ) -> None:
        """Where users look after their last event so far."""
        favourites = self._tastes[users, random.integers(self._tastes.shape[1], size=len(users))]
        onward = (categories + (actions == CART)) % self._categories
        self._next[users] = np.where(actions == PURCHASE, favourites, onward)
