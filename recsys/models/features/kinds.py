"""The kinds of features that a model reads, by the names that the dataset has for them."""

from collections.abc import Mapping
from typing import Any

from recsys.errors import InputError
from recsys.models.features.categorical import CategoricalSpec
from recsys.models.features.image import ImageSpec
from recsys.models.features.multivalued import MultivaluedSpec
from recsys.models.features.numeric import NumericSpec
from recsys.models.features.spec import FeatureSpec
from recsys.models.features.text import TextSpec
from recsys.models.features.vector import VectorSpec

# A new kind is one file in this folder and one entry here (see CONTRIBUTING.md).
SPECS: dict[str, type[FeatureSpec]] = {
    "categorical": CategoricalSpec,
    "multivalued": MultivaluedSpec,
    "text": TextSpec,
    "numeric": NumericSpec,
    "vector": VectorSpec,
    "image": ImageSpec,
}


def feature_spec(given: Mapping[str, Any]) -> FeatureSpec:
    """A feature as a model reads it.

    Args:
        given: what the dataset says of it, as a dump of ``recsys.data.feature.Feature``, or a
            dump of the result.

    Raises:
        InputError: no model reads this kind.
    """
    if given["kind"] not in SPECS:
        raise InputError(
            f"the feature {given['name']!r} is of kind {given['kind']!r}, which no model of this "
            f"version reads; it reads {', '.join(SPECS)}. Leave it out of the model."
        )
    return SPECS[given["kind"]].of(given)
