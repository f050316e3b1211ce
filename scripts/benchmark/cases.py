"""The rows of the benchmark: what is measured, and against whom."""

from dataclasses import dataclass, field
from typing import Any, Literal

Role = Literal["ours", "fair peer", "library", "bare"]


@dataclass(frozen=True)
class Contender:
    """Who does the work of a row.

    Attributes:
        name: what the table calls it.
        role: ours, a fair peer (the same work, written by hand), a library, or the
            bare operations that nobody can do without.
        environment: see :mod:`environments`.
        script: in ``contenders/``.
        case: what it is told beyond what all of the row are told.
    """

    name: str
    role: Role
    environment: str
    script: str
    case: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Row:
    """One kind of work.

    Attributes:
        name: on the command line.
        unit: what is counted.
        data: ``movielens-1m``, ``beauty``, ``gowalla`` or :data:`GENERATED`; None: none is
            read.
        case: what all contenders are told.
        contenders: ours first.
        operations: floor of a unit, in millions: six a weight and position, six a
            query, item and element of the softmax. What the share of
            :data:`MATRIX_PRODUCT`'s rate is reckoned with.
    """

    name: str
    unit: str
    data: str | None
    case: dict[str, Any]
    contenders: tuple[Contender, ...]
    operations: float | None = None


GENERATED = "generated"
MATRIX_PRODUCT = Contender("matrix product", "bare", "ours", "matrix_product.py")
DIM, NEGATIVES = 64, 1024
MAX_EVENTS = {"movielens-1m": 200, "beauty": 50}
ITEMS = {"movielens-1m": 3416, "beauty": 12101}
# Positions that a prediction of the training part reads, the mean of all.
CONTEXT = {"movielens-1m": 80, "beauty": 8}
ATTENTION = {"kind": "attention", "blocks": 2, "heads": 2, "feed_forward": 1, "dropout": 0.2}
LSTM = {"kind": "lstm", "units": DIM, "dropout": 0.2}
CONVOLUTION = {"kind": "cnn", "dropout": 0.2}


def _sequence(encoder: str, data: str, loss: str) -> Row:
    """Two blocks of attention, or an LSTM, of 64 units: 128 users a step."""
    case = {
        "encoder": encoder,
        "loss": loss,
        "dim": DIM,
        "units": DIM,
        "heads": 2,
        "blocks": 2,
        "dropout": 0.2,
        "max_events": MAX_EVENTS[data],
        "negatives": NEGATIVES,
        "batch_size": 128,
        "jit_compile": encoder == "attention",
    }
    ours = _ours(ATTENTION if encoder == "attention" else LSTM, data, loss)
    contenders = [
        Contender("ours", "ours", "ours", "ours_training.py", ours),
        Contender("PyTorch", "fair peer", "torch", "torch_sequence.py"),
    ]
    if encoder == "attention":
        contenders.append(Contender("RecTools SASRec", "library", "rectools", "rectools_sasrec.py"))
    if loss == "cross_entropy":
        name = "RecBole SASRec" if encoder == "attention" else "RecBole GRU4Rec"
        if encoder == "attention":
            flat = ("RecTools FlatSASRecNet", "library", "rectools", "rectools_flat_sasrec.py")
            contenders.append(Contender(*flat))
        contenders += [
            Contender("Keras fit", "fair peer", "ours", "keras_sequence.py"),
            Contender(name, "library", "recbole", "recbole_sequence.py"),
        ]
    short = "full" if loss == "cross_entropy" else "sampled"
    contenders.append(MATRIX_PRODUCT)
    softmax = 6 * DIM * (ITEMS[data] if loss == "cross_entropy" else NEGATIVES)
    # A block: four matrices of attention, two of the feed-forward layer, and twice the context.
    block = 6 * 6 * DIM**2 + 12 * CONTEXT[data] * DIM
    # Four gates read the input and the state; the projection.
    encoding = 2 * block if encoder == "attention" else 6 * 9 * DIM**2
    operations = (softmax + encoding) / 10**6
    name = f"{encoder}-{data}-{short}"
    return Row(name, "events", data, case, tuple(contenders), operations)


def _ours(encoder: dict[str, Any], data: str, loss: str) -> dict[str, Any]:
    """What our side of a row with a history encoder is told."""
    sampled = {"kind": "sampled_softmax", "negatives": {"kind": "uniform", "count": NEGATIVES}}
    model = {
        "dim": DIM,
        "max_events": MAX_EVENTS[data],
        "query": {"encoder": encoder},
        "loss": {"kind": "cross_entropy"} if loss == "cross_entropy" else sampled,
    }
    return {"model": model, "training": {"batch_size": 128}}


