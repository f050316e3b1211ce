"""What happens in a run, for programs: events, one JSON object a line.

They are told wherever they happen (:func:`emit`) and written where somebody asked for them
(:func:`events_written`, the command line's ``--json``); otherwise they cost nothing.
"""

import contextlib
import logging
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Annotated, Any, Literal, TextIO

from pydantic import BaseModel, ConfigDict, Field, RootModel

from recsys.system.redaction import redact

logger = logging.getLogger("recsys")


class Event(BaseModel):
    """Something that happened. Keys are only ever added."""

    model_config = ConfigDict(extra="forbid", frozen=True, ser_json_inf_nan="null")


class StageBegan(Event):
    """A stage of a run begins."""

    event: Literal["stage_began"] = "stage_began"
    run: str = Field(description="folder of the run")
    seed: int = Field(description="of the run")
    stage: str = Field(description="prepare, train, evaluate or export")


class StageEnded(Event):
    """A stage of a run has come to its end."""

    event: Literal["stage_ended"] = "stage_ended"
    run: str = Field(description="folder of the run")
    seed: int = Field(description="of the run")
    stage: str = Field(description="prepare, train, evaluate or export")
    seconds: float = Field(description="that it took this process")
    peak_memory_gib: float = Field(
        description="GiB of main memory that the process held at most until now"
    )


class EpochEnded(Event):
    """An epoch of a training has come to its end, and was validated."""

    event: Literal["epoch"] = "epoch"
    epoch: int = Field(description="from 1 on")
    epochs: int = Field(description="at most")
    loss: float = Field(description="mean over the epoch's events")
    metric: str | None = Field(None, description="that decides; none while a model is refitted")
    value: float | None = Field(None, description="of the metric, on the validation part")
    best: float | None = Field(None, description="value of the metric so far")
    best_epoch: int | None = Field(None, description="that had it")
    train_seconds: float = Field(description="in training so far, of all processes")
    events_per_second: float | None = Field(
        None, description="of this process in this epoch, without the first dispatch"
    )
    memory_gib: float | None = Field(
        None, description="GiB in use: of the accelerator, or of the process on a CPU"
    )


class Message(Event):
    """A line that people are told."""

    event: Literal["message"] = "message"
    level: Literal["info", "warning"] = Field(description="whether a person must read it")
    text: str = Field(description="as it is on stderr")


class TrialEnded(Event):
    """A trial of a sweep has come to its end."""

    event: Literal["trial"] = "trial"
    trial: int = Field(description="from 0 on")
    outcome: str = Field(description="such as complete, pruned or refused")
    metric: str = Field(description="that trials are chosen by")
    value: float | None = Field(description="of the metric, on the validation part")
    is_best: bool = Field(description="whether it is the best so far")
    epochs: int = Field(description="that were trained")
    seconds: float = Field(description="of all its continuations")
    settings: dict[str, Any] = Field(description="that were tried, by dotted key")
    taken: dict[str, float] = Field(
        description="what the exported model takes, by the names of sweep.minimize"
    )


class Compared(Event):
    """One comparison of two contenders."""

    event: Literal["comparison"] = "comparison"
    model: str = Field(description="name of a run, or of lists")
    other: str = Field(description="of what it is compared with")
    metric: str = Field(description="such as ndcg@10")
    group: str | None = Field(None, description="of users or items, with --by")
    difference: float = Field(description="the model's value minus the other's")
    low: float | None = Field(description="lower end of its 95 % interval")
    high: float | None = Field(description="upper end, likewise")
    p_value: float | None = Field(description="of no difference, two-sided, on its own")
    p_adjusted: float | None = Field(description="corrected for all comparisons made at once")
    real: bool = Field(description="whether a difference was found")
    queries: int = Field(description="that were compared")
    users: int = Field(description="who asked them")
    sentence: str = Field(description="what was found, in words")


