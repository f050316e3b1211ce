"""Rows of a log that the user asked to leave out: counted, and not checked."""

import functools
import operator

import duckdb
import ibis
import ibis.expr.types as ir
from ibis.backends.duckdb import Backend

from recsys.data.prepare.conditions import check_condition, check_yes_or_no
from recsys.data.prepare.ids import identifier
from recsys.data.sources.config import LogConfig
from recsys.data.sources.lakes.snapshot import Span
from recsys.data.sources.read import column
from recsys.data.sources.times import plausible, since_epoch

LEFT_OUT, DROPPED = "left out by where", "event type dropped"
OUTSIDE = "outside since and until"
HOLDS = "recsys_where"


def left_out(
    con: Backend, raw: ir.Table, config: LogConfig, where: object
) -> tuple[ir.Table, ir.StringValue | None]:
    """Finds the rows that ``where`` and the weights of event types leave out.

    Args:
        con: the engine.
        raw: the log as it was read.
        config: what is left out.
        where: the log's files, for messages.

    Returns:
        The log, and for each row why it is left out (null: it is not); None: all are wanted.

    Raises:
        InputError: ``where`` is not a condition on the log's columns.
    """
    rules: list[tuple[ir.BooleanValue, str]] = []
    if config.where is not None:
        raw = asked(con, raw, config.where, origin(where))
        rules.append((~raw[HOLDS].fill_null(False), LEFT_OUT))
    dropped = [name for name, weight in config.event_weights.items() if weight is None]
    if dropped and config.columns.event is not None:
        event = identifier(column(raw, config.columns.event, "event", where))
        rules.append((event.isin(dropped).fill_null(False), DROPPED))
    return raw, ibis.cases(*rules, else_=ibis.null("string")) if rules else None


def outside(time: ir.IntegerValue, span: Span, config: LogConfig) -> ir.StringValue:
    """For each row whether its time is not wanted: why it is left out, else null.

    Args:
        time: microseconds since 1970 UTC.
        span: the times that are wanted.
        config: which times are possible; any other is a fault, and not left out here.
    """
    limits = []
    if span.since is not None:
        limits.append(time < since_epoch(span.since))
    if span.until is not None:
        limits.append(time >= since_epoch(span.until))
    is_out = plausible(time, config) & functools.reduce(operator.or_, limits)
    return ibis.cases((is_out, OUTSIDE), else_=ibis.null("string"))


def origin(where: object) -> str:
    """Where the condition stands, for messages."""
    return f"{where}: data.log.where"


def asked(con: Backend, raw: ir.Table, text: str, origin: str) -> ir.Table:
    """A table with a column :data:`HOLDS` of whether a condition holds; null: it is not known.

    Args:
        con: the engine, which has been asked about no other table.
        raw: the table as it was read.
        text: the condition.
        origin: where it stands, for messages.

    Raises:
        InputError: it is not a condition on the table's columns.
    """
    spelled = check_condition(text, raw.columns, origin)
    con.create_view("as_read", raw)
    relation = con.con.view("as_read")
    check_yes_or_no(relation, spelled, origin)
    holds = duckdb.SQLExpression(spelled).alias(HOLDS)
    relation.select(duckdb.StarExpression(), holds).create_view("asked")
    return con.table("asked")
