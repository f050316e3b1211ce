"""JSON: ids as they stand in the file, and lines that are not objects kept aside."""

import json

import pytest

from recsys.data.sources.readers.source import NOT_AN_OBJECT, NOT_UTF8
from recsys.errors import InputError


def lines(*objects):
    return "".join(json.dumps(each) + "\n" for each in objects)


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("12345678901234567890", "12345678901234567890"),
        ("123456789012345678901234567890", "123456789012345678901234567890"),
        ("769000000000000011.0", "769000000000000011.0"),
        ("7.69000000000000011e17", "7.69000000000000011e17"),
        ("1e3", "1000.0"),
        ("17850.0", "17850.0"),
        ('"007"', "007"),
        ('"1e5"', "1e5"),
        ('"café"', "café"),
        ("true", "true"),
        ('{"a": [1, "b"]}', '{"a":[1,"b"]}'),
        ("null", None),
    ],
)
def test_values_come_through_as_text(write, read, written, text):
    path = write("log.jsonl", f'{{"id": {written}, "price": 0.1}}\n{{"id": "x"}}\n')
    assert read(path).rows == [(text, "0.1"), ("x", None)]


def test_numbers_beyond_floats_in_an_array_are_refused(write, read):
    path = write("log.json", '[{"id": 769000000000000011.0}, {"id": 769000000000000012.0}]')
    with pytest.raises(InputError, match=r"'id' have more digits .* as text"):
        read(path)


def test_lists_are_lists_of_text_also_where_one_value_stands_alone(write, read):
    given = [[1], ["a", 2.5], [], None, "q", [[3], {"b": 4}]]
    rows = [*[{"id": 0, "tags": ["x"]}] * 21_000, *({"id": 1, "tags": each} for each in given)]
    found = read(write("items.jsonl", lines(*rows, {"id": 2})), roles={"tags": "tags"}).rows
    assert [tags for (tags,) in found[21_000:]] == [
        ["1"], ["a", "2.5"], [], None, ["q"], ["[3]", '{"b":4}'], None,
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["log.jsonl", "log.jsonl.gz"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_lines_that_are_no_objects_are_kept_aside(write, read, name, end):
    bad = ['{"u": 2, "v"', "7", "[1]", '{"u": 1, "u": 2}', '{"u": 4}{"u": 5}', "nothing", '"u"']
    content = [lines({"u": 1, "v": "a"}).strip(), *bad, "", lines({"v": "b", "u": 3}).strip()]
    found = read(write(name, end.join(content)))
    assert (found.columns, found.rows) == (("u", "v"), [("1", "a"), ("3", "b")])
    expected = [(name, n, line, NOT_AN_OBJECT) for n, line in enumerate(bad, start=2)]
    assert found.rejected == expected


def test_text_that_is_not_utf8(write, read):
    bad = '{"u": "é"}\n'.encode("latin-1")
    with pytest.raises(InputError, match=r"line 1 is not UTF-8 text.*encoding: cp1252"):
        read(write("latin.jsonl", bad * 2))
    found = read(write("log.jsonl", bad + b'{"u": 1}\n'))
    assert found.rows == [("1",)]
    assert found.rejected == [("log.jsonl", 1, '{"u": "\ufffd"}', NOT_UTF8)]


@pytest.mark.parametrize(
    "content",
    [
        '{"u":1,"v":2}\n{"u":3}\n',
        '\ufeff{"u":1,"v":2}\n{"u":3}\n',
        '{"u":1,"v":2}\r{"u":3}\r',
        '{"u":1,"v":2}\n{"u":3}\r\n',
        '[{"u":1,"v":2},\n {"u":3}]',
        '{\n "u": 1,\n "v": 2\n}\n{\n "u": 3\n}\n',
    ],
)
def test_shapes(write, read, content):
    assert read(write("log.json", content)).rows == [("1", "2"), ("3", None)]


def test_a_key_that_comes_late(write, read):
    path = write("log.jsonl", lines(*[{"u": 1}] * 30_000, {"u": 2, "late": 3}))
    assert read(path).rows[-1] == ("2", "3")
    assert read(path, roles={"item": "late"}).rows[-1] == ("3",)
    with pytest.raises(InputError, match=r"no column 'lat' \(item\)\. Did you mean 'late'"):
        read(path, roles={"item": "lat"})


@pytest.mark.parametrize("second", ["u", " u", "U"])
def test_two_keys_of_one_name_are_refused(write, read, second):
    with pytest.raises(InputError, match="has 2 columns named 'u'"):
        read(write("log.jsonl", f'{{"u": 1, "{second}": 2}}\n' * 2))


def test_an_array_that_is_cut_is_refused(write, read):
    with pytest.raises(InputError, match=r"log\.json cannot be read: .*Malformed JSON"):
        read(write("log.json", '[{"u": 1}, {"u": 2}'))
