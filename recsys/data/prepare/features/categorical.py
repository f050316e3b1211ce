"""A category: int32 [n], its index in the vocabulary; 0 = missing or unknown."""

from dataclasses import replace
from typing import ClassVar, Literal

import ibis
import ibis.expr.types as ir

from recsys.data.feature import Feature
from recsys.data.prepare.features.feature import EventColumn, FeatureColumn, Holds
from recsys.data.prepare.features.vocabulary import VocabularyFeature
from recsys.data.prepare.ids import identifier


class CategoricalFeature(VocabularyFeature):
    """One value of a closed list, such as a country or a brand."""

    of_events: ClassVar[bool] = True
    holds: ClassVar[Holds | None] = "categories"

    kind: Literal["categorical"]

    def encode(self, column: FeatureColumn) -> tuple[Feature, list[str]]:
        value = identifier(column.values.value, f"the {column.what}")
        values = column.values.select("index", position=ibis.literal(0), value=value)
        array, size, notes = self.write_vocabulary(column, values, width=1)
        column.save(array[:, 0])
        return Feature(name=column.name, kind=self.kind, vocabulary_size=size), notes

    def encode_events(self, column: EventColumn) -> tuple[Feature, ir.Table, list[str]]:
        events = column.events
        events = events.mutate(value=identifier(events.value, f"the {column.what}"))
        numbered, size, notes = self.number_values(column, replace(column, events=events).training)
        joined = events.left_join(numbered.rename(known="value"), events.value == numbered.value)
        encoded = joined.mutate(value=joined.code.fill_null(0).cast("int32")).drop("known", "code")
        return Feature(name=column.name, kind=self.kind, vocabulary_size=size), encoded, notes
