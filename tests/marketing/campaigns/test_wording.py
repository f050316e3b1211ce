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
        ("{{ title }}", "'title' is not a word of a template; there are titles, items"),
        ("{{ cycler }}", "'cycler' is not a word of a template"),
        ("{{ titles[0]", "is not a template"),
        ("{{ 'x' * 10**9 }}", "may hold no mul"),
        ("{{ 10**10**10 }}", "may hold no pow"),
        ("{{ '%1000000000d' % 1 }}", "may hold no mod"),
        ("{{ titles[0].ljust(1000000000) }}", "may hold no call"),
        ("{% for each in range(9999999) %}{% endfor %}", "may hold no loop but over titles"),
        ("{% set x = titles[0] %}" + "{% set x = x ~ x %}" * 40, "may hold no assign"),
        (
            "{% for a in titles %}{% for b in items %}x{% endfor %}{% endfor %}",
            "loop within a loop",
        ),
        ("{% for titles in titles %}x{% endfor %}", "calls each 'titles'"),
        ("{{ titles[0] | center(1000000000) }}", "may hold no filter 'center'; there are"),
        ("{{ titles[0] | replace('a', 'aaaaaaaaaa') }}", "may hold no filter 'replace'"),
        ("{{ titles[0] | join('aaaaaaaaaa') }}", "`join` but of titles or items"),
        ("{{ titles | join(titles | join('x')) }}", "expression as an argument of .* 'join'"),
        ("{{ '%999999999d' is odd }}", "may hold no test 'odd'"),
        ("{{ titles.__class__.__mro__ }}", "may hold no attribute"),
        ("{% include 'other' %}", "may hold no include"),
        ("{{ " + "(" * 900 + "1" + ")" * 900 + " }}", "nested too deeply"),
        ("{{ " + "not " * 400 + "again }}", "nested too deeply"),
        ("x" * 2001, "at most 2,000 letters"),
        ("-20 % on {{ titles[0] }}", "begins with '-' is a formula to a spreadsheet: .*U.2212"),
    ],
)
def test_a_template_is_checked_when_it_is_read(text, message):
    with pytest.raises(ValidationError, match=message):
        TypeAdapter(Wording).validate_python(text)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            "{% for t in titles %}{{ t }}{{ ', ' if not loop.last }}{% endfor %}",
            "Milk, Tea & <cake>",
        ),
        ("{{ titles[:2] | join(' and ') }}", "Milk and Tea & <cake>"),
        ("{{ titles | length - 1 }} more than {{ titles | first | upper }}", "1 more than MILK"),
        ("{{ because | truncate(5) if because in ['Tea', 'Coffee'] }}!", "Coffee!"),
        ("−20 % on {{ titles[0] }}", "−20 % on Milk"),
    ],
)
def test_what_a_template_may_say(text, line):
    assert written(TypeAdapter(Wording).validate_python(text), OFFER) == line


def test_a_title_is_made_fit_for_a_line_and_for_a_spreadsheet():
    titles = ("=HYPERLINK(1)", "Red\x1b[31m\u202eshoe\r\nBcc: x", "long" * 20_000)
    offer = Offer(("1", "2", "3"), titles, "+1", True)
    assert written("{{ titles[0] }}", offer) == "'=HYPERLINK(1)"
    assert written("{{ titles[1] }}", offer) == "Red[31mshoe Bcc: x"
    assert written("{{ titles[2] }}", offer) == ("long" * 125)[:-1] + "…"
    assert written("{{ because }} and on", offer) == "'+1 and on"


def test_a_line_without_an_end_is_given_up():
    offer = Offer(tuple("abc"), ("x" * 500,) * 100, "", False)
    text = TypeAdapter(Wording).validate_python("{% for t in titles %}{{ t }}{% endfor %}")
    with pytest.raises(InputError, match="the line has more than 10,000 letters"):
        written(text, offer)


@pytest.mark.parametrize(
    "text",
    [
        "{{ titles[2] }}",
        "{{ titles + 1 }}",
        "{{ titles[::0] }}",
        "{{ titles['__class__'] }}",
    ],
)
def test_a_template_that_fails_is_one_message(text):
    with pytest.raises(InputError, match="cannot be written for an offer of 2 items"):
        written(TypeAdapter(Wording).validate_python(text), OFFER)