class GroupCompared(Event):
    """How a run fares with one group of users or items, beside all others."""

    event: Literal["group"] = "group"
    run: str = Field(description="folder of the run")
    by: str = Field(description="the attribute, such as user.country")
    group: str = Field(description="its value")
    metric: str = Field(description="such as ndcg@10")
    value: float = Field(description="of the metric, of the group's queries")
    low: float | None = Field(description="lower end of its 95 % interval")
    high: float | None = Field(description="upper end, likewise")
    gap: float = Field(description="the group's metric minus that of all others")
    gap_low: float | None = Field(description="lower end of its 95 % interval")
    gap_high: float | None = Field(description="upper end, likewise")
    p_adjusted: float | None = Field(description="corrected for all gaps found at once")
    real: bool = Field(description="whether a gap was found")
    queries: int = Field(description="that were compared")
    users: int = Field(description="who asked them")
    sentence: str = Field(description="what was found, in words")


class ListedRun(Event):
    """A run of the runs folder."""

    event: Literal["run"] = "run"
    path: str = Field(description="its folder")
    name: str = Field(description="of the experiment")
    seed: int | None = Field(description="none of a sweep")
    task: str = Field(description="such as recommendation")
    state: Literal["running", "finished", "interrupted", "failed", "damaged"] = Field(
        description="interrupted: by Ctrl-C, a kill or a power cut; the same command continues"
    )
    done: str | None = Field(
        description="how far it has come: trained, evaluated, exported; of a sweep, searched"
    )
    metric: str | None = Field(description="that it is judged by; none of other tasks")
    validation: float | None = Field(description="value of the metric")
    value: float | None = Field(description="of the metric on the test part, once it was ranked")
    low: float | None = Field(description="lower end of its 95 % interval")
    high: float | None = Field(description="upper end, likewise")
    duration_seconds: float | None = Field(
        description="of all stages that were measured; of a run that is running, since it began"
    )
    age_seconds: float = Field(description="since something was written in it last")
    error: str | None = Field(description="what made it fail, or what is damaged")


class Done(Event):
    """A run, or what else was asked for, is done."""

    event: Literal["done"] = "done"
    path: str = Field(description="of the run's folder; of a sweep, the winner's experiment file")
    seed: int | None = Field(None, description="of a run")
    metrics: dict[str, Any] | None = Field(
        None, description="of the test part: value, low and high by metric"
    )
    report: str | None = Field(None, description="path of the page")


class Failed(Event):
    """The command has ended before its end; the last line."""

    event: Literal["error"] = "error"
    status: int = Field(description="exit status: 2 bad input, 1 a failure of ours, 128 + signal")
    message: str = Field(description="what was wrong, where, and how to mend it")


AnyEvent = Annotated[
    StageBegan
    | StageEnded
    | EpochEnded
    | Message
    | TrialEnded
    | Compared
    | GroupCompared
    | ListedRun
    | Done
    | Failed,
    Field(discriminator="event"),
]


class EventLine(RootModel[AnyEvent]):
    """A line that ``--json`` writes."""


_listener: ContextVar[Callable[[Event], None] | None] = ContextVar("_listener", default=None)


def emit(event: Event) -> None:
    """Tells of an event, if anyone listens."""
    if (listener := _listener.get()) is not None:
        listener(event)


def are_heard() -> bool:
    """Whether anyone listens."""
    return _listener.get() is not None


@contextlib.contextmanager
def events_written(stream: TextIO) -> Iterator[None]:
    """Within it, events and the lines for people are written as JSON, an object a line.

    Args:
        stream: to write to; each line is flushed.
    """

    def write(event: Event) -> None:
        print(event.model_dump_json(), file=stream, flush=True)

    handler = _Messages(write)
    before = _listener.set(write)
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        _listener.reset(before)


class _Messages(logging.Handler):
    """Lines for people as events."""

    def __init__(self, write: Callable[[Event], None]) -> None:
        super().__init__()
        self._write = write

    def emit(self, record: logging.LogRecord) -> None:
        """Writes one line."""
        level: Literal["info", "warning"] = (
            "info" if record.levelno < logging.WARNING else "warning"
        )
        self._write(Message(level=level, text=redact(record.getMessage().strip())))
