"""What a person at a terminal sees of a training."""

import logging
import sys
from types import SimpleNamespace

from recsys.runs import console as shown_by
from recsys.runs.console import TrainingProgress, console, lines_shown, say, warn, working
from recsys.training.fit import TrainingState


def test_the_star_is_for_the_best_of_all_epochs_also_where_training_goes_on():
    before = TrainingState(best_value=0.5)
    lines = []
    with lines_shown(), TrainingProgress(4, "ndcg@10") as shown:
        for epoch, value in ((2, 0.4), (3, 0.6)):
            with console.capture() as said:
                shown.step_ended(before, steps_per_epoch=1)
                shown.epoch_ended(epoch, {"loss": 1.0, "ndcg@10": value, "train_seconds": 1.0})
            lines.append(said.get())
    assert "0.4000  1.0 s" in lines[0]
    assert "0.6000 *  1.0 s" in lines[1]


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
