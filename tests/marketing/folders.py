"""Folders of audiences, campaigns and replays, written by hand."""

import json
from pathlib import Path
from typing import Any

import pandas as pd

from recsys.marketing.formats import with_format

HASH = "0123456789abcdef" * 4
SCRIPT = "<script>alert(1)</script>"
# Kept back: nothing on a page may tell them.
KEPT_BACK = {"lost": None, "new": None}
FEW = {"treated": 17, "held_out": 13}


def interval(value: float, low: float | None, high: float | None) -> dict[str, Any]:
    return {"value": value, "low": low, "high": high}


def seed_holdout(compared: bool = True) -> dict[str, Any]:
    """``seed_holdout`` of ``audience.json``."""
    found = {"precision": 0.4, "lift": interval(4.0, 3.0, 5.0)}
    other = {"precision": 0.15, "lift": interval(1.5, 0.5, 2.5)}
    lift = {"best": 25, "random": 0.1, "embedding": found}
    both = {**lift, "demographics": other, "difference": interval(2.5, 1.5, 3.5)}
    group = {"users": 250, "seed": 50, "held_out": 25}
    return {
        "repeats": 3,
        "unreadable": 0,
        "undescribed": 0,
        "everyone": {**group, "lifts": [lift]},
        "described": {**group, "users": 90, "lifts": [both]} if compared else None,
        "sentence": "held-out users of the seed, four times as many",
    }


def counted(name: str, **further: Any) -> dict[str, Any]:
    """Counts of an audience."""
    counts = {"name": name, "users": 400, "of": 1000, "opted_out": 7, "minimum_size": 50}
    return {**counts, "segments": {"loyal": 250, "active": 70, **KEPT_BACK}, **further}


def write_audience(folder: Path, **further: Any) -> Path:
    """``<runs-dir>/audiences/<name>/<version>``."""
    folder.mkdir(parents=True)
    document = {"unknown_opt_outs": 0, **counted("quiet", **further)}
    (folder / "audience.json").write_text(json.dumps(with_format(document)))
    return folder


def campaign(name: str, channel: str, priority: int, **further: Any) -> dict[str, Any]:
    """One campaign of ``campaign.json``."""
    return {
        "name": name,
        "channel": channel,
        "priority": priority,
        "file": f"{channel}-{name}.csv",
        "audience": counted("everybody"),
        "opted_out_of_channel": 3,
        "left_out": {"has another campaign": 60, "addressed too often": 30},
        "holdout": 0.25,
        "held_out": 77,
        "sent": 230,
        "unusable_details": {},
        "smallest_uplift": 0.123,
        **further,
    }


def write_campaign(folder: Path) -> Path:
    """``<runs-dir>/campaigns/<name>/<version>``, not measured."""
    folder.mkdir(parents=True)
    mail = campaign("miss-you", "email", 2, smallest_uplift=None)
    reach = campaign(
        "reach",
        "social",
        3,
        audience=counted("alike", seed_holdout=seed_holdout()),
        left_out={"no contact details": 40, "email: not an e-mail address": 50},
        unusable_details={"email: not an e-mail address": 51},
    )
    # The first by priority is the last of the file.
    campaigns = [reach, mail, campaign("thanks", "push", 1)]
    document = {"name": "spring", "at": "2026-12-01", "seed": 1, "unknown_opt_outs": 0}
    document |= {"until": "2026-12-14", "outcome": "orders", "control": {"users": 12}}
    document |= {"notes": ["stock: 3 items are offered to as many users as the pieces allow"]}
    (folder / "campaign.json").write_text(
        json.dumps(with_format({**document, "campaigns": campaigns}))
    )
    (folder / "campaign.yaml").write_text("name: spring\nexpected_rate: 0.2\n")
    rows = {
        "user": ["007", "NA", "ann@example.org", "fourth"],
        "items": ["i1|i2"] * 4,
        "reason": [SCRIPT, *["Chosen for you"] * 3],
    }
    pd.DataFrame(rows).to_csv(folder / "push-thanks.csv", index=False)
    titles = {"subject": [f"We miss you: {SCRIPT}"] * 4, "titles": ["Tea|Milk"] * 4}
    pd.DataFrame({**rows, **titles}).to_csv(folder / "email-miss-you.csv", index=False)
    hashed = {"Email": [HASH, HASH, ""], "Zip": ["98101", "98102", ""]}
    pd.DataFrame(hashed).to_csv(folder / "social-reach.csv", index=False)
    return folder


