"""Marketing in Python: its examples are run, and its names cost nothing before they are used."""

import contextlib
import doctest
import inspect
import shutil
import subprocess
import sys

import pandas as pd
import pytest
import yaml

from recsys import marketing
from recsys.errors import InputError
from recsys.marketing.results.figures import Figures
from recsys.system.extras import MissingExtra
from tests.marketing.logs import START

FUNCTIONS = (
    *("run", "load", "build_audience", "build_campaign", "measure", "size", "policy", "replay"),
    "recommended_by_segment",
    "write_page",
)
CLASSES = (
    *(marketing.TaskRun, marketing.Audience, marketing.Campaign, marketing.MeasuredUplift),
    *(marketing.PolicyValues, marketing.Replay, Figures),
)
CHANNEL = {"kind": "push", "text": "Spring is here"}


@pytest.fixture(scope="module")
def shop(folder, data, prediction, recommender, tmp_path_factory):
    """A folder with the files that the examples name, and the runs that these stand on."""
    here = tmp_path_factory.mktemp("shop")
    shutil.copytree(folder / "runs", here / "runs")
    shutil.copy(prediction / "experiment.yaml", here / "buys.yaml")
    runs = {"buys": "runs/buys/1"}
    december = {
        "stream": data.log.model_dump(mode="json", exclude={"features", "since", "until"}),
        "sorted": True,
        "from": (START + pd.Timedelta(days=600)).isoformat(),
        "until": (START + pd.Timedelta(days=602)).isoformat(),
        "recommender": str(recommender),
        "triggers": [{"kind": "event", "name": "seen"}],
    }
    spring = {
        "at": "2025-03-01",
        "runs": runs,
        "holdout": 0.3,
        "audiences": {"all": {"where": "true"}},
        "campaigns": [{"name": "hello", "audience": "all", "priority": 1, "channel": CHANNEL}],
    }
    documents = {
        "quiet": {"runs": runs, "where": "buys < 0.5"},
        "spring": spring,
        "december": december,
    }
    for name, document in documents.items():
        (here / f"{name}.yaml").write_text(yaml.safe_dump({"name": name, **document}))
    users = pd.read_parquet(prediction / "users.parquet")["user"]
    orders = pd.DataFrame({"user": users[::3], "time": "2025-03-02T10:00:00Z", "money": 10.0})
    orders.to_csv(here / "orders.csv", index=False)
    actions = {"reward": [0, 1] * 50, "propensity": 0.5, "probability": [0.4, 0.6] * 50}
    pd.DataFrame({**actions, "new": 0.5}).to_csv(here / "actions.csv", index=False)
    with contextlib.chdir(here):
        yield here


@pytest.mark.slow
def test_the_examples_hold(shop):
    finder = doctest.DocTestFinder()
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    examples = 0
    for each in [*(getattr(marketing, name) for name in FUNCTIONS), *CLASSES]:
        for test in finder.find(each, globs={"marketing": marketing}):
            examples += bool(test.examples)
            with contextlib.redirect_stdout(sys.__stdout__):
                runner.run(test)
    assert examples == len(FUNCTIONS) + len(CLASSES)
    assert runner.summarize(verbose=False).failed == 0


@pytest.mark.slow
def test_what_commands_do_is_a_line_each(shop):
    run = marketing.load("runs/buys")
    assert run.path.as_posix() == "runs/buys/1"
    assert set(run.metrics.index.get_level_values("model")) == {"linear", "recency"}
    assert run.metrics.notna().all().all()
    assert "the baseline 'recency'" in str(run) and "report: runs/buys/1/report.html" in str(run)
    quiet = {"name": "few", "runs": {"buys": "runs/buys/1"}, "where": "true"}
    audience = marketing.build_audience(quiet, {"where": "buys < 0.3", "minimum_size": 20})
    likely = run.users.set_index("user")["probability"]
    assert set(audience.members["user"]) == set(likely[likely < 0.3].index)
    campaign = marketing.build_campaign("spring.yaml", {"name": "autumn", "at": "2024-09-01"})
    assert len(campaign.messages) == (~campaign.assignments["held_out"]).sum()
    assert campaign.left_out.empty
    orders = pd.read_csv("orders.csv").assign(time="2024-09-02T10:00:00Z")
    orders.to_csv("autumn.csv", index=False)
    uplift = marketing.measure(campaign, "autumn.csv", value="money", days=7)
    overall = uplift.table.loc[("responded", "hello", "")]
    assert overall["treated"] == len(campaign.messages)
    assert "within 7 days" in str(uplift)
    page = marketing.write_page([run, audience, campaign], "all.html", title="All of it")
    assert "All of it" in page.read_text()


