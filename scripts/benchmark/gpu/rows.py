"""What is measured on a GPU: rows of a table, the jobs of each, and their order.

A job is a process of its own. Several of them make a :class:`Phase`, which says who has the card
when; the phases that are worth the most come first, since time on a card is short.
"""

import hashlib
import json
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

sys.path.append(str(Path(__file__).parents[1]))

from cases import DIM, EVALUATION, ROWS

FLOAT, HALF = "float32", "mixed_bfloat16"
# The experiments that are trained from beginning to end.
EXPERIMENTS = ("movielens-1m-attention", "beauty-attention", "movielens-1m-recurrent")
# The datasets that rows read, and the experiments that prepare them.
DATASETS = {
    "movielens-1m": "movielens-1m-attention",
    "beauty": "beauty-attention",
    "gowalla": "gowalla-two-tower",
}
# Of the large models: sequences of a step by positions of a sequence, about as many events in all.
LARGE_BATCHES = {200: 32, 1024: 8, 4096: 2}
LARGE_ITEMS, LARGE_NEGATIVES = 100_000, 8192
# What settings are in a toy run at most, wherever they stand: the same code in seconds on a CPU.
TOY = {
    "batch_size": 8,
    "block_size": 8,
    "blocks": 1,
    "count": 16,
    "dim": 16,
    "elements": 4096,
    "epochs": 2,
    "heads": 2,
    "max_events": 12,
    "seconds": 0.2,
    "side": 64,
    "units": 16,
    "warmup_steps": 2,
}
TOY_DATA = {"users": 40, "items": 60, "per_user": 15}
TOY_EXPERIMENT = {
    "data": TOY_DATA,
    "model": {"dim": 16, "max_events": 12, "query": {"encoder": {"kind": "attention"}}},
    "training": {"epochs": 2, "batch_size": 8},
    "evaluation": {"metric": "ndcg@10", "k": [5, 10, 20], "block_size": 8},
    "seen": "exclude",
}


@dataclass(frozen=True)
class Job:
    """One measurement, in a process of its own.

    Attributes:
        row: the row of the table.
        contender: who does the work.
        kind: what is done, a key of ``worker.KINDS``.
        settings: what the kind reads. ``data`` is the name of a dataset that was packed, or what
            a generated one has: ``users``, ``items`` and events ``per_user``.
        limit: seconds that it may take; without those in which it waits for its turn.
        cache: of compiled programs: ``shared`` by all rows; ``new``: empty at the beginning;
            ``left``: as the row's job with a new one left it.
        environment: variables of its process.
    """

    row: str
    contender: str
    kind: str
    settings: dict[str, Any]
    limit: float = 120.0
    cache: Literal["shared", "new", "left"] = "shared"
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return f"{self.row}, {self.contender}"

    @property
    def digest(self) -> str:
        """Of the settings: a result of others is not this job's."""
        return hashlib.sha256(json.dumps(self.settings, sort_keys=True).encode()).hexdigest()[:8]

    def toy(self) -> "Job":
        """The same on a generated dataset and with small numbers."""
        settings = _shrunk(self.settings)
        if "experiment" in settings:
            settings |= TOY_EXPERIMENT
        if "data" in settings:
            settings["data"] = TOY_DATA
        return replace(self, settings=settings)


@dataclass(frozen=True)
class Phase:
    """Jobs that are under way at the same time, or one after the other.

    Attributes:
        jobs: in order.
        together: all warm up at the same time.
        timed: one is measured at a time, while all others are stopped. False: all at once, which
            is for accuracy alone.
    """

    jobs: tuple[Job, ...]
    together: bool = False
    timed: bool = True


def _shrunk(settings: dict[str, Any]) -> dict[str, Any]:
    found = {}
    for name, value in settings.items():
        if isinstance(value, dict):
            found[name] = _shrunk(value)
        else:
            found[name] = min(value, TOY[name]) if name in TOY else value
    return found


def _sequence(name: str) -> dict[str, Any]:
    """The settings of a row of the CPU's benchmark."""
    row = ROWS[name]
    return {"data": row.data, **row.contenders[0].case, "seconds": 3.0}


def _with(settings: dict[str, Any], dim: int | None = None, **encoder: Any) -> dict[str, Any]:
    """The settings with another width and other settings of the encoder."""
    model = settings["model"]
    changed = {"dim": dim or model["dim"], "query": {"encoder": _encoder(settings) | encoder}}
    return settings | {"model": model | changed}


def _encoder(settings: dict[str, Any]) -> dict[str, Any]:
    return settings["model"]["query"]["encoder"]


