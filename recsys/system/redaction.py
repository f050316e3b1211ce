"""Secrets in addresses: no file and no message shows them.

An address may hold a user and a password, or a signature among its parameters. It is used as it
is and shown as :func:`shown_address` has it: ``https://***@host/log.csv?X-Amz-Signature=***``.
What comes from the environment is shown as it was written, ``${NAME}``.
"""

import re
from urllib.parse import quote, quote_plus, unquote, unquote_plus

HIDDEN = "***"
_SCHEME = r"[A-Za-z][A-Za-z0-9+.-]*://"
_ADDRESS = re.compile(rf"""{_SCHEME}[^\s'"`<>]+""")
_PARTS = re.compile(
    rf"(?P<scheme>{_SCHEME}|)(?P<authority>[^/?#]*)(?P<path>[^?#]*)"
    r"(?P<query>\?[^#]*|)(?P<fragment>#.*|)",
    re.DOTALL,
)
_REFERENCES = re.compile(r"(?:\$\{\w+\})+")
_PLAIN = re.compile(r"[\w.,:/ -]{0,24}")
# Parameters that name what is meant, not who may have it; any other is taken for a secret.
_HARMLESS = frozenset(
    {"dataset", "dl", "download", "export", "file", "filename", "format", "gid", "lang", "limit",
     "name", "output", "page", "path", "raw", "sheet", "table", "type", "version", "versionid"}
)  # fmt: skip
# Shorter texts are words, which messages hold for other reasons.
_SHORTEST, _ANYWHERE = 4, 8
# What this process has been given, and how it is shown.
_shown: dict[str, str] = {}


def shown_address(address: str) -> str:
    """An address as it may be shown; what is none (a local path) stays as it is.

    User and password become ``***``, and so does each parameter's value but short ones of
    harmless names (``format``, ``file``, ...). Parts that are written as ``${NAME}`` stay.
    Applied again, it changes nothing.
    """
    chained = re.split(rf"::(?={_SCHEME})", address)
    return "::".join(_shown_link(each) for each in chained)


def remember_address(address: str) -> None:
    """Has :func:`redact` know an address, however a library spells it in a message."""
    if (shown := shown_address(address)) != address:
        _remember(address, shown)
        authority = _parts(address)["authority"]
        user, colon, password = authority.rpartition("@")[0].partition(":")
        _remember(password if colon else user, HIDDEN)


def remember_value(value: str, shown: str) -> None:
    """Has :func:`redact` know what is not to be shown, such as what a variable holds.

    Args:
        value: the text.
        shown: what stands in its place, such as ``${NAME}``.
    """
    _remember(value, shown)


def redact(text: str) -> str:
    """A message without the secrets of addresses: those in it, and those remembered."""
    for secret in sorted(_shown, key=len, reverse=True):
        if secret in text:
            pattern = re.escape(secret)
            if len(secret) < _ANYWHERE:
                pattern = rf"(?<![A-Za-z0-9]){pattern}(?![A-Za-z0-9])"
            text = re.sub(pattern, lambda match: _shown[match[0]], text)
    return _ADDRESS.sub(lambda match: shown_address(match[0]), text)


def _remember(secret: str, shown: str) -> None:
    escaped = secret.encode("unicode_escape").decode()
    quoted = {quote(secret), quote(secret, safe=""), quote_plus(secret)}
    for spelling in {secret, escaped, unquote(secret), unquote_plus(secret), *quoted}:
        if len(spelling) >= _SHORTEST and not _REFERENCES.fullmatch(spelling):
            _shown[spelling] = shown


def _parts(address: str) -> dict[str, str]:
    """Scheme, authority, path, query and fragment, which together are the address."""
    match = _PARTS.fullmatch(address)
    assert match is not None  # every part may be empty
    parts = match.groupdict()
    if not parts["scheme"]:
        return {**parts, "authority": "", "path": parts["authority"] + parts["path"]}
    rest = address.removeprefix(parts["scheme"])
    odd_port = re.search(r":(?!(?:\d|\$\{\w+\})*$)", parts["authority"])
    if "@" not in parts["authority"] and odd_port and "@" in rest:
        # A password with a slash, a question mark or a hash in it.
        user, _, host = rest.rpartition("@")
        after = _parts(f"{parts['scheme']}{host}")
        return {**after, "authority": f"{user}@{after['authority']}"}
    return parts


def _shown_link(address: str) -> str:
    parts = _parts(address)
    scheme, query, fragment = parts["scheme"], parts["query"], parts["fragment"]
    if not scheme and not address.startswith("${"):
        return address
    user, at, host = parts["authority"].rpartition("@")
    if at:
        host = f"{_shown_user(user)}@{host}"
    # Elsewhere a question mark stands for any letter, and a hash for itself.
    if scheme.casefold() in ("http://", "https://") or "=" in query + fragment:
        query = re.sub(r"[^?&;]+", lambda match: _shown_parameter(match[0]), query)
        if len(fragment) > 1 and not _REFERENCES.fullmatch(fragment[1:]):
            fragment = f"#{HIDDEN}"
    return f"{scheme}{host}{parts['path']}{query}{fragment}"


def _shown_user(given: str) -> str:
    user, _, password = given.rpartition(":")
    from_environment = _REFERENCES.fullmatch(password) and "/" not in user
    return given if from_environment else HIDDEN


def _shown_parameter(given: str) -> str:
    name, equals, value = given.partition("=")
    harmless = name.casefold() in _HARMLESS and _PLAIN.fullmatch(value)
    if harmless or _REFERENCES.fullmatch(value if equals else name):
        return given
    is_name = equals and re.fullmatch(r"[\w.-]{1,40}", name)
    return f"{name}={HIDDEN}" if is_name else HIDDEN
