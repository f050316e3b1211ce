"""The walk-through of marketing: a grocer's year to predictions, audiences, campaigns, one page.

Usage: python scripts/marketing_demo.py [--prediction KEY=VALUE ...] [--recommender KEY=VALUE ...]
                                        [--audience KEY=VALUE ...]

Writes runs/marketing-demo/, whose README.md lists what is in it. The log is The Complete Journey,
which its publisher calls simulated; it has no contacts, opt-outs, stock or randomised holdout.
These are made up here, from a seed, into made-up/, and what is measured with them shows that the
measuring works, not what a campaign does.
"""

import argparse
import contextlib
import io
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

EXPERIMENTS = Path(__file__).parents[1] / "experiments"
FOLDER = Path("runs/marketing-demo")
MADE_UP = FOLDER / "made-up"
LOG = "complete-journey"
# What the made-up campaign changes: the share that buys of the households that would not have.
EFFECTS = {"your-next-basket": 0.35, "we-miss-you": 0.40, "like-redeemers": 0.0}
STOCK_DAYS, OUTCOME_DAYS = 28, 14


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--prediction", nargs="*", default=[], metavar="KEY=VALUE")
    parser.add_argument("--recommender", nargs="*", default=[], metavar="KEY=VALUE")
    parser.add_argument("--audience", nargs="*", default=[], metavar="KEY=VALUE")
    arguments = parser.parse_args()
    began = time.monotonic()

    print("1. Which households will buy, which will leave", flush=True)
    buys = EXPERIMENTS / f"{LOG}-buys.yaml"
    recsys("run", buys, *arguments.prediction)
    leaves = ["propensity.period.target=leaves", "--name", f"{LOG}-leaves"]
    recsys("run", buys, *arguments.prediction, *leaves)

    print("\n2. What each household buys next", flush=True)
    recommend = list(arguments.recommender)
    if not any(each.startswith("training.epochs=") for each in recommend):
        recommend.append("training.epochs=2")
    recsys("run", EXPERIMENTS / f"{LOG}-recommend.yaml", *recommend)

    print("\n3. What the log has not: contacts, opt-outs, stock", flush=True)
    MADE_UP.mkdir(parents=True, exist_ok=True)
    users = pd.read_parquet(FOLDER / f"{LOG}-buys/1/users.parquet")
    make_up_tables(users)

    print("\n4. Audiences and campaigns", flush=True)
    audience = recsys(
        "audience", "build", EXPERIMENTS / f"{LOG}-likely-to-leave.yaml", *arguments.audience
    )
    campaign = recsys(
        "campaign", "build", EXPERIMENTS / f"{LOG}-campaign.yaml", *arguments.audience
    )
    audience, campaign = first_path(audience), first_path(campaign)

    print("\n5. What the campaign changed, on made-up orders with a known effect", flush=True)
    truth = make_up_orders(campaign, users)
    orders = MADE_UP / "orders.csv"
    columns = ["--user", "household", "--time", "time", "--value", "spent"]
    measured = recsys("campaign", "measure", campaign, orders, *columns, runs_dir=False)
    needed = recsys(
        *("campaign", "size", "--rate", "0.7", "--uplift", "0.05", "--holdout", "0.2"),
        runs_dir=False,
    )

    print("\n6. The last fortnight event by event", flush=True)
    replayed = recsys("replay", EXPERIMENTS / f"{LOG}-replay.yaml")

    print("\n7. One page", flush=True)
    coupons = describe_coupons()
    policies = compare_policies()
    notes = [
        "The Complete Journey is simulated data, according to its publisher.",
        "Contacts, opt-outs, stock and the orders after the campaign are made up: the uplift shown "
        "is the one that was put in.",
    ]
    recsys(
        "page",
        *(FOLDER / f"{LOG}-buys", FOLDER / f"{LOG}-leaves", audience, campaign),
        first_path(replayed),
        *("--recommender", FOLDER / f"{LOG}-recommend"),
        *("--output", FOLDER / "page.html", "--title", "A grocer's households"),
        *(argument for note in notes for argument in ("--note", note)),
        runs_dir=False,
    )
    minutes = (time.monotonic() - began) / 60
    text = readme(audience, campaign, truth, measured, needed, replayed, coupons, policies, minutes)
    (FOLDER / "README.md").write_text(text, encoding="utf-8")
    print(f"\n{minutes:.1f} minutes. Start reading at {FOLDER / 'README.md'}")


