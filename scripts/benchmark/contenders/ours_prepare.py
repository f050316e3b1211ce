"""This framework's preparation of a generated log with its side tables."""

import tempfile
from pathlib import Path

from contender import read_case, serve

from recsys.data.prepare.config import DataConfig
from recsys.data.prepare.prepare import prepare


def data_config(folder: Path) -> DataConfig:
    """The generated log with all its side tables."""
    return DataConfig.model_validate(
        {
            "log": {
                "path": str(folder / "interactions.parquet"),
                "columns": {"user": "user", "item": "item", "time": "time", "value": "price"},
            },
            "users": {
                "path": str(folder / "users.parquet"),
                "key": "user",
                "features": {"country": "categorical", "age": "numeric"},
            },
            "items": {
                "path": str(folder / "items.parquet"),
                "key": "item",
                "title": "title",
                "features": {
                    "category": "categorical",
                    "tags": "multivalued",
                    "title": "text",
                    "price": "numeric",
                },
            },
        }
    )


def main() -> None:
    case = read_case()
    config = data_config(Path(case["log"]))

    def work() -> int:
        with tempfile.TemporaryDirectory(dir=case["log"]) as datasets:
            return prepare(config, Path(datasets)).events

    serve(work, first_calls=0)


if __name__ == "__main__":
    main()