@pytest.mark.slow
def test_what_a_run_has_not_is_refused_by_name(shop, recommender):
    run = marketing.load("runs/buys/1")
    with pytest.raises(InputError, match=r"has no reviews\.parquet: its task is 'propensity'"):
        _ = run.reviews
    with pytest.raises(InputError, match="no figure 'sentiment'"):
        run.plot.sentiment()
    with pytest.raises(InputError, match=r"`task: recommendation`: open it by recsys\.load"):
        marketing.load(recommender)


def test_an_experiment_of_another_task_is_refused(tmp_path):
    (tmp_path / "a.yaml").write_text("data: {}\n")
    with pytest.raises(InputError, match=r"`task: recommendation`; recsys\.marketing runs those"):
        marketing.run(tmp_path / "a.yaml")


def test_values_of_settings_may_be_given_as_on_the_command_line(tmp_path):
    document = {"name": "a", "runs": {}, "where": "true"}
    for values in ({"runs.buys": "nowhere"}, ["runs.buys=nowhere"]):
        with pytest.raises(InputError, match="nowhere is not the folder of one run"):
            marketing.build_audience(document, values, runs_dir=tmp_path)
    with pytest.raises(InputError, match="the given audience:"):
        marketing.build_audience(document, {"wher": "true"}, runs_dir=tmp_path)


@pytest.mark.parametrize("what", ["audience", "campaign", "replay"])
def test_a_file_that_is_missing_is_called_what_it_is(what):
    make = marketing.replay if what == "replay" else getattr(marketing, f"build_{what}")
    with pytest.raises(InputError, match=rf"^there is no {what} file nope\.yaml$"):
        make("nope.yaml")


def test_correlation_is_of_money():
    with pytest.raises(InputError, match="give the money's deviation, too"):
        marketing.size(0.01, 0.1, correlation=0.5)


def test_a_missing_library_is_one_message_with_the_command(monkeypatch):
    from recsys.marketing import libraries

    monkeypatch.setitem(libraries.PACKAGES, "marketing", ("numpy", "no_such_package"))
    with pytest.raises(MissingExtra) as raised:
        marketing.size(0.01, 0.1)
    assert str(raised.value) == (
        "the size of a campaign needs no-such-package, which is not installed: "
        "pip install 'recsys[marketing]'"
    )


def test_importing_it_imports_none_of_its_libraries():
    program = (
        "import sys; from recsys import marketing; from recsys.marketing import cli, tasks, run; "
        "heavy = {'pandas', 'keras', 'tensorflow', 'sklearn', 'phonenumbers', 'shap', 'jieba', "
        "'statsmodels', 'matplotlib', 'mlflow', 'ibis'}; print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stderr


def test_every_public_name_has_a_docstring_with_an_example():
    for name in marketing.__all__:
        found = getattr(marketing, name)
        assert ">>>" in inspect.getdoc(found), name
    assert dir(marketing) == marketing.__all__
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        marketing.nothing  # noqa: B018


def test_what_is_no_path_is_told_by_its_kind():
    frame = pd.DataFrame({"reward": [1.0]})
    with pytest.raises(InputError, match=r"policy: expected the path of a log, received a DataFr"):
        marketing.policy(frame)
    with pytest.raises(InputError, match=r"measure: expected the path of a file.* a DataFrame"):
        marketing.measure("runs/campaigns/spring/1", frame)
    with pytest.raises(InputError, match="nothing to show"):
        marketing.write_page([])
