"""The quickstart, on a cut-down log in the place of MovieLens-100K."""

from pathlib import Path

import pandas as pd
import pytest

from recsys.data.sources.public.movielens import FILES
from tests.logs import write_log
from tests.processes import run_python

pytestmark = pytest.mark.slow
REPOSITORY = Path(__file__).parents[1]


def write_public_data(home: Path) -> None:
    """The three tidy files that the data room keeps of MovieLens-100K, cut down."""
    log = pd.read_csv(write_log(home / "raw", users=40))
    folder = home / "movielens-100k"
    folder.mkdir()
    log = log.assign(
        user=log["user"].str[1:].astype(int) + 1,
        item=log["item"].str[1:].astype(int) + 1,
        rating=3,
    )
    log[["user", "item", "rating", "time"]].to_csv(folder / FILES["log"], index=False)
    users = pd.DataFrame({"id": sorted(log["user"].unique())})
    users.assign(age=30, gender="F", occupation="writer", zip="0").to_csv(
        folder / FILES["users"], index=False
    )
    items = pd.DataFrame({"id": sorted(log["item"].unique())})
    items.assign(title="Film " + items["id"].astype(str), genres="Drama|War", year=1990).to_csv(
        folder / FILES["items"], index=False
    )


def test_quickstart(tmp_path):
    write_public_data(tmp_path / "home")
    command = (str(REPOSITORY / "scripts" / "quickstart.py"), "training.epochs=2")
    home = {"RECSYS_DATA_HOME": str(tmp_path / "home"), "PYTHONPATH": str(REPOSITORY)}
    done = run_python("tensorflow", *command, cwd=tmp_path, **home)
    assert done.returncode == 0, done.stderr[-3000:]
    for name in ("quickstart-lstm", "quickstart-two-tower"):
        run = tmp_path / "runs" / name / "1"
        assert (run / "report.html").is_file()
        assert (run / "model" / "1" / "saved_model.pb").is_file()
        assert f"{name} is " in done.stdout or "no difference" in done.stdout
    shown = done.stdout
    assert "the last of the history" in shown
    assert sum(line.count("Film ") for line in shown.splitlines()) >= 20
    assert "mlflow ui" in shown and "report.html" in shown
