"""Which rows of a table a condition holds for: SQL, asked of DuckDB, which sees nothing else."""

import duckdb
import pandas as pd
import pyarrow as pa

from recsys.data.prepare.conditions import BOUNDS, check_condition, not_a_condition, time_limit
from recsys.errors import InputError


def rows_where(table: pd.DataFrame, condition: str, origin: str) -> pd.Series:
    """bool, by the table's index: whether the condition holds; false where it is unknown.

    Args:
        table: what the condition speaks of.
        condition: an SQL expression of its columns, such as ``segment = 'lost' and value > 100``;
            what it may hold says :func:`recsys.data.prepare.conditions.check_condition`.
        origin: where the condition stands, for messages.

    Raises:
        InputError: it is not such an expression, is not a yes or no, names a column that there is
            not, or takes too long.
    """
    place = "recsys_row"
    columns = [str(name) for name in table]
    asked = duckdb.SQLExpression(check_condition(condition, columns, origin))
    refused = not_a_condition(condition, columns, origin)
    given = pa.table({**{name: table[name] for name in table}, place: range(len(table))})
    # A query reads what it is given: no file, no network, and it cannot allow itself to.
    with duckdb.connect(config=BOUNDS) as con, time_limit(con, origin):
        con.register("given", given)
        con.execute("SET TimeZone = 'UTC'")
        con.execute("SET lock_configuration = true")
        try:
            kinds = [str(kind) for kind in con.table("given").select(asked).types]
            if kinds != ["BOOLEAN"]:
                # DuckDB would take any number but 0 for a yes.
                raise InputError(
                    f"{refused}: it gives {', '.join(kinds)}, not yes or no; compare it, as in "
                    "`buys > 0.5`"
                )
            found = con.table("given").filter(asked).project(place).fetchnumpy()[place]
        except duckdb.InterruptException:
            raise
        except duckdb.Error as error:
            raise InputError(f"{refused}: {str(error).splitlines()[0]}") from error
    holds = pd.Series(False, index=table.index)
    holds.iloc[found] = True
    return holds
