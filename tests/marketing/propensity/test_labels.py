"""Answers in a column."""

import pandas as pd
import pytest

from recsys.data.sources.numbers import NumberFormat
from recsys.errors import InputError
from recsys.marketing.propensity.labels import read_label
from recsys.marketing.propensity.objectives import Binary, Multiclass, Regression


def label(*texts: str | None, positive: str | None = None, **settings):
    return read_label(pd.Series(texts, dtype=object), "y", positive, NumberFormat(), **settings)


@pytest.mark.parametrize(
    ("texts", "positive"),
    [
        (["Yes", "no"], None),
        (["TRUE", "False"], None),
        (["1.0", "0"], None),
        (["yes", "n"], None),
        (["Yes", "no"], "yes"),
        (["Yes", "no"], "true"),
        (["Y", "N"], "Yes"),
        (["1", "0"], "1.0"),
        (["1", "2"], "1"),
        (["left", "stayed"], " Left"),
    ],
)
def test_the_first_means_yes(texts, positive):
    found = label(*texts, None, positive=positive)
    assert isinstance(found.objective, Binary)
    assert found.target.to_dict() == {0: True, 1: False}
    assert found.notes == ()


def test_no_may_be_what_is_asked_for():
    assert label("0", "1", positive="no").target.tolist() == [True, False]


def test_what_else_means_no_is_told():
    found = label("left", "left", "stayed", "paused", "NA", positive="left")
    assert found.target.tolist() == [True, True, False, False]
    assert found.notes == (
        "the label 'NA' counts as missing (1 row)",
        "of the label 'y', 'left' means yes, and no: 'stayed' (1), 'paused' (1)",
    )


def test_words_for_no_answer_make_no_third_class():
    found = label("yes", "no", "n/a", "unknown")
    assert isinstance(found.objective, Binary) and len(found.target) == 2
    # But Namibia is one of several.
    assert label("DE", "FR", "NA", "NA").objective.names == ("DE", "FR", "NA")


def test_classes_do_not_differ_by_their_case():
    found = label("Gold", "gold", "Gold", "basic", "free")
    assert found.objective == Multiclass("table.label: y", ("Gold", "basic", "free"))
    assert found.target.tolist() == ["Gold"] * 3 + ["basic", "free"]
    assert found.notes == ("of the label 'y', small and capital letters are one (1 row)",)


def test_amounts_are_read_as_columns_are():
    found = label(*[f"1.{number:03},50 €" for number in range(30)], None, "NA")
    assert isinstance(found.objective, Regression)
    assert found.target.tolist() == [1000.5 + number for number in range(30)]
    assert found.notes[0] == "the label 'NA' counts as missing (1 row)"
    assert "read as amounts in EUR" in found.notes[1]


def test_few_different_numbers_are_classes_aloud_or_the_amount_that_somebody_says():
    texts = [str(number % 13) for number in range(60)]
    found = label(*texts)
    assert isinstance(found.objective, Multiclass) and len(found.objective.names) == 13
    assert found.notes == (
        "'y' has 13 different numbers and is taken as classes; table.objective: regression "
        "predicts it as a number",
    )
    assert label(*texts, kind="classification").notes == ()
    assert label("a", "b", "c").notes == ()
    found = label(*texts, kind="regression")
    assert found.objective == Regression("table.label: y", stated=True) and found.notes == ()
    assert found.target.tolist() == [number % 13 for number in range(60)]
    found.objective.require_enough("tested", found.target)
    with pytest.raises(InputError, match="19 have another amount than the most frequent one"):
        found.objective.require_enough("tested", pd.Series([0.0] * 90 + [1.0, 2.0] * 9 + [3.0]))
    with pytest.raises(InputError, match=r"not a number \(table.objective: .* it has texts"):
        label("1", "2", "many", "few", kind="regression")
    with pytest.raises(InputError, match="has 30 different texts"):
        label(*map(str, range(30)), kind="classification")


@pytest.mark.parametrize(
    ("texts", "positive", "message"),
    [
        (["yes", "yes"], None, "has one value only, 'yes'.*if that means no, write it"),
        (["in", "out"], None, "name in table.positive"),
        (["yes", "true"], None, "name in table.positive"),
        (["in", "out"], "true", "no 'y' is 'true' .table.positive.; there are in, out"),
        ([f"text {row}" for row in range(30)], None, "has 30 different texts"),
        ([f"{row},125" for row in range(1, 30)], None, "cannot be read: '1,125' may be 1125"),
        (["many", *map(str, range(30))], None, "Most are numbers, but for such as 'many'"),
    ],
)
def test_what_is_no_answer_is_refused(texts, positive, message):
    with pytest.raises(InputError, match=message):
        label(*texts, positive=positive)


def test_amounts_some_of_which_are_in_millions_are_refused():
    with pytest.raises(InputError, match="cannot be read: it mixes plain numbers and M EUR"):
        label("9.0 M€", *[str(155_571 + number) for number in range(99)])
