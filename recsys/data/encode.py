"""Replaces the ids of a log by integer codes."""

from dataclasses import dataclass

import ibis.expr.types as ir
import numpy as np
import pyarrow as pa
from ibis.backends.duckdb import Backend


@dataclass(frozen=True)
class EncodedLog:
    """The usable rows of a log, with codes for ids.

    Attributes:
        events: the log's table (see :func:`recsys.data.quality.clean_log`) with
            int32 ``user``, ``item`` and ``session`` (-1 = none).
        users: user ids by code, in the order of the ids.
        items: item ids by code, in the order of the ids.
    """

    events: ir.Table
    users: pa.ChunkedArray
    items: pa.ChunkedArray


def encode_ids(con: Backend, log: ir.Table) -> EncodedLog:
    """Writes the usable rows with codes into the engine, beside ``users`` and ``items``."""
    usable = log.filter(log.reason.isnull()).drop("reason", "given")
    users = _number(con, usable.user, "users")
    items = _number(con, usable.item, "items")
    coded = _replace(usable, "user", con.table("users"))
    coded = _replace(coded, "item", con.table("items"))
    if "session" in usable.columns:
        _number(con, usable.session, "sessions")
        coded = _replace(coded, "session", con.table("sessions"))
    con.create_table("coded", coded)
    return EncodedLog(con.table("coded"), users, items)


def _number(con: Backend, ids: ir.Column, name: str) -> pa.ChunkedArray:
    """Numbers distinct ids from 0, outside the engine: no global window is needed."""
    found = ids.name("id").as_table().distinct().filter(lambda t: t.id.notnull())
    table = found.order_by("id").to_pyarrow()
    codes = pa.array(np.arange(len(table), dtype=np.int32))
    con.create_table(name, table.append_column("code", codes))
    return table["id"]


def _replace(events: ir.Table, role: str, numbered: ir.Table) -> ir.Table:
    numbered = numbered.select(**{f"{role}_id": numbered.id, f"{role}_code": numbered.code})
    joined = events.left_join(numbered, events[role] == numbered[f"{role}_id"])
    code = joined[f"{role}_code"].fill_null(-1)
    return joined.mutate(**{role: code}).drop(f"{role}_id", f"{role}_code")
