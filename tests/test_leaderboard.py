"""Committed results and the leaderboard, on runs whose figures are known."""

import contextlib
import doctest
import io
import json
import shutil
import sys
from pathlib import Path

import pytest
import yaml

from recsys.errors import InputError
from recsys.runs.folder import RunFolder
from tests.commands import recsys
from tests.finished_runs import PROVENANCE, write_experiment, write_finished_run
from tests.logs import write_log

SCRIPTS = Path(__file__).parents[1] / "scripts"
MODULES = ("leaderboard", "reproduce", "result_lines", "result_tables")
PUBLISHED = {
    "sources": {"paper": "A Paper, 2024", "benchmark": "A benchmark"},
    "rows": {
        "shop": [
            {
                "model": "Higher",
                "metrics": {"ndcg@10": 0.09, "hit_rate@10": 0.2},
                "source": "benchmark",
                "chosen_on": "test",
                "how": "its validation set is the test set",
            },
            {
                "model": "Lower",
                "metrics": {"ndcg@10": 0.03},
                "source": "paper",
                "chosen_on": "validation",
            },
        ]
    },
}


@pytest.fixture
def scripts(monkeypatch):
    """The scripts by name."""
    monkeypatch.syspath_prepend(SCRIPTS)
    yield {name: __import__(name) for name in MODULES}
    for name in MODULES:
        del sys.modules[name]


@pytest.fixture
def folder(tmp_path):
    """A repository with one experiment, ``shop``, published figures and an empty page."""
    write_experiment(tmp_path / "experiments")
    (tmp_path / "experiments" / "results").mkdir()
    publish(tmp_path, PUBLISHED)
    (tmp_path / "docs").mkdir()
    begin = "<!-- leaderboard: written by scripts/leaderboard.py -->"
    for page in ("docs/results.md", "README.md", "README.zh.md"):
        text = f"Before.\n{begin}\n<!-- leaderboard ends -->\nAfter.\n"
        (tmp_path / page).write_text(text)
    return tmp_path


@pytest.fixture
def leaderboard(scripts, folder):
    """Runs the script; gives the exit status, and what it said."""

    def run(*arguments):
        options = ("--repository", str(folder))
        said = io.StringIO()
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            status = scripts["leaderboard"].main([*map(str, arguments), *options])
        return status, said.getvalue()

    return run


def publish(folder, document):
    path = folder / "experiments" / "results" / "published.yaml"
    path.write_text(yaml.safe_dump(document))


def finished(folder, *seeds, **settings):
    experiment = folder / "experiments" / "shop.yaml"
    for seed, ndcg in seeds:
        write_finished_run(folder / "runs", experiment, seed, ndcg, **settings)
    return folder / "runs"


def lines(folder):
    text = (folder / "experiments" / "results" / "seeds.jsonl").read_text()
    return [json.loads(line) for line in text.splitlines()]


def cells(folder, row=0, page="docs/results.md"):
    """The cells of a row of a page's first table, by the head of their column."""
    table = [line for line in (folder / page).read_text().splitlines() if line[:1] == "|"]
    split = [[cell.strip() for cell in line.strip("|").split("|")] for line in table]
    return dict(zip(split[0], split[2 + row], strict=True))


