"""The libraries that marketing alone needs, by the extra that brings them."""

from importlib.machinery import PathFinder
from typing import Literal

from recsys.system.extras import MissingExtra

Extra = Literal["marketing", "text"]
TEXT = ("jieba", "stopwordsiso")
PACKAGES: dict[Extra, tuple[str, ...]] = {
    "text": TEXT,
    "marketing": (
        *TEXT,
        "babel",
        "email_validator",
        "joblib",
        "phonenumbers",
        "shap",
        "skops",
        "statsmodels",
    ),
}


def require_libraries(what: str, extra: Extra = "marketing") -> None:
    """Refuses to begin without one of the libraries of an extra, all of which come together.

    Args:
        what: the command or setting that needs them, as the user calls it.
        extra: which of them; reviews are read with ``text`` alone.

    Raises:
        MissingExtra: one is not installed; the message has the command that installs it.
    """
    for package in PACKAGES[extra]:
        # Asked of the path: nothing is imported before it is used.
        if PathFinder.find_spec(package) is None:
            raise MissingExtra(what, package.replace("_", "-"), extra)
