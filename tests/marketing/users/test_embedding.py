"""What a recommender makes of a user's history, as of a cutoff."""

import shutil

import numpy as np
import pandas as pd
import pytest

from recsys.data.dataset import Dataset
from recsys.errors import InputError
from recsys.experiment.schema import Experiment
from recsys.export.recommend import Query, Recommender
from recsys.marketing.propensity.periods import PeriodConfig, task_of_log
from recsys.marketing.users.description import FeaturesConfig
from recsys.marketing.users.embedding import EmbeddingConfig, UserEmbedding
from recsys.marketing.users.events import open_events
from recsys.marketing.users.vectors import UserVectors
from recsys.pipeline import Pipeline
from recsys.runs.folder import RunFolder
from tests.marketing.logs import START, microseconds, prepared, random_log
from tests.processes import exports_by_fork

pytestmark = pytest.mark.slow
DAYS = 300
FIRST = 150


def log() -> pd.DataFrame:
    """At random, of forty users."""
    return random_log(users=40, events=1200, days=DAYS, seed=4)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A recommender that was fitted on the first half of the log."""
    folder = tmp_path_factory.mktemp("recommender")
    rows = log()
    times = START + pd.to_timedelta(rows["day"], unit="D")
    rows.assign(time=times).drop(columns="day").to_parquet(folder / "log.parquet")
    cutoffs = [START + pd.Timedelta(days=day) for day in (FIRST, 200)]
    experiment = Experiment.model_validate(
        {
            "name": "tiny",
            "data": {
                "log": {
                    "path": str(folder / "log.parquet"),
                    "columns": {"user": "user", "item": "item", "time": "time"},
                },
                "split": {
                    "kind": "time",
                    "validation_from": cutoffs[0].isoformat(),
                    "test_from": cutoffs[1].isoformat(),
                },
            },
            "seen": "allow",
            "model": {"dim": 8, "max_events": 6, "query": {"encoder": {"kind": "lstm"}}},
            "training": {"epochs": 1, "refit": False},
            "evaluation": {"baselines": []},
            "export": {"k": 3, "timed_queries": 0},
            "tracking": {"enabled": False},
        }
    )
    with exports_by_fork():
        return Pipeline(experiment, 1, folder / "runs").run().path


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return prepared(tmp_path_factory.mktemp("log"), log())


def test_it_is_the_served_embedding_of_what_was_known(run, dataset):
    embedding = UserEmbedding(
        EmbeddingConfig(run=str(run), components=8), dataset, microseconds(FIRST)
    )
    found = embedding.at(microseconds(220))
    recommender = Recommender(run / "model" / "1")
    served = []
    for user in found.index:
        begin, end = dataset.user_offsets[user : user + 2]
        past = [
            dataset.item_ids[item]
            for item, time in zip(
                dataset.event_items[begin:end], dataset.event_times[begin:end], strict=True
            )
            if time < microseconds(220)
        ]
        served.append(recommender.embed_query(recommender.inputs(Query(past, {})))[0])
    # All components keep the distances between users.
    one, other = found.to_numpy(), np.array(served)
    np.testing.assert_allclose(
        np.linalg.norm(one[:, None] - one, axis=-1),
        np.linalg.norm(other[:, None] - other, axis=-1),
        atol=1e-4,
    )


def test_without_a_cutoff_every_event_is_read(run, dataset):
    vectors = UserVectors(str(run), dataset)
    for now, later in zip(vectors.at(), vectors.at(microseconds(DAYS)), strict=True):
        np.testing.assert_array_equal(now, later)
    earlier = vectors.at(microseconds(220))
    assert not np.allclose(vectors.at().vectors[earlier.users], earlier.vectors)


def test_events_are_read_by_time_whatever_the_parts(run, dataset, tmp_path):
    """A fixed split may test what happened before it trained."""
    folder = tmp_path / "dataset"
    shutil.copytree(dataset.path, folder)
    # The first three fifths of time after the rest; ties stay together.
    times = np.asarray(dataset.event_times)
    users = np.repeat(np.arange(dataset.users), np.diff(dataset.user_offsets))
    order = np.lexsort((times, times < microseconds(0.6 * DAYS), users))
    for name in ("event_items", "event_times"):
        np.save(folder / f"{name}.npy", np.load(dataset.path / f"{name}.npy")[order])
    for cutoff in (None, microseconds(100), microseconds(220)):
        found = UserVectors(str(run), Dataset(folder)).at(cutoff)
        for one, other in zip(found, UserVectors(str(run), dataset).at(cutoff), strict=True):
            np.testing.assert_array_equal(one, other)
    model, user = Recommender(run / "model" / "1"), dataset.user_ids[3]
    given = Dataset(folder), dataset
    for each in given:
        each.fingerprint = model.manifest["data"]["fingerprint"]
    moved, plain = (model.user_query(each, user).history for each in given)
    assert moved == plain
    dataset.fingerprint = dataset.manifest.fingerprint


def test_a_model_of_a_log_without_times_is_refused(run, dataset, monkeypatch):
    def timeless(folder):
        log = Dataset(dataset.path)
        log.manifest = log.manifest.model_copy(update={"has_time": False})
        return log

    monkeypatch.setattr(RunFolder, "dataset", timeless)
    with pytest.raises(InputError, match=r"has no times, .*after 2024-.*columns\.time"):
        UserEmbedding(EmbeddingConfig(run=str(run)), dataset, microseconds(FIRST))


def test_who_chose_nothing_that_the_model_knows_is_told_apart(run, tmp_path):
    strange = pd.DataFrame({"user": "stranger", "item": "new", "day": [1, 250]})
    dataset = prepared(tmp_path, pd.concat([log(), strange]))
    users, vectors, known = UserVectors(str(run), dataset).at()
    assert [dataset.user_ids[user] for user in users[~known]] == ["stranger"]
    recommender = Recommender(run / "model" / "1")
    unread = recommender.embed_query(recommender.inputs(Query(["new", "new"], {})))
    np.testing.assert_allclose(vectors[~known], unread, atol=1e-6)


def test_it_is_a_feature_of_every_cutoff(run, dataset):
    features = FeaturesConfig.model_validate({"embedding": {"run": str(run), "components": 3}})
    with open_events(dataset) as events:
        asked = task_of_log(events, PeriodConfig(days=50, training_cutoffs=1), features)
    names = {"embedding_1", "embedding_2", "embedding_3"}
    assert names <= set(asked.task.train.features)
    assert asked.task.now.features[sorted(names)].notnull().all(axis=None)


def test_a_model_that_has_read_what_came_later_is_refused(run, dataset):
    with pytest.raises(InputError, match=r"has read events until 2024-.*validation_from=2024-03"):
        UserEmbedding(EmbeddingConfig(run=str(run)), dataset, microseconds(70))


def test_a_model_older_than_the_data_is_refused(run, tmp_path):
    rows = log()
    rows["item"] = np.where(rows["day"] < 200, rows["item"], "new " + rows["item"])
    later = prepared(tmp_path, rows)
    embedding = UserEmbedding(EmbeddingConfig(run=str(run)), later, microseconds(FIRST))
    with pytest.raises(InputError, match="it is older than the data"):
        embedding.at(microseconds(299))


def test_no_such_run_is_refused(dataset, tmp_path):
    with pytest.raises(InputError, match="is not the folder of one run"):
        UserEmbedding(EmbeddingConfig(run=str(tmp_path)), dataset, microseconds(FIRST))
