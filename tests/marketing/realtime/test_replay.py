"""A log replayed through an artefact: the next answer reflects the last event."""

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from recsys.errors import InputError
from recsys.export.recommend import Query, Recommender
from recsys.marketing.realtime.replay import replay
from recsys.marketing.realtime.summary import replay_summary
from recsys.runs.folder import RunFolder
from tests.marketing.realtime.artefact import ITEMS, WINDOW, write_run
from tests.marketing.realtime.streams import ANY, config, write_stream

CART = {"kind": "abandoned", "name": "cart", "event": "cart", "completed_by": "purchase"}
BACK = {"kind": "segment", "name": "back", "from": ["dormant", "lost"], "to": ["active"]}
THRESHOLDS = {"active_days": 1, "cooling_days": 2, "dormant_days": 3, "loyal_occasions": 9}


@pytest.fixture(scope="module")
def artefacts(tmp_path_factory):
    root = tmp_path_factory.mktemp("artefacts")
    return {
        "exclude": write_run(root / "exclude", "exclude"),
        "allow": write_run(root / "allow", "allow", further=True),
    }


@pytest.fixture(scope="module")
def segmented(tmp_path_factory):
    """A run of `task: propensity`, as far as a replay reads it."""
    folder = tmp_path_factory.mktemp("buys")
    RunFolder(folder).write_metrics({"segments": {"thresholds": THRESHOLDS}})
    (folder / "experiment.yaml").write_text(
        "task: propensity\ndata: {log: {columns: {session: null}}}"
    )
    return folder


def stream_of(folder, seed: int = 0, events: int = 40) -> str:
    """Three users and an item that no model knows."""
    random = np.random.default_rng(seed)
    minutes = np.cumsum(random.integers(1, 200, events))
    users, items = random.choice(["ann", "bob", "cid"], events), random.choice(ITEMS[:5], events)
    items[random.random(events) < 0.2] = "unheard of"
    folder.mkdir(exist_ok=True)
    rows = zip(users, items, minutes, ["view"] * events, strict=True)
    return write_stream(folder / "log.csv", rows)


def replayed(folder, settings) -> tuple[pd.DataFrame, dict]:
    found = replay(settings, folder)
    assert found == folder / "replays/tiny"
    summary = json.loads((found / "replay.json").read_text())
    return pd.read_parquet(found / "actions.parquet"), summary


@pytest.mark.parametrize("seen", ["exclude", "allow"])
def test_every_answer_is_that_of_the_history_up_to_its_event(tmp_path, artefacts, seen):
    """Asked afresh with the whole history, also what is unknown or beyond the window."""
    path = stream_of(tmp_path)
    settings = config(path, recommender=str(artefacts[seen]), items=3)
    actions, summary = replayed(tmp_path, settings)
    log = pd.read_csv(path)
    assert actions["row"].tolist() == list(range(1, len(log) + 1))
    fresh = Recommender(artefacts[seen] / "model/1")
    longest = 0
    for row, action in enumerate(actions.itertuples(), 1):
        events = log.iloc[:row]
        events = events[events["user"] == action.user]
        longest = max(longest, len(events))
        further = {}
        if seen == "allow":
            times = pd.to_datetime(events["time"]).map(lambda time: int(time.timestamp()))
            further = {
                "history_time": times.to_numpy()[None],
                "user_id": np.array([action.user], object),
            }
        expected = fresh.recommend(Query(events["item"].tolist(), further), 3)
        assert list(action.items) == [each.item_id for each in expected]
        assert list(action.titles) == [each.title for each in expected]
        if seen == "exclude":
            assert not set(action.items) & set(events["item"])
    assert longest > 2 * WINDOW
    history = "whole" if seen == "exclude" else "last 3 known items"
    assert summary["model"]["seen"] == seen and summary["model"]["history"] == history


