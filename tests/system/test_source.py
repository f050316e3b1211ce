"""The commit that a package's code was checked out at."""

import subprocess

import pytest

from recsys.system.source import commit_of


@pytest.fixture
def package(tmp_path):
    """A package in a repository of its own."""
    package = tmp_path / "recsys"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (tmp_path / ".gitignore").write_text("ignored/\n")
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", ".")
    git(tmp_path, "-c", "user.name=n", "-c", "user.email=n@example.org", "commit", "-qm", "first")
    return package


def git(folder, *arguments):
    done = subprocess.run(["git", "-C", folder, *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_of_a_checkout(package):
    assert commit_of(package) == git(package, "rev-parse", "HEAD")


def test_changes_of_the_package_are_told_and_others_are_not(package):
    (package.parent / "notes.txt").write_text("of something else")
    assert commit_of(package) == git(package, "rev-parse", "HEAD")
    (package / "new.py").write_text("")
    assert commit_of(package) == git(package, "rev-parse", "HEAD") + "+changes"


def test_git_knows_better_than_a_file_that_was_left_behind(package):
    (package.parent / "COMMIT").write_text("0123abc")
    assert commit_of(package) == git(package, "rev-parse", "HEAD")


def test_a_package_installed_within_somebodys_repository_has_none(package):
    installed = package.parent / "ignored" / "recsys"
    installed.mkdir(parents=True)
    (installed / "__init__.py").write_text("")
    assert commit_of(installed) is None


@pytest.mark.parametrize(
    ("text", "found"),
    [("0123abc\n", "0123abc"), ("0123abc+changes", "0123abc+changes"), ("of mine", None)],
)
def test_a_copy_has_it_from_a_file(tmp_path, text, found):
    (tmp_path / "COMMIT").write_text(text)
    (tmp_path / "recsys").mkdir()
    assert commit_of(tmp_path / "recsys") == found
