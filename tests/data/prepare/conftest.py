"""Datasets with a table of items."""

import pytest

from tests.data.conftest import SMALL_LOG


@pytest.fixture
def with_items(write, prepared):
    def prepare_with(table, name="items.csv", **settings):
        items = {"path": str(write(name, table)), "key": "id", **settings}
        return prepared(write("log.csv", SMALL_LOG), items=items)

    return prepare_with
