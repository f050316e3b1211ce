#!/usr/bin/env python3
"""Checks that an exported SavedModel keeps the contract of docs/serving.md.

    python check_savedmodel.py MODEL                       # in a new environment
    python check_savedmodel.py MODEL --python              # in the one that runs this file
    python check_savedmodel.py MODEL --python --json --p99-ms 20

MODEL is the folder of one version, such as runs/NAME/SEED/model/1. This file needs Python 3.11 and
TensorFlow, and nothing else of ours: copy it into your own pipeline. Without --python a virtual
environment is made with the TensorFlow that the model was exported with (about 2 GB, a few
minutes), which --environment DIR keeps for the next time. What is asked follows from the model's
manifest. A line is printed per check, or with --json one document with the verdict and every
figure. Exit status: 0 all hold, 1 one does not, 2 wrong use.
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

MANIFEST = "assets.extra/manifest.json"
SIGNATURE = "assets.extra/model.sig"
WARMUP = "assets.extra/tf_serving_warmup_requests"
FOREIGN = ("recsys", "tensorflow_recommenders", "tf_keras")
FORMAT = 4  # of the manifest, that this file knows
UNKNOWN_ID = "an id that no catalogue holds"
TOLERANCE = 1e-4  # of scores, relative
THREADS, REQUESTS_PER_THREAD = 8, 25

# Nothing where a check holds, else why it does not.
Check = tuple[str, Callable[[], str | None]]
Answer = dict[str, Any]  # by name of an output, an array


class Artefact:
    """A SavedModel, asked by what its manifest says of its signatures."""

    def __init__(self, folder: Path) -> None:
        import tensorflow as tf

        self.folder = folder
        self.manifest = json.loads((folder / MANIFEST).read_bytes())
        if self.manifest["format"] != FORMAT:
            raise ValueError(
                f"{MANIFEST} has the format {self.manifest['format']}, and this file knows "
                f"{FORMAT}: take the one that comes with the recsys that exported the model"
            )
        self.signatures = self.manifest["signatures"]
        self.described = self.manifest["model"]
        self.k: int = self.described["k"]
        self._tf = tf
        self._model = tf.saved_model.load(str(folder))

    @property
    def is_reranked(self) -> bool:
        """Whether answers are in another order than that of the vectors' products."""
        return bool(self.manifest.get("rerank"))

    @property
    def recommending(self) -> list[str]:
        """The signatures that answer with items."""
        return [name for name, each in self.signatures.items() if "item_id" in each["outputs"]]

    def filters(self, signature: str) -> dict[str, Any]:
        """The inputs that allow items by an attribute: name to type and shape."""
        query = self.signatures["serving_default"]["inputs"]
        inputs = self.signatures[signature]["inputs"]
        if "item_id" not in self.signatures[signature]["outputs"]:
            return {}
        return {name: each for name, each in inputs.items() if name not in {*query, "exclude"}}

    def call(self, signature: str, given: dict[str, Any]) -> Answer:
        """What a signature answers to these inputs, which must be all that it takes."""
        specs = self.signatures[signature]["inputs"]
        tensors = {
            name: self._tf.constant(value, specs[name]["dtype"]) for name, value in given.items()
        }
        outputs = self._model.signatures[signature](**tensors)
        return {name: value.numpy() for name, value in outputs.items()}

    def ask(
        self, signature: str, histories: Sequence[Sequence[str]], **given: Sequence[Sequence[Any]]
    ) -> Answer:
        """What a signature answers to histories, with nothing known beside what is given.

        Args:
            signature: its name.
            histories: of a query each.
            given: further inputs, a row each; text is padded.
        """
        import numpy as np

        inputs: dict[str, Any] = {"history": _padded(histories)}
        for name, spec in self.signatures[signature]["inputs"].items():
            is_text = spec["dtype"] == "string"
            if name in given:
                inputs[name] = _padded(given[name]) if is_text else np.array(given[name])
            elif name in self.described["event_inputs"]:
                missing = {"int64": 0, "float32": np.nan, "string": ""}[spec["dtype"]]
                inputs[name] = np.full(inputs["history"].shape, missing, object)
                inputs[name] = inputs[name].astype(object if is_text else spec["dtype"])
            elif name != "history":
                inputs[name] = self._missing(name, spec, signature, len(histories))
        return self.call(signature, inputs)

    def _missing(self, name: str, spec: dict[str, Any], signature: str, rows: int) -> Any:
        """So many rows of an input with nothing known, or nothing asked for."""
        import numpy as np

        sizes = [rows, *(size or 0 for size in spec["shape"][1:])]
        if spec["dtype"] == "string":
            return np.full(sizes, "", object)
        # A number is missing as NaN, a ready-made vector as zeros, an end of a range as NaN.
        is_nan = len(sizes) == 1 or name in self.filters(signature)
        return np.full(sizes, np.nan if is_nan else 0.0, np.float32)

    def described_signatures(self) -> dict[str, Any]:
        """The signatures as the graph has them, in the manifest's words."""
        return {
            name: {
                group: {
                    key: {"dtype": spec.dtype.name, "shape": spec.shape.as_list()}
                    for key, spec in specs.items()
                }
                for group, specs in (
                    ("inputs", found.structured_input_signature[1]),
                    ("outputs", found.structured_outputs),
                )
            }
            for name, found in self._model.signatures.items()
        }


