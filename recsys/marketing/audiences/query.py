"""Which rows of a table a condition holds for: SQL, asked of DuckDB, which sees nothing else."""

import duckdb
import pandas as pd
import pyarrow as pa

from recsys.errors import InputError


def rows_where(table: pd.DataFrame, condition: str, origin: str) -> pd.Series:
    """bool, by the table's index: whether the condition holds; false where it is unknown.

    Args:
        table: what the condition speaks of.
        condition: an SQL expression of its columns, such as ``segment = 'lost' and value > 100``.
        origin: where the condition stands, for messages.

    Raises:
        InputError: it is no such expression, is no yes or no, or names a column that there is not.
    """
    place = "recsys_row"
    refused = f"{origin}: {condition!r} is no condition on the columns {', '.join(map(str, table))}"
    given = pa.table({**{name: table[name] for name in table}, place: range(len(table))})
    # A query reads what it is given: no file, no network, and it cannot allow itself to.
    with duckdb.connect(config={"enable_external_access": "false"}) as con:
        con.register("given", given)
        con.execute("SET lock_configuration = true")
        try:
            # Parsed by itself: what closes a bracket and goes on is no expression.
            asked = duckdb.SQLExpression(condition)
            kinds = [str(kind) for kind in con.table("given").select(asked).types]
            if kinds != ["BOOLEAN"]:
                # DuckDB would take any number but 0 for a yes.
                raise InputError(
                    f"{refused}: it gives {', '.join(kinds)}, not yes or no; compare it, as in "
                    "`buys > 0.5`"
                )
            found = con.table("given").filter(asked).project(place).fetchnumpy()[place]
        except duckdb.Error as error:
            raise InputError(f"{refused}: {str(error).splitlines()[0]}") from error
    holds = pd.Series(False, index=table.index)
    holds.iloc[found] = True
    return holds
