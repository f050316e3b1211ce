"""What a run took, stage by stage: seconds and memory, as far as they were measured."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# What stages are called for people, in the order in which they come.
STAGES = {
    "prepare": "prepare the log, or find it prepared",
    "train": "train",
    "validate": "validate after each epoch",
    "evaluate": "rank the test part, baselines too",
    "export": "export the SavedModel, behind its gate",
}


@dataclass(frozen=True)
class Stage:
    """A stage of a run.

    Attributes:
        name: a key of :data:`STAGES`.
        seconds: that it took, of all processes together where it was interrupted.
        memory_gib: the most main memory that the process held until its end; None: not measured.
        device_gib: the most memory of the accelerator; None: not measured, or there is none.
    """

    name: str
    seconds: float
    memory_gib: float | None
    device_gib: float | None


def stages_of(
    stages: Mapping[str, Mapping[str, Any]],
    timing: Mapping[str, Any],
    history: Sequence[Mapping[str, Any]],
) -> list[Stage]:
    """The stages of a run that were measured, in order.

    Args:
        stages: ``stages.json``: ``seconds`` and ``peak_memory_gib`` by stage.
        timing: the section of ``metrics.json``, or ``training.json``, which count a training over
            all its processes.
        history: ``history.json``.

    >>> [stage.name for stage in stages_of({"prepare": {"seconds": 2.0}}, {}, [])]
    ['prepare']
    """
    found = {name: _stage(name, measured) for name, measured in stages.items()}
    if "train_seconds" in timing:
        found["train"] = Stage(
            "train",
            timing["train_seconds"],
            timing.get("peak_memory_gib"),
            timing.get("peak_device_memory_gib"),
        )
    validated = [each["validation_seconds"] for each in history if "validation_seconds" in each]
    if validated:
        found["validate"] = Stage("validate", sum(validated), None, None)
    return [found[name] for name in STAGES if name in found]


def _stage(name: str, measured: Mapping[str, Any]) -> Stage:
    return Stage(name, measured["seconds"], measured.get("peak_memory_gib"), None)
