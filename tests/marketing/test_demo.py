"""The walk-through of marketing, on a made-up log in the place of The Complete Journey."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from recsys.data.sources.public.complete_journey import FILES
from tests.marketing.logs import shoppers

pytestmark = [pytest.mark.slow, pytest.mark.nightly]
SCRIPT = Path(__file__).parents[2] / "scripts" / "marketing_demo.py"


def write_public_data(home: Path) -> None:
    """The tables that the data room keeps of The Complete Journey, cut down."""
    folder = home / "complete-journey"
    folder.mkdir(parents=True)
    generator = np.random.default_rng(0)
    bought = shoppers(users=400, days=365)
    ids = {name: 1000 + place for place, name in enumerate(sorted(bought["item"].unique()))}
    end = pd.Timestamp("2018-01-01 04:00")
    times = end - pd.to_timedelta(365 - bought["day"], unit="D")
    log = pd.DataFrame(
        {
            "household_id": bought["user"].str[1:].astype(int) + 1,
            "basket_id": np.arange(len(bought)),
            "product_id": bought["item"].map(ids),
            "quantity": 1,
            "sales_value": bought["value"],
            "transaction_timestamp": times.astype("datetime64[us]"),
            "campaign": np.where(generator.random(len(bought)) < 0.05, 26.0, np.nan),
        }
    )
    log.to_parquet(folder / FILES["log"])
    households = np.sort(log["household_id"].unique())
    users = {"age": "35-44", "income": "50-74K", "household_comp": "1 Adult"}
    pd.DataFrame({"id": households[:200], **users}).to_parquet(folder / FILES["users"])
    items = {"product_type": "MILK", "department": "GROCERY"}
    pd.DataFrame({"id": list(ids.values()), **items}).to_parquet(folder / FILES["items"])
    sent = pd.DataFrame({"campaign_id": 26, "household_id": households[::2]})
    sent.to_parquet(folder / "campaigns.parquet")
    sent[:10].assign(coupon_upc=1, redemption_date="2017-05-01").to_parquet(
        folder / "coupon_redemptions.parquet"
    )
    kinds = {"campaign_id": [26], "campaign_type": ["Type A"]}
    pd.DataFrame(kinds).to_parquet(folder / "campaign_descriptions.parquet")


def test_from_the_log_to_a_folder_that_explains_itself(tmp_path, monkeypatch, capsys):
    write_public_data(tmp_path / "home")
    monkeypatch.setenv("RECSYS_DATA_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    few = ["propensity.estimators=[linear]", "propensity.explained_users=5"]
    quick = ["training.epochs=1", "model.dim=8", "tracking.enabled=false"]
    monkeypatch.setattr(
        sys,
        "argv",
        [
            *("demo", "--prediction", *few, "tracking.enabled=false"),
            *("--recommender", *quick, "--audience", "minimum_size=5"),
        ],
    )
    spec = importlib.util.spec_from_file_location("marketing_demo", SCRIPT)
    demo = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(demo)
    demo.main()
    folder = tmp_path / "runs" / "marketing-demo"
    readme = (folder / "README.md").read_text()
    for line in readme.splitlines():
        if line.startswith("| `") and "mlflow" not in line:
            for path in line.split("|")[1].split(","):
                assert (folder / path.strip(" `")).exists(), path
    assert "Type A" in readme and "doubly robust" in readme and "answer takes" in readme
    page = (folder / "page.html").read_text()
    for said in ("your-next-basket", "we-miss-you", "like-redeemers", "came-back", "made up"):
        assert said in page
    assert "example.org" not in page.casefold()
    assert "Start reading at" in capsys.readouterr().out