def recsys(*arguments: Any, runs_dir: bool = True) -> str:
    """Runs the command of that name, shows its output, and returns what it printed."""
    from recsys.cli import app

    where = ["--runs-dir", str(FOLDER)] if runs_dir else []
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        app([*map(str, arguments), *where], standalone_mode=False)
    print(printed.getvalue(), end="", flush=True)
    return printed.getvalue()


def first_path(printed: str) -> Path:
    """The folder that a command names first."""
    return Path(printed.split(":", 1)[0].strip())


def make_up_tables(users: pd.DataFrame) -> None:
    """Contacts nobody can be reached at, one household in thirty opted out, what sold lately.

    Half of the households that opted out gave their e-mail address alone, in another spelling.
    """
    from recsys.data.sources.public import table_file

    generator = np.random.default_rng(1)
    ids = users["user"]
    # 555-0100 to 555-0199 are for fiction; the area codes distinguish them.
    phones = [f"({201 + n // 100 % 19 * 10:03d}) 555-{100 + n % 100:04d}" for n in range(len(ids))]
    contacts = pd.DataFrame({"household": ids, "email": "Household." + ids + "@Example.org"})
    contacts["phone"] = np.where(generator.random(len(ids)) < 0.6, phones, None)
    contacts["country"] = "US"
    contacts = contacts[generator.random(len(ids)) < 0.9]
    contacts.to_csv(MADE_UP / "contacts.csv", index=False)
    out = ids[generator.random(len(ids)) < 1 / 30]
    channels = generator.choice(["all", "push", "email", "social"], len(out))
    by_email = out.isin(contacts["household"]) & (generator.random(len(out)) < 0.5)
    opt_outs = pd.DataFrame(
        {
            "household": out.mask(by_email),
            "email": ("household." + out + "+news@example.org").where(by_email),
            "channel": channels,
        }
    )
    opt_outs.to_csv(MADE_UP / "opt-outs.csv", index=False)

    log = pd.read_parquet(
        table_file(LOG, "log"), columns=["product_id", "transaction_timestamp", "quantity"]
    )
    first = log["transaction_timestamp"].max() - pd.Timedelta(days=STOCK_DAYS)
    sold = log[log["transaction_timestamp"] > first].groupby("product_id")["quantity"].sum()
    stock = sold.rename("pieces").rename_axis("product").reset_index()
    stock.to_csv(MADE_UP / "stock.csv", index=False)
    print(f"{len(contacts):,} households, {len(opt_outs):,} opted out, {len(stock):,} in stock")


def make_up_orders(campaign: Path, users: pd.DataFrame) -> dict[str, float]:
    """Orders after the campaign, as likely as predicted, and likelier where it was sent.

    Returns:
        By campaign, how much larger the share that buys is made by it.
    """
    generator = np.random.default_rng(2)
    assigned = pd.read_parquet(campaign / "assignments.parquet")
    rate = 0.8 * users.set_index("user")["probability"].reindex(assigned["user"]).to_numpy()
    uplift = assigned["campaign"].map(EFFECTS).to_numpy() * (1 - rate)
    bought = generator.random(len(assigned)) < rate + uplift * ~assigned["held_out"].to_numpy()
    buyers = assigned[bought]
    days = generator.integers(0, OUTCOME_DAYS, len(buyers))
    pd.DataFrame(
        {
            "household": buyers["user"],
            "time": (pd.Timestamp("2018-01-02") + pd.to_timedelta(days, unit="D")).astype(str),
            "spent": generator.gamma(2.0, 15.0, len(buyers)).round(2),
        }
    ).to_csv(MADE_UP / "orders.csv", index=False)
    truth = pd.Series(uplift).groupby(assigned["campaign"]).mean().to_dict()
    told = ", ".join(f"{name} {share:+.3f}" for name, share in truth.items())
    print(f"{len(buyers):,} households order; the truth: {told}")
    return truth


