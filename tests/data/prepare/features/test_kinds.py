"""How features may be described."""

import pytest
from pydantic import ValidationError

from recsys.data.prepare.side_table import TableConfig


def test_short_and_long_features():
    features = {"age": "numeric", "tags": {"kind": "multivalued", "separator": ";"}}
    table = TableConfig.model_validate({"path": "x", "key": "id", "features": features})
    assert table.features["age"].kind == "numeric"
    assert table.features["tags"].separator == ";"
    with pytest.raises(ValidationError, match="zip code"):
        TableConfig.model_validate({"path": "x", "key": "id", "features": {"zip code": "numeric"}})
