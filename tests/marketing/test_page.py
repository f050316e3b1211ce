"""Runs about users seen together: a page, a notebook, reviews as features."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from nbclient.exceptions import CellExecutionError
from typer.testing import CliRunner

from recsys.cli import app
from recsys.errors import InputError
from recsys.export.recommend import Query, Recommender
from recsys.marketing.page import recommended_by_segment, write_page
from recsys.marketing.propensity.periods import PeriodConfig, task_of_log
from recsys.marketing.realtime.config import ReplayConfig
from recsys.marketing.realtime.replay import replay
from recsys.marketing.sentiment.experiment import SentimentExperiment
from recsys.marketing.sentiment.run import run_sentiment
from recsys.marketing.users.description import FeaturesConfig
from recsys.marketing.users.events import open_events
from recsys.marketing.users.reviewed_users import ReviewedUsers
from recsys.runs.opening import open_run
from recsys.runs.preparation import prepare_dataset
from tests.marketing.folders import write_audience, write_campaign, write_replay
from tests.marketing.logs import START, microseconds
from tests.marketing.sentiment.texts import rows, written
from tests.notebooks import execute_notebook, output

pytestmark = pytest.mark.slow

OFF = {"enabled": False}
DAYS = 720


@pytest.fixture(scope="module")
def sentiment(folder) -> Path:
    reviews = rows(count=900)
    reviews["time"] = int(START.timestamp()) + np.arange(900) * (DAYS * 86_400 // 900)
    experiment = SentimentExperiment.model_validate(
        {
            "task": "sentiment",
            "name": "reviews",
            "reviews": written(folder, reviews).model_dump(),
            "sentiment": {"readers": ["cnn"], "network": {"epochs": 2}, "folds": 2},
            "tracking": OFF,
        }
    )
    return run_sentiment(experiment, folder / "runs").path


def test_one_page_shows_them_all(tmp_path, prediction, sentiment, recommender):
    page = write_page([prediction, sentiment], tmp_path / "users.html", "Our users", recommender)
    text = page.read_text()
    for heading in (
        "Our users",
        "Who will buy",
        "Where users stand",
        "What reviews say",
        "What each segment is recommended",
    ):
        assert heading in text
    assert "https://" not in text and 'src="http' not in text


def test_recommendations_of_a_segment_are_shares_of_its_users(prediction, recommender):
    found = recommended_by_segment([prediction], recommender)
    users = pd.read_parquet(prediction / "users.parquet")
    assert {each["segment"] for each in found} == set(users["segment"])
    for each in found:
        assert each["users"] == min(200, (users["segment"] == each["segment"]).sum())
        assert all(0.05 <= item["share"] <= 1 for item in each["items"])
        lifts = [item["lift"] for item in each["items"]]
        assert lifts == sorted(lifts, reverse=True) and lifts[0] > 0
    # Over all who were asked, lifts of an item average to one, weighted by users.
    title = found[0]["items"][0]["title"]
    held = [(e["users"], i["lift"]) for e in found for i in e["items"] if i["title"] == title]
    if len(held) == len(found):
        assert np.average(*zip(*held, strict=True)[::-1]) == pytest.approx(1)


def test_a_page_of_another_task_is_refused(tmp_path, recommender):
    with pytest.raises(InputError, match="is a run of `task: recommendation`"):
        write_page([recommender], tmp_path / "users.html", "Users")


def test_campaigns_replays_and_audiences_are_told_apart(tmp_path):
    folders = [
        write_replay(tmp_path / "march"),
        write_campaign(tmp_path / "spring" / "1"),
        write_audience(tmp_path / "quiet" / "3"),
    ]
    notes = ["--note", "A generated log.", "--note", "No real people."]
    written_to = ["-o", str(tmp_path / "users.html")]
    result = CliRunner().invoke(app, ["page", *map(str, folders), *notes, *written_to])
    assert result.exit_code == 0, result.output
    text = (tmp_path / "users.html").read_text()
    for found in ("Replay march", "Campaign spring", "quiet, version 3"):
        assert found in text
    assert text.index("A generated log.") < text.index("No real people.") < text.index("<section>")


def test_a_folder_of_nothing_says_what_may_be_given(tmp_path):
    with pytest.raises(InputError, match="is not the folder of one run") as raised:
        write_page([write_campaign(tmp_path / "1").parent], tmp_path / "users.html", "Users")
    for kind in ("campaigns/spring/1", "replays/december", "audiences/quiet/1"):
        assert kind in str(raised.value)
    assert not (tmp_path / "users.html").exists()


def test_without_segments_there_are_no_recommendations_by_them(tmp_path, sentiment, recommender):
    with pytest.raises(InputError, match="none of the runs has segments"):
        write_page([sentiment], tmp_path / "users.html", "Users", recommender)


def test_moods_and_quality_are_features(folder, data, sentiment):
    features = FeaturesConfig.model_validate({"sentiment": str(sentiment)})
    with open_events(prepare_dataset(data, folder / "runs")) as events:
        task = task_of_log(events, PeriodConfig(days=60), features).task
    test = task.test.features
    assert {"reviews", "mood", "mood_trend", "quality_of_items"} <= set(test)
    assert test["mood"].notnull().sum() > 10
    assert test["quality_of_items"].between(0, 1).mean() > 0.9


def test_no_later_review_leaks_in(folder, data, sentiment, tmp_path):
    with open_events(prepare_dataset(data, folder / "runs")) as events:
        found = ReviewedUsers(sentiment, events).at(microseconds(300))
        earlier = pd.read_parquet(sentiment / "reviews.parquet")
        earlier = earlier[earlier["time"] < microseconds(300)]
        cut = tmp_path / "1"
        cut.mkdir()
        (cut / "experiment.yaml").write_text("task: sentiment")
        earlier.to_parquet(cut / "reviews.parquet")
        pd.testing.assert_frame_equal(ReviewedUsers(cut, events).at(microseconds(300)), found)


def test_reviews_with_other_ids_are_refused(folder, data, sentiment, tmp_path):
    strangers = pd.read_parquet(sentiment / "reviews.parquet")
    (tmp_path / "experiment.yaml").write_text("task: sentiment")
    strangers.assign(user="x" + strangers["user"]).to_parquet(tmp_path / "reviews.parquet")
    with (
        open_events(prepare_dataset(data, folder / "runs")) as events,
        pytest.raises(InputError, match="their ids are of another kind"),
    ):
        ReviewedUsers(tmp_path, events)


def test_a_log_is_replayed_through_what_was_exported(folder, data, prediction, recommender):
    """Segments of one run, answers of the other, each as of the event."""
    config = ReplayConfig.model_validate(
        {
            "name": "weeks",
            "stream": data.log.model_dump(exclude={"features", "since", "until"}),
            "sorted": True,
            "from": (START + pd.Timedelta(days=600)).isoformat(),
            "until": (START + pd.Timedelta(days=610)).isoformat(),
            "users": prediction,
            "recommender": recommender,
            "triggers": [{"kind": "segment", "name": "moved", "at_most_every_days": 0}],
        }
    )
    actions = pd.read_parquet(replay(config, folder / "runs") / "actions.parquet")
    assert {"active", "loyal"} & set(actions["segment_after"][actions["row"].notnull()])
    assert {"cooling", "dormant", "lost"} & set(actions["segment_after"][actions["row"].isnull()])
    log = pd.read_parquet(folder / "log.parquet").sort_values("time", kind="stable")
    log["time"] = log["time"].dt.floor("us")
    model = Recommender(open_run(recommender).model_version())
    for action in actions.itertuples():
        mine = log[(log["user"] == action.user) & (log["time"] <= action.time)]
        expected = model.recommend(Query(mine["item"].tolist(), {}), 5)
        assert list(action.items) == [each.item_id for each in expected]


@pytest.mark.nightly
def test_the_notebook_runs_from_top_to_bottom(folder, prediction, sentiment, recommender):
    notebook = execute_notebook(
        "users.ipynb",
        folder,
        run_folder="runs/buys",
        sentiment_folder=str(sentiment),
        recommender_folder=str(recommender),
    )
    printed = "".join(output(notebook, "stdout"))
    assert "runs/buys/1: test" in printed and "the baseline 'recency'" in printed
    assert "audiences/slipping-away/1:" in printed and "TF-IDF" in printed
    assert len(output(notebook, "image/svg+xml")) == 5
    assert "lift" in "".join(output(notebook, "text/html"))


def test_the_notebook_says_what_is_missing(tmp_path):
    with pytest.raises(CellExecutionError, match=r"\.\./runs/cdnow-buys"):
        execute_notebook("users.ipynb", tmp_path)
