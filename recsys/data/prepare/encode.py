"""Replaces the ids of a log by integer codes."""

from dataclasses import dataclass

import ibis.expr.types as ir
import numpy as np
import pyarrow as pa
from ibis.backends.duckdb import Backend

from recsys.data.dataset import NAMED_ROLES


@dataclass(frozen=True)
class EncodedLog:
    """The usable rows of a log, with codes for ids.

    Attributes:
        events: the log's table (see :func:`recsys.data.prepare.quality.clean_log`) with
            int32 ``user``, ``item``, ``session``, ``channel`` and ``campaign``
            (-1 = none).
        users: user ids by code, in the order of the ids.
        items: item ids by code, in the order of the ids.
        names: of the channels and the campaigns that are mapped, by code.
    """

    events: ir.Table
    users: pa.ChunkedArray
    items: pa.ChunkedArray
    names: dict[str, pa.ChunkedArray]


def encode_ids(con: Backend, log: ir.Table) -> EncodedLog:
    """Writes the usable rows with codes into the engine, beside ``users`` and ``items``."""
    unused = [name for name in ("reason", "given", "spelled") if name in log.columns]
    usable = log.filter(log.reason.isnull()).drop(*unused)
    users = _number(con, usable.user, "users")
    items = _number(con, usable.item, "items")
    coded = _replace(usable, "user", con.table("users"))
    coded = _replace(coded, "item", con.table("items"))
    found = {}
    for role in ("session", *NAMED_ROLES):
        if role in usable.columns:
            found[role] = _number(con, usable[role], f"{role}s")
            coded = _replace(coded, role, con.table(f"{role}s"))
    con.create_table("coded", coded)
    names = {role: found[role] for role in NAMED_ROLES if role in found}
    return EncodedLog(con.table("coded"), users, items, names)


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
