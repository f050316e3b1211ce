"""Text of others in a terminal and in a spreadsheet."""

import pytest

from recsys.cli import entry
from recsys.errors import InputError
from recsys.runs.console import lines_shown, say
from recsys.system.display import (
    counted,
    printable,
    printable_document,
    printable_lines,
    spreadsheet_cell,
)
from recsys.system.text_table import text_table

# Colours, a window's title, a link, text turned around, a bell, a character in halves.
HOSTILE = "a\x1b[31mb\x1b]0;owned\x07c\x1b]8;;http://x\x1b\\d\u202ee\u2066f\x9b1mg\ud800h"
HARMLESS = "a[31mb]0;ownedc]8;;http://x\\def1mg\ufffdh"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (HOSTILE, HARMLESS),
        ("one\r\ntwo\tthree\x85four\u2028five", "one two three four five"),
        ("Café, 茶, עברית, 👩‍👩‍👧", "Café, 茶, עברית, 👩‍👩‍👧"),
        ("x" * 200, "x" * 200),
        ("x" * 50_000, "x" * 199 + "…"),
        ("\x1b" * 50_000, "…"),
        (17, "17"),
    ],
)
def test_one_line_that_a_terminal_does_not_obey(text, shown):
    assert printable(text) == shown


def test_lines_of_ours_stay_lines():
    assert printable_lines(f"a:\n  {HOSTILE}\n" + "y" * 50_000) == (
        f"a:\n  {HARMLESS}\n" + "y" * 1999 + "…"
    )
    assert printable_document({"notes": [HOSTILE, 3], HOSTILE: None}) == {
        "notes": [HARMLESS, 3],
        HARMLESS: None,
    }


def test_whatever_prints_prints_it_so(capfd):
    with lines_shown():
        say(HOSTILE)
    print(text_table(HOSTILE, ["n"], [(HOSTILE, "[bold]1")]))
    out, error = capfd.readouterr()
    assert HARMLESS in error and "\x1b" not in out + error
    assert out.count(HARMLESS) == 2 and "[bold]1" in out


@pytest.mark.parametrize(
    ("raised", "status", "said"),
    [
        (InputError(f"no column {HOSTILE}"), 2, f"error: no column {HARMLESS}\n"),
        (RuntimeError(f"https://u:pw@h/ {HOSTILE}"), 1, f"RuntimeError: https://***@h/ {HARMLESS}"),
    ],
)
def test_messages_and_tracebacks_too(monkeypatch, capsys, raised, status, said):
    def fail():
        raise raised

    monkeypatch.setattr(entry, "app", fail)
    with pytest.raises(SystemExit) as ended:
        entry.main()
    assert ended.value.code == status
    error = capsys.readouterr().err
    assert said in error and "\x1b" not in error and "pw@" not in error


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("+cmd|' /C calc'!A0", "'+cmd|' /C calc'!A0"),
        ("-2+3", "'-2+3"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("\rx", "'\rx"),
        ("  =1", "'  =1"),
        ("\N{FULLWIDTH EQUALS SIGN}1", "'\N{FULLWIDTH EQUALS SIGN}1"),
        ("-0.5", "-0.5"),
        ("+1e-3", "+1e-3"),
        ("a=b", "a=b"),
        ("", ""),
    ],
)
def test_no_cell_is_a_formula(text, cell):
    assert spreadsheet_cell(text) == cell


def test_what_is_counted_is_in_the_singular_or_the_plural():
    assert [counted(count, "row") for count in (0, 1, 2, 2000)] == [
        "0 rows", "1 row", "2 rows", "2,000 rows"
    ]  # fmt: skip
    assert counted(1, "id has", "ids have") == "1 id has"
    assert counted(3, "id has", "ids have") == "3 ids have"
