"""Datasets with a table of items."""

from tests.data.prepare.conftest import with_items

__all__ = ["with_items"]
