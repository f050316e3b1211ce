"""What tests of measuring share."""

import pytest

from recsys.marketing.measurement import permutation


@pytest.fixture
def few_permutations(monkeypatch):
    """As many as give 2.5 % a side exactly, for tests of many draws."""
    monkeypatch.setattr(permutation, "PERMUTATIONS", 199)
