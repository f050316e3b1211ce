"""``ranks.parquet`` and back."""

import errno

import numpy as np
import pyarrow.parquet as pq
import pytest

from recsys.data.dataset import Dataset
from recsys.errors import InputError
from recsys.evaluation import ranks_file
from recsys.evaluation.comparison import Contender, compare
from recsys.evaluation.config import EvaluationConfig
from recsys.evaluation.evaluate import evaluate_baselines
from recsys.evaluation.ranking import UNRANKED, RankedQueries
from recsys.evaluation.ranks_file import read_ranks, write_ranks
from tests.damage import truncate
from tests.evaluation.conftest import WriteDataset

CONFIG = EvaluationConfig(k=(1, 2), metric="ndcg@2", bootstrap_samples=100)


def test_ranks_parquet(checkerboard: Dataset, tmp_path) -> None:
    queries = checkerboard.queries("test")
    ranks = np.arange(1, 17, dtype=np.int32)
    ranks[3] = UNRANKED
    ranked = RankedQueries(queries, ranks, np.full((16, 2), -1, np.int32), 0)
    write_ranks(ranked, checkerboard, tmp_path / "ranks.parquet")
    table = pq.read_table(tmp_path / "ranks.parquet")
    assert table.schema.names == ["user_id", "item_id", "rank", "event"]
    rows = table.to_pylist()
    assert rows[0] == {"user_id": "u0", "item_id": "i0", "rank": 1, "event": 3}
    assert rows[3]["rank"] is None
    assert len(rows) == 16


def test_ranks_are_read_back_for_comparing_runs(write_dataset: WriteDataset, tmp_path) -> None:
    # User 0 has one query with two targets and one with a repeat, user 1 one query.
    log = [(0, 0, "train", 0), (0, 1, "test", 5), (0, 2, "test", 5), (0, 1, "test", 6)]
    log += [(0, 3, "test", 6), (1, 2, "test", 7)]
    dataset = write_dataset(log, users=2, items=4)
    _, ranked = evaluate_baselines(dataset, "test", "exclude", CONFIG, "validation")["popular"]
    assert ranked.queries.target_offsets.tolist() == [0, 2, 3, 4]
    assert UNRANKED in ranked.ranks
    write_ranks(ranked, dataset, tmp_path / "ranks.parquet")
    again = read_ranks(tmp_path / "ranks.parquet", dataset)
    assert again.ranks.tolist() == ranked.ranks.tolist()
    (itself,) = compare([(Contender("a", ranked), Contender("b", again))], ["ndcg@2"])
    assert itself.difference == 0.0

    other = write_dataset([*log[:-1], (1, 3, "test", 7)], users=2, items=4, name="other")
    with pytest.raises(InputError, match="another dataset"):
        read_ranks(tmp_path / "ranks.parquet", other)
    truncate(tmp_path / "ranks.parquet")
    with pytest.raises(InputError, match=r"ranks\.parquet is damaged.*recsys evaluate"):
        read_ranks(tmp_path / "ranks.parquet", dataset)


def test_a_full_disk_leaves_nothing_half_written(
    checkerboard: Dataset, tmp_path, monkeypatch
) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    queries = checkerboard.queries("test")
    ranks = np.ones(16, np.int32)
    ranked = RankedQueries(queries, ranks, np.full((16, 2), -1, np.int32), 0)

    def full(table, path, encryption):
        path.write_bytes(b"PAR1")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(ranks_file, "write_table", full)
    with pytest.raises(OSError, match="No space left"):
        write_ranks(ranked, checkerboard, folder / "ranks.parquet")
    assert list(folder.iterdir()) == []
