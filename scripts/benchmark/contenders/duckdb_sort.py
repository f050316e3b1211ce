"""The bare sort of a log by user and time in DuckDB, from Parquet to Parquet."""

import os
import tempfile

import duckdb
from contender import read_case, serve


def main() -> None:
    case = read_case()

    def work() -> int:
        with tempfile.TemporaryDirectory(dir=case["log"]) as folder:
            connection = duckdb.connect()
            connection.execute(f"SET temp_directory = '{folder}'")
            connection.execute(
                f"COPY (SELECT * FROM '{case['log']}/interactions.parquet' ORDER BY user, time) "
                f"TO '{os.path.join(folder, 'sorted.parquet')}'"
            )
            connection.close()
        return case["events"]

    serve(work, first_calls=0)


if __name__ == "__main__":
    main()
