"""The kinds of features by the name that an experiment calls them."""

import re
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, BeforeValidator, Field

from recsys.data.prepare.features.categorical import CategoricalFeature
from recsys.data.prepare.features.feature import FeatureConfig
from recsys.data.prepare.features.image import ImageFeature
from recsys.data.prepare.features.multivalued import MultivaluedFeature
from recsys.data.prepare.features.numeric import NumericFeature
from recsys.data.prepare.features.text import TextFeature
from recsys.data.prepare.features.vector import VectorFeature
from recsys.system.kinds import kinds_of

_AnyFeature = Annotated[
    # A new kind is one file in this folder and one entry here (see CONTRIBUTING.md).
    CategoricalFeature
    | MultivaluedFeature
    | TextFeature
    | NumericFeature
    | VectorFeature
    | ImageFeature,
    Field(discriminator="kind"),
]
FEATURES: dict[str, type[FeatureConfig]] = {
    kind: each for each in get_args(get_args(_AnyFeature)[0]) for kind in kinds_of(each)
}


FEATURE_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


def _long_form(given: Any) -> Any:
    return {"kind": given} if isinstance(given, str) else given


# In an experiment, the kind alone is enough.
_Names: Any = Literal[tuple(FEATURES)]  # type: ignore[valid-type]
AnyFeature = Annotated[
    _AnyFeature, BeforeValidator(_long_form, json_schema_input_type=_Names | _AnyFeature)
]


def plain_names(features: dict[str, Any], what: str = "feature") -> dict[str, Any]:
    """Refuses names that files and inputs of a model cannot have.

    Args:
        features: by name.
        what: they are.

    Raises:
        ValueError: there is one.
    """
    for name in features:
        if not FEATURE_NAME.fullmatch(name):
            raise ValueError(
                f"the {what} name {name!r} is used in file names and as an input of the "
                "exported model: use letters, digits and _, and name the column in `column`"
            )
    return features


# The features of a table by their names.
Features = Annotated[dict[str, AnyFeature], AfterValidator(plain_names)]
