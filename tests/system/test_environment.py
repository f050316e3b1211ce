"""What is installed, and what was changed in the repository that a run was started in."""

import pytest

from recsys.system import environment as module
from recsys.system.environment import environment, uncommitted
from tests.system.test_source import git, package  # noqa: F401


@pytest.fixture
def repository(package):  # noqa: F811
    return package.parent


def test_packages_have_their_versions(tmp_path):
    found = environment(tmp_path)
    assert found["packages"]["numpy"] and found["packages"]["recsys"]
    assert found["python"].count(".") == 2 and len(found["digest"]) == 16
    assert found["commit"] is None and uncommitted(tmp_path) is None
    assert environment(tmp_path) == found


def test_another_version_is_another_environment(tmp_path, monkeypatch):
    before = environment(tmp_path)["digest"]
    monkeypatch.setattr(module, "_packages", lambda: {"numpy": "0.1"})
    assert environment(tmp_path)["digest"] != before


def test_changes_are_kept_without_secrets(repository):
    commit = git(repository, "rev-parse", "HEAD")
    assert environment(repository)["commit"] == commit
    (repository / "new.txt").write_text("git does not know it")
    assert environment(repository)["commit"] == commit and uncommitted(repository) is None
    (repository / ".gitignore").write_text("store: https://ann:hunter2@example.org/x\n")
    assert environment(repository / "recsys")["commit"] == f"{commit}+changes"
    found = uncommitted(repository / "recsys")
    assert "+store: https://" in found and "hunter2" not in found
    (repository / ".gitignore").write_text("x" * (module.LARGEST_DIFF + 1))
    assert uncommitted(repository) is None
