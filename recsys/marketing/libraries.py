"""The libraries that marketing alone needs: those of the extra ``marketing``."""

from importlib.machinery import PathFinder

from recsys.system.extras import MissingExtra

PACKAGES = (
    "babel",
    "email_validator",
    "jieba",
    "joblib",
    "phonenumbers",
    "shap",
    "skops",
    "statsmodels",
    "stopwordsiso",
)


def require_libraries(what: str) -> None:
    """Refuses to begin without one of the libraries, all of which come together.

    Args:
        what: the command or setting that needs them, as the user calls it.

    Raises:
        MissingExtra: one is not installed; the message has the command that installs it.
    """
    for package in PACKAGES:
        # Asked of the path: nothing is imported before it is used.
        if PathFinder.find_spec(package) is None:
            raise MissingExtra(what, package.replace("_", "-"), "marketing")
