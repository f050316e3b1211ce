"""The kinds of features that callers may send, by the names that the dataset has for them."""

from recsys.export.features.categorical import ServedCategorical
from recsys.export.features.multivalued import ServedMultivalued
from recsys.export.features.numeric import ServedNumeric
from recsys.export.features.served import ServedFeature
from recsys.export.features.text import ServedText
from recsys.export.features.vector import ServedVector

# A new kind is one file in this folder and one entry here (see CONTRIBUTING.md). Only items have
# images, and item features are part of the model.
SERVED: dict[str, type[ServedFeature]] = {
    "categorical": ServedCategorical,
    "multivalued": ServedMultivalued,
    "text": ServedText,
    "numeric": ServedNumeric,
    "vector": ServedVector,
}
