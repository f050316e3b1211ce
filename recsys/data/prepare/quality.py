"""What is wrong with a log: set aside and counted by reason, or refused.

A row that cannot be used (no user, a time that cannot be read) is kept out of the
dataset and written to ``quarantine.parquet`` with the reason. When too many
rows are like that, the settings are wrong rather than the rows, and the log is
refused with an example.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ibis
import ibis.expr.types as ir
import pyarrow as pa
from ibis.backends.duckdb import Backend

from recsys.data.prepare.conditions import explaining
from recsys.data.prepare.features.feature import feature_column, is_feature_column
from recsys.data.prepare.findings import Quality
from recsys.data.prepare.ids import (
    forgotten_among,
    identifier,
    other_spelling,
    pseudonymous,
    unusable_ids,
)
from recsys.data.prepare.wanted import DROPPED, LEFT_OUT, OUTSIDE, left_out, origin, outside
from recsys.data.sources.cells import present, trimmed
from recsys.data.sources.config import Columns, LogConfig
from recsys.data.sources.engine import stream
from recsys.data.sources.lakes.snapshot import Span
from recsys.data.sources.numbers import LARGEST, as_number, as_whole_number, format_hint
from recsys.data.sources.read import column
from recsys.data.sources.readers.places import placed
from recsys.data.sources.readers.source import Source, remedy
from recsys.data.sources.time_faults import explain_times
from recsys.data.sources.times import read_times, time_reasons, unusable_times
from recsys.errors import InputError
from recsys.protection.encryption import Encryption, table_writer
from recsys.protection.forgotten import FORGOTTEN, NOBODY, ForgottenUsers
from recsys.protection.pseudonyms import Pseudonyms
from recsys.system.display import counted

ROLES = tuple(Columns.model_fields)
# Where the log names no items.
ONLY_ITEM = "any"
# Roles whose values are ids that are numbered.
ID_ROLES = ("user", "item", "session", "channel", "campaign")
# Rows left out because the user asked for it are not held against the log.
WANTED = (
    LEFT_OUT,
    DROPPED,
    OUTSIDE,
    FORGOTTEN,
    "value below minimum",
    "missing value",
    "order below minimum",
)
SPLIT_NAMES = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val", "dev"),
    "test": ("test", "testing"),
}
EXAMPLES = 5
# Values that are not numbers, from which the way they are written is guessed.
HINT_SAMPLE = 200
LONGEST_SHOWN = 200
# The view of the columns by role, while the log is written.
BY_ROLE = "log_by_role"
# What is known of a line that is not a row.
UNREAD = {"file": "string", "line": "int64", "raw": "string"}


def clean_log(
    con: Backend,
    source: Source,
    config: LogConfig,
    where: object,
    features: Mapping[str, str] | None = None,
    pseudonyms: Pseudonyms | None = None,
    forgotten: ForgottenUsers = NOBODY,
    span: Span | None = None,
) -> ir.Table:
    """Writes the log by role into the engine, each row with the reason it is unusable, if any.

    Args:
        con: the engine.
        source: the log as it was read.
        config: the roles of its columns.
        where: the log's files, for messages.
        features: by the name of a feature the column that has it.
        pseudonyms: what user ids are replaced by, here and in ``given``; lines that are not rows
            are left without ``raw`` then, and users without ``spelled``. None: ids stay.
        forgotten: users whose rows are left out, and kept nowhere.
        span: the times that are wanted; None: all.

    Returns:
        Columns ``row`` (position among the rows, from 0), ``user`` and ``item``
        (text; ``any`` in a log without items), ``weight`` (float32), ``reason``
        (null = usable), ``given`` (the unusable row as it was), ``spelled`` (by
        role of text the id as it was, where it was written otherwise), and by role
        mapped: ``time`` (int64 microseconds), ``order``, ``value`` (float32; of
        all pieces), ``session``, ``event``, ``channel`` and ``campaign`` (text),
        ``split``, and of each feature :func:`feature_column`, as it is. A line
        that is not a row has ``file``, ``line`` (from 1), ``raw`` and ``reason`` alone.
    """
    raw = source.table
    named = config.columns.model_dump(exclude_none=True)
    for role, name in named.items():
        column(raw, name, role, where)
    for feature, name in (features or {}).items():
        column(raw, name, f"feature {feature}", where)
    raw, unwanted = left_out(con, raw, config, where)
    further = {
        feature_column(feature): present(column(raw, name, f"feature {feature}", where))
        for feature, name in (features or {}).items()
    }
    given = {role: column(raw, name, role, where) for role, name in named.items()}
    if unwanted is not None:
        # Rows that are not wanted are not checked, and nothing is guessed from them.
        given = {
            role: ibis.ifelse(unwanted.isnull(), value, ibis.null(value.type()))
            for role, value in given.items()
        }
    with explaining(config.where, origin(where)):
        clean = _by_role(given, config, where)
        wanted = {} if unwanted is None else {"unwanted": unwanted}
        given, clean, further, wanted = _view_of(con, raw, given, clean, further, wanted)
        unwanted = wanted.get("unwanted")
        reason = _reason(given, clean, config)
        if span is not None:
            reason = ibis.coalesce(outside(clean["time"], span, config), reason)
        if unwanted is not None:
            reason = ibis.coalesce(unwanted, reason)
        spelled = _spelled(given, clean)
        rejected = source.rejected
        if forgotten:
            is_out = forgotten_among(clean["user"], forgotten, pseudonyms)
            reason = ibis.ifelse(is_out, FORGOTTEN, reason)
        if pseudonyms is not None:
            clean["user"] = given["user"] = pseudonymous(clean["user"], pseudonyms)
            spelled = _spelled({role: given[role] for role in given if role != "user"}, clean)
            rejected = rejected.mutate(raw=ibis.null("string"))
        text = ibis.struct({role: value.cast("string") for role, value in given.items()})
        kept = ibis.ifelse(reason.notnull(), text, ibis.null(text.type()))
        unread = {name: ibis.null(kind) for name, kind in UNREAD.items()}
        more = {"given": kept, **spelled, **unread, **further}
        con.create_table("log", con.table(BY_ROLE).select(**clean, reason=reason, **more))
    con.drop_view(BY_ROLE)
    con.raw_sql(f"INSERT INTO log BY NAME {con.compile(rejected)}")
    log = con.table("log")
    log = log.mutate(row=ibis.ifelse(log.line.isnull(), log.rowid(), ibis.null("int64")))
    return _with_exact_order(log) if "order" in given else log


def _view_of(con: Backend, raw: ir.Table, *sets: dict[str, Any]) -> list[dict[str, ir.Column]]:
    """Sets of columns by name, as those of a view.

    Whatever is made of them names them. Written out, as Ibis merges one selection into another,
    each would be repeated in the SQL for every use, and worked out as often.
    """
    named = {f"{place}.{name}": each for place, found in enumerate(sets)
             for name, each in found.items()}  # fmt: skip
    con.create_view(BY_ROLE, raw.select(**named), overwrite=True)
    view = con.table(BY_ROLE)
    return [{name: view[f"{place}.{name}"] for name in found} for place, found in enumerate(sets)]


def _by_role(given: dict[str, ir.Column], config: LogConfig, where: object) -> dict[str, ir.Value]:
    """The columns in the form that the dataset needs; null where a value cannot be used."""
    clean: dict[str, ir.Value] = {
        "user": identifier(given["user"]),
        "item": identifier(given["item"]) if "item" in given else ibis.literal(ONLY_ITEM),
    }
    if "time" in given:
        clean["time"] = read_times(given["time"], config, f"{where}, the time column,")
    if "order" in given:
        clean["order"] = as_number(given["order"], config.number_format)
        clean["whole_order"] = as_whole_number(given["order"], config.number_format)
    if "value" in given:
        value = as_number(given["value"], config.number_format)
        if "quantity" in given:
            value = value * as_number(given["quantity"], config.number_format)
        fits = value.abs() <= LARGEST
        clean["value"] = ibis.ifelse(fits, value, ibis.null("float64")).cast("float32")
    for role in ("session", "event", "channel", "campaign"):
        if role in given:
            clean[role] = identifier(given[role])
    if "split" in given:
        clean["split"] = _split_name(given["split"])
    clean["weight"] = _weight(clean.get("event"), config)
    return clean


def _spelled(given: dict[str, ir.Column], clean: dict[str, ir.Value]) -> dict[str, ir.StructValue]:
    """A column of the spellings of ids by role; none where no role has several."""
    found = {
        role: spelling
        for role in ID_ROLES
        if role in given and (spelling := other_spelling(given[role], clean[role])) is not None
    }
    return {"spelled": ibis.struct(found)} if found else {}


def _missing_number(value: ir.Column) -> ir.BooleanValue:
    missing = trimmed(value).isnull()
    return missing | value.isnan() if value.type().is_floating() else missing


def _with_exact_order(log: ir.Table) -> ir.Table:
    """Orders as whole numbers where all are: as floats, 64-bit event numbers would tie."""
    is_fraction = log.reason.isnull() & log.whole_order.isnull()
    order = log.order if is_fraction.any().execute() else log.whole_order
    return log.mutate(order=order).drop("whole_order")


def _split_name(value: ir.Column) -> ir.StringValue:
    text = trimmed(value).lower()
    branches = [(text.isin(names), part) for part, names in SPLIT_NAMES.items()]
    return ibis.cases(*branches, else_=ibis.null("string"))


def _weight(event: ir.Value | None, config: LogConfig) -> ir.Value:
    if event is None or not config.event_weights:
        return ibis.literal(1.0, "float32")
    # Types that are dropped have a reason, and no weight.
    weights = [(event == name, weight or 0.0) for name, weight in config.event_weights.items()]
    return ibis.cases(*weights, else_=0.0).cast("float32")


def _reason(
    given: dict[str, ir.Column], clean: dict[str, ir.Value], config: LogConfig
) -> ir.StringValue:
    """Why a row cannot be used, the first reason that holds; null if it can."""
    rules = [
        rule
        for role in ("user", "item")
        for rule in unusable_ids(role, given.get(role), clean[role])
    ]
    if "time" in clean:
        missing = trimmed(given["time"]).isnull()
        rules += [(missing, "missing time"), *unusable_times(clean["time"], config)]
    if "order" in clean:
        rules += _number_rules("order", given, config)
        rules.append((clean["order"].abs() >= 2.0**63, "order out of range"))
    if config.minimum_order is not None:
        rules.append((clean["order"] < config.minimum_order, "order below minimum"))
    if "event" in clean:
        rules += unusable_ids("event", given.get("event"), clean["event"])
    if "split" in clean:
        rules.append((clean["split"].isnull(), "unlisted split value"))
    if "quantity" in given:
        rules += _number_rules("quantity", given, config)
    if "value" in clean:
        missing, unreadable = _number_rules("value", given, config)
        if config.minimum_value is not None:
            rules += [missing, (clean["value"] < config.minimum_value, "value below minimum")]
        # Where `minimum_value` is not set, an event without a value is still an event.
        rules += [
            (~missing[0] & unreadable[0], unreadable[1]),
            (~missing[0] & clean["value"].isnull(), "value out of range"),
        ]
    return ibis.cases(*rules, else_=ibis.null("string"))


def _number_rules(
    role: str, given: dict[str, ir.Column], config: LogConfig
) -> list[tuple[ir.BooleanValue, str]]:
    number = as_number(given[role], config.number_format)
    return [
        (_missing_number(given[role]), f"missing {role}"),
        (number.isnull(), f"non-numeric {role}"),
    ]


def inspect_log(
    log: ir.Table, places: ir.Table, config: LogConfig, where: object, skipped: int = 0
) -> Quality:
    """Counts the unusable rows by reason; see :func:`count_rows`.

    Raises:
        InputError: likewise, or event types have no weight.
    """
    quality = count_rows(log, places, config, where, skipped)
    if config.columns.event is not None:
        _check_event_types(log, config, where)
    return quality


def count_rows(
    log: ir.Table, places: ir.Table, config: LogConfig, where: object, skipped: int = 0
) -> Quality:
    """Counts the unusable rows by reason, whatever their event types are worth.

    Args:
        log: of :func:`clean_log`.
        places: of its source.
        config: the roles of its columns.
        where: its files, for messages.
        skipped: rows of files that were not read, none of which is of a time that is wanted.

    Raises:
        InputError: the log is empty, or too many rows are unusable (with an example).
    """
    by_reason = log.group_by("reason").aggregate(rows=log.count()).to_pyarrow().to_pylist()
    counts = {entry["reason"]: entry["rows"] for entry in by_reason}
    if skipped:
        counts[OUTSIDE] = counts.get(OUTSIDE, 0) + skipped
    quality = Quality(rows_read=sum(counts.values()), rows_kept=counts.pop(None, 0))
    quality.quarantined = dict(sorted(counts.items(), key=lambda entry: -entry[1]))
    if quality.rows_read == 0:
        raise InputError(f"{where} has no rows: name another file in `path`, or lower `skip`")
    unusable = sum(n for reason, n in quality.quarantined.items() if reason not in WANTED)
    checked = quality.rows_kept + unusable
    if quality.rows_kept == 0 or unusable > config.max_quarantined * checked:
        raise InputError(_refusal(log, places, quality, config, where))
    quality.notes += [*_number_notes(log, quality, config), *_return_notes(log, quality, config)]
    return quality


def _number_notes(log: ir.Table, quality: Quality, config: LogConfig) -> list[str]:
    """Settings that would read the rows left out because of how their numbers are written."""
    notes = []
    for reason, rows in quality.quarantined.items():
        if hint := _number_hint(log, reason, config):
            notes.append(f"rows left out for {reason}: {rows:,}{hint}")
    return notes


def _return_notes(log: ir.Table, quality: Quality, config: LogConfig) -> list[str]:
    """What is sent back counts like what is bought, unless a setting leaves it out."""
    if config.columns.value is None or config.minimum_value is not None:
        return []
    returns = int(log.filter(log.reason.isnull() & (log["value"] < 0)).count().execute())
    if not returns:
        return []
    return [
        f"rows of negative value, such as returns, that count as events like the others: "
        f"{returns:,} of {quality.rows_kept:,}; a `minimum_value` of 0.01 leaves them out"
    ]


def _number_hint(log: ir.Table, reason: str, config: LogConfig) -> str:
    """What the values left out look like, and the setting that reads them if there is one."""
    kind, _, role = reason.partition(" ")
    if kind != "non-numeric":
        return ""
    bad = log.filter(log.reason == reason)
    sample = bad.select(text=bad.given[role]).distinct().order_by("text").limit(HINT_SAMPLE)
    texts = sample.to_pyarrow()["text"].to_pylist()
    return f", such as {texts[0]!r}{format_hint(texts, config.number_format)}"


def _refusal(
    log: ir.Table, places: ir.Table, quality: Quality, config: LogConfig, where: object
) -> str:
    counts = quality.quarantined
    if all(reason in WANTED for reason in counts):
        said = ", ".join(f"{rows:,} for: {reason}" for reason, rows in counts.items())
        return (
            f"{where}: none of {counted(quality.rows_read, 'row')} is left, {said}. Check `where`, "
            "`since`, `until`, `event_weights`, `minimum_value` and `minimum_order`."
        )
    reason, rows = next(each for each in counts.items() if each[0] not in WANTED)
    found = log.filter(log.reason == reason).order_by("row", "file", "line").limit(1)
    example = placed(found, places).to_pyarrow().to_pylist()[0]
    raw = example["raw"]
    given = example["given"] if raw is None else repr(raw[:LONGEST_SHOWN])
    shown = "" if given is None else f": {given}"
    if example["line"] is not None:
        shown = f"line {example['line']} of {example['file']}{shown}"
    else:
        shown = f"row {example['row']} of {example['file']}{shown}"
    told = f" {remedy(reason)}".rstrip()
    if reason in time_reasons(config):
        bad = log.filter(log.reason.isin(time_reasons(config)))
        told = f" Of these, {explain_times(bad.given['time'], config)}."
    elif reason == "unlisted split value":
        told = " Use train, validation and test."
    hint = _number_hint(log, reason, config)
    unusable = sum(rows for reason, rows in counts.items() if reason not in WANTED)
    checked = quality.rows_kept + unusable
    return (
        f"{where}: {unusable:,} of {counted(checked, 'row')} cannot be used, {rows:,} of them for: "
        f"{reason}{hint}. For example {shown}.{told} "
        f"Check `columns`; `max_quarantined` (now {config.max_quarantined}) is the share that is "
        "accepted."
    )


def _check_event_types(log: ir.Table, config: LogConfig, where: object) -> None:
    usable = log.filter(log.reason.isnull() & ~log.event.isin(list(config.event_weights)))
    found = usable.group_by("event").aggregate(rows=usable.count())
    unlisted = found.order_by(ibis.desc("rows"), "event").limit(20).to_pyarrow().to_pylist()
    if unlisted:
        types = ", ".join(
            f"{entry['event']!r} ({counted(entry['rows'], 'row')})" for entry in unlisted
        )
        raise InputError(
            f"{where}: event types without a weight: {types}. List each in `event_weights`, with "
            "0 for those that are context only."
        )


def write_quarantine(
    con: Backend,
    log: ir.Table,
    places: ir.Table,
    config: LogConfig,
    path: Path,
    forgotten: ForgottenUsers = NOBODY,
    encryption: Encryption | None = None,
) -> None:
    """Writes the rows left out, then the lines that are not rows.

    Columns ``row`` (of its file, from 1), ``reason``, the mapped columns as given, ``file``, and
    in text files ``line`` (from 1), where the row begins; a line that is not a row has no ``row``
    but ``raw``, the line as it stands there. Not the rows that ``where``,
    ``since``, ``until`` or the weights of event types leave out: there may be many of them, and
    nothing is wrong with them; nor those of users who are to be forgotten, nor lines that name one.
    """
    unwanted = [LEFT_OUT, DROPPED, OUTSIDE, FORGOTTEN]
    bad = log.filter(log.reason.notnull() & ~log.reason.isin(unwanted))
    bad = placed(bad.mutate(read=bad.row), places).order_by("read", "file", "line")
    roles = {role: bad.given[role] for role in ROLES if getattr(config.columns, role)}
    rows = bad.select(row=bad.row, reason=bad.reason, **roles, **{n: bad[n] for n in UNREAD})
    with table_writer(path, rows.schema().to_pyarrow(), encryption) as writer:
        for batch in stream(con, rows):
            writer.write_batch(_without_lines_of(batch, forgotten))


def _without_lines_of(batch: pa.RecordBatch, forgotten: ForgottenUsers) -> pa.RecordBatch:
    """Rows whose ``raw`` is left out where it names a user who is to be forgotten."""
    if not forgotten:
        return batch
    lines = [
        None if line is None or forgotten.named_in(line) else line
        for line in batch["raw"].to_pylist()
    ]
    place = batch.schema.get_field_index("raw")
    return batch.set_column(place, "raw", pa.array(lines, pa.string()))


def count_exact_repeats(events: ir.Table) -> int:
    """Usable rows that are equal to an earlier one in every role, whatever their features.

    Args:
        events: with codes for ids (see :func:`recsys.data.prepare.encode.encode_ids`).
    """
    roles = [name for name in events.columns if name != "row" and not is_feature_column(name)]
    return int(events.count().execute() - events.select(*roles).distinct().count().execute())


def as_document(quality: Quality) -> dict[str, Any]:
    """The report as it stands in the manifest."""
    return {**vars(quality)}