def test_another_last_event_is_another_answer(tmp_path, artefacts):
    """A user per item, who are alike but for it."""
    rows = [
        (f"u{user}", item, minute, "view")
        for minute, same in enumerate(["apple", "fig", None])
        for user, item in enumerate([same] * len(ITEMS) if same else ITEMS)
    ]
    path = write_stream(tmp_path / "log.csv", rows)
    actions, _ = replayed(tmp_path, config(path, recommender=str(artefacts["exclude"])))
    answers = actions["items"].map(tuple).to_numpy().reshape(3, len(ITEMS))
    assert [len(set(row)) for row in answers] == [1, 1, len(ITEMS)]
    assert answers[0, 0] != answers[1, 0]


def test_actions_say_why_and_what(tmp_path, artefacts, segmented):
    day = 24 * 60
    rows = [
        ("ann", "fig", 0, "view"),
        ("ann", "nut", 5 * day, "cart"),
        ("bob", "nut", 6 * day, "purchase"),
    ]
    path = write_stream(tmp_path / "log.csv", rows)
    both = {"recommender": str(artefacts["exclude"]), "users": str(segmented)}
    actions, summary = replayed(tmp_path, config(path, [CART, BACK], items=2, **both))
    back, cart = actions.astype(object).where(actions.notnull(), None).to_dict("records")
    assert back.pop("time") == pd.Timestamp("2024-01-06", tz="UTC")
    assert cart.pop("time") == pd.Timestamp("2024-01-06T01:00", tz="UTC")
    answers = [(list(each.pop("items")), list(each.pop("titles"))) for each in (back, cart)]
    # The same history, one hour apart; nothing of it is recommended.
    assert answers[0] == answers[1] and not {"fig", "nut"} & set(answers[0][0])
    titles = ["An apple" if item == "apple" else item for item in answers[0][0]]
    assert answers[0][1] == titles and len(titles) == 2
    assert back == {
        "user": "ann",
        "trigger": "back",
        "row": 2,
        "event": "cart",
        "item": None,
        "segment_before": "lost",
        "segment_after": "active",
    }
    assert cart == {
        "user": "ann",
        "trigger": "cart",
        "row": None,
        "event": None,
        "item": "nut",
        "segment_before": "active",
        "segment_after": "active",
    }
    assert summary["actions"] == {"cart": 1, "back": 1}
    assert summary["thresholds"] == THRESHOLDS


def test_who_opted_out_by_address_triggers_nothing(tmp_path, artefacts):
    path = stream_of(tmp_path)
    (tmp_path / "contacts.csv").write_text("id,mail\nann,jdoe@googlemail.com\nbob,b@b.org\n")
    (tmp_path / "no.csv").write_text("mail\nJ.Doe+x@gmail.com\nx@b.org\n")
    settings = {"suppress": {"path": str(tmp_path / "no.csv"), "email": "mail"}}
    contacts = {"path": str(tmp_path / "contacts.csv"), "key": "id", "email": "mail"}
    run = {"recommender": str(artefacts["exclude"]), "contacts": contacts}
    actions, summary = replayed(tmp_path, config(path, **run, **settings))
    log = pd.read_csv(path)
    assert actions["user"].tolist() == log.loc[log["user"] != "ann", "user"].tolist()
    assert sum(summary["opted_out"].values()) == (log["user"] == "ann").sum()
    assert summary["opted_out_addresses_of_nobody"] == 1
    assert "that no contact has" in replay_summary(tmp_path / "replays/tiny")


