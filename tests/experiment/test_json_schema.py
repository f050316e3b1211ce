from typing import Literal

import jsonschema
import pytest
from pydantic import Field

from recsys.config import StrictConfig
from recsys.experiment.json_schema import json_schema


class Section(StrictConfig):
    """What is in it."""

    title: str = Field("none", description="what people call it")
    size: int = Field(ge=1, description="pieces")


class File(StrictConfig):
    """For those who read code."""

    name: str = Field(description="names it")
    kind: Literal["small", "large"] = Field("small", description="how big")
    section: Section
    extra: int


SCHEMA = json_schema(File, "a file", ("extra",))


def accepts(document):
    return jsonschema.Draft202012Validator(SCHEMA).is_valid(document)


def test_the_name_of_a_file_stands_in_for_its_name():
    assert SCHEMA["required"] == ["section"]
    assert accepts({"section": {"size": 1}})
    assert accepts({"name": "mine", "section": {"size": 1}})


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"section": {"size": 0}},
        {"section": {"size": 1, "sise": 1}},
        {"section": {"size": 1}, "kind": "medium"},
    ],
)
def test_what_the_model_refuses_is_refused(document):
    assert not accepts(document)


def test_only_made_up_titles_are_left_out():
    assert SCHEMA["title"] == "a file"
    assert "description" not in SCHEMA
    section = SCHEMA["$defs"]["Section"]
    assert section["description"] == "What is in it."
    assert section["properties"]["title"]["description"] == "what people call it"
    assert "title" not in section
    assert "title" not in section["properties"]["size"]