class TestLines:
    def test_a_run_becomes_a_line(self, folder, leaderboard):
        status, said = leaderboard(finished(folder, (1, 0.06)))
        assert status == 0, said
        (line,) = lines(folder)
        assert line["experiment"] == "shop" and line["seed"] == 1
        assert line["split"] == "14ad32c924b9df7a"
        assert (line["metric"], line["epoch"], line["validation"]) == ("ndcg@10", 5, 0.08)
        assert line["test"]["ndcg@10"] == {"value": 0.06, "low": 0.055, "high": 0.065}
        assert line["baselines"]["markov"]["ndcg@10"]["value"] == 0.05
        assert line["comparisons"]["markov"]["real"] is True
        assert (line["train_seconds"], line["date"]) == (90.0, "2026-11-28")
        assert line["provenance"] == [PROVENANCE]
        settings = json.loads((folder / "experiments/results/settings.json").read_text())
        assert settings[line["settings"]]["training"]["epochs"] == 7
        assert "seeds" not in settings[line["settings"]]["training"]
        assert "path" not in settings[line["settings"]]["data"]["log"]

    def test_once_however_often_it_is_collected(self, folder, leaderboard):
        runs = finished(folder, (1, 0.06), (2, 0.07))
        leaderboard(runs)
        kept = [file.read_bytes() for file in sorted(folder.glob("experiments/results/*"))]
        assert leaderboard(runs / "shop" / "2", runs / "shop", runs)[0] == 0
        assert kept == [file.read_bytes() for file in sorted(folder.glob("experiments/results/*"))]
        assert [line["seed"] for line in lines(folder)] == [1, 2]

    def test_other_figures_of_the_same_seed_are_refused_unless_asked_for(self, folder, leaderboard):
        leaderboard(finished(folder, (1, 0.06)))
        shutil.rmtree(folder / "runs")
        runs = finished(folder, (1, 0.07), (2, 0.05))
        status, said = leaderboard(runs)
        assert status == 2
        assert "shop, seed 1: ndcg@10 is 0.060000 in the committed line" in said
        assert "0.070000 in the run" in said and "--replace" in said
        assert [line["test"]["ndcg@10"]["value"] for line in lines(folder)] == [0.06]
        assert leaderboard(runs, "--replace")[0] == 0
        assert [line["test"]["ndcg@10"]["value"] for line in lines(folder)] == [0.07, 0.05]

    def test_what_cannot_become_a_line_is_named(self, folder, leaderboard):
        runs = finished(folder, (1, 0.06))
        finished(folder, (2, 0.9), overrides=["training.epochs=8"])
        other = write_experiment(folder / "elsewhere", "another")
        write_finished_run(runs, other, 3)
        stopped = RunFolder(write_finished_run(runs, folder / "experiments" / "shop.yaml", 4))
        stopped.metrics.unlink()
        stopped.files.manifest.unlink()
        status, said = leaderboard(runs)
        assert status == 0
        assert "shop/2: made with other settings" in said and "(training.epochs)" in said
        assert "another.yaml is not there" in said
        assert "shop/4" in said and said.count("left out") == 3
        assert [line["seed"] for line in lines(folder)] == [1]

    def test_another_place_of_the_log_is_no_other_setting(self, folder, leaderboard):
        runs = finished(folder, (1, 0.06), overrides=["data.log.path=/elsewhere/log.csv"])
        assert "left out" not in leaderboard(runs)[1]
        assert len(lines(folder)) == 1

    def test_a_folder_without_runs_is_refused(self, folder, leaderboard):
        (folder / "empty").mkdir()
        status, said = leaderboard(folder / "empty")
        assert status == 2 and "holds no run" in said

    def test_lines_that_are_not_lines_are_refused(self, folder, leaderboard):
        leaderboard(finished(folder, (1, 0.06)))
        file = folder / "experiments" / "results" / "seeds.jsonl"
        for text in (file.read_text() * 2, file.read_text().replace('"epoch"', '"epochs"')):
            file.write_text(text)
            status, said = leaderboard()
            assert status == 2 and "seeds.jsonl cannot be read" in said

    def test_a_run_of_older_code_has_no_provenance(self, folder, leaderboard):
        leaderboard(finished(folder, (1, 0.06), provenance=[]))
        assert lines(folder)[0]["date"] is None
        assert (folder / "docs/results.md").read_text().count("not recorded") == 3


