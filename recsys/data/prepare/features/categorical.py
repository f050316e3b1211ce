"""A category: int32 [n], its index in the vocabulary; 0 = missing or unknown."""

from typing import ClassVar, Literal

import ibis

from recsys.data.feature import Feature
from recsys.data.prepare.features.feature import FeatureColumn, Holds
from recsys.data.prepare.features.vocabulary import VocabularyFeature
from recsys.data.prepare.ids import identifier


class CategoricalFeature(VocabularyFeature):
    """One value of a closed list, such as a country or a brand."""

    holds: ClassVar[Holds | None] = "categories"

    kind: Literal["categorical"]

    def encode(self, column: FeatureColumn) -> tuple[Feature, list[str]]:
        value = identifier(column.values.value, f"the {column.what}")
        values = column.values.select("index", position=ibis.literal(0), value=value)
        array, size = self.write_vocabulary(column, values, width=1)
        column.save(array[:, 0])
        return Feature(name=column.name, kind=self.kind, vocabulary_size=size), []
