"""Generates a shop of handwritten digits: real pictures, made-up customers.

The pictures are the 1,797 of scikit-learn (Alpaydin and Kaynak, "Optical Recognition of
Handwritten Digits", UCI, 1998), 8 × 8 pixels in 16 shades of grey. Each user likes two or
three of the ten digits and takes new samples of them at random times. Half of the pictures
are there from the beginning, the others come out one after the other, so a time split holds
out pictures that training has never seen, and nothing but the pictures shows which users like them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from recsys.data.sources.public.data_set import KEY, PublicData, Table, write_csv

USERS, EVENTS_OF_A_USER = 1000, 30
BEGIN = 1_672_531_200  # 2023-01-01, in seconds since 1970 UTC
DURATION = 365 * 24 * 3600
FOLDER = "pictures"
FILES: dict[Table, str] = {
    "log": "interactions.csv",
    "users": "users.csv",
    "items": "items.csv",
}


@dataclass(frozen=True)
class DigitShop:
    """Rows of three tables.

    Attributes:
        log: user, item and time (seconds since 1970), by time.
        users: user, and the digits liked, separated by ``|``.
        items: item, its digit, and the path of its picture.
    """

    log: Sequence[tuple[str, ...]]
    users: Sequence[tuple[str, ...]]
    items: Sequence[tuple[str, ...]]


def build_digit_shop(folder: Path) -> DigitShop:
    """Writes ``pictures/*.png`` into a folder and makes the tables up, always the same."""
    # Heavy to import, and needed once.
    from sklearn.datasets import load_digits

    digits = load_digits()
    generator = np.random.default_rng(0)
    order = generator.permutation(len(digits.target))
    (folder / FOLDER).mkdir()
    items = []
    for item, picture in enumerate(order):
        path = f"{FOLDER}/{item:04}.png"
        shades = np.round(digits.images[picture] * (255 / 16)).astype(np.uint8)
        Image.fromarray(shades).save(folder / path)
        items.append((f"p{item:04}", str(digits.target[picture]), path))
    # Share of the year after which a picture is there.
    released = np.maximum(np.linspace(-1, 1, len(order)), 0)
    log, users = [], []
    for user in range(USERS):
        liked = generator.choice(10, size=generator.integers(2, 4), replace=False)
        users.append((f"u{user:04}", "|".join(str(digit) for digit in sorted(liked))))
        wanted = np.flatnonzero(np.isin(digits.target[order], liked))
        had: set[int] = set()
        for time in np.sort(generator.random(EVENTS_OF_A_USER)):
            there = wanted[released[wanted] <= time]
            item = int(generator.choice([i for i in there if i not in had]))
            had.add(item)
            log.append((f"u{user:04}", f"p{item:04}", str(BEGIN + int(time * DURATION))))
    return DigitShop(sorted(log, key=lambda row: row[2]), users, items)


def _build(folder: Path) -> None:
    shop = build_digit_shop(folder)
    write_csv(folder / FILES["log"], ("user", "item", "time"), shop.log)
    write_csv(folder / FILES["users"], (KEY, "likes"), shop.users)
    write_csv(folder / FILES["items"], (KEY, "digit", "picture"), shop.items)


DIGITS_PICTURES = PublicData(
    name="digits-pictures",
    description=(
        "1,797 handwritten digits (scikit-learn, from UCI, CC BY 4.0) that stand in for pictures "
        "of items, and a generated log: 30,000 events of 1,000 users, who like two or three "
        "digits each"
    ),
    columns={"user": "user", "item": "item", "time": "time"},
    files=FILES,
    build=_build,
)
