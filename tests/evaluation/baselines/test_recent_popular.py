"""Recent popularity, counted by hand."""

import pytest

from recsys.errors import InputError
from recsys.evaluation.baselines.recent_popular import RecentPopular
from tests.evaluation.baselines.logs import FASHION
from tests.evaluation.conftest import WriteDataset


def test_by_time(write_dataset: WriteDataset) -> None:
    dataset = write_dataset(FASHION, users=3, items=3)
    # The last 3 days hold items 1 (twice) and 2 (once).
    assert RecentPopular(dataset, "train", days=3).scores.tolist() == [0, 2, 1]
    # The last day holds item 2; items 0 and 1 follow by all their events.
    assert RecentPopular(dataset, "train", days=1).scores.tolist() == [1, 0, 2]


def test_by_order(write_dataset: WriteDataset) -> None:
    dataset = write_dataset(FASHION, users=3, items=3, has_time=False)
    assert RecentPopular(dataset, "train", share=0.5).scores.tolist() == [0, 2, 1]
    assert RecentPopular(dataset, "train", share=1.0).scores.tolist() == [2, 1, 0]


def test_a_basket_is_recent_as_a_whole(write_dataset: WriteDataset) -> None:
    """Whatever stands last in the log: of each user a third of three, the basket of two."""
    log = [(user, item, "train", day) for user in (0, 1) for item, day in ((0, 1), (1, 2), (2, 2))]
    dataset = write_dataset([*log, (0, 0, "test", 3)], users=2, items=3, has_time=False)
    assert RecentPopular(dataset, "train", share=1 / 3).scores.tolist() == [0, 1, 1]


def test_needs_an_order(write_dataset: WriteDataset) -> None:
    dataset = write_dataset(FASHION, users=3, items=3, has_time=False, has_order=False)
    with pytest.raises(InputError, match="neither"):
        RecentPopular(dataset, "train")
    assert RecentPopular.candidates(dataset, "train", "exclude") == []