def uplift(difference: float, low: float, high: float, **further: Any) -> dict[str, Any]:
    found = {"treated": 230, "held_out": 77, "treated_mean": 0.5, "p_value": 0.0001}
    found |= {"held_out_mean": 0.5 - difference, "relative": None}
    return {**found, "difference": difference, "low": low, "high": high, **further}


def write_uplift(folder: Path) -> None:
    """``uplift.json``, of a campaign that was measured."""
    found = {
        "overall": uplift(0.111, 0.042, 0.18),
        "segments": {
            "loyal": uplift(-0.222, -0.3, -0.1),
            "lost": uplift(0.333, 0.3, 0.366, **FEW),
        },
        "not_estimated": {
            "active": "65 users treated and 5 held out; each needs 10 or more",
            "new": "17 users treated and 13 held out",
        },
    }
    level = uplift(1.25, -0.5, 3.0, p_value=0.16, treated_mean=0.5)
    money = {"overall": level, "segments": {}, "not_estimated": {}}
    campaigns = [
        measured("thanks", responded=found, value=money),
        measured("miss-you", not_measured={"responded": "nobody was held out"}),
    ]
    write_measured(folder, campaigns)


def measured(name: str, **further: Any) -> dict[str, Any]:
    """One campaign of ``uplift.json``."""
    nobody = {"users": 0, "share": 0.0, "by": {}, "any_version": 0}
    sent_others = {"held_out": nobody, "treated": nobody}
    return {"name": name, "not_measured": {}, "sent_others": sent_others, **further}


def write_measured(folder: Path, campaigns: list[dict[str, Any]], **further: Any) -> None:
    """``uplift.json``."""
    document = {"days": 14, "before_days": 0, "currency": None, "control": None}
    document |= {"notes": ["the last outcome is of 2026-12-03"], **further}
    (folder / "uplift.json").write_text(
        json.dumps(with_format({**document, "campaigns": campaigns}))
    )


def write_replay(folder: Path, actions: int = 12) -> Path:
    """``<runs-dir>/replays/<name>``: an action every half hour, every third of a cart."""
    folder.mkdir(parents=True)
    rows = [
        {
            "user": f"u{number}",
            "trigger": "cart" if number % 3 == 0 else "back",
            "time": pd.Timestamp("2026-03-01", tz="UTC") + pd.Timedelta(minutes=30 * number),
            "item": "i9" if number % 3 == 0 else None,
            "segment_before": "lost",
            "segment_after": "lost" if number % 3 == 0 else "active",
            "titles": ["Tea", SCRIPT],
        }
        for number in range(actions)
    ]
    columns = ["user", "trigger", "time", "item", "segment_before", "segment_after", "titles"]
    pd.DataFrame(rows, columns=columns).to_parquet(folder / "actions.parquet")
    taken = {"count": actions, "p50": 1.25, "p99": 9.75, "max": 11.5}
    document = {
        "name": "march",
        "stream": {
            "events": 4321,
            "events_before": 8765,
            "users": 99,
            "first": "2026-03-01T00:00:00Z",
            "last": "2026-03-01T05:00:00Z",
            "left_out": {},
        },
        "actions": {"cart": (actions + 2) // 3, "back": actions - (actions + 2) // 3, "never": 0},
        "held_back": {"cart": 5, "back": 1234, "never": 0},
        "opted_out": {"cart": 6, "back": 0, "never": 0},
        "latency_ms": {"first_answer": 300.0, "answer": taken if actions else None, "event": taken},
        "settings": {"name": "march", "items": 2},
    }
    (folder / "replay.json").write_text(json.dumps(with_format(document)))
    return folder
