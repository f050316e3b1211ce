"""No room lacks a kind of feature that another has."""

import pytest

from recsys.data.prepare.features.kinds import FEATURES
from recsys.export.features.kinds import SERVED
from recsys.models.features.kinds import SPECS


def users_have(kind: str) -> bool:
    try:
        FEATURES[kind](kind=kind).check("it", "user")
    except ValueError:
        return False
    return True


def test_every_kind_is_read_by_models():
    assert SPECS.keys() == FEATURES.keys()


@pytest.mark.parametrize("kind", FEATURES)
def test_what_users_have_is_served(kind):
    assert (kind in SERVED) == users_have(kind)
