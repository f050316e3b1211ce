"""How a source may be described."""

import pytest
from pydantic import ValidationError

from recsys.data.prepare.side_table import TableConfig
from recsys.data.sources.config import LogConfig


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"columns": {"user": "u", "item": "i"}}, "either `path` or `public`"),
        ({"path": "x", "public": "movielens-100k"}, "either `path` or `public`"),
        ({"path": "x", "columns": {"user": "u", "item": "i"}, "event_weights": {"a": 1}}, "event"),
        ({"path": "x", "columns": {"user": "u", "item": "i"}, "minimum_value": 1}, "value"),
        ({"path": "x", "columns": {"user": "u", "quantity": "q"}}, "`columns.quantity` needs"),
        ({"path": "x", "columns": {"user": "u", "item": "i", "tiem": "t"}}, "tiem"),
        (
            {
                "path": "x",
                "columns": {"user": "u", "item": "i", "event": "e"},
                "event_weights": {"view": 0},
            },
            "all 0",
        ),
        ({"public": "movielens-9"}, "no public data set 'movielens-9'"),
    ],
)
def test_log_settings_that_do_not_fit(section, message):
    with pytest.raises(ValidationError, match=message):
        LogConfig.model_validate(section)


def test_public_log_knows_its_columns():
    assert LogConfig.model_validate({"public": "movielens-100k"}).columns.time == "time"
    assert TableConfig.model_validate({"public": "movielens-100k"}).key == "id"
