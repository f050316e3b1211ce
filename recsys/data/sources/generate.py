"""Generates a log of any size that behaves like a real one.

Item popularity follows Zipf's law inside categories, users differ in activity,
and a user's taste drifts: it moves through a few categories in the course of
the log. A model that reads the recent history therefore predicts better than
popularity alone. With actions, what follows depends on what the last event was, too
(see :mod:`recsys.data.sources.generate_actions`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from recsys.data.sources.engine import blaming_input
from recsys.data.sources.generate_actions import ACTIONS, Actions
from recsys.errors import InputError
from recsys.system.files import whole_folder

CHUNK = 1_000_000
CATEGORIES = 50
PHASES = 4
LOYALTY = 0.8
ZIPF_EXPONENT = 1.0
BEGIN = 1_672_531_200  # 2023-01-01, in seconds since 1970 UTC
DURATION = 365 * 24 * 3600
COUNTRIES = ("DE", "FR", "GB", "IT", "NL", "PL", "ES", "US")
TAGS = ("new", "sale", "organic", "local", "premium", "refurbished", "gift", "bulk")
ADJECTIVES = ("small", "large", "red", "blue", "green", "soft", "light", "classic", "modern")
NOUNS = ("lamp", "chair", "table", "bag", "clock", "mug", "plate", "basket", "frame", "candle")


@dataclass(frozen=True)
class World:
    """The users, the items, and what users like.

    Attributes:
        user_activity: float64 [users], cumulative share of events.
        user_tastes: int16 [users, phases], favourite category by phase of the log.
        item_categories: int16 [items]; items are sorted by it.
        item_popularity: float64 [items], cumulative popularity over all items.
        category_ends: float64 [categories + 1], popularity before each category.
        prices: float64 [items].
    """

    user_activity: np.ndarray
    user_tastes: np.ndarray
    item_categories: np.ndarray
    item_popularity: np.ndarray
    category_ends: np.ndarray
    prices: np.ndarray


def generate(
    folder: str | Path,
    events: int,
    users: int,
    items: int,
    seed: int = 0,
    actions: bool = False,
    progress: Callable[[str, float], None] | None = None,
) -> Path:
    """Writes ``interactions.parquet`` (sorted by time), ``users.parquet`` and ``items.parquet``.

    Args:
        folder: where to; must not exist, or be empty.
        events: rows of the log.
        users: how many there are; some may have no event.
        items: how many there are; some may have no event.
        seed: the same seed gives the same files.
        actions: with a column ``event``: view, cart or purchase, on which what follows depends.
        progress: called with what is being done and the share done, 0 to 1.

    Returns:
        The folder.

    Raises:
        InputError: the numbers are too small, the folder is in use, or the disk is full.
    """
    target = Path(folder).absolute()
    if min(events, users, items) < 2:
        raise InputError("generating a log needs at least 2 events, 2 users and 2 items")
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise InputError(f"{target} is not empty: name another folder, or remove it")
    tell = progress or (lambda stage, share: None)
    with blaming_input(str(target)), whole_folder(target) as scratch:
        random = np.random.default_rng(seed)
        world = _make_world(random, users, items)
        pq.write_table(_user_table(random, users), scratch / "users.parquet")
        pq.write_table(_item_table(random, world), scratch / "items.parquet")
        drawn = None
        if actions:
            categories = len(world.category_ends) - 1
            drawn = Actions(random, world.user_tastes, categories)
        _write_log(random, world, events, drawn, scratch / "interactions.parquet", tell)
    return target


def _make_world(random: np.random.Generator, users: int, items: int) -> World:
    categories = min(CATEGORIES, items)
    item_categories = np.sort(np.arange(items) % categories).astype(np.int16)
    popularity = random.permutation(1.0 / np.arange(1, items + 1) ** ZIPF_EXPONENT)
    cumulative = np.cumsum(popularity) / popularity.sum()
    sizes = np.bincount(item_categories, minlength=categories)
    ends = np.concatenate(([0.0], cumulative[np.cumsum(sizes) - 1]))
    activity = np.cumsum(random.lognormal(sigma=1.0, size=users))
    # In proportion to the categories' popularity, so that items follow Zipf's law overall.
    shares = np.diff(ends)
    tastes = random.choice(categories, size=(users, PHASES), p=shares / shares.sum())
    prices = np.round(random.lognormal(mean=3.0, sigma=0.8, size=items), 2)
    return World(
        user_activity=activity / activity[-1],
        user_tastes=tastes.astype(np.int16),
        item_categories=item_categories,
        item_popularity=cumulative,
        category_ends=ends,
        prices=prices,
    )


def _write_log(
    random: np.random.Generator,
    world: World,
    events: int,
    actions: Actions | None,
    path: Path,
    tell: Callable[[str, float], None],
) -> None:
    user_ids = _ids("u", len(world.user_activity))
    item_ids = _ids("i", len(world.item_categories))
    schema = pa.schema(
        {"user": pa.string(), "item": pa.string(), "time": pa.timestamp("s", "UTC"),
         "price": pa.float64()}
    )  # fmt: skip
    if actions is not None:
        schema = schema.append(pa.field("event", pa.string()))
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for begin in range(0, events, CHUNK):
            tell("generating events", begin / events)
            size = min(CHUNK, events - begin)
            share = np.sort(begin + size * random.random(size)) / events
            users = _draw_users(random, world, size)
            if actions is None:
                category = _tastes(random, world, users, share)
            else:
                done, category = actions.draw(random, users)
            items = _draw_items(random, world, category)
            times = BEGIN + (share * DURATION).astype(np.int64)
            columns = [
                user_ids.take(pa.array(users)),
                item_ids.take(pa.array(items)),
                pa.array(times).cast(schema.field("time").type),
                pa.array(world.prices[items]),
            ]
            if actions is not None:
                columns.append(ACTIONS.take(pa.array(done)))
            writer.write_table(pa.table(columns, schema=schema))
    tell("generating events", 1.0)


def _draw_users(random: np.random.Generator, world: World, size: int) -> np.ndarray:
    """Draws who acts."""
    users = np.searchsorted(world.user_activity, random.random(size), side="right")
    return np.minimum(users, len(world.user_activity) - 1)


def _tastes(
    random: np.random.Generator, world: World, users: np.ndarray, share: np.ndarray
) -> np.ndarray:
    """What users look for, at times given as shares of the log's duration.

    They move from one taste to the next gradually: the phase is drawn around the present.
    """
    phase = np.floor(share * PHASES + random.random(len(users)) - 0.5)
    phase = np.clip(phase, 0, PHASES - 1).astype(np.int64)
    return world.user_tastes[users, phase]


def _draw_items(random: np.random.Generator, world: World, category: np.ndarray) -> np.ndarray:
    """Draws items of the categories that are looked for, now and then of any."""
    size = len(category)
    loyal = random.random(size) < LOYALTY
    low = np.where(loyal, world.category_ends[category], 0.0)
    high = np.where(loyal, world.category_ends[category + 1], 1.0)
    point = low + (high - low) * random.random(size)
    items = np.searchsorted(world.item_popularity, point, side="right")
    return np.minimum(items, len(world.item_popularity) - 1)


def _user_table(random: np.random.Generator, users: int) -> pa.Table:
    return pa.table(
        {
            "user": _ids("u", users),
            "country": pa.array(COUNTRIES).take(
                pa.array(random.integers(len(COUNTRIES), size=users))
            ),
            "age": random.integers(16, 90, size=users),
        }
    )


def _item_table(random: np.random.Generator, world: World) -> pa.Table:
    items = len(world.item_categories)

    def words(choices: tuple[str, ...]) -> pa.Array:
        return pa.array(choices).take(pa.array(random.integers(len(choices), size=items)))

    number = pa.array(np.arange(items)).cast(pa.string())
    category = pa.array(world.item_categories).cast(pa.string())
    join = pc.binary_join_element_wise
    return pa.table(
        {
            "item": _ids("i", items),
            "title": join(words(ADJECTIVES), words(NOUNS), number, " "),
            "category": join("c", category, ""),
            "tags": join(words(TAGS), words(TAGS), "|"),
            "price": world.prices,
        }
    )


def _ids(prefix: str, size: int) -> pa.Array:
    return pc.binary_join_element_wise(prefix, pa.array(np.arange(size)).cast(pa.string()), "")