def checks_of(artefact: Artefact, batch_sizes: Sequence[int]) -> Iterator[Check]:
    """Every check but those of time."""
    manifest = artefact.manifest
    yield "the manifest is as it was written", lambda: _seal_holds(manifest)
    yield "every file is as it was exported", lambda: _files_hold(artefact.folder, manifest)
    yield "TensorFlow alone loads it", _nothing_foreign
    yield (
        "the signatures are the manifest's",
        lambda: _unless(
            artefact.described_signatures() == artefact.signatures, "the graph has others"
        ),
    )
    items = answers(artefact.ask("serving_default", [[]]))[0]
    yield "an empty history is answered", lambda: _unless(bool(items), "nothing is recommended")
    if not items:
        return
    query = Examples(artefact, items)
    for name in artefact.recommending:
        yield from _checks_of_answers(query, name, batch_sizes)
        if "exclude" in artefact.signatures[name]["inputs"]:
            yield f"{name} leaves out what it is told to", lambda n=name: query.exclusions(n)
        if artefact.filters(name):
            yield f"{name} allows every item by default", lambda n=name: query.open_filters(n)
            yield f"{name} allows nothing that no item has", lambda n=name: query.shut_filters(n)
    if artefact.described["seen"] == "exclude":
        yield "seen items are left out, however old", query.seen
    yield (
        "embed_query: a finite vector a row, at every batch size",
        (lambda: query.query_vectors(batch_sizes)),
    )
    yield "embed_query reads the last known events", query.window
    yield "embed_items: zeros for unknown items alone", query.item_vectors
    if not artefact.is_reranked:
        yield "scores are products of the vectors", query.products
    yield "concurrent calls are answered alike", query.concurrent
    if (artefact.folder / WARMUP).is_file():
        yield "warm-up requests can be read and answered", lambda: _warmup_holds(artefact)


def _checks_of_answers(query: "Examples", name: str, batch_sizes: Sequence[int]) -> Iterator[Check]:
    """What holds of every signature that recommends."""
    yield f'{name}: rows of k, best first, ending in "" and −∞', lambda: query.rows(name)
    for size in batch_sizes:
        yield f"{name}: batch of {size}", lambda size=size: query.batch(name, size)
    yield f"{name}: padding and unknown ids change nothing", lambda: query.noise(name)
    yield f"{name}: histories without known ids are empty ones", lambda: query.empty(name)
    yield f"{name}: asked again, the same to the bit", lambda: query.again(name)


