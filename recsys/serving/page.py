"""The page on which a person tries a model: what it is made of, and what it asks for."""

import base64
import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from recsys.export.reasons import reasons
from recsys.export.recommend import Query
from recsys.serving.errors import RequestError
from recsys.serving.versions import Version, Versions

FILE = Path(__file__).parent / "page.html"
SHOWN = 12
REASONS = 2
# A reason is asked for each item of the history.
LONGEST_HISTORY = 50
LONGEST_SEARCH = 200


class Page:
    """One HTML file, and the JSON that its script asks for.

    Args:
        name: of the model.
        versions: that answer.
        pictures: addresses by item id.

    Attributes:
        document: the file.
        policy: the Content-Security-Policy that it is sent with: its own style and script alone.
    """

    def __init__(self, name: str, versions: Versions, pictures: Mapping[str, str]) -> None:
        self._name, self._versions, self._pictures = name, versions, pictures
        self.document = FILE.read_bytes()
        self.policy = _policy(self.document.decode("utf-8"))

    def search(self, words: str) -> dict[str, Any]:
        """Items whose titles have the words.

        Raises:
            RequestError: there is too much to look for.
        """
        if len(words) > LONGEST_SEARCH:
            raise RequestError(f"at most {LONGEST_SEARCH} letters are looked for")
        version = self._versions.newest
        return {"items": [self._item(version, item) for item in version.catalogue.search(words)]}

    def recommend(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """What follows from a history, and why.

        Args:
            asked: ``history``, ids of items, oldest first.

        Raises:
            RequestError: it is something else, or too long.
        """
        history = _texts(asked.get("history"))
        if set(asked) != {"history"} or history is None:
            raise RequestError("expected is an object with `history`, a list of ids")
        if len(history) > LONGEST_HISTORY:
            raise RequestError(f"the page takes at most {LONGEST_HISTORY} items")
        version = self._versions.newest
        recommender = version.recommender
        most = min(SHOWN, recommender.manifest["model"]["k"])
        query = Query(history, {})
        found = recommender.recommend(query, most)
        why = reasons(recommender, query, [each.item_id for each in found], REASONS)
        return {
            "model": self._name,
            "version": version.number,
            "catalogue": len(version.catalogue),
            "items": [
                self._item(version, each.item_id)
                | {"why": [reason.title for reason in because if reason.kind == "history"]}
                for each, because in zip(found, why, strict=True)
            ],
            "note": _note(recommender.why_so_few(query, len(found), most)),
        }

    def _item(self, version: Version, item: str) -> dict[str, str]:
        found = {"id": item, "title": version.recommender.titles.get(item, item)}
        if item in self._pictures:
            found["picture"] = self._pictures[item]
        return found


def _texts(value: Any) -> list[str] | None:
    is_one = isinstance(value, list) and all(isinstance(each, str) for each in value)
    return value if is_one else None


def _note(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:] + "." if sentence else ""


def _policy(document: str) -> str:
    """Nothing but what the file holds is run; pictures may come from anywhere."""
    (style,) = re.findall(r"<style>(.*?)</style>", document, re.DOTALL)
    (script,) = re.findall(r"<script>(.*?)</script>", document, re.DOTALL)
    return "; ".join(
        [
            "default-src 'none'",
            f"style-src {_digest(style)}",
            f"script-src {_digest(script)}",
            "connect-src 'self'",
            "img-src https: http: data:",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        ]
    )


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