def _compiler(encoder: dict[str, Any], data: str, loss: str) -> Row:
    """Our step on TensorFlow without XLA, and with it."""
    contenders = tuple(
        Contender(name, "ours", "ours", "ours_training.py", {"compiled": compiled})
        for name, compiled in (("without XLA", False), ("with XLA", True))
    )
    short = "full" if loss == "cross_entropy" else "sampled"
    case = {"dim": DIM, "max_events": MAX_EVENTS[data], **_ours(encoder, data, loss)}
    return Row(f"compiler-{encoder['kind']}-{data}-{short}", "events", data, case, contenders)


def _two_tower(negatives: str | int) -> Row:
    """User and item tables of dim 64, 4,096 predictions a step."""
    case = {"dim": DIM, "batch_size": 4096, "negatives": negatives, "jit_compile": True}
    kind = "in_batch" if negatives == "in_batch" else "uniform"
    count = 4096 if negatives == "in_batch" else negatives
    loss = {"kind": "sampled_softmax", "negatives": {"kind": kind, "count": count}}
    model = {
        "dim": DIM,
        "max_events": 1000,
        "query": {"encoder": None, "user_id": True},
        "loss": loss,
    }
    # 27 events a user.
    ours = {"model": model, "training": {"batch_size": 151, "optimizer": {"kind": "adagrad"}}}
    contenders = [
        Contender("ours", "ours", "ours", "ours_training.py", ours),
        Contender("PyTorch", "fair peer", "torch", "torch_two_tower.py"),
        Contender("Keras", "fair peer", "ours", "keras_two_tower.py"),
    ]
    if negatives == "in_batch":
        legacy = {"environment_variables": {"TF_USE_LEGACY_KERAS": "1"}}
        contenders.append(Contender("TFRS", "library", "ours", "tfrs_two_tower.py", legacy))
    name = "in-batch" if negatives == "in_batch" else f"sampled-{negatives}"
    return Row(f"two-tower-gowalla-{name}", "events", "gowalla", case, tuple(contenders))


EVALUATION = Row(
    "evaluation-gowalla",
    "users",
    "gowalla",
    {"k": 20, "batch_size": 512, "dim": DIM},
    (
        Contender("ours", "ours", "ours", "ours_evaluation.py", {"every_rank": False}),
        Contender("ours, every rank", "bare", "ours", "ours_evaluation.py", {"every_rank": True}),
        Contender("PyTorch, masked", "fair peer", "torch", "torch_evaluation.py", {"mask": True}),
        Contender("PyTorch, bare", "bare", "torch", "torch_evaluation.py", {"mask": False}),
        Contender("implicit", "library", "ours", "implicit_evaluation.py"),
    ),
)


def _growth(optimizer: str) -> Row:
    """Two towers on catalogues of growing size; the ratio is how much longer a step takes."""
    case = {"dim": DIM, "batch_size": 4096, "optimizer": optimizer}
    sizes = {"100 thousand": 10**5, "10 thousand": 10**4, "1 million": 10**6, "10 million": 10**7}
    contenders = [
        Contender(f"{name} items", "ours", "ours", "ours_growth.py", {"catalogue": size})
        for name, size in sizes.items()
    ]
    return Row(f"growth-{optimizer}", "events", None, case, tuple(contenders))


def _prepare(name: str, events: int) -> Row:
    """A generated log to a dataset; the bare sort of it."""
    contenders = (
        Contender("ours", "ours", "ours", "ours_prepare.py"),
        Contender("DuckDB's sort", "bare", "ours", "duckdb_sort.py"),
    )
    return Row(f"prepare-{name}", "events", GENERATED, {"events": events}, contenders)


def _start(name: str, role: Role, environment: str, program: str) -> Contender:
    return Contender(name, role, environment, "command.py", {"program": program})


HELP = "import sys; sys.argv = ['recsys', '--help']; import recsys.cli; recsys.cli.main()"
START = Row(
    "start",
    "starts",
    None,
    {},
    (
        _start("recsys --help", "ours", "ours", HELP),
        _start("our training", "bare", "ours", "import recsys.pipeline, recsys.training.fit"),
        _start("TensorFlow, Keras", "bare", "ours", "import tensorflow, keras"),
        _start("RecTools", "library", "rectools", "import rectools.models"),
        _start("RecBole", "library", "recbole", "import recbole.quick_start"),
    ),
)
ROWS = {
    row.name: row
    for row in (
        *(
            _sequence(encoder, data, loss)
            for encoder in ("attention", "lstm")
            for data in ("movielens-1m", "beauty")
            for loss in ("cross_entropy", "sampled")
        ),
        _two_tower("in_batch"),
        _two_tower(800),
        EVALUATION,
        _growth("adam"),
        _growth("adagrad"),
        START,
        _prepare("25m", 25_000_000),
        _prepare("100m", 100_000_000),
        *(
            _compiler(encoder, data, loss)
            for data in ("movielens-1m", "beauty")
            for encoder, loss in (
                (ATTENTION, "cross_entropy"),
                (ATTENTION, "sampled"),
                (LSTM, "cross_entropy"),
                (LSTM, "sampled"),
                (CONVOLUTION, "cross_entropy"),
            )
        ),
    )
}
