import pytest
from pydantic import TypeAdapter, ValidationError

from recsys.errors import InputError
from recsys.marketing.campaigns.offers import Offer
from recsys.marketing.campaigns.wording import REASON, Wording, written

OFFER = Offer(("1", "2"), ("Milk", "Tea & <cake>"), "Coffee", False)


def test_a_line_says_what_the_offer_is():
    assert written("For you: {{ titles[1] }},\n {{ items|length }} items", OFFER) == (
        "For you: Tea & <cake>, 2 items"
    )


@pytest.mark.parametrize(
    ("because", "again", "line"),
    [
        ("Coffee", False, "Because you chose Coffee"),
        ("", False, "Chosen for you"),
        ("Coffee", True, "You have chosen it before"),
    ],
)
def test_the_reason_by_default(because, again, line):
    assert written(REASON, Offer(("1",), ("Milk",), because, again)) == line


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{{ title }}", "'title' is no word of a template; there are titles, items"),
        ("{{ titles[0]", "is no template"),
    ],
)
def test_a_template_is_checked_when_it_is_read(text, message):
    with pytest.raises(ValidationError, match=message):
        TypeAdapter(Wording).validate_python(text)


@pytest.mark.parametrize(
    "text",
    [
        "{{ titles[2] }}",
        "{{ titles.__class__.__mro__ }}",
        "{{ titles + 1 }}",
        "{{ 1 / 0 }}",
        "{% include 'other' %}",
        "{% for each in range(9999999) %}{% endfor %}",
    ],
)
def test_a_template_that_fails_is_one_message(text):
    with pytest.raises(InputError, match="cannot be written for an offer of 2 items"):
        written(text, OFFER)
