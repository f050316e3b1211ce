"""The JSON of TensorFlow Serving's REST interface: requests in, arrays, and answers out.

See https://www.tensorflow.org/tfx/serving/api_rest. Where TensorFlow Serving refuses, so does
this: what is answered here is answered there. Numbers that JSON lacks are written as TensorFlow
Serving does, ``NaN``, ``Infinity`` and ``-Infinity``, which Python reads and JavaScript does not.
"""

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np

from recsys.serving.errors import RequestError

DEFAULT = "serving_default"
B64 = "b64"
BYTES = "_bytes"
# Whole numbers up to which float32 tells each from the next.
LARGEST_EXACT = 2**24 - 1
LARGEST = float(np.finfo(np.float32).max)
INTEGERS = ("int32", "int64")
PADDING = {"string": '""', "float32": "NaN", "int32": "0", "int64": "0", "bool": "false"}

Spec = Mapping[str, Any]


@dataclass(frozen=True)
class Limits:
    """How much a request may hold.

    Attributes:
        batch: rows.
        values: of an input, in one row.
    """

    batch: int
    values: int


@dataclass(frozen=True)
class PredictRequest:
    """What a request asks for.

    Attributes:
        signature: of the model.
        is_row_format: whether it came as ``instances``, and not as ``inputs``.
        inputs: name to array.
    """

    signature: str
    is_row_format: bool
    inputs: dict[str, np.ndarray]

    @property
    def rows(self) -> int:
        """How many queries, or items, are asked about."""
        return max((len(each) for each in self.inputs.values() if each.ndim), default=1)


def parse_json(body: bytes) -> dict[str, Any]:
    """The JSON object that a body is.

    Raises:
        RequestError: it is none, is not UTF-8, is nested too deeply or has a key twice.
    """
    if not body:
        raise RequestError("the body is empty: a JSON object is expected")
    try:
        document = json.loads(body.decode("utf-8"), object_pairs_hook=_object)
    except UnicodeDecodeError as error:
        raise RequestError(f"the body is not UTF-8 (at byte {error.start})") from error
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise RequestError(f"the body is not JSON: {error.msg} ({where})") from error
    except RecursionError as error:
        raise RequestError("the body is nested too deeply") from error
    except ValueError as error:  # a whole number of thousands of digits
        raise RequestError("the body is not JSON: a number is too long") from error
    if not isinstance(document, dict):
        raise RequestError(f"the body is {_kind(document)}: a JSON object is expected")
    return document


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise RequestError("an object of the body has a key twice")
    return found


def read_request(
    document: Mapping[str, Any],
    signatures: Mapping[str, Any],
    limits: Limits,
    event_inputs: Sequence[str] = (),
) -> PredictRequest:
    """What a document asks for, held to the signature that it names.

    Args:
        document: of :func:`parse_json`.
        signatures: of the model, as its manifest describes them.
        limits: how much it may hold.
        event_inputs: those that have a value for each event of the history.

    Raises:
        RequestError: it does not suit the signature, or exceeds a limit.
    """
    unknown = sorted(set(document) - {"signature_name", "instances", "inputs"})
    if unknown:
        raise RequestError(f"the key {_quoted(unknown[0])} is not known: {_KEYS}")
    name = document.get("signature_name") or DEFAULT
    if not isinstance(name, str):
        raise RequestError(f"signature_name is {_kind(name)}: text is expected")
    if name not in signatures:
        known = ", ".join(sorted(signatures))
        raise RequestError(f"there is no signature {_quoted(name)}: the model has {known}")
    specs = signatures[name]["inputs"]
    if ("instances" in document) == ("inputs" in document):
        raise RequestError(_KEYS)
    is_row_format = "instances" in document
    if is_row_format:
        given = _columns(document["instances"], specs, limits)
    else:
        given = _named(document["inputs"], specs, "inputs")
    inputs = {
        each: _array(given[each], each, spec, limits, is_row_format) for each, spec in specs.items()
    }
    _check_shapes(inputs, specs, event_inputs)
    return PredictRequest(name, is_row_format, inputs)


