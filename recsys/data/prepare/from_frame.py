"""A dataset from frames in memory or from files, by the keywords of a notebook."""

import logging
import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePath
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, ValidationError

from recsys.data.dataset import Dataset
from recsys.data.feature import Side
from recsys.data.prepare import splits
from recsys.data.prepare.config import DataConfig
from recsys.data.prepare.findings import findings
from recsys.data.prepare.prepare import prepare
from recsys.data.sources.config import Columns
from recsys.data.sources.frames import Frame, open_frame, write_frame
from recsys.errors import InputError
from recsys.system.files import given_path
from recsys.system.keywords import keys_of, leaf, meant, nearest, said_twice
from recsys.system.mistakes import explain
from recsys.system.plain_values import as_json, plain

logger = logging.getLogger(__name__)

SOURCES = ("log", "items", "users")
ROLES = tuple(role for role in Columns.model_fields if role != "split")
SPLITS: dict[str, type[BaseModel]] = {
    "time": splits.TimeSplit,
    "leave_one_out": splits.LeaveOneOutSplit,
    "fixed": splits.FixedSplit,
    "random": splits.RandomSplit,
}
# What is said of a source by what is given for it.
NOT_BY_KEYWORD = {"path", "public", "columns", "key", "title", "features", "attributes", "kind"}
# How text files are read, which frames are not.
OF_TEXT_FILES = {
    *("format", "delimiter", "quote", "escape", "skip", "encoding", "column_names"),
}
TITLE = "title"
ORIGIN = "Dataset.from_frame"
# How a file names the column of a role.
COLUMN_KEY = re.compile(
    rf"(?<![\w.'\"])(?:(?:data\.)?log\.)?columns\.({'|'.join(Columns.model_fields)})\b(?!['\"])"
)
# Keywords that are not the last part of a key.
OTHERS = ("item_key", "item_title", "user_key", "user_title")
# Those that the method itself names.
NAMED = (
    *("items", "users", "item_features", "user_features", "event_features", "item_attributes"),
    "runs_dir",
)


def dataset_from_frame(
    frame: Any,
    tables: Mapping[Side, Any],
    features: Mapping[Side, Any],
    attributes: Any,
    runs_dir: str | Path,
    keywords: Mapping[str, Any],
) -> Dataset:
    """Prepares frames or files; see :meth:`recsys.data.dataset.Dataset.from_frame`.

    Args:
        frame: the log.
        tables: the side tables, None where there is none.
        features: of the side tables, and of the events.
        attributes: of the items.
        runs_dir: the folder of all runs, which the frames are written into as files.
        keywords: roles, keys, titles and settings.
    """
    datasets = given_path(runs_dir, f"{ORIGIN}: runs_dir") / "datasets"
    given = {name: value for name, value in keywords.items() if value is not None}
    section = _Section(datasets / "frames", given)
    with section.naming_frames():
        section.refuse_unknown()
        section.add_log(frame, features["event"])
        for side, table in tables.items():
            named = attributes if side == "item" else None
            section.add_table(side, table, features[side], named)
        section.add_settings()
        dataset = prepare(section.validated(), datasets)
    for line in findings(dataset.manifest, dataset.path / "quarantine.parquet"):
        logger.warning("%s", line)
    return dataset


