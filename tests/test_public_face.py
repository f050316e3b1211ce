"""What `import recsys` offers, what it costs, and that a program of a user type-checks."""

import importlib
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import recsys

REPOSITORY = Path(__file__).parents[1]
# As in a program of somebody who uses the package.
PROGRAM = """
import pandas as pd

import recsys

data = recsys.Dataset.from_frame(pd.DataFrame(), user="u", item="i", time="t")
run = recsys.train(data, encoder="attention", epochs=20, fields={"training.seeds": [1, 2]})
again = recsys.run("experiment.yaml", {"training.epochs": 5}, name="again")
print(again.path / "report.html", again.summary())
assert isinstance(again, recsys.Run)
trained: recsys.Run = recsys.run("experiment.yaml", only="train")
recsys.load("models:/name@alias").metrics.loc["ndcg@10"]
table: pd.DataFrame = run.recommend(users=["42"], k=10, why=True)
vectors: pd.DataFrame = run.embed_items()
run.plot.learning().savefig("learning.svg")
compared: pd.DataFrame = recsys.compare([run, *again.seeds.values()])
where: str = run.export("out").name
try:
    recsys.prepare("experiment.yaml")
except recsys.InputError as error:
    print(error)
"""
WRONG = """
import recsys

recsys.run("experiment.yaml", overwrite="yes")
recsys.load("runs/x/1").recommand(users=["42"])
recsys.load("runs/x/1").export()
recsys.run("experiment.yaml").recommend(users=["42"])
"""


@pytest.fixture(scope="module")
def said(tmp_path_factory) -> str:
    """What mypy says of both programs, as strict as it can be."""
    folder = tmp_path_factory.mktemp("program")
    (folder / "right.py").write_text(PROGRAM)
    (folder / "wrong.py").write_text(WRONG)
    command = [sys.executable, "-m", "mypy", "--strict", "--follow-imports", "silent"]
    done = subprocess.run(
        [*command, "--config-file", str(REPOSITORY / "pyproject.toml"), "right.py", "wrong.py"],
        cwd=folder,
        env={"PYTHONPATH": str(REPOSITORY), "MYPYPATH": str(REPOSITORY), "PATH": ""},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    return done.stdout


@pytest.mark.nightly
@pytest.mark.slow
def test_a_program_of_a_user_type_checks(said):
    assert "right.py:" not in said


@pytest.mark.nightly
@pytest.mark.slow
def test_what_is_wrong_in_it_is_found(said):
    assert [said.count(f"wrong.py:{line}: error") for line in (4, 5, 6, 7)] == [1, 1, 1, 1]


def test_the_package_is_typed():
    assert (REPOSITORY / "recsys" / "py.typed").is_file()


def test_names_and_homes_agree():
    assert sorted(recsys._HOMES) == sorted(recsys.__all__)
    for name, home in recsys._HOMES.items():
        assert getattr(recsys, name).__module__ == home == getattr(recsys, name).__module__
    assert dir(recsys) == sorted([*recsys.__all__, "__version__", "marketing"])


def test_no_module_has_the_name_of_a_public_function():
    modules = {module.name for module in pkgutil.iter_modules(recsys.__path__)}
    assert not modules & set(recsys.__all__)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'trian'"):
        getattr(recsys, "tri" + "an")
    with pytest.raises(ImportError):
        importlib.import_module("recsys.train")


def test_importing_it_imports_nothing_heavy():
    script = REPOSITORY / "scripts" / "check_import.py"
    # On a busy machine the time says nothing; what is imported does.
    done = subprocess.run(
        [sys.executable, script, "--most", "60", "--times", "1"],
        cwd=REPOSITORY,
        env={"PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("import recsys: ") and "heavy" not in done.stdout


def test_a_package_within_needs_no_import_of_its_own():
    assert recsys.marketing.size is importlib.import_module("recsys.marketing").size
    assert not hasattr(recsys, "markting")
