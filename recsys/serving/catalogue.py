"""The items of a model as people look for them: by words of their titles."""

import unicodedata
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from itertools import accumulate

from recsys.export.inputs import ITEM_ID
from recsys.export.recommend import Recommender

# Places at which a word is looked at before the best of them are shown.
MOST_LOOKED_AT = 5_000


class Catalogue:
    """Finds items by words of their titles, or by their ids.

    Case, accents and the order of the words make no difference; what begins with the words comes
    first, then what was listed first.

    Args:
        titles: by id, in the order in which equal finds are shown.

    Example:
        >>> catalogue = Catalogue({"i1": "Crème brûlée", "i2": "Ice cream", "i3": "i3"})
        >>> catalogue.search("creme"), catalogue.search("cream ICE"), catalogue.search("i3")
        (['i1'], ['i2'], ['i3'])
    """

    def __init__(self, titles: Mapping[str, str]) -> None:
        self._ids = list(titles)
        lines = [
            _folded(title if title == item else f"{title} {item}") for item, title in titles.items()
        ]
        self._text = "\n".join(lines)
        self._starts = [0, *accumulate(len(line) + 1 for line in lines)][:-1]

    def __len__(self) -> int:
        return len(self._ids)

    def search(self, words: str, most: int = 20) -> list[str]:
        """Ids of the items that have every word, best first; nothing for no word.

        Args:
            words: as typed.
            most: of them, at most.
        """
        wanted = _folded(words).split()
        if not wanted:
            return []
        found = [line for line in self._lines_with(max(wanted, key=len)) if self._has(line, wanted)]
        phrase = " ".join(wanted)
        found.sort(key=lambda line: (not self._line(line).startswith(phrase), line))
        return [self._ids[line] for line in found[:most]]

    def _lines_with(self, word: str) -> list[int]:
        found: list[int] = []
        place = self._text.find(word)
        while place >= 0 and len(found) < MOST_LOOKED_AT:
            line = bisect_right(self._starts, place) - 1
            found.append(line)
            if line + 1 == len(self._starts):
                break
            place = self._text.find(word, self._starts[line + 1])
        return found

    def _has(self, line: int, words: Sequence[str]) -> bool:
        text = self._line(line)
        return all(word in text for word in words)

    def _line(self, line: int) -> str:
        start = self._starts[line]
        end = self._text.find("\n", start)
        return self._text[start:] if end < 0 else self._text[start:end]


def item_ids(recommender: Recommender) -> list[str]:
    """The ids that a model knows, in its own order: those of most events first."""
    return recommender.vocabulary(ITEM_ID)


def _folded(text: str) -> str:
    """Without case and accents; a blank for everything that is blank."""
    apart = unicodedata.normalize("NFKD", text.casefold())
    return " ".join("".join(each for each in apart if not unicodedata.combining(each)).split())