_KEYS = "expected are `instances` (a row each) or `inputs` (a column each), and `signature_name`"


def _columns(instances: Any, specs: Spec, limits: Limits) -> dict[str, Any]:
    """The values of each input, of rows."""
    if not isinstance(instances, list) or not instances:
        raise RequestError(f"instances is {_kind(instances)}: a list with a row each is expected")
    _check_rows(len(instances), limits)
    rows = [_named(row, specs, f"instances[{place}]") for place, row in enumerate(instances)]
    return {name: [row[name] for row in rows] for name in specs}


def _named(value: Any, specs: Spec, where: str) -> dict[str, Any]:
    """The inputs by name; where there is one, its value stands for it."""
    if not isinstance(value, dict) or _is_base64(value):
        if len(specs) > 1:
            raise RequestError(f"{where} is {_kind(value)}: an object with {_list(specs)} expected")
        return dict.fromkeys(specs, value)
    missing = [name for name in specs if name not in value]
    if missing:
        raise RequestError(f"{where} has no {_list(missing)}: the signature needs {_list(specs)}")
    if more := sorted(set(value) - set(specs)):
        raise RequestError(
            f"{where} has {_quoted(more[0])}, which is not an input of the signature: it has "
            f"{_list(specs)}"
        )
    return value


def _array(value: Any, name: str, spec: Spec, limits: Limits, is_row_format: bool) -> np.ndarray:
    """A list of lists as an array of the dtype and shape that the signature takes."""
    expected, values = spec["shape"], [value]
    shape: list[int] = []
    for level, size in enumerate(expected):
        lengths = [len(each) if isinstance(each, list) else None for each in values]
        if None in lengths:
            wrong = values[lengths.index(None)]
            where = f"level {level - is_row_format} " if level > is_row_format else ""
            raise RequestError(
                f"{name} has {_kind(wrong)} {where}where a list is expected: it is a "
                f"{spec['dtype']} of the shape {_shape(expected, is_row_format)}"
            )
        length = lengths[0] if lengths else (size or 0)
        assert length is not None
        if level == 0:
            _check_rows(length, limits)
        elif length > limits.values:
            raise RequestError(
                f"{name} has {length:,} values in a row: at most {limits.values:,} are taken", 413
            )
        odd = next((place for place, each in enumerate(lengths) if each != length), None)
        if odd is not None:
            raise RequestError(
                f"{name} has {length} values in row 0 and {lengths[odd]} in row {odd}: rows are "
                f"of one length, pad the shorter ones with {PADDING[spec['dtype']]}"
            )
        if size is not None and length != size:
            raise RequestError(f"{name} has {length} values in a row: {size} are expected")
        shape.append(length)
        values = list(chain.from_iterable(values))
    read = _READERS[spec["dtype"]]
    flat = np.empty(len(values), object if spec["dtype"] == "string" else spec["dtype"])
    for place, each in enumerate(values):
        try:
            flat[place] = read(each)
        except _Unreadable as error:
            raise RequestError(f"{name} has {error}: it is of type {spec['dtype']}") from error
    return flat.reshape(shape)


class _Unreadable(ValueError):
    """A value that is not of its input's type; the message says what it is."""


def _read_text(value: Any) -> bytes:
    if isinstance(value, str):
        try:
            return value.encode()
        except UnicodeEncodeError as error:
            raise _Unreadable("text with half a character (a lone surrogate)") from error
    if _is_base64(value):
        try:
            return base64.b64decode(value[B64], validate=True)
        except (binascii.Error, ValueError) as error:
            raise _Unreadable("b64 that is not base64") from error
    raise _Unreadable(_kind(value))


