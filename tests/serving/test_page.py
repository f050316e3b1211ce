"""The page in a real browser, Debian's Chromium."""

from pathlib import Path

import pytest
from playwright.sync_api import expect, sync_playwright

from tests.serving.conftest import HOSTILE, PICTURED, TOKEN

CHROMIUM = Path("/usr/bin/chromium")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not CHROMIUM.is_file(), reason="there is no /usr/bin/chromium: apt-get install chromium"
    ),
]
PHONE = {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        # Its sandbox does not start for root, as whom containers run.
        opened = playwright.chromium.launch(
            executable_path=str(CHROMIUM), args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        yield opened
        opened.close()


@pytest.fixture
def open_page(browser):
    """Opens a page; a word on its console is a failure, unless it is expected."""
    contexts, said, allowed = [], [], ["401"]

    def opened(url, expected=None, **options):
        allowed.extend([expected] if expected else [])
        context = browser.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.set_default_timeout(20_000)
        page.goto(url)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert not [line for line in said if not any(each in line for each in allowed)]


def enter(page):
    page.fill("#secret", TOKEN)
    page.keyboard.press("Enter")
    page.wait_for_selector(".card")


def titles(page, selector):
    return page.locator(selector).all_inner_texts()


def search(page, words):
    page.fill("#search", words)
    page.wait_for_selector("#found button")


def pick(page, number):
    """Waits for the answer to the pick that is the given one in its order."""
    page.wait_for_selector(f"#picks li:nth-child({number})")
    page.wait_for_selector("#cards:not(.waits)")


def test_a_person_tries_the_model(server, open_page):
    page = open_page(server.url)
    page.wait_for_selector("#token:not([hidden])")
    assert page.locator("#try").is_hidden()
    page.fill("#secret", "wrong")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=That token is wrong.")
    enter(page)
    assert page.inner_text("#model") == "tiny · version 1 · 8 items"
    newcomer = titles(page, ".card .title")
    assert len(newcomer) == 8 and "because" not in page.inner_text("#cards")

    search(page, "an app")
    assert titles(page, "#found button") == ["An apple"]
    page.click("#found button")
    pick(page, 1)
    after_one = titles(page, ".card .title")
    assert len(after_one) == 7 and "An apple" not in after_one and after_one != newcomer[:7]
    assert "because of An apple" in page.inner_text("#cards")

    clicked = after_one[0]
    page.click(".card")
    pick(page, 2)
    assert titles(page, "#picks li span") == ["An apple", clicked]
    assert clicked not in titles(page, ".card .title")
    assert "only 6 of 12 items" in page.inner_text("#note").lower()

    page.click("text=Clear")
    expect(page.locator(".card")).to_have_count(8)
    assert titles(page, ".card .title") == newcomer


def test_titles_are_text(server, open_page):
    page = open_page(server.url)
    enter(page)
    search(page, "brulee")
    assert titles(page, "#found button") == [HOSTILE]
    page.click("#found button")
    pick(page, 1)
    assert titles(page, "#picks li span") == [HOSTILE]
    page.locator(".card .why", has_text="onerror").first.wait_for()
    assert page.title() == "Try the recommender"
    assert page.locator("img[src=x], #picks b, #cards b").count() == 0


def test_nothing_from_elsewhere_runs(server, open_page):
    """The policy holds if a script came into the page by a mistake of ours."""
    page = open_page(server.url, expected="Content Security Policy")
    refused = page.evaluate(
        """() => new Promise((resolve) => {
            document.addEventListener("securitypolicyviolation", (event) =>
                resolve(event.violatedDirective));
            const script = document.createElement("script");
            script.textContent = "document.title = 'owned'";
            document.body.append(script);
        })"""
    )
    assert refused.startswith("script-src") and page.title() != "owned"


def test_by_keyboard_alone(server, open_page):
    page = open_page(server.url)
    enter(page)
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("/")
    page.keyboard.type("fig")
    page.keyboard.press("Enter")
    pick(page, 1)
    assert titles(page, "#picks li span") == ["fig"]
    page.keyboard.type("apple")
    expect(page.locator("#found button")).to_have_count(2)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    pick(page, 2)
    assert titles(page, "#picks li span") == ["fig", "An apple"]
    page.focus("[aria-label='Remove fig']")
    page.keyboard.press("Enter")
    expect(page.locator("#picks li")).to_have_text(["An apple×"])
    # Whatever can be pressed has a name, and the language is said.
    assert page.get_attribute("html", "lang") == "en"
    nameless = "[...document.querySelectorAll('button')].filter((b) => !b.textContent.trim())"
    assert page.evaluate(f"{nameless}.length") == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_a_phone_nothing_is_wider_than_the_screen(server, open_page, scheme):
    page = open_page(server.url, viewport=PHONE, color_scheme=scheme)
    enter(page)
    search(page, "brulee")
    page.click("#found button")
    pick(page, 1)
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    assert page.locator(".card").first.bounding_box()["width"] > 340
    ink, paper = page.evaluate(
        "(({color, backgroundColor}) => [color, backgroundColor])(getComputedStyle(document.body))"
    )
    assert contrast(ink, paper) > 10 and (luminance(paper) < 0.1) == (scheme == "dark")
    soft = page.evaluate("getComputedStyle(document.querySelector('.why')).color")
    assert contrast(soft, paper) > 4.5


def luminance(color):
    """Relative luminance of `rgb(…)`, as WCAG 2 defines it."""
    channels = [int(each) / 255 for each in color[4:-1].split(",")]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one, other):
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_pictures_where_there_are(server, open_page):
    page = open_page(server.url)
    enter(page)
    expect(page.locator(".card img")).to_have_count(1)
    page.locator(".card", has_text=PICTURED).scroll_into_view_if_needed()
    expect(page.locator(".card img")).to_have_js_property("naturalWidth", 40)
    search(page, PICTURED)
    expect(page.locator("#found img")).to_have_count(1)
