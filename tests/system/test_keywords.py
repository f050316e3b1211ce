"""The keys of a schema, and what a keyword means of them."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from recsys.system.keywords import keys_of, leaf, meant, nearest


class Small(BaseModel):
    kind: Literal["small"] = "small"
    width: int = 1


class Large(BaseModel):
    kind: Literal["large"] = "large"
    width: int = 9
    depth: int = 9


class House(BaseModel):
    room: Annotated[Small | Large, Field(discriminator="kind")] = Small()
    cellar: Large | None = None
    name: str = ""


def test_all_kinds_of_sections_have_their_keys_once():
    found = keys_of(House)
    assert list(found) == [
        *("room", "room.kind", "room.width", "room.depth"),
        *("cellar", "cellar.kind", "cellar.width", "cellar.depth"),
        "name",
    ]
    assert found["room"] == [Small, Large] and found["cellar"] == [Large] and found["name"] == []


def test_a_document_leaves_the_keys_of_what_it_has():
    default = ["room", "room.kind", "room.width", "cellar", "name"]
    assert list(keys_of(House, {})) == default
    chosen = keys_of(House, {"room": {"kind": "large"}, "cellar": {}})
    assert {"room.depth", "cellar.depth"} <= set(chosen) and chosen["room"] == [Large]
    assert list(keys_of(House, {"room": {"kind": "huge"}})) == ["room", "cellar", "name"]


def test_a_keyword_means_a_key_in_full_or_those_that_end_in_it():
    keys = keys_of(House)
    assert meant("name", keys) == ["name"] and meant("room.width", keys) == ["room.width"]
    assert meant("width", keys) == ["room.width", "cellar.width"]
    assert meant("idth", keys) == []


def test_the_nearest_is_looked_for_by_the_last_part():
    assert leaf("room.width") == "width" and leaf("name") == "name"
    assert nearest("room.widht", ["width", "depth"]) == ["width"]
    assert nearest("zzz", ["width"]) == []