def _large(positions: int, block: str = "sasrec") -> dict[str, Any]:
    """Eight blocks of 512 dimensions, on generated sequences that are all of one length."""
    batch_size = LARGE_BATCHES[positions]
    encoder = {"kind": "attention", "block": block, "blocks": 8, "heads": 8, "dropout": 0.1}
    model = {
        "dim": 512,
        "max_events": positions,
        "query": {"encoder": encoder | {"feed_forward": 4}},
        "loss": {
            "kind": "sampled_softmax",
            "negatives": {"kind": "uniform", "count": LARGE_NEGATIVES},
        },
    }
    # A sequence a user, full; the last two events of each are held out. Every item has events.
    users = max(64 * batch_size, 2 * LARGE_ITEMS // positions)
    return {
        "data": {"users": users, "items": LARGE_ITEMS, "per_user": positions + 3},
        "model": model,
        "training": {"batch_size": batch_size},
        "seconds": 3.0,
    }


def _ours(row: str, settings: dict[str, Any], precision: str) -> Job:
    training = settings["training"] | {"precision": precision}
    name = f"ours, {_in_words(precision)}"
    return Job(row, name, "speed", settings | {"training": training})


def _plainly(job: Job) -> Job:
    """The same without the kernel of attention, to compare with, or should a card refuse it."""
    name = f"{job.contender}, plain attention"
    return replace(job, contender=name, environment={"RECSYS_ATTENTION": "plain"})


def _peers(row: str, settings: dict[str, Any], precision: str) -> Iterable[Job]:
    """Plain PyTorch, as it is and compiled."""
    for compiled in (False, True):
        name = f"PyTorch{', compiled' if compiled else ''}, {_in_words(precision)}"
        case = settings | {"precision": precision, "compiled": compiled}
        yield Job(row, name, "torch_sequence", case, limit=180.0)


def _in_words(precision: str) -> str:
    return "bfloat16" if precision == HALF else precision


def _training(experiment: str, contender: str, worthy: float, limit: float, **further: Any) -> Job:
    """An experiment from the start of its process to its test metrics.

    Args:
        experiment: its name.
        contender: what the table calls this way of running it.
        worthy: the validation metric from which weights are worth a test.
        limit: seconds.
        further: settings of the job.
    """
    cache = further.pop("cache", "shared")
    settings = {"experiment": experiment, "worthy": worthy, "seed": 1, **further}
    return Job(f"train-{experiment}", contender, "train", settings, limit, cache)


ATTENTION = _sequence("attention-movielens-1m-full")
LSTM = _sequence("lstm-beauty-sampled")
GRU = _with(LSTM, kind="gru")
# As in the experiment beauty-attention, but for relative positions, cosines and the dropout of
# attention weights, which PyTorch's own layers do not have or are slow with.
WIDE = _with(_sequence("attention-beauty-full"), 128, feed_forward=4, dropout=0.5)
RANKING = {
    "data": "gowalla",
    "dim": DIM,
    "k": EVALUATION.case["k"],
    "block_size": 4096,
    "seconds": 3.0,
}
PRODUCTS = {"side": 8192, "elements": 2**28, "seconds": 0.5}
# First the rows of the table that docs/guides/gpus.md has, ours and then the peers'; then others.
PHASES = (
    Phase((Job("products", "JAX", "products", PRODUCTS),)),
    Phase(
        (
            _training("movielens-1m-attention", "cold", 0.195, 150, cache="new"),
            _training("movielens-1m-attention", "warm", 0.195, 150, cache="left"),
        )
    ),
    Phase(tuple(_ours("attention-movielens-1m-full", ATTENTION, each) for each in (FLOAT, HALF))),
    Phase(
        (
            *_peers("attention-movielens-1m-full", ATTENTION, FLOAT),
            *_peers("attention-movielens-1m-full", ATTENTION, HALF),
            Job(
                "attention-movielens-1m-full",
                "RecTools FlatSASRecNet, float32",
                "rectools_sequence",
                ATTENTION | {"precision": FLOAT, "compiled": False},
            ),
        ),
        together=True,
    ),
    Phase(
        (
            *(_ours(f"large-{each}", _large(each), HALF) for each in LARGE_BATCHES),
            _ours("lstm-beauty-sampled", LSTM, FLOAT),
            _training("beauty-attention", "8 epochs, cold", 0.06, 120, epochs=8, cache="new"),
            _ours("attention-beauty-full-128", WIDE, FLOAT),
        )
    ),
    Phase(
        (
            *(job for each in LARGE_BATCHES for job in _peers(f"large-{each}", _large(each), HALF)),
            *_peers("lstm-beauty-sampled", LSTM, FLOAT),
            *_peers("attention-beauty-full-128", WIDE, FLOAT),
        ),
        together=True,
    ),
    Phase(
        (
            Job("ranking-gowalla", "ours", "ranking", RANKING),
            _ours("hstu-1024", _large(1024, "hstu"), HALF),
            _plainly(_ours("large-1024", _large(1024), HALF)),
            _ours("gru-beauty-sampled", GRU, FLOAT),
            _ours("attention-beauty-full-128", WIDE, HALF),
            _ours("large-200", _large(200), FLOAT),
        )
    ),
    Phase(
        (
            Job("ranking-gowalla", "PyTorch", "torch_ranking", RANKING),
            *_peers("gru-beauty-sampled", GRU, FLOAT),
            *_peers("attention-beauty-full-128", WIDE, HALF),
            *_peers("large-200", _large(200), FLOAT),
        ),
        together=True,
    ),
    Phase(
        (
            _training("beauty-attention", "to the end", 0.076, 300),
            _training("movielens-1m-recurrent", "to the end", 0.18, 300),
        ),
        together=True,
        timed=False,
    ),
)
JOBS = tuple(job for phase in PHASES for job in phase.jobs)
