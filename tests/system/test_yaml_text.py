"""YAML in, YAML out: nothing turns into something else unseen."""

import math
import shlex

import pytest
import yaml

from recsys.errors import InputError
from recsys.system.yaml_text import dump_yaml, inline_yaml, read_override, read_yaml

READ = {
    "1e-3": 0.001,
    "1E5": 100000.0,
    "-0.5": -0.5,
    ".5": 0.5,
    "+5": 5,
    "0": 0,
    ".inf": math.inf,
    "true": True,
    "~": None,
    # What may be an id, a code, a time of day or a column's name stays as it is written.
    "012": "012",
    "012.5": "012.5",
    "1_000": "1_000",
    "0x1F": "0x1F",
    "12:30:00": "12:30:00",
    "2025-01-25": "2025-01-25",
    "2025-01-25T00:00:00Z": "2025-01-25T00:00:00Z",
    "yes": "yes",
    "NO": "NO",
    "on": "on",
    "=": "=",
}


@pytest.mark.parametrize("text, value", READ.items())
def test_what_plain_text_is_read_as(text, value):
    for found in (
        read_yaml(text, "a.yaml"),
        read_yaml(f"a: [{text}]", "a.yaml")["a"][0],
        read_override("a", text),
    ):
        assert found == value and type(found) is type(value)


def test_keys_are_text_as_written():
    assert read_yaml("{1.10: a, 012: b, true: c, on: d, 3: e}", "a.yaml") == {
        "1.10": "a", "012": "b", "true": "c", "on": "d", "3": "e",
    }  # fmt: skip


def test_anchors_and_merged_sections_still_work():
    text = "a: &shared {x: 1, y: 2}\nb: *shared\nc: {<<: *shared, y: 3}"
    found = read_yaml(text, "a.yaml")
    assert found["b"] == {"x": 1, "y": 2} and found["c"] == {"x": 1, "y": 3}


@pytest.mark.parametrize(
    "text, said",
    [
        ("a: 1\nb: 2\na: 3", "line 3, `a: 3`: 'a' is given twice, first in line 1"),
        ("a: {b: 1, b: 1}", "'b' is given twice"),
        ("a: %d/%m", "line 1, `a: %d/%m`: .* needs quotes: a: '%d/%m'"),
        ("a:\n  b: *.csv", r"line 2, .* needs quotes: b: '\*.csv'"),
        ("- *", r"needs quotes: - '\*'"),
        ("a: @it's", "needs quotes: a: '@it''s'"),
        ("a: `x`", "needs quotes: a: '`x`'"),
        ("a: !x y", "read as a tag.* needs quotes: a: '!x y'"),
        ("a: ! x", "read as a tag"),
        ("a: &x", "nothing refers to the anchor &x.* needs quotes: a: '&x'"),
        ("a: |", r"read as an empty block.* needs quotes: a: '\|'"),
        ("a: b: c", "needs quotes: a: 'b: c'"),
        ("a: {b: %d}", "begins with one of"),
        ("a:\n\tb: c", "Indent with spaces"),
        ("[" * 2000, "nested too deeply"),
        ("1" * 5000, "digits"),
        ("a: \x01", "not allowed"),
    ],
)
def test_what_would_be_lost_or_misread_is_refused(text, said):
    with pytest.raises(InputError, match=rf"(?s)a\.yaml cannot be read as YAML: .*{said}"):
        read_yaml(text, "a.yaml")


@pytest.mark.parametrize(
    "text", ["%d/%m", "*", "@x", "`x`", "!x", "&x", "|", "a: b", "- a", "#", "a #b", "[a"]
)
def test_an_override_that_wants_quotes_says_how(text):
    """What it says to type is what the shell passes on as meant."""
    with pytest.raises(InputError) as refused:
        read_override("data.key", text)
    typed = str(refused.value).partition("If it is meant as text: ")[2]
    (argument,) = shlex.split(typed)
    key, _, value = argument.partition("=")
    assert (key, read_override(key, value)) == ("data.key", text)


def test_overrides_hold_lists_and_sections():
    assert read_override("a", "{b: [1, x]}") == {"b": [1, "x"]}
    assert read_override("a", "") is None
    assert read_override("a", "two words") == "two words"


def test_what_is_written_is_read_back_by_us_and_by_others():
    texts = [*READ, "1e5", "+1.e3", ".5e3", "null", "yes", "a: b", "- a", "é", " x ", "", "|"]
    document = {"texts": texts, "numbers": [1e-5, 1e20, -0.5, 7], "1e5": {"012": None}}
    assert read_yaml(dump_yaml(document), "a.yaml") == document
    assert yaml.safe_load(dump_yaml(document)) == document
    for value in [*texts, document]:
        line = f"key: {inline_yaml(value)}"
        assert "\n" not in line and read_yaml(line, "a.yaml") == {"key": value}
