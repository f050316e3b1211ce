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
        InputError: it is no such expression, or names a column that there is not.
    """
    place = "recsys_row"
    given = pa.table({**{name: table[name] for name in table}, place: range(len(table))})
    # A query reads what it is given: no file, no network, and it cannot allow itself to.
    with duckdb.connect(config={"enable_external_access": "false"}) as con:
        con.register("given", given)
        con.execute("SET lock_configuration = true")
        try:
            # Two brackets: what closes the first and goes on as another statement is no expression.
            found = con.table("given").filter(f"({condition})").project(place).fetchnumpy()[place]
        except duckdb.Error as error:
            raise InputError(
                f"{origin}: {condition!r} is no condition on the columns "
                f"{', '.join(map(str, table))}: {str(error).splitlines()[0]}"
            ) from error
    holds = pd.Series(False, index=table.index)
    holds.iloc[found] = True
    return holds
