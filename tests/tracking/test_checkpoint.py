"""The weights that a training kept, as a model of MLflow's."""

import shutil

from recsys.tracking import checkpoint, store
from recsys.tracking.run import Run


def test_another_store_ranks_them_too(runs_dir, tmp_path, empty_store, begin, opened):
    weights = tmp_path / "retriever.keras"
    weights.write_bytes(b"weights")
    with begin(runs_dir) as tracker:
        tracker.log_metrics({"epoch/ndcg@10": 0.25}, 2)
        tracker.log_checkpoint(weights, 2, True)
    client, stored = opened(runs_dir)
    source = Run(client, store.local_uri(runs_dir), stored.info.run_id)
    shutil.copy(empty_store, tmp_path / "other.db")
    uri = f"sqlite:///{tmp_path / 'other.db'}"
    target = Run.create(uri, "recsys", (tmp_path / "artifacts").as_uri(), "tiny", {})
    target.log_metrics(list(source.metrics()))
    for _ in range(2):
        checkpoint.copy(source, target)
    experiment = target.client.get_run(target.id).info.experiment_id
    (found,) = target.client.search_logged_models([experiment])
    assert found.name == "checkpoint" and found.params["epoch"] == "2"
    assert [(each.key, each.value) for each in found.metrics] == [("epoch/ndcg_at_10", 0.25)]
