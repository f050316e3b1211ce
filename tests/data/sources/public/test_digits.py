import numpy as np
import pandas as pd
import pytest
from PIL import Image

from recsys.data.sources.public import fetch


@pytest.mark.nightly
def test_digits_are_liked_as_said_and_pictures_come_out_one_by_one(home):
    folder = fetch("digits-pictures")
    log = pd.read_csv(folder / "interactions.csv")
    items = pd.read_csv(folder / "items.csv", index_col="id")
    likes = pd.read_csv(folder / "users.csv", index_col="id")["likes"].str.split("|")
    assert len(log) == 30_000 and not log.duplicated(["user", "item"]).any()
    digits = items.loc[log["item"], "digit"].astype(str)
    assert all(digit in likes[user] for user, digit in zip(log["user"], digits, strict=True))
    assert log["time"].is_monotonic_increasing
    # Half are there from the beginning; a tenth of the year later, a tenth of the others too.
    early = log["item"][log["time"] < 1_672_531_200 + 365 * 24 * 360]
    assert 850 < early.nunique() < 990 < 1700 < log["item"].nunique()
    shades = np.array([np.asarray(Image.open(folder / path)) for path in items["picture"]])
    assert shades.shape == (1797, 8, 8) and shades.max() == 255
    # The pictures are those of their digits: nine in ten lie nearest to the mean of theirs.
    means = np.stack([shades[items["digit"] == digit].mean(axis=0) for digit in range(10)])
    distance = ((shades[:, None] - means) ** 2).sum(axis=(2, 3))
    assert np.mean(distance.argmin(axis=1) == items["digit"]) > 0.85
