"""What a run may be called."""

from typing import Annotated

from pydantic import AfterValidator

from recsys.system.plugins import plugins

# What else lies in the runs folder: prepared datasets, sweeps, MLflow's store.
RESERVED = ("datasets", "sweeps", "mlflow.db", "mlartifacts")
# The entry points whose names are the folders that installed packages keep there.
FOLDERS = "recsys.folders"


def _not_reserved(name: str) -> str:
    reserved = (*RESERVED, *plugins(FOLDERS))
    # Also where large and small letters are the same, and SQLite's mlflow.db-journal.
    folded = name.casefold()
    if folded in reserved or folded.startswith("mlflow.db"):
        raise ValueError(
            f"{name!r} is reserved for what lies beside the runs ({', '.join(reserved)}): choose "
            "another `name`"
        )
    return name


# Names a folder of the runs folder.
RunName = Annotated[str, AfterValidator(_not_reserved)]