class Examples:
    """Requests whose answers are known to agree with one another.

    Args:
        artefact: the model.
        items: ids that it recommends, at least one.
    """

    def __init__(self, artefact: Artefact, items: list[str]) -> None:
        self._ask = artefact.ask
        self._artefact = artefact
        self._items = items
        window = artefact.described["max_events"]
        turned = [items[place % len(items)] for place in range(3 * window + 2)]
        # None, one, two, and more events than are read.
        self._histories = [[], items[:1], items[:2], turned]

    def rows(self, name: str) -> str | None:
        """Width, order, and how rows end that have no more answers."""
        import numpy as np

        found = self._ask(name, self._histories)
        ids, scores = found["item_id"], found["score"]
        expected = (len(self._histories), self._artefact.k)
        if ids.shape != expected or scores.shape != expected:
            return f"rows are {ids.shape} and {scores.shape}, expected {expected}"
        empty = ids == b""
        if (empty != np.isneginf(scores)).any() or np.isnan(scores).any():
            return 'an id is "" where the score is not −∞, or the other way round'
        if (empty[:, :-1] & ~empty[:, 1:]).any():
            return "a row goes on after its end"
        pairs = zip(scores[:, :-1][~empty[:, 1:]], scores[:, 1:][~empty[:, 1:]], strict=True)
        if any(first < second for first, second in pairs):
            return "scores rise along a row"
        twice = [row for row in answers(found) if len(set(row)) < len(row)]
        return f"{twice[0][0]!r} or another item is in a row twice" if twice else None

    def batch(self, name: str, size: int) -> str | None:
        """A row is answered as if it had been asked alone."""
        histories = [self._histories[row % len(self._histories)] for row in range(size)]
        found = self._ask(name, histories)
        if len(found["item_id"]) != size:
            return f"{len(found['item_id'])} rows are answered"
        alone = [self._ask(name, [history]) for history in self._histories]
        for row in range(size):
            one = {key: value[row : row + 1] for key, value in found.items()}
            if reason := differ(one, alone[row % len(alone)]):
                return f"row {row}: {reason}"
        return None

    def noise(self, name: str) -> str | None:
        """Ids that are none, at either end and between, are not there."""
        history = self._items[:2]
        noisy = ["", UNKNOWN_ID, history[0], "", UNKNOWN_ID, *history[1:], UNKNOWN_ID, ""]
        return differ(self._ask(name, [noisy]), self._ask(name, [history]))

    def empty(self, name: str) -> str | None:
        """No column, padding alone, and unknown ids alone."""
        expected = self._ask(name, [[]])
        others = ([""], ["", ""], [UNKNOWN_ID])
        return next(filter(None, (differ(self._ask(name, [o]), expected) for o in others)), None)

    def again(self, name: str) -> str | None:
        """The same request has the same answer."""
        first, second = (self._ask(name, self._histories) for _ in range(2))
        same = all((first[key] == second[key]).all() for key in first)
        return _unless(same, "it is answered otherwise")

    def exclusions(self, name: str) -> str | None:
        """What is excluded is not answered, and what is left keeps its order."""
        history = self._items[:1]
        [before] = answers(self._ask(name, [history]))
        for excluded in (before[:3], before):
            [after] = answers(self._ask(name, [history], exclude=[["", *excluded, UNKNOWN_ID]]))
            if left := set(after) & set(excluded):
                return f"{sorted(left)[0]!r} was excluded, and is answered"
            kept = [item for item in before if item not in excluded]
            # Reranked, an item's place follows from the others'.
            if not self._artefact.is_reranked and sorted(after[: len(kept)]) != sorted(kept):
                return "items that were not excluded went as well"
        return None

    def open_filters(self, name: str) -> str | None:
        """With nothing asked of attributes, every item is allowed."""
        base = "recommend_excluding"
        return differ(self._ask(name, self._histories), self._ask(base, self._histories))

    def shut_filters(self, name: str) -> str | None:
        """What no item has, none is answered for; by each attribute."""
        for attribute, spec in self._artefact.filters(name).items():
            nothing = [UNKNOWN_ID] if spec["dtype"] == "string" else [float("inf")] * 2
            [found] = answers(self._ask(name, [[]], **{attribute: [nothing]}))
            if found:
                return f"{attribute}: {found[0]!r} is answered"
        return None

    def seen(self) -> str | None:
        """Every id of the history is left out, beyond the window too."""
        for history in self._histories:
            old = [*history, *self._items[-1:] * 2 * self._artefact.described["max_events"]]
            [found] = answers(self._ask("serving_default", [old]))
            if left := set(found) & set(old):
                return f"{sorted(left)[0]!r} is in the history, and is answered"
        return None

    def query_vectors(self, batch_sizes: Sequence[int]) -> str | None:
        """Shape, finiteness, and independence of the other rows."""
        import numpy as np

        alone = [self._ask("embed_query", [each])["embedding"][0] for each in self._histories]
        for size in batch_sizes:
            histories = [self._histories[row % len(alone)] for row in range(size)]
            found = self._ask("embed_query", histories)["embedding"]
            if found.shape != (size, self._artefact.described["dim"]):
                return f"the shape is {found.shape}"
            expected = np.array([alone[row % len(alone)] for row in range(size)])
            if size and not near(found, expected):
                return f"a batch of {size} is answered otherwise than its rows alone"
        return None

    def window(self) -> str | None:
        """Events before the last ``max_events`` do not matter."""
        longest = self._histories[-1]
        recent = longest[-self._artefact.described["max_events"] :]
        first, second = (
            self._ask("embed_query", [each])["embedding"] for each in (longest, recent)
        )
        return _unless(near(first, second), "older events change the vector")

    def item_vectors(self) -> str | None:
        """Known items have vectors, by which they are told from unknown ones."""
        found = self._vectors([*self._items, UNKNOWN_ID, ""])
        if found.shape != (len(self._items) + 2, self._artefact.described["dim"]):
            return f"the shape is {found.shape}"
        if found[-2:].any():
            return "an unknown item has a vector other than zeros"
        known = found[:-2].any(axis=1)
        return _unless(bool(known.all()), "an item that is recommended has a vector of zeros")

    def products(self) -> str | None:
        """The score is the product of the two vectors, in every signature."""
        query = self._ask("embed_query", self._histories)["embedding"]
        for name in self._artefact.recommending:
            found = self._ask(name, self._histories)
            for row, items in enumerate(answers(found)):
                expected = self._vectors(items) @ query[row]
                if not near(found["score"][row, : len(items)], expected):
                    return f"{name}: they differ"
        return None

    def concurrent(self) -> str | None:
        """As many threads as a server has ask at once."""
        names = self._artefact.recommending
        requests = [(name, history) for name in names for history in self._histories]
        expected = [self._ask(name, [history]) for name, history in requests]

        def work(thread: int) -> str | None:
            for number in range(REQUESTS_PER_THREAD):
                place = (thread + number) % len(requests)
                name, history = requests[place]
                if reason := differ(self._ask(name, [history]), expected[place]):
                    return reason
            return None

        with ThreadPoolExecutor(THREADS) as pool:
            return next(filter(None, pool.map(work, range(THREADS))), None)

    def latency(self, requests: int) -> dict[str, float]:
        """Milliseconds of single queries through ``serving_default``, in turn."""
        taken = []
        for number in range(requests + len(self._histories)):
            history = self._histories[number % len(self._histories)]
            began = time.perf_counter()
            self._ask("serving_default", [history])
            taken.append(1000 * (time.perf_counter() - began))
        ordered = sorted(taken[len(self._histories) :])  # without the first of each shape
        return {
            f"p{percent}_ms": ordered[-(-len(ordered) * percent // 100) - 1] for percent in (50, 99)
        }

    def _vectors(self, items: Sequence[str]) -> Any:
        import numpy as np

        return self._artefact.call("embed_items", {"item_id": np.array(items, object)})["embedding"]


def answers(found: Answer) -> list[list[str]]:
    """The ids of each row, without what fills it up."""
    return [[item.decode() for item in row if item] for row in found["item_id"]]


def differ(found: Answer, expected: Answer) -> str | None:
    """Why two answers are not the same, but for rounding: near ties may change places."""
    import numpy as np

    scores, others = found["score"], expected["score"]
    if scores.shape != others.shape or (np.isfinite(scores) != np.isfinite(others)).any():
        return "it has another number of items"
    shown = np.isfinite(scores)
    if not near(scores[shown], others[shown]):
        return "scores differ"
    for row, (first, second) in enumerate(zip(answers(found), answers(expected), strict=True)):
        moved = [place for place in range(len(first)) if first[place] != second[place]]
        for place in moved:
            values = scores[row, : len(first)]
            neighbours = np.delete(values, place)
            scale = max(1.0, abs(float(values[place])))
            # The last may have a neighbour that the answer does not show.
            is_last = place == len(first) - 1
            if not is_last and not (abs(neighbours - values[place]) <= TOLERANCE * scale).any():
                return f"{first[place]!r} stands where {second[place]!r} did"
    return None


def near(found: Any, expected: Any) -> bool:
    """Whether arrays are equal but for rounding, relative to the largest value."""
    import numpy as np

    if found.shape != expected.shape or not np.isfinite([found, expected]).all():
        return False
    scale = max(1.0, float(np.abs(expected).max(initial=0.0)))
    return bool((np.abs(found - expected) <= TOLERANCE * scale).all())


def _padded(rows: Sequence[Sequence[str]]) -> Any:
    """Text as [rows, longest], padded on the right."""
    import numpy as np

    width = max(map(len, rows), default=0)
    table = np.full((len(rows), width), "", object)
    for line, row in zip(table, rows, strict=True):
        line[: len(row)] = row
    return table


def _unless(holds: bool, reason: str) -> str | None:
    return None if holds else reason


def _seal_holds(manifest: dict[str, Any]) -> str | None:
    sealed = {name: value for name, value in manifest.items() if name != "seal"}
    found = hashlib.sha256(json.dumps(sealed, sort_keys=True).encode()).hexdigest()
    return _unless(found == manifest.get("seal"), f"{MANIFEST} is damaged")


def _files_hold(folder: Path, manifest: dict[str, Any]) -> str | None:
    faults = []
    for name, file in manifest["files"].items():
        if not (folder / name).is_file():
            faults.append(f"{name} is missing")
            continue
        with (folder / name).open("rb") as stream:
            if hashlib.file_digest(stream, "sha256").hexdigest() != file["sha256"]:
                faults.append(f"{name} is damaged")
    there = {each.relative_to(folder).as_posix() for each in folder.rglob("*") if each.is_file()}
    strange = there - {*manifest["files"], MANIFEST, SIGNATURE}
    return "; ".join(faults + [f"{name} was added" for name in sorted(strange)]) or None


def _nothing_foreign() -> str | None:
    found = [name for name in FOREIGN if name in sys.modules]
    return f"it imported {', '.join(found)}" if found else None


def _warmup_holds(artefact: Artefact) -> str | None:
    """Every request names a signature, gives it its inputs, and is answered."""
    import tensorflow as tf

    records = tf.data.TFRecordDataset(str(artefact.folder / WARMUP)).as_numpy_iterator()
    for number, record in enumerate(records):
        name, inputs = _predict_request(record)
        if name not in artefact.signatures:
            return f"request {number} names the signature {name!r}"
        if inputs.keys() != artefact.signatures[name]["inputs"].keys():
            return f"request {number} gives {name} the inputs {sorted(inputs)}"
        artefact.call(name, inputs)
    return None


def _predict_request(record: bytes) -> tuple[str, dict[str, Any]]:
    """Signature and inputs of a ``tensorflow.serving.PredictionLog``.

    Its few fields are read by their numbers: the package with its messages is a large dependency.
    """
    import tensorflow as tf

    [predict_log] = _fields(record)[6]
    [request] = _fields(predict_log)[1]
    found = _fields(request)
    [spec] = found[1]
    [signature] = _fields(spec)[3]
    inputs = {}
    for entry in map(_fields, found.get(2, [])):
        tensor = tf.make_tensor_proto(0).__class__.FromString(entry[2][0])
        inputs[entry[1][0].decode()] = tf.make_ndarray(tensor)
    return signature.decode(), inputs


def _fields(message: bytes) -> dict[int, list[bytes]]:
    """The fields of a protocol buffer that have a length, by their numbers."""
    found: dict[int, list[bytes]] = {}
    place = 0

    def number() -> int:
        nonlocal place
        value = shift = 0
        while True:
            byte = message[place]
            place += 1
            value |= (byte & 127) << shift
            if byte < 128:
                return value
            shift += 7

    while place < len(message):
        key = number()
        if key & 7 in (0, 1, 5):  # numbers, of which none is needed
            place += {0: 0, 1: 8, 5: 4}[key & 7]
            if key & 7 == 0:
                number()
            continue
        length = number()
        found.setdefault(key >> 3, []).append(message[place : place + length])
        place += length
    return found


def run_checks(options: argparse.Namespace) -> int:
    """Runs the checks in this process; prints the verdict and returns the exit status."""
    verdict: dict[str, Any] = {"model": str(options.model), "checks": [], "latency": None}

    def judge(name: str, holds: Callable[[], str | None]) -> None:
        try:
            reason = holds()
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"
        verdict["checks"].append({"name": name, "passed": reason is None, "reason": reason})
        if not options.json:
            print(f"FAILED {name}: {reason}" if reason else f"ok     {name}", flush=True)

    try:
        import tensorflow as tf

        verdict["tensorflow"] = tf.__version__
        artefact = Artefact(options.model)
        verdict |= {
            "created": artefact.manifest.get("created"),
            "format": artefact.manifest["format"],
        }
        for name, holds in checks_of(artefact, options.batch_sizes):
            judge(name, holds)
        if options.requests:
            items = answers(artefact.ask("serving_default", [[]]))[0]
            taken = Examples(artefact, items).latency(options.requests)
            verdict["latency"] = {**taken, "requests": options.requests, "cpus": os.cpu_count()}
            if not options.json:
                print("       " + ", ".join(f"{name} {value:.2f}" for name, value in taken.items()))
            for name in taken:
                limit = getattr(options, name)
                if limit is not None:
                    over = f"{taken[name]:.2f} ms, {limit:g} are allowed"
                    judge(
                        f"latency of a query, {name.removesuffix('_ms')}",
                        lambda over=over, name=name, limit=limit: _unless(
                            taken[name] <= limit, over
                        ),
                    )
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        judge("it can be loaded and asked", lambda: reason)
    passed = all(each["passed"] for each in verdict["checks"])
    verdict["verdict"] = "passed" if passed else "failed"
    if options.json:
        print(json.dumps(verdict, indent=2, ensure_ascii=False))
    return 0 if passed else 1


def prepared_python(environment: Path, tensorflow: str) -> Path:
    """Python of an environment with TensorFlow, made if it is not there."""
    python = environment / "bin" / "python"
    if not python.exists():
        print(f"installing {tensorflow} in {environment}", file=sys.stderr, flush=True)
        venv.create(environment, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", tensorflow], check=True)
    return python


def parsed(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The options; ends the process with status 2 where they make no sense."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path, help="folder of one version, such as .../model/1")
    parser.add_argument(
        "--python",
        nargs="?",
        const=sys.executable,
        help="check with this interpreter, the one that runs this file by default",
    )
    parser.add_argument("--environment", type=Path, help="where to make or find the environment")
    parser.add_argument("--json", action="store_true", help="print one document with the verdict")
    parser.add_argument(
        "--batch-sizes",
        type=lambda text: [int(each) for each in text.split(",")],
        default=[0, 1, 7, 256],
        help="numbers of queries that are asked at once (0,1,7,256)",
    )
    parser.add_argument("--requests", type=int, default=100, help="that latency is measured with")
    parser.add_argument("--p50-ms", type=float, help="latency that half of them may exceed")
    parser.add_argument("--p99-ms", type=float, help="latency that one of a hundred may exceed")
    options = parser.parse_args(arguments)
    options.model = options.model.resolve()
    if not (options.model / MANIFEST).is_file():
        parser.error(f"{options.model} is not an exported model: it has no {MANIFEST}")
    if options.python and options.environment:
        parser.error("--python checks in the environment that is there, --environment in its own")
    if not options.requests and (options.p50_ms or options.p99_ms):
        parser.error("--requests 0 measures no latency")
    return options


def main() -> int:
    """Checks here, or has another interpreter run this file again."""
    options = parsed()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if options.python == sys.executable:
        return run_checks(options)
    with tempfile.TemporaryDirectory(prefix="check-savedmodel-") as temporary:
        python = options.python
        if python is None:
            manifest = json.loads((options.model / MANIFEST).read_bytes())
            wanted = f"tensorflow=={manifest['versions']['tensorflow']}"
            environment = (options.environment or Path(temporary) / "environment").resolve()
            python = prepared_python(environment, wanted)
        # -I: neither PYTHONPATH nor this file's folder may bring other code in.
        command = [str(python), "-I", str(Path(__file__).resolve()), str(options.model), "--python"]
        command += [f"--batch-sizes={','.join(map(str, options.batch_sizes))}"]
        command += [f"--requests={options.requests}", *(["--json"] if options.json else [])]
        for name in ("p50_ms", "p99_ms"):
            if (limit := getattr(options, name)) is not None:
                command.append(f"--{name.replace('_', '-')}={limit}")
        return subprocess.run(command, cwd=temporary).returncode


if __name__ == "__main__":
    sys.exit(main())