def _read_float(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _Unreadable(_kind(value))
    if isinstance(value, int):
        if abs(value) > LARGEST_EXACT:
            raise _Unreadable("a whole number that float32 cannot hold exactly")
    elif np.isfinite(value) and abs(value) > LARGEST:
        raise _Unreadable("a number beyond the range of float32")
    return value


def _read_integer(value: Any, bits: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise _Unreadable(_kind(value))
    if not -(2 ** (bits - 1)) <= value < 2 ** (bits - 1):
        raise _Unreadable(f"a number beyond the range of int{bits}")
    return value


def _read_bool(value: Any) -> bool:
    if not isinstance(value, bool):
        raise _Unreadable(_kind(value))
    return value


_READERS = {
    "string": _read_text,
    "float32": _read_float,
    "int64": lambda value: _read_integer(value, 64),
    "int32": lambda value: _read_integer(value, 32),
    "bool": _read_bool,
}


def _check_rows(rows: int, limits: Limits) -> None:
    if rows > limits.batch:
        raise RequestError(f"{rows:,} rows were sent: at most {limits.batch:,} are taken", 413)


def _check_shapes(inputs: Mapping[str, np.ndarray], specs: Spec, events: Sequence[str]) -> None:
    """Refuses what TensorFlow would refuse, or read otherwise than it was meant."""
    rows = {
        name: len(value)
        for name, value in inputs.items()
        if specs[name]["shape"] and specs[name]["shape"][0] is None
    }
    if len(set(rows.values())) > 1:
        counts = ", ".join(f"{name} {count}" for name, count in rows.items())
        raise RequestError(f"inputs have different numbers of rows: {counts}")
    for name in events:
        if name in inputs and inputs[name].shape != inputs["history"].shape:
            raise RequestError(
                f"{name} has the shape {list(inputs[name].shape)} and history "
                f"{list(inputs['history'].shape)}: give a value per event"
            )


def write_answer(outputs: Mapping[str, np.ndarray], is_row_format: bool) -> bytes:
    """The body of an answer, in the format of the request.

    Args:
        outputs: of the signature, by name; texts as bytes.
        is_row_format: whether the request came as ``instances``.
    """
    columns = {name: _as_json(name, value) for name, value in outputs.items()}
    single = next(iter(columns.values())) if len(columns) == 1 else None
    document: dict[str, Any]
    if not is_row_format:
        document = {"outputs": columns if single is None else single}
    elif single is not None:
        document = {"predictions": single}
    else:
        rows = zip(*columns.values(), strict=True)
        document = {"predictions": [dict(zip(columns, row, strict=True)) for row in rows]}
    return json.dumps(document, ensure_ascii=False).encode()


def _as_json(name: str, value: np.ndarray) -> Any:
    if value.dtype == object:
        encoded = [
            {B64: base64.b64encode(each).decode()} if name.endswith(BYTES) else each.decode()
            for each in value.flat
        ]
        found = np.empty(len(encoded), object)
        found[:] = encoded
        return found.reshape(value.shape).tolist()
    if value.dtype == np.float32:
        # The shortest digits that give the float32 again: 0.1, and not 0.10000000149011612.
        return value.astype("U").astype(np.float64).tolist()
    return value.tolist()


def _is_base64(value: Any) -> bool:
    return isinstance(value, dict) and list(value) == [B64] and isinstance(value[B64], str)


def _kind(value: Any) -> str:
    """What a value is, without the value: it may name a user."""
    match value:
        case None:
            return "null"
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case str():
            return "text"
        case list():
            return "a list" if value else "an empty list"
        case _:
            return "an object"


def _quoted(text: str) -> str:
    """A name that a client sent, cut."""
    return repr(text[:60])


def _list(names: Any) -> str:
    return ", ".join(names)


def _shape(expected: Sequence[int | None], is_row_format: bool) -> str:
    shown = ["any" if size is None else str(size) for size in expected[is_row_format:]]
    return f"[{', '.join(shown)}]" + (" in each row" if is_row_format else "")
