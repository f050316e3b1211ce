"""What installed packages add, and what is said where one of them is at fault."""

import pytest

from recsys.errors import InputError
from recsys.system.plugins import load_plugin, plugins
from tests.plugins import hello, install

GROUP = "recsys.tests"


@pytest.fixture(autouse=True)
def _forgotten():
    yield
    plugins.cache_clear()


def test_what_a_package_adds_is_found_by_its_name(monkeypatch):
    install(monkeypatch, GROUP, greet="tests.plugins:hello", absent="tests.plugins:absent")
    assert list(plugins(GROUP)) == ["absent", "greet"]
    assert load_plugin(GROUP, "greet") is hello


def test_a_package_that_cannot_be_imported_is_an_error_of_the_input(monkeypatch):
    install(monkeypatch, GROUP, greet="tests.plugins:absent")
    with pytest.raises(InputError, match=r"'greet' of .* cannot be imported .* AttributeError"):
        load_plugin(GROUP, "greet")


def test_a_name_that_two_packages_add_is_refused(monkeypatch):
    install(monkeypatch, GROUP, greet="tests.plugins:hello")
    install(monkeypatch, GROUP, greet="tests.plugins:install")
    with pytest.raises(InputError, match=r"both add 'greet' to recsys\.tests: uninstall one"):
        load_plugin(GROUP, "greet")


def test_a_package_found_twice_is_one(monkeypatch):
    install(monkeypatch, GROUP, greet="tests.plugins:hello")
    install(monkeypatch, GROUP, greet="tests.plugins:hello")
    assert load_plugin(GROUP, "greet") is hello


def test_a_name_that_no_package_adds_is_refused():
    with pytest.raises(InputError, match=r"no installed package adds 'greet' to recsys\.tests"):
        load_plugin(GROUP, "greet")
