"""Which files a path or an address stands for, on this machine or elsewhere."""

import errno
import glob
import os
import re
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

import fsspec
from fsspec.core import url_to_fs

from recsys.data.sources.formats import ENDINGS, Format, format_by_name
from recsys.errors import InputError
from recsys.system.extras import MissingExtra
from recsys.system.redaction import HIDDEN, redact, remember_address, remember_value

BACK_ENDS = ("aiohttp", "gcsfs", "requests", "s3fs")  # of the extra `remote`


def expand_environment(text: str) -> str:
    """Replaces ``${NAME}`` by the environment's value and ``~`` by the home folder.

    Raises:
        InputError: the variable is not set.
    """

    def value(match: re.Match[str]) -> str:
        name = match.group(1)
        if name not in os.environ:
            raise InputError(
                f"the path {text!r} needs the environment variable {name}, which is not set"
            )
        remember_value(os.environ[name], match[0])
        return os.environ[name]

    return os.path.expanduser(re.sub(r"\$\{(\w+)\}", value, text))


def refuse_hidden(patterns: Sequence[str]) -> None:
    """Refuses an address whose secrets were redacted, as run folders keep it."""
    for pattern in patterns:
        remember_address(pattern)
        if f"://{HIDDEN}@" in pattern or re.search(r"(?:://|^\$\{).*[?&#;=]\*{3}", pattern):
            raise InputError(
                f"the address {pattern!r} lacks its secrets, which are not kept ({HIDDEN}): give "
                "it again, best as ${NAME}, which is taken from the environment"
            )


def expand(path: str, format: Format | None) -> list[str]:
    """The files a path stands for, sorted, so that rows keep one order."""
    if "://" in path:
        return _expand_remote(path, format)
    if os.path.isdir(path):
        inside = sorted(str(file) for file in Path(path).rglob("*") if file.is_file())
        return _data_files(inside, path, format)
    if os.path.isfile(path):
        return [path]
    if glob.has_magic(path):
        matches = sorted(file for file in glob.glob(path, recursive=True) if os.path.isfile(file))
        if matches:
            return matches
        raise InputError(f"no file matches {path} (working directory {os.getcwd()})")
    raise InputError(f"no file or folder {path} (working directory {os.getcwd()})")


def matches_nothing(path: str) -> bool:
    """Whether a path has wildcards that no file matches, at least not yet.

    False for a path that cannot be looked up: reading it raises the reason.
    """
    path = expand_environment(path)
    if not glob.has_magic(path) or os.path.exists(path):
        return False
    if "://" not in path:
        return not any(os.path.isfile(file) for file in glob.iglob(path, recursive=True))
    try:
        return not is_http(path) and not open_filesystem(path).glob(path)
    except Exception:  # each store has its own exceptions
        return False


def _expand_remote(path: str, format: Format | None) -> list[str]:
    if is_http(path):
        return [path]
    filesystem = open_filesystem(path)
    protocol = urlsplit(path).scheme
    try:
        if glob.has_magic(path):
            matches = [f"{protocol}://{file}" for file in sorted(filesystem.glob(path))]
        elif filesystem.isdir(path):
            inside = [f"{protocol}://{file}" for file in sorted(filesystem.find(path))]
            matches = _data_files(inside, path, format)
        else:
            matches = [path] if filesystem.exists(path) else []
    except Exception as error:  # Each store has its own exceptions (credentials, network, …).
        # Nothing that came from a store is chained: it may hold the whole address.
        raise InputError(f"{path} cannot be reached: {error}") from None
    if not matches:
        raise InputError(f"no remote file {path}")
    return matches


def _data_files(files: list[str], folder: str, format: Format | None) -> list[str]:
    """Files of a folder that hold data, by their endings."""
    visible = [f for f in files if not Path(f).name.startswith((".", "_"))]
    kinds = {f: format_by_name(f) for f in visible}
    chosen = [f for f in visible if kinds[f] is not None and format in (None, kinds[f])]
    if not chosen:
        raise InputError(
            f"the folder {folder} holds no {format or 'CSV, JSON or Parquet'} file "
            f"(endings known: {', '.join(ENDINGS)}, each also with .gz or .zst)"
        )
    return chosen


def open_filesystem(address: str) -> fsspec.AbstractFileSystem:
    """What opens the files of an address.

    Raises:
        InputError: nothing that is installed reads such addresses.
    """
    try:
        return url_to_fs(address)[0]
    except ImportError as error:
        missing = getattr(error.__cause__, "name", None) or str(error)
        what = f"reading {address}"
        if missing in BACK_ENDS:
            raise MissingExtra(what, missing, "remote") from None
        raise InputError(
            f"{what} needs {missing}, which is not installed: pip install {missing}"
        ) from None
    except ValueError as error:
        raise InputError(f"{address} is not an address that can be read: {error}") from None


def is_http(address: str) -> bool:
    """Whether a web server holds the file, which is then downloaded."""
    return address.startswith(("http://", "https://"))


def download(
    filesystem: fsspec.AbstractFileSystem, address: str, scratch: Path, number: int
) -> str:
    """Copies the file at an address into a folder of its own, and returns its path.

    Args:
        filesystem: what opens the address.
        address: of the file.
        scratch: where downloads are kept.
        number: of the file within its source.

    Raises:
        InputError: there is no such file, or the server does not serve it.
    """
    name = Path(urlsplit(address).path).name or "download"
    target = scratch / "downloads" / str(number) / name
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        filesystem.get_file(address, str(target))
    except FileNotFoundError:
        raise InputError(f"{address} does not exist on its server") from None
    except Exception as error:  # Timeouts, refused connections and statuses differ in class.
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            raise
        raise InputError(f"{address} cannot be downloaded: {str(error) or repr(error)}") from None
    # Messages about the file name the address.
    remember_value(str(target), redact(address))
    return str(target)
