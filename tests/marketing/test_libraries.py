"""Marketing names the extra that a library of its own comes with."""

import subprocess
import sys
import tomllib
from importlib.machinery import PathFinder
from pathlib import Path

import pytest

from recsys.marketing.libraries import PACKAGES, require_libraries
from recsys.system.extras import MissingExtra

PROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]


@pytest.fixture
def hidden(monkeypatch):
    """Names added here cannot be found, as if they were not installed."""
    names: set[str] = set()
    find = PathFinder.find_spec
    monkeypatch.setattr(
        PathFinder, "find_spec", lambda name, *rest: None if name in names else find(name, *rest)
    )
    return names


def test_the_extras_hold_what_is_asked_for():
    extras = {
        extra: {
            line.split(">")[0].replace("-", "_") for line in PROJECT["optional-dependencies"][extra]
        }
        for extra in PACKAGES
    }
    assert "recsys[text]" in extras["marketing"]
    assert set(PACKAGES["text"]) == extras["text"]
    assert set(PACKAGES["marketing"]) == extras["text"] | extras["marketing"] - {"recsys[text]"}


def test_reviews_are_read_without_the_other_libraries_of_marketing(hidden):
    hidden |= {"shap", "email_validator"}
    require_libraries("the task", "text")
    with pytest.raises(
        MissingExtra, match=r"a campaign needs email-validator, .*recsys\[marketing"
    ):
        require_libraries("a campaign")


def test_a_missing_library_of_texts_is_named_with_the_extra_asked_for(hidden):
    hidden |= {"jieba"}
    with pytest.raises(MissingExtra, match=r"the task needs jieba, .*'recsys\[text\]'"):
        require_libraries("the task", "text")


def test_audiences_campaigns_and_measurements_need_no_backend():
    """It takes seconds to start, and chatters: what models do not answer comes without it."""
    rooms = "audiences.audience campaigns.campaign campaigns.outcomes measurement.logged_actions"
    lines = [f"import recsys.marketing.{room}" for room in rooms.split()]
    program = "\n".join(
        [
            "import sys",
            *lines,
            "import recsys.marketing.realtime.replay",
            "print({'keras', 'tensorflow', 'jax'} & set(sys.modules))",
        ]
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("set()\n", "")