class TestPage:
    def test_several_seeds_have_the_mean_with_students_interval(self, folder, leaderboard):
        leaderboard(finished(folder, (1, 0.05), (2, 0.06), (3, 0.07)))
        found = cells(folder)
        # Worked out by hand: see tests/evaluation/test_seeds.py.
        assert found["ours"].startswith("NDCG@10 .0600 (.0352 to .0848); hit rate@10 .1000")
        assert (found["seeds"], found["spread"]) == ("3", ".0100")
        assert found["test / validation"] == "0.750"  # the mean of .625, .75 and .875
        assert found["protocol; split"] == "leave-one-out; `14ad32c924b9df7a`"

    def test_the_interval_of_one_seed_is_named_as_that_over_users(self, folder, leaderboard):
        leaderboard(finished(folder, (1, 0.06)))
        found = cells(folder)
        assert found["ours"].startswith("NDCG@10 .0600 (.0550 to .0650 over users); hit rate@10")
        assert found["spread"] == ""

    def test_published_figures_above_ours_are_bold_and_those_chosen_on_test_flagged(
        self, folder, leaderboard
    ):
        leaderboard(finished(folder, (1, 0.06)))
        assert cells(folder)["published"] == "**Higher .0900, .2000** †; Lower .0300"
        page = (folder / "docs/results.md").read_text()
        assert "† **on the test users**: its validation set is the test set | A benchmark" in page
        assert "| on validation | A Paper, 2024 |" in page

    @pytest.mark.parametrize(
        ("baselines", "expected"),
        [
            (
                {"markov": (0.05, True), "popular": (0.01, True)},
                "Markov chain .0500 (.0450 to .0550)",
            ),
            ({"markov": (0.059, False)}, "Markov chain .0590 (.0540 to .0640): a tie"),
            ({"markov": (0.07, True)}, "**Markov chain .0700** (.0650 to .0750): wins"),
            (
                {"popular": (0.061, False), "markov": (0.07, True)},
                "**Markov chain .0700** (.0650 to .0750): wins; "
                "popularity .0610 (.0560 to .0660): a tie",
            ),
            ({}, "none was ranked by NDCG@10"),
        ],
    )
    def test_whether_a_baseline_wins(self, folder, leaderboard, baselines, expected):
        leaderboard(finished(folder, (1, 0.06), baselines=baselines))
        assert cells(folder)["best baseline"] == expected

    def test_a_baseline_that_wins_with_some_seeds(self, folder, leaderboard):
        finished(folder, (1, 0.06), baselines={"markov": (0.07, True)})
        finished(folder, (2, 0.069), baselines={"markov": (0.07, False)})
        leaderboard(finished(folder, (3, 0.08), baselines={"markov": (0.07, True)}))
        verdict = "wins with 1 of 3 seeds, a tie with 1 of 3 seeds"
        said = f"**Markov chain .0700** (.0650 to .0750): {verdict}"
        assert cells(folder)["best baseline"] == said

    def test_lines_of_other_settings_are_left_out_and_told(self, folder, leaderboard):
        leaderboard(finished(folder, (1, 0.06), (2, 0.07)))
        write_experiment(folder / "experiments", training={"epochs": 9})
        leaderboard()
        page = (folder / "docs/results.md").read_text()
        assert "No seed was finished yet with the settings as they are now: `shop`" in page
        assert "Left out of `shop`: 2 lines of other settings (training.epochs)" in page
        shutil.rmtree(folder / "runs")
        leaderboard(finished(folder, (1, 0.08)))
        assert cells(folder)["seeds"] == "1" and len(lines(folder)) == 3

    def test_a_setting_that_did_not_exist_then_changes_nothing_at_its_default(
        self, folder, leaderboard
    ):
        leaderboard(finished(folder, (1, 0.06)))
        path = folder / "experiments" / "results" / "settings.json"
        settings = json.loads(path.read_text())
        for document in settings.values():
            del document["training"]["overlap"]
        path.write_text(json.dumps(settings))
        leaderboard()
        assert cells(folder)["seeds"] == "1"
        write_experiment(folder / "experiments", training={"epochs": 7, "overlap": 0.25})
        leaderboard()
        assert (
            "1 line of other settings (training.overlap)"
            in (folder / "docs/results.md").read_text()
        )

    def test_an_earlier_split_is_left_out(self, folder, leaderboard):
        before = {**PROVENANCE, "began": "2026-11-27T08:00:00+00:00"}
        finished(folder, (1, 0.06), events="0000", provenance=[before])
        leaderboard(finished(folder, (2, 0.07)))
        assert cells(folder)["seeds"] == "1"
        assert "1 line of an earlier split" in (folder / "docs/results.md").read_text()

    def test_how_it_was_made(self, folder, leaderboard):
        leaderboard(finished(folder, (1, 0.06)))
        assert (
            "| `shop` | 1 | 5 | 1.5 | AMD EPYC, AVX2, jax 0.11.2 | `0123456` | 2026-11-28 |"
            in (folder / "docs/results.md").read_text()
        )

    def test_the_short_table_of_the_readmes(self, folder, leaderboard):
        leaderboard()
        assert "|" not in (folder / "README.md").read_text()
        leaderboard(finished(folder, (1, 0.06), baselines={"markov": (0.07, True)}))
        assert list(cells(folder, page="README.md").items()) == [
            ("experiment", "`shop`"),
            ("ours", "NDCG@10 .0600 (.0550 to .0650)"),
            ("best published", "**Higher .0900** †"),
            ("best baseline", "**Markov chain .0700**"),
        ]
        assert cells(folder, page="README.zh.md")["最强基线"] == "**Markov chain .0700**"

    def test_the_rest_of_the_page_stays(self, folder, leaderboard):
        leaderboard()
        page = (folder / "docs/results.md").read_text()
        assert page.startswith("Before.\n") and page.endswith("\nAfter.\n")
        (folder / "docs/results.md").write_text("Nothing.\n")
        status, said = leaderboard()
        assert status == 2 and "once each" in said

    def test_sources_that_are_not_listed_are_refused(self, folder, leaderboard):
        publish(folder, {**PUBLISHED, "sources": {"paper": "A Paper, 2024"}})
        status, said = leaderboard()
        assert status == 2 and "no such source: benchmark" in said

    def test_results_of_an_experiment_that_is_gone_are_refused(self, folder, leaderboard):
        leaderboard(finished(folder, (1, 0.06)))
        (folder / "experiments" / "shop.yaml").unlink()
        status, said = leaderboard()
        assert status == 2 and "results of shop, and no such experiment" in said


