import json

import pytest


@pytest.mark.parametrize(
    ("values", "separator", "likely"),
    [
        (["red,blue", "red,big", "red"], "|", ","),
        (["a;b,c", "a;b", "a;b"], ",", None),
        (["a|b", "c|d", "e"], ", ", "|"),
        (["red", "blue", "a, b"], "|", None),
        (["", "", "a,b"], "|", ","),
    ],
)
def test_a_likely_separator_is_hinted_at(with_items, values, separator, likely):
    table = [{"id": item, "tags": tags} for item, tags in zip("xyz", values, strict=True)]
    tags = {"kind": "multivalued", "separator": separator}
    lines = "".join(json.dumps(row) + "\n" for row in table)
    notes = with_items(lines, "items.jsonl", features={"tags": tags}).manifest.quality["notes"]
    hints = [note for note in notes if "separator" in note]
    assert len(hints) == (likely is not None)
    for note in hints:
        assert note.startswith(f"item feature 'tags': no value holds the separator {separator!r}")
        assert note.endswith(f'to split them there, set `separator: "{likely}"`')
