"""What dimensions of a search space hold and draw."""

from recsys.tuning.search_space import Choices, Range


def test_what_a_dimension_holds():
    assert Range(low=1, high=2).holds(1.5) and not Range(low=1, high=2).holds(2.5)
    assert not Range(low=1, high=2, int=True).holds(1.5)
    tenths = Range(low=0.2, high=0.6, step=0.1)
    assert tenths.holds(0.5) and not tenths.holds(0.55)
    assert not Range(low=0, high=2).holds(True) and not Range(low=0, high=2).holds("1")
    assert Choices(choices=[None, [1]]).holds([1]) and not Choices(choices=["a"]).holds("b")


def test_a_choice_is_written_one_way():
    choices = Choices(choices=[{"kind": "gru", "units": 4}, 1])
    drawn = []

    class Suggester:
        def suggest_categorical(self, name, written):
            drawn.extend(written)

    choices.draw(Suggester(), "model.query.encoder")
    equal = {"units": 4, "kind": "gru"}
    assert choices.holds(equal) and choices.parameter(equal) == drawn[0]
    assert choices.holds(1.0) and choices.parameter(1.0) == drawn[1]
    assert [choices.value(parameter) for parameter in drawn] == choices.choices