class TestCheck:
    def test_a_page_that_is_not_what_the_lines_give(self, folder, leaderboard):
        assert leaderboard("--check")[0] == 1
        leaderboard(finished(folder, (1, 0.06)))
        before = (folder / "docs/results.md").read_text()
        assert leaderboard("--check")[0] == 0
        (folder / "docs/results.md").write_text(before.replace(".0600", ".0700"))
        status, said = leaderboard("--check")
        assert status == 1 and "out of date" in said
        assert ".0700" in (folder / "docs/results.md").read_text()

    def test_the_committed_page(self, scripts):
        assert scripts["leaderboard"].main(["--check"]) == 0


class TestReproduce:
    def test_what_is_expected(self, scripts, folder, leaderboard):
        leaderboard(finished(folder, (1, 0.05), (2, 0.07)))
        reproduce = scripts["reproduce"]
        committed = reproduce.lines_of("shop", folder / "experiments")
        assert reproduce.expected(committed, 2)["ndcg@10"] == 0.07
        assert reproduce.expected(committed, 5)["ndcg@10"] == pytest.approx(0.06)

    def test_what_holds(self, scripts):
        holds = scripts["reproduce"].holds
        assert holds({"ndcg@10": 0.0629, "mrr@10": 9.0}, {"ndcg@10": 0.06})
        assert not holds({"ndcg@10": 0.0631}, {"ndcg@10": 0.06})
        assert not holds({"ndcg@10": 0.06, "mrr@10": 0.01}, {"ndcg@10": 0.06, "mrr@10": 0.02})

    def test_a_row_without_results_is_refused(self, scripts, folder, leaderboard, capsys):
        options = ["--repository", str(folder)]
        assert scripts["reproduce"].main(["shop", *options]) == 2
        assert "there are: none" in capsys.readouterr().err
        leaderboard(finished(folder, (1, 0.05)))
        write_experiment(folder / "experiments", training={"epochs": 9})
        with pytest.raises(InputError, match=r"other settings .*\(training.epochs\)"):
            scripts["reproduce"].lines_of("shop", folder / "experiments")


def test_the_examples(scripts):
    for name in MODULES:
        assert doctest.testmod(scripts[name]).failed == 0


@pytest.mark.slow
def test_from_a_log_to_a_row_that_is_reproduced(scripts, folder, leaderboard, monkeypatch, capsys):
    write_log(folder)
    columns = {"user": "user", "item": "item", "time": "time"}
    write_experiment(
        folder / "experiments",
        data={"log": {"path": "log.csv", "columns": columns}},
        model={"dim": 8, "query": {"encoder": {"kind": "average"}}},
        training={"epochs": 1, "seeds": [1, 2]},
        evaluation={"bootstrap_samples": 100, "baselines": ["popular"]},
        tracking={"enabled": False},
    )
    monkeypatch.chdir(folder)
    assert recsys("train", "experiments/shop.yaml").returncode == 0
    done = recsys("evaluate", "experiments/shop.yaml")
    assert "shop: test, 2 seeds" in done.stdout and "spread" in done.stdout
    status, said = leaderboard("runs")
    assert status == 0, said
    found = json.loads(Path("runs/shop/1/metrics.json").read_text())
    first, second = lines(folder)
    assert first["test"]["ndcg@10"]["value"] == round(found["test"]["ndcg@10"]["value"], 6)
    assert first["provenance"] == found["provenance"] and first["date"]
    assert cells(folder)["seeds"] == "2"

    # As it lies there when it was stopped after the first seed.
    shutil.copytree("runs", "again")
    shutil.rmtree("again/shop/2")
    before = Path("again/shop/1/metrics.json").stat().st_mtime_ns
    capsys.readouterr()
    arguments = ["shop", "--seeds", "1", "2", "--repository", ".", "--runs-dir", "again"]
    assert scripts["reproduce"].main(arguments) == 0
    said = capsys.readouterr()
    reports = [json.loads(line) for line in said.out.splitlines()]
    assert [(each["seed"], each["holds"]) for each in reports] == [(1, True), (2, True)]
    assert reports[1]["expected"]["ndcg@10"] == second["test"]["ndcg@10"]["value"]
    assert Path("again/shop/1/metrics.json").stat().st_mtime_ns == before
    assert "seed 2 (2 of 2)" in said.err and "2 of 2 seeds hold" in said.err
    assert said.err.count("epoch 1/1") == 1
