"""What a person sees while something goes on."""

import logging
import sys
from types import SimpleNamespace

from recsys.runs import console as shown_by
from recsys.runs.console import lines_shown, say, warn, working


def test_a_library_is_quiet_but_for_warnings(caplog, capsys):
    say("as a matter of fact")
    warn("12 rows were left out")
    assert [record.getMessage() for record in caplog.records] == ["12 rows were left out"]
    assert logging.getLogger("recsys").level == logging.NOTSET
    with lines_shown():
        say("in [brackets]")
        warn("and aloud")
    assert capsys.readouterr().err == "in [brackets]\nand aloud\n"
    say("again as a matter of fact")
    assert capsys.readouterr().err == "" and not logging.getLogger("recsys").handlers


def test_a_notebook_has_a_bar_without_widgets(monkeypatch):
    cell = []

    class Handle:
        def update(self, html):
            cell[-1] = html

    def display(html, display_id):
        cell.append(html)
        return Handle()

    fake = SimpleNamespace(display=display, HTML=str)
    monkeypatch.setitem(sys.modules, "IPython.display", fake)
    monkeypatch.setattr(shown_by, "in_notebook", lambda: True)
    with working("reading <a log>") as tell:
        assert cell == ["<progress></progress> reading &lt;a log&gt;"]
        tell("rows", 0.5)
        assert cell == ['<progress value="0.50"></progress> reading &lt;a log&gt;: rows']
    assert cell == [""]
