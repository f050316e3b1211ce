"""Campaigns of plain messages to made-up users, quickly built."""

import json
from pathlib import Path
from typing import Any

import pandas as pd

from recsys.experiment.file import validated
from recsys.marketing.campaigns.campaign import build_campaign
from recsys.marketing.campaigns.campaign_file import CampaignFile

USERS = [f"user-{user:04}" for user in range(2000)]
PUSH = {"kind": "push", "text": "Spring is here"}


def write_prediction(folder: Path, users: list[str] = USERS) -> Path:
    """The folder of a prediction's run, as far as campaigns read it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "experiment.yaml").write_text("task: propensity\n")
    rows = {"user": users, "probability": [place / len(users) for place in range(len(users))]}
    table = pd.DataFrame(rows).assign(segment="active", reasons=[[]] * len(users))
    table.to_parquet(folder / "users.parquet")
    return folder


def build(tmp_path: Path, name: str, at: str, where: str = "true", **settings: Any) -> Path:
    """A file of one push campaign to those who fit a condition, built."""
    prediction = tmp_path / "buys"
    if not prediction.exists():
        write_prediction(prediction)
    document = {
        "name": name,
        "at": at,
        "runs": {"buys": str(prediction)},
        "audiences": {"all": {"where": where}},
        "campaigns": [{"name": "hello", "audience": "all", "priority": 1, "channel": PUSH}],
        **settings,
    }
    config = validated(CampaignFile, document, f"{name}.yaml")
    return build_campaign(config, tmp_path / "runs")


def assigned(folder: Path) -> pd.DataFrame:
    """``assignments.parquet`` of a built campaign."""
    return pd.read_parquet(folder / "assignments.parquet")


def users(folder: Path, condition: str = "user == user") -> set[str]:
    """Who was assigned and fits a condition."""
    return set(assigned(folder).query(condition)["user"])


def counts(folder: Path) -> dict[str, Any]:
    """``campaign.json`` of a built campaign."""
    return json.loads((folder / "campaign.json").read_text())
