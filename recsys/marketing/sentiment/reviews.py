"""Reviews as a table: user, item, text, time, and stars."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

import ibis
import ibis.expr.types as ir
import pandas as pd
from ibis.backends.duckdb import Backend
from pydantic import Field, model_validator

from recsys.config import StrictConfig
from recsys.data.prepare.ids import (
    forgotten_among,
    identifier,
    pseudonymous,
    unusable_ids,
)
from recsys.data.sources.cells import trimmed
from recsys.data.sources.config import FileConfig
from recsys.data.sources.engine import blaming_input, connect
from recsys.data.sources.files import SourceFiles
from recsys.data.sources.numbers import as_number, format_hint
from recsys.data.sources.read import column, locate, read_table
from recsys.data.sources.readers.source import Source, remedy
from recsys.data.sources.shared_columns import refuse_shared
from recsys.data.sources.time_faults import explain_times
from recsys.data.sources.times import TimeConfig, read_times, time_reasons, unusable_times
from recsys.errors import InputError
from recsys.protection.config import ProtectionConfig
from recsys.protection.encryption import Encryption, write_frame
from recsys.protection.forgotten import FORGOTTEN, NOBODY, ForgottenUsers
from recsys.system.files import atomic_path

MEMORY_GIB = 2.0
LONGEST_SHOWN = 200
NOT_STARS = "non-numeric stars"
# Stars that are not numbers, of which the way they are written is guessed.
HINT_SAMPLE = 200
# Of a finished run: every review with its sentiment.
SCORED = "reviews.parquet"


class ReviewColumns(StrictConfig):
    """Which column of the reviews plays which role."""

    user: str = Field(description="who wrote it")
    item: str = Field(description="what it is about")
    text: str = Field(description="the review")
    stars: str = Field(description="a number, more is better: the truth that sentiment is held to")
    time: str = Field(description="when it was written")
    category: str | None = Field(None, description="of the item; sentiment is shown by it")

    @model_validator(mode="after")
    def _of_their_own(self) -> "ReviewColumns":
        refuse_shared({role: name for role, name in self if name and role != "category"})
        return self


class ReviewsConfig(TimeConfig, FileConfig):
    """Reviews: files, columns, and what counts as positive."""

    columns: ReviewColumns
    positive_from: float = Field(
        4, description="stars from which a review is positive; fewer are negative"
    )
    max_quarantined: float = Field(
        0.5, ge=0, le=1, description="share of unusable rows beyond which the reviews are refused"
    )
    protection: ProtectionConfig = ProtectionConfig()


@dataclass(frozen=True)
class Reviews:
    """The reviews that can be used, and those that cannot.

    Attributes:
        table: ``row`` (in the source, from 1), ``user``, ``item`` and ``text``, ``stars``
            (float64), ``time`` (int64, microseconds since 1970 UTC) and ``positive`` (bool), in
            order of time.
        quarantined: ``row``, ``reason``, and the columns as they were given, as text; of a line
            that is not a row ``reason``, ``file``, ``line`` (from 1) and ``raw``, the line.
        forgotten: reviews of users who are to be forgotten; kept nowhere.
        hint: the setting by which stars that were left out would be numbers; empty if there is
            none.
    """

    table: pd.DataFrame
    quarantined: pd.DataFrame
    hint: str = ""
    forgotten: int = 0

    @property
    def reasons(self) -> dict[str, int]:
        """How many rows were left out, by reason."""
        return {str(k): int(n) for k, n in self.quarantined["reason"].value_counts().items()}

    @property
    def notes(self) -> list[str]:
        """What was left out, and what repeats, a sentence each."""
        found, rows = [], len(self.table) + len(self.quarantined)
        if self.forgotten:
            found.append(f"left out: {self.forgotten:,} reviews of users who are to be forgotten")
        if bad := len(self.quarantined):
            reasons = ", ".join(f"{reason} {n:,}" for reason, n in self.reasons.items())
            found.append(
                f"left out: {bad:,} of {rows:,} rows of the reviews ({reasons}); they are in "
                f"quarantine.parquet of the run{self.hint}"
            )
        if repeats := int(self.table.drop(columns="row").duplicated().sum()):
            found.append(
                f"{repeats:,} of {len(self.table):,} reviews repeat another one in every column "
                "that is read, and were kept"
            )
        return found


def read_reviews(config: ReviewsConfig, forgotten: ForgottenUsers = NOBODY) -> Reviews:
    """Reads reviews through the readers of logs; what cannot be used is kept aside.

    Args:
        config: where they are.
        forgotten: users whose reviews are left out, and counted.

    Raises:
        InputError: the files cannot be read, a column is missing, there are no rows, or too
            many of them are unusable.
    """
    with tempfile.TemporaryDirectory(prefix="recsys-reviews-") as folder:
        scratch = Path(folder)
        files = locate(config, "log", scratch)
        con = connect(scratch, MEMORY_GIB)
        try:
            roles = config.columns.model_dump(exclude_none=True)
            source = read_table(con, files, config, "raw", roles)
            with blaming_input(str(files)):
                return _read(con, source, config, files, forgotten)
        finally:
            con.disconnect()


def write_quarantine(reviews: Reviews, path: Path, encryption: Encryption | None = None) -> None:
    """Writes the rows that were left out, with their reasons, as Parquet."""
    with atomic_path(path, private=True) as temporary:
        write_frame(reviews.quarantined, temporary, encryption)


def _read(
    con: Backend,
    source: Source,
    config: ReviewsConfig,
    files: SourceFiles,
    forgotten: ForgottenUsers,
) -> Reviews:
    raw = source.table
    roles = config.columns.model_dump(exclude_none=True)
    given = {role: column(raw, name, role, files) for role, name in roles.items()}
    clean = _by_role(given, config, files)
    reason, rejected = _reason(given, clean, config), source.rejected
    pseudonyms = config.protection.open_pseudonyms()
    if forgotten:
        is_out = forgotten_among(clean["user"], forgotten, pseudonyms)
        reason = ibis.ifelse(is_out, FORGOTTEN, reason)
    if pseudonyms is not None:
        clean["user"] = given["user"] = pseudonymous(clean["user"], pseudonyms)
        rejected = rejected.mutate(raw=ibis.null("string"))
    as_given = {f"given_{role}": value.cast("string") for role, value in given.items()}
    con.create_table("reviews", raw.select(**clean, **as_given, reason=reason))
    reviews = con.table("reviews")
    reviews = reviews.mutate(row=reviews.rowid() + 1)
    usable = reviews.filter(reviews.reason.isnull()).order_by("time", "row")
    left = reviews.filter(reviews.reason == FORGOTTEN).count().execute()
    bad = reviews.filter(reviews.reason.notnull() & (reviews.reason != FORGOTTEN)).order_by("row")
    as_it_was = {role: bad[f"given_{role}"] for role in roles}
    unusable = con.to_pandas(bad.select("row", "reason", **as_it_was))
    unread = con.to_pandas(rejected.order_by("file", "line"))
    if forgotten:
        unread["raw"] = [None if forgotten.named_in(line or "") else line for line in unread["raw"]]
    left_out = pd.concat([unusable, unread], ignore_index=True)
    left_out = left_out.astype({"row": "Int64", "line": "Int64"})
    found = Reviews(con.to_pandas(usable.select("row", *roles)), left_out)
    odd = left_out.loc[left_out["reason"] == NOT_STARS, "stars"]
    hint = format_hint(odd.unique().tolist()[:HINT_SAMPLE], config.number_format)
    _refuse_unusable(found, hint, config, files)
    positive = found.table["stars"] >= config.positive_from
    return Reviews(found.table.assign(positive=positive), found.quarantined, hint, int(left))


def _by_role(
    given: dict[str, ir.Column], config: ReviewsConfig, where: object
) -> dict[str, ir.Value]:
    """The columns in the form that is needed; null where a value cannot be used."""
    stars = as_number(given["stars"], config.number_format)
    clean = {
        "user": identifier(given["user"]),
        "item": identifier(given["item"]),
        "text": trimmed(given["text"]),
        "stars": ibis.ifelse(stars.isinf(), ibis.null("float64"), stars),
        "time": read_times(given["time"], config, f"{where}, the time column,"),
    }
    if "category" in given:
        clean["category"] = identifier(given["category"]).fill_null("none")
    return clean


def _reason(
    given: dict[str, ir.Column], clean: dict[str, ir.Value], config: ReviewsConfig
) -> ir.StringValue:
    """Why a row cannot be used, the first reason that holds; null if it can."""
    rules = [
        *unusable_ids("user", given["user"], clean["user"]),
        *unusable_ids("item", given["item"], clean["item"]),
        (clean["text"].isnull(), "empty text"),
    ]
    bad = {
        "stars": [(clean["stars"].isnull(), NOT_STARS)],
        "time": unusable_times(clean["time"], config),
    }
    for role, conditions in bad.items():
        empty = trimmed(given[role]).isnull()
        if given[role].type().is_floating():
            empty = empty | given[role].isnan()
        rules += [(empty, f"missing {role}"), *conditions]
    return ibis.cases(*rules, else_=ibis.null("string"))


def _refuse_unusable(found: Reviews, hint: str, config: ReviewsConfig, files: SourceFiles) -> None:
    kept, bad = len(found.table), len(found.quarantined)
    if kept + bad == 0:
        raise InputError(f"{files} has no rows")
    if kept and bad <= config.max_quarantined * (kept + bad):
        return
    reason, rows = next(iter(found.reasons.items()))
    example = found.quarantined[found.quarantined["reason"] == reason].iloc[0]
    if pd.isna(example["row"]):
        shown = f"line {example['line']} of {example['file']}"
        if isinstance(example["raw"], str):
            shown += f": {example['raw'][:LONGEST_SHOWN]!r}"
    else:
        roles = config.columns.model_dump(exclude_none=True)
        shown = f"row {example['row']}: { {role: example[role] for role in roles} }"
    told = f" {remedy(reason)}".rstrip()
    if reason in time_reasons(config):
        is_bad = found.quarantined["reason"].isin(time_reasons(config))
        times = ibis.memtable(found.quarantined.loc[is_bad, ["time"]]).time
        told = f" Of these, {explain_times(times, config)}."
    raise InputError(
        f"{files}: {bad:,} of {kept + bad:,} reviews cannot be used, {rows:,} of them for: {reason}"
        f"{hint if reason == NOT_STARS else ''}. For "
        f"example {shown}.{told} Check `columns`, or raise `max_quarantined` (now "
        f"{config.max_quarantined})."
    )
