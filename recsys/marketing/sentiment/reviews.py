"""Reviews as a table: who wrote what of which item, when, and with how many stars."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

import ibis
import ibis.expr.types as ir
import pandas as pd
from ibis.backends.duckdb import Backend
from pydantic import Field

from recsys.atomic import atomic_path
from recsys.config import StrictConfig
from recsys.data.cells import trimmed
from recsys.data.engine import blaming_input, connect
from recsys.data.files import SourceFiles
from recsys.data.ids import identifier
from recsys.data.numbers import as_number, format_hint
from recsys.data.sources import FileConfig, column, locate, read_table
from recsys.data.times import TimeUnit, guess_unit, microseconds
from recsys.errors import InputError

MEMORY_GIB = 2.0
NOT_STARS = "non-numeric stars"
# Stars that are not numbers, of which the way they are written is guessed.
HINT_SAMPLE = 200
# Of a finished run: every review with its sentiment.
SCORED = "reviews.parquet"


class ReviewColumns(StrictConfig):
    """Which column of the reviews plays which role."""

    user: str
    item: str
    text: str
    stars: str = Field(description="a number, more is better: the truth that sentiment is held to")
    time: str
    category: str | None = Field(None, description="of the item; sentiment is shown by it")


class ReviewsConfig(FileConfig):
    """Reviews: files, columns, and what counts as positive."""

    columns: ReviewColumns
    positive_from: float = Field(
        4, description="stars from which a review is positive; fewer are negative"
    )
    time_unit: TimeUnit | None = Field(
        None, description="of epoch numbers; guessed by their magnitude by default"
    )
    time_format: str | None = Field(
        None, description='strptime format of text that is not ISO 8601, e.g. "%d/%m/%Y %H:%M"'
    )
    timezone: str = Field("UTC", description="of times that do not state their zone")
    max_quarantined: float = Field(
        0.5, ge=0, le=1, description="share of unusable rows beyond which the reviews are refused"
    )


@dataclass(frozen=True)
class Reviews:
    """The reviews that can be used, and those that cannot.

    Attributes:
        table: ``row`` (in the source, from 1), ``user``, ``item`` and ``text``, ``stars``
            (float64), ``time`` (int64, microseconds since 1970 UTC) and ``positive`` (bool), in
            order of time.
        quarantined: ``row``, ``reason``, and the columns as they were given, as text.
        hint: the setting by which stars that were left out would be numbers; empty if there is
            none.
    """

    table: pd.DataFrame
    quarantined: pd.DataFrame
    hint: str = ""

    @property
    def reasons(self) -> dict[str, int]:
        """How many rows were left out, by reason."""
        return {str(k): int(n) for k, n in self.quarantined["reason"].value_counts().items()}


def read_reviews(config: ReviewsConfig) -> Reviews:
    """Reads reviews through the readers of logs; what cannot be used is kept aside.

    Args:
        config: where they are.

    Raises:
        InputError: the files cannot be read, a column is missing, there are no rows, or too
            many of them are unusable.
    """
    with tempfile.TemporaryDirectory(prefix="recsys-reviews-") as folder:
        scratch = Path(folder)
        files = locate(config, "log", scratch)
        con = connect(scratch, MEMORY_GIB)
        try:
            raw = read_table(con, files, config, "raw")
            with blaming_input(str(files)):
                return _read(con, raw, config, files)
        finally:
            con.disconnect()


def write_quarantine(reviews: Reviews, path: Path) -> None:
    """Writes the rows that were left out, with their reasons, as Parquet."""
    with atomic_path(path) as temporary:
        reviews.quarantined.to_parquet(temporary, index=False)


def _read(con: Backend, raw: ir.Table, config: ReviewsConfig, files: SourceFiles) -> Reviews:
    roles = config.columns.model_dump(exclude_none=True)
    given = {role: column(raw, name, role, files) for role, name in roles.items()}
    clean = _by_role(given, config)
    as_given = {f"given_{role}": value.cast("string") for role, value in given.items()}
    con.create_table("reviews", raw.select(**clean, **as_given, reason=_reason(given, clean)))
    reviews = con.table("reviews")
    reviews = reviews.mutate(row=reviews.rowid() + 1)
    usable = reviews.filter(reviews.reason.isnull()).order_by("time", "row")
    bad = reviews.filter(reviews.reason.notnull()).order_by("row")
    found = Reviews(
        con.to_pandas(usable.select("row", *roles)),
        con.to_pandas(
            bad.select("row", "reason", **{role: bad[f"given_{role}"] for role in roles})
        ),
    )
    odd = found.quarantined.loc[found.quarantined["reason"] == NOT_STARS, "stars"]
    hint = format_hint(odd.unique().tolist()[:HINT_SAMPLE], config.number_format)
    _refuse_unusable(found, hint, config, files)
    positive = found.table["stars"] >= config.positive_from
    return Reviews(found.table.assign(positive=positive), found.quarantined, hint)


def _by_role(given: dict[str, ir.Column], config: ReviewsConfig) -> dict[str, ir.Value]:
    """The columns in the form that is needed; null where a value cannot be used."""
    needs_unit = config.time_unit is None and config.time_format is None
    unit = guess_unit(given["time"], "time") if needs_unit else config.time_unit
    stars = as_number(given["stars"], config.number_format)
    clean = {
        "user": identifier(given["user"]),
        "item": identifier(given["item"]),
        "text": trimmed(given["text"]),
        "stars": ibis.ifelse(stars.isinf(), ibis.null("float64"), stars),
        "time": microseconds(given["time"], unit, config.time_format, config.timezone),
    }
    if "category" in given:
        clean["category"] = identifier(given["category"]).fill_null("none")
    return clean


def _reason(given: dict[str, ir.Column], clean: dict[str, ir.Value]) -> ir.StringValue:
    """Why a row cannot be used, the first reason that holds; null if it can."""
    rules = [
        (clean["user"].isnull(), "empty user"),
        (clean["item"].isnull(), "empty item"),
        (clean["text"].isnull(), "empty text"),
    ]
    for role, bad in (("stars", NOT_STARS), ("time", "unparseable time")):
        empty = trimmed(given[role]).isnull()
        if given[role].type().is_floating():
            empty = empty | given[role].isnan()
        rules += [(empty, f"missing {role}"), (clean[role].isnull(), bad)]
    return ibis.cases(*rules, else_=ibis.null("string"))


def _refuse_unusable(found: Reviews, hint: str, config: ReviewsConfig, files: SourceFiles) -> None:
    kept, bad = len(found.table), len(found.quarantined)
    if kept + bad == 0:
        raise InputError(f"{files} has no rows")
    if kept and bad <= config.max_quarantined * (kept + bad):
        return
    reason, rows = next(iter(found.reasons.items()))
    example = found.quarantined[found.quarantined["reason"] == reason].iloc[0]
    shown = {role: example[role] for role in config.columns.model_dump(exclude_none=True)}
    raise InputError(
        f"{files}: {bad} of {kept + bad} reviews cannot be used, {rows} of them for: {reason}"
        f"{hint if reason == NOT_STARS else ''}. For "
        f"example row {example['row']}: {shown}. Check `columns`; `max_quarantined` (now "
        f"{config.max_quarantined}) says what is bearable."
    )
