import random

from recsys.serving.catalogue import Catalogue
from tests.serving.conftest import ITEMS


def test_words_in_any_order_case_and_accent():
    catalogue = Catalogue({"a": "L'Été indien", "b": "Indian Summer", "c": "ÉTÉ", "d": "日本茶"})
    assert catalogue.search("indien ete") == ["a"]
    assert catalogue.search("ete") == ["c", "a"]
    assert catalogue.search("本") == ["d"]
    assert catalogue.search("INDI") == ["b", "a"]
    assert catalogue.search("summer indien") == []
    assert len(catalogue) == 4


def test_titles_with_line_breaks_and_ids():
    catalogue = Catalogue({"x-17": "two\nlines", "y": "lines"})
    assert catalogue.search("two lines") == ["x-17"]
    assert catalogue.search("X-17") == ["x-17"]
    assert catalogue.search("\n") == catalogue.search("") == []


def test_nothing_to_search():
    assert Catalogue({}).search("a") == []


def test_it_finds_what_a_plain_search_finds():
    random.seed(0)
    titles = {
        str(number): " ".join("".join(random.choices("abc", k=3)) for _ in range(3))
        for number in range(300)
    }
    catalogue = Catalogue(titles)
    for word in ("abc", "ab", "c", "cab b"):
        wanted = [
            item
            for item, title in titles.items()
            if all(each in f"{title} {item}" for each in word.split())
        ]
        assert sorted(catalogue.search(word, 1000)) == sorted(wanted)


def test_the_items_of_a_model(versions):
    catalogue = versions.newest.catalogue
    assert len(catalogue) == 8
    assert catalogue.search("fig") == ["fig"] == [ITEMS[5]]