class _Section:
    """The ``data`` section of an experiment, as it is put together.

    Args:
        folder: where frames are written.
        keywords: what was given; each is taken by what it is about.
    """

    def __init__(self, folder: Path, keywords: dict[str, Any]) -> None:
        self.folder = folder
        self.keywords = keywords
        self.split = keywords.get("split")
        self.document: dict[str, Any] = {}
        self.written: dict[str, str] = {}  # by file the frame that is in it

    def refuse_unknown(self) -> None:
        """Refuses keywords that mean nothing, whatever else is given.

        Raises:
            InputError: there are some.
        """
        known = [*_keywords(), *ROLES, *OTHERS, "log"]
        wrong = [name for name in self.keywords if not meant(name, known)]
        if wrong:
            told = "; ".join(_unknown(name, known) for name in wrong)
            raise InputError(f"{ORIGIN}: {told}")

    def add_log(self, given: Any, features: Any) -> None:
        """Adds the log, and the split as far as a text gives it."""
        roles = self._roles()
        named = {} if features is None else {"features": features}
        if _is_section(given, "log"):
            log = dict(given)
            columns = _once(log.pop("columns", None) or {}, roles, "columns.")
            log = _once({**log, **({"columns": columns} if columns else {})}, named, "log.")
            self.document["log"] = _of_known_kinds(log, "event")
            return
        if _is_path(given):
            if "user" not in roles:
                raise InputError(
                    f"{ORIGIN}: say which columns of {given} are the users, items and times: "
                    "user=…, item=…, time=… (`recsys init` guesses them)"
                )
            log = {"path": _paths(given), "columns": roles, **named}
            self.document["log"] = _of_known_kinds(log, "event")
            return
        frame = open_frame(given, "the frame")
        if "user" not in roles:
            raise InputError(
                f"{ORIGIN}: say which columns are the users, items and times: user=…, item=…, "
                f"time=…. The frame's columns: {frame.shown()}"
            )
        chosen = [frame.column(name, role) for role, name in roles.items()]
        wanted = _Features(features, "event", frame)
        chosen += wanted.columns.values()
        section = self._mapping("log")
        if (self.keywords.get("where") or section.get("where")) is not None:
            # Any column may be asked for.
            chosen += [frame.column(name, "where") for name in frame.names]
        path = self._write(frame, chosen)
        described = {"features": wanted.described(path)} if wanted.columns else {}
        self.document["log"] = {"path": path, "columns": roles, **described}

    def _mapping(self, keyword: str) -> dict[str, Any]:
        """The value of a keyword that takes a section; empty if it is not given."""
        return _section(keyword, self.keywords[keyword]) if keyword in self.keywords else {}

    def _roles(self) -> dict[str, str]:
        """The columns by role; a split may be a column, or the kind of one."""
        named = {role: self.keywords.pop(role, None) for role in ROLES}
        split = self.keywords.pop("split", None)
        if isinstance(split, str):
            self.document["split"] = {"kind": split if split in SPLITS else "fixed"}
            named["split"] = None if split in SPLITS else split
        elif split is not None:
            self.document["split"] = _section("split", split)
        return {role: _named(role, name) for role, name in named.items() if name is not None}

    def add_table(self, side: Side, given: Any, features: Any, attributes: Any) -> None:
        """Adds the side table of items or users, if there is one."""
        key = self.keywords.pop(f"{side}_key", None)
        title = self.keywords.pop(f"{side}_title", None)
        if given is None:
            named = {f"{side}_key": key, f"{side}_title": title, f"{side}_features": features}
            named[f"{side}_attributes"] = attributes
            for keyword, value in named.items():
                if value is not None:
                    raise InputError(
                        f"{ORIGIN}: `{keyword}` is about a side table: give it, too, by {side}s=…"
                    )
            return
        table = {} if features is None else {"features": features}
        if attributes is not None:
            table["attributes"] = attributes
        for name, value in (("key", key), ("title", title)):
            if value is not None:
                table[name] = _named(f"{side}_{name}", value)
        if _is_section(given, f"{side}s"):
            table = _once(given, table, f"{side}s.")
        elif _is_path(given):
            table = {"path": _paths(given), **table}
        else:
            table = self._of_frame(side, open_frame(given, f"the frame of {side}s"), table)
        named_key = self.document["log"].get("columns", {}).get(side)
        if "public" not in table and named_key is not None:
            table.setdefault("key", named_key)
        self.document[f"{side}s"] = _of_known_kinds(table, side)

    def _of_frame(self, side: Side, frame: Frame, table: dict[str, Any]) -> dict[str, Any]:
        """The section of a frame, which is written."""
        key = table.get("key") or self.document["log"].get("columns", {}).get(side)
        if key is None:
            raise InputError(
                f"{ORIGIN}: {side}s=… needs a column of the log with the role `{side}`"
            )
        if str(key) not in frame.names and "key" not in table:
            raise InputError(
                f"{frame.what} has no column {key!r}, as the {side}s of the log are called: say "
                f"which holds their ids by {side}_key=…. Its columns: {frame.shown()}"
            )
        title = table.get("title")
        if title is None and side == "item" and TITLE in frame.names:
            title = TITLE
        roles = {f"{side}_key": str(key), **({f"{side}_title": title} if title else {})}
        chosen = [frame.column(name, role) for role, name in roles.items()]
        wanted = _Features(table.get("features"), side, frame)
        kept = _Features(table.get("attributes"), side, frame, "attribute")
        path = self._write(frame, [*chosen, *wanted.columns.values(), *kept.columns.values()])
        titled = {"title": str(title)} if title else {}
        described = {"features": wanted.described(path)}
        if kept.columns:
            described["attributes"] = kept.described(path)
        return {"path": path, "key": str(key), **titled, **described}

    def _write(self, frame: Frame, names: list[str]) -> str:
        rows = frame.read(list(dict.fromkeys(names)))
        path = str(write_frame(rows, frame.what, self.folder))
        self.written[path] = frame.what
        return path

    def add_settings(self) -> None:
        """Adds the values of further keywords: by the last part of a key, if that is unique."""
        log = self._mapping("log")
        if log:
            there = self.document["log"]
            columns = _once(there.get("columns", {}), log.pop("columns", {}), "columns.")
            self.document["log"] = {**_once(there, log, "log."), "columns": columns}
        self.keywords.pop("log", None)
        known = _keywords(self.document, self.written)
        for name, value in self.keywords.items():
            found = meant(name, known)
            if len(found) > 1:
                tables = " or ".join(found)
                mend = f"**{{{found[0]!r}: …}}"
                raise InputError(f"{ORIGIN}: {name!r} may be {tables}: say which by {mend}")
            if not found:
                raise InputError(f"{ORIGIN}: {_unknown(name, known)}")
            self._set(found[0], plain(value, f"{ORIGIN}: {found[0]}"))

    def _set(self, key: str, value: Any) -> None:
        section, _, name = key.rpartition(".")
        if section == "split":
            self.document.setdefault("split", {"kind": "time"})
        elif section == "protection":
            self.document.setdefault("protection", {})
        there = self.document[section] if section else self.document
        if name in there:
            raise InputError(said_twice(ORIGIN, key, there[name], value))
        there[name] = value

    def validated(self) -> DataConfig:
        """What was put together, typed.

        Raises:
            InputError: a value does not suit, or settings do not go together.
        """
        text = as_json(self.document, ORIGIN)
        try:
            return DataConfig.model_validate_json(text, strict=True)
        except ValidationError as error:
            raise InputError(f"{ORIGIN}:\n{explain(error, DataConfig, self.document)}") from None

    @contextmanager
    def naming_frames(self) -> Iterator[None]:
        """Has messages name frames and keywords instead of files and keys."""
        try:
            yield
        except InputError as error:
            told = COLUMN_KEY.sub(r"\1=…", str(error))
            if isinstance(self.split, str) and f"no column {self.split!r} (split)" in told:
                near = nearest(self.split, SPLITS, most=1)
                told += (
                    f". Or did you mean the kind {near[0]!r}?"
                    if near
                    else f". Kinds of splits: {', '.join(SPLITS)}"
                )
            for path, what in self.written.items():
                told = told.replace(path, what)
            if told == str(error):
                raise
            raise InputError(told) from error


