"""What is launched of an experiment."""

import subprocess
from pathlib import Path

import pytest

from recsys.errors import InputError
from recsys.system.files import locked
from tests.launching.conftest import calls, shop, stand_in


def test_each_seed_is_a_run_that_has_the_other_overrides(folder):
    work = shop("training.seeds=[3, 5]", "model.dim=8")
    assert (work.name, work.seeds) == ("shop", (3, 5))
    assert work.prepare(["recsys"]) == [
        *("recsys", "prepare", "my shop.yaml", "model.dim=8", "--runs-dir", "runs")
    ]
    assert work.run(5, ["recsys"]) == [
        *("recsys", "run", "my shop.yaml", "model.dim=8", "training.seeds=[5]"),
        *("--runs-dir", "runs"),
    ]
    assert shop().seeds == (1,)


def test_a_name_of_the_run_is_passed_on(folder):
    assert shop(name="other").run(1)[-4:-2] == ["--name", "other"]
    assert shop("name=other").name == "other" and "--name" not in shop("name=other").run(1)


def test_elsewhere_a_run_keeps_its_name(folder):
    inside = shop().within(Path("/app/e.yaml"), Path("/app/runs"))
    assert inside.run(1, ["recsys"]) == [
        *("recsys", "run", "/app/e.yaml", "training.seeds=[1]", "--name", "shop"),
        *("--runs-dir", "/app/runs"),
    ]
    named = shop("name=other").within(Path("/app/e.yaml"), Path("/app/runs"))
    assert "name=other" in named.run(1) and "--name" not in named.run(1)


def test_bash_finds_the_seed_by_its_place_and_quotes_the_rest(folder):
    program = stand_in(folder, "recsys", 'for each in "$@"; do echo "<$each>"; done; exit 7')
    script = shop("training.seeds=[4, 9]", "data.log.where=a > '1'").run_by_index(
        "PLACE", [str(program)]
    )
    done = subprocess.run(
        ["bash", "-c", script], env={"PLACE": "1"}, capture_output=True, text=True
    )
    assert done.returncode == 7, done.stderr
    assert done.stdout.splitlines()[1:4] == [
        *("<my shop.yaml>", "<data.log.where=a > '1'>", "<training.seeds=[9]>")
    ]
    assert len(calls(folder)) == 1


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("training.seeds=3", r"expected a list such as \[1, 2, 3\], received 3"),
        ("training.seeds=[]", "expected a list"),
        ("task=sentiment", "`recsys run` runs it"),
    ],
)
def test_what_has_no_seeds_is_refused(folder, override, said):
    with pytest.raises(InputError, match=said):
        shop(override)


def test_earlier_runs_are_removed_unless_something_is_at_work_in_them(folder):
    work = shop("training.seeds=[1, 2]")
    for seed in (1, 2, 3):
        (folder / "runs" / "shop" / str(seed)).mkdir(parents=True)
    with (
        locked(folder / "runs" / "shop" / "2"),
        pytest.raises(InputError, match="another process is at work in runs/shop/2"),
    ):
        work.remove_earlier()
    work.remove_earlier()
    assert [path.name for path in (folder / "runs" / "shop").glob("[0-9]*")] == ["3"]
    (folder / "runs" / "shop" / "1").symlink_to(folder)
    with pytest.raises(InputError, match="is a link to"):
        work.remove_earlier()