def test_the_summary_counts_and_times(tmp_path, artefacts):
    path = stream_of(tmp_path)
    text = Path(path).read_text()
    Path(path).write_text(text + text.splitlines()[-1])
    settings = {"duplicates": "drop", "from": "2024-01-02", "until": "2024-01-03"}
    weekly = {"kind": "event", "name": "weekly"}
    actions, summary = replayed(
        tmp_path,
        config(path, [ANY, weekly], recommender=str(artefacts["exclude"]), **settings),
    )
    times = pd.to_datetime(pd.read_csv(path)["time"][:-1])
    within = times.between("2024-01-02 00:00Z", "2024-01-02 23:59:59Z")
    assert 0 < within.sum() < len(times) - 2
    stream = summary["stream"]
    assert stream["events"] == within.sum() == (actions["trigger"] == "any").sum()
    assert stream["events_before"] == (times < "2024-01-02 00:00Z").sum() > 0
    assert pd.Timestamp(stream["first"]) == times[within].min()
    assert pd.Timestamp(stream["last"]) == times[within].max()
    assert stream["left_out"] == {"duplicate": 1}
    left_out = pd.read_parquet(tmp_path / "replays/tiny/left_out.parquet")
    assert left_out["row"].tolist() == [len(times) + 1]
    fired = summary["actions"]
    assert fired["weekly"] == len(set(actions["user"])) and fired["any"] == within.sum()
    assert summary["held_back"] == {"any": 0, "weekly": within.sum() - fired["weekly"]}
    latency = summary["latency_ms"]
    assert latency["answer"]["count"] == len(actions)
    assert latency["event"]["count"] == within.sum()
    for part in (latency["answer"], latency["event"]):
        assert 0 < part["p50"] <= part["p99"] <= part["max"] < math.inf
    assert 0 < latency["first_answer"] < math.inf
    assert 0 < summary["events_per_second"] < math.inf
    assert summary["settings"]["from"].startswith("2024-01-02")
    told = replay_summary(tmp_path / "replays/tiny")
    assert f"weekly: {fired['weekly']} actions, {within.sum() - fired['weekly']} held back" in told
    assert "left out: 1 row (duplicate)" in told and "ms at p99" in told


def test_a_log_out_of_order_is_replayed_by_its_times(tmp_path, artefacts):
    ordered = stream_of(tmp_path / "ordered")
    rows = pd.read_csv(ordered).sample(frac=1, random_state=1)
    rows.to_csv(tmp_path / "shuffled.csv", index=False)
    model = {"recommender": str(artefacts["exclude"])}
    expected, _ = replayed(tmp_path, config(ordered, **model))
    found, _ = replayed(tmp_path, config(str(tmp_path / "shuffled.csv"), sorted=True, **model))
    assert (found["row"] - 1).tolist() == np.argsort(rows.index).tolist()
    pd.testing.assert_frame_equal(found.drop(columns="row"), expected.drop(columns="row"))


def test_a_replay_takes_the_place_of_an_earlier_one_or_leaves_it(tmp_path, artefacts):
    path = stream_of(tmp_path)
    settings = {"recommender": str(artefacts["exclude"])}
    replayed(tmp_path, config(path, **settings))
    late = config(path, [CART, ANY], **settings)
    with pytest.raises(InputError, match="looks for events of the type 'cart'"):
        replay(late, tmp_path)
    with pytest.raises(InputError, match="no events in the time of the replay"):
        replay(config(path, **settings, **{"from": "2026-01-01"}), tmp_path)
    assert len(pd.read_parquet(tmp_path / "replays/tiny/actions.parquet")) == 40
    actions, _ = replayed(tmp_path, config(path, **settings, until="2024-01-02"))
    assert 0 < len(actions) < 40
    assert [each.name for each in (tmp_path / "replays").iterdir()] == ["tiny"]


def test_runs_that_lack_something_are_one_message(tmp_path, artefacts, segmented):
    path = stream_of(tmp_path)
    model = {"recommender": str(artefacts["exclude"])}
    with pytest.raises(InputError, match="has no segments: name in `users` a finished run"):
        replay(config(path, [BACK], users=model["recommender"], **model), tmp_path)
    with pytest.raises(InputError, match="`task: propensity`, which recommends nothing"):
        replay(config(path, recommender=str(segmented)), tmp_path)
    with pytest.raises(InputError, match="5 recommendations were asked for"):
        replay(config(path, items=5, **model), tmp_path)
    rows = pd.read_csv(path).assign(session="visit")
    rows.to_csv(path, index=False)
    with pytest.raises(InputError, match="maps no column as the session, the stream 'session'"):
        replay(config(path, [BACK], users=str(segmented), **model), tmp_path)
    assert not list((tmp_path / "replays").iterdir())