class _Features:
    """The features, or the attributes, of a frame.

    Args:
        given: names, or names with their kinds; None: there are none.
        side: whose they are.
        frame: has their columns.
        what: they are.

    Attributes:
        columns: of the frame, by feature.

    Raises:
        InputError: the frame lacks a column.
    """

    def __init__(
        self,
        given: Any,
        side: Side,
        frame: Frame,
        what: Literal["feature", "attribute"] = "feature",
    ) -> None:
        self._keyword, self._frame = f"{side}_{what}s", frame
        self._wanted = _features(given, self._keyword)
        self.columns = {
            name: frame.column(str((config or {}).get("column") or name), f"{side} {what} {name}")
            for name, config in self._wanted.items()
        }

    def described(self, path: str) -> dict[str, dict[str, Any]]:
        """The section of the features, with the kinds that were not said.

        Args:
            path: the file that the frame was written to.
        """
        types, found = pq.read_schema(path), {}
        for name, config in self._wanted.items():
            column = self.columns[name]
            is_categorical = column in self._frame.categorical
            found[name] = config if config and "kind" in config else {
                "kind": _kind(types.field(column).type, is_categorical, column, self._keyword),
                **(config or {}),
            }  # fmt: skip
        return found


def _of_known_kinds(table: dict[str, Any], side: Side) -> dict[str, Any]:
    """The section of a file, whose features and attributes have their kinds.

    Raises:
        InputError: they have none.
    """
    for named in ("features", "attributes"):
        if isinstance(table.get(named), list | tuple | str):
            raise InputError(
                f"{ORIGIN}: say of each of {side}_{named} what kind it is, such as "
                f"{side}_{named}={{'brand': 'categorical'}}: kinds are not guessed from a file"
            )
    return table