def describe_coupons() -> pd.DataFrame:
    """What came of the year's campaigns: households that were sent one, or redeemed a coupon.

    A description. Nobody was held out, and the households to be sent a campaign were chosen, so it
    does not show what a campaign changed.
    """
    from recsys.data.sources.public import table_file

    folder = table_file(LOG, "log").parent
    sent = pd.read_parquet(folder / "campaigns.parquet").drop_duplicates()
    kinds = pd.read_parquet(folder / "campaign_descriptions.parquet")
    redeemed = pd.read_parquet(folder / "coupon_redemptions.parquet")
    redeemed = redeemed[["campaign_id", "household_id"]].value_counts().rename("coupons")
    rows = sent.merge(kinds, on="campaign_id")
    rows = rows.merge(redeemed.reset_index(), on=["campaign_id", "household_id"], how="left")
    rows["redeemed"] = rows["coupons"] > 0
    found = rows.groupby("campaign_type").agg(
        campaigns=("campaign_id", "nunique"),
        sent=("household_id", "size"),
        households=("household_id", "nunique"),
        redeemed=("redeemed", "sum"),
        coupons=("coupons", "sum"),
    )
    found["coupons"] = found["coupons"].astype(int)
    found["share that redeemed"] = (found["redeemed"] / found["sent"]).round(4)
    found.to_csv(FOLDER / "coupons-described.csv")
    return found.reset_index()


def compare_policies() -> pd.DataFrame:
    """What another policy would have earned, from a generated log whose truth is known."""
    from recsys.marketing.measurement import off_policy
    from recsys.marketing.measurement.generated import action_log, true_value

    log = action_log(5_000, seed=1)
    logged = log.rewards, log.propensities, log.probabilities
    rewards = off_policy.cross_fitted_rewards(
        log.contexts, log.actions, log.rewards, log.new_policy, seed=1
    )
    found = {
        "IPS": off_policy.ips(*logged),
        "SNIPS": off_policy.snips(*logged),
        "doubly robust": off_policy.doubly_robust(*logged, *rewards),
    }
    rows = [(name, each.value, each.low, each.high) for name, each in found.items()]
    rows.append(("truth", true_value(), None, None))
    return pd.DataFrame(rows, columns=["estimate", "value", "low", "high"]).round(4)


def readme(
    audience: Path,
    campaign: Path,
    truth: dict[str, float],
    measured: str,
    needed: str,
    replayed: str,
    coupons: pd.DataFrame,
    policies: pd.DataFrame,
    minutes: float,
) -> str:
    """What lies in the folder, and what it shows."""
    counts = json.loads((campaign / "campaign.json").read_text())["campaigns"]
    found_alike = [
        each["audience"]["seed_holdout"]["sentence"]
        for each in counts
        if "seed_holdout" in each["audience"]
    ]
    return f"""# A grocer's year, from log to campaigns

Made by `make marketing-demo` in {minutes:.1f} minutes. The Complete Journey is simulated,
according to its publisher. **Made up here**, from a seed: contacts, opt-outs, stock, and the orders
after the campaign (`made-up/`). Start with `page.html`, in any browser.

| folder | what it is |
| --- | --- |
| `page.html` | one page of everything below |
| `{LOG}-buys/1`, `{LOG}-leaves/1` | predictions: `users.parquet` (with reasons), `report.html` |
| `{LOG}-recommend/1` | the recommender: `model/1` is the SavedModel, `report.html` |
| `{audience.relative_to(FOLDER)}` | an audience by a query, counted; `members.parquet` |
| `{campaign.relative_to(FOLDER)}` | what push, e-mail and advertising import; its own README |
| `replays/fortnight` | what the last two weeks would have set off, event by event |
| `coupons-described.csv` | the year's campaigns, described |
| `made-up/` | what the log has not |
| `mlflow.db`, `mlartifacts/`, `datasets/` | tracking, and the prepared log |

## The campaign

Look-alikes: {" ".join(found_alike)}

How many users it takes to see five points more of the 70 % that buy anyway: {needed.strip()}.

What it changed, on made-up orders. The truth that was put into the share that responded:
{", ".join(f"{name} {share:+.3f}" for name, share in truth.items())}.

```
{measured.rstrip()}
```

## In real time

```
{replayed.rstrip()}
```

## What came of the year's coupons

A **description**: nobody was held out, and the households to be sent a campaign were chosen, so
this does not show what a campaign changed.

```
{coupons.to_string(index=False)}
```

## Policies never tried

A generated log of 5,000 offers with known propensities, and what another policy would earn on it:

```
{policies.to_string(index=False, na_rep="")}
```
"""


if __name__ == "__main__":
    from recsys.errors import InputError

    try:
        main()
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