def _keywords(
    document: Mapping[str, Any] | None = None, written: Collection[str] = ()
) -> list[str]:
    """The dotted keys that keywords may mean.

    Args:
        document: the ``data`` section, as far as it is there: there are no keys of a table that it
            lacks, nor of another kind of split; None: those of all there could be.
        written: files of frames, which are not read as text is.
    """
    found = []
    for key in keys_of(DataConfig, document):
        section, _, name = key.rpartition(".")
        source = (document or {}).get(section, {}) if section in SOURCES else {}
        of_frame = isinstance(path := source.get("path"), str) and path in written
        otherwise = NOT_BY_KEYWORD | (OF_TEXT_FILES if of_frame else set())
        if "." not in section and key not in SOURCES and not (section and name in otherwise):
            found.append(key)
    return found


def _section(keyword: str, given: Any) -> dict[str, Any]:
    """A section as a file would have it.

    Raises:
        InputError: it is not a mapping.
    """
    section = plain(given, f"{ORIGIN}: {keyword}")
    if not isinstance(section, dict):
        raise InputError(
            f"{ORIGIN}: `{keyword}` takes a section of an experiment, a mapping, received "
            f"{given!r:.80}"
        )
    return section


def _once(there: Mapping[str, Any], more: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """Settings of a section and more of them.

    Raises:
        InputError: one is in both.
    """
    for name, value in more.items():
        if name in there:
            raise InputError(said_twice(ORIGIN, f"{prefix}{name}", there[name], value))
    return {**there, **more}


def _named(keyword: str, name: Any) -> str:
    """The name of a column.

    Raises:
        InputError: it is blank.
    """
    if not str(name).strip():
        raise InputError(
            f"{ORIGIN}: {keyword}={name!r} is not the name of a column: give one, or leave "
            f"{keyword} out"
        )
    return str(name)


def _is_section(given: Any, name: str) -> bool:
    """Whether it is a section as an experiment file has it.

    Raises:
        InputError: it is a mapping of columns.
    """
    if not isinstance(given, Mapping):
        return False
    if "path" not in given and "public" not in given:
        raise InputError(
            f"{ORIGIN}: a mapping is taken as the `{name}` section of an experiment, which has a "
            "`path` or is `public`. If it holds columns, make a frame of it: "
            "pandas.DataFrame(…)"
        )
    return True


def _is_path(given: Any) -> bool:
    if isinstance(given, str | PurePath):
        return True
    is_list = isinstance(given, list | tuple) and bool(given)
    return is_list and all(isinstance(each, str | PurePath) for each in given)


def _paths(given: Any) -> str | list[str]:
    return [str(each) for each in given] if isinstance(given, list | tuple) else str(given)


def _features(given: Any, keyword: str) -> dict[str, dict[str, Any] | None]:
    """The features by name; None where the kind is to be guessed."""
    if given is None:
        return {}
    if isinstance(given, str):
        given = [given]
    if not isinstance(given, Mapping):
        return {str(name): None for name in given}
    found = {}
    for name, config in given.items():
        section = plain(config, f"{ORIGIN}: {keyword}")
        found[str(name)] = {"kind": section} if isinstance(section, str) else section
    return found


def _kind(type: pa.DataType, is_categorical: bool, column: str, keyword: str) -> str:
    """The kind of a feature or an attribute by the type of its column."""
    what = keyword.rpartition("_")[2].removesuffix("s")
    types = pa.types
    if is_categorical or types.is_string(type) or types.is_boolean(type):
        return "categorical"
    if types.is_integer(type) or types.is_floating(type) or types.is_decimal(type):
        return "numeric"
    if types.is_list(type):
        return "vector" if types.is_floating(type.value_type) else "multivalued"
    raise InputError(
        f"{ORIGIN}: say what kind of {what} {column!r} ({type}) is, such as "
        f"{keyword}={{{column!r}: 'categorical'}}"
    )


def _unknown(name: str, known: list[str]) -> str:
    choices = {*map(leaf, known), *ROLES, *OTHERS, *NAMED}
    if near := nearest(name, choices, most=2):
        return f"unknown keyword {name!r}; did you mean {' or '.join(map(repr, near))}?"
    return f"unknown keyword {name!r}; there are {', '.join(sorted(choices))}"
