"""One experiment file, typed."""

import copy
import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from recsys.config import NAME, Seen, StrictConfig
from recsys.data.prepare.config import DataConfig
from recsys.errors import InputError
from recsys.evaluation.config import EvaluationConfig
from recsys.experiment.file import (
    DEFAULT_TASK,
    Document,
    Overrides,
    read_document,
    set_value,
    validated,
)
from recsys.experiment.own_parts import naming_own_parts
from recsys.experiment.run_name import RunName
from recsys.export.request import ExportConfig
from recsys.models.retriever import ModelConfig
from recsys.tracking import TrackingConfig
from recsys.training.config import TrainingConfig

# Read by `recsys sweep` alone, which finds what is wrong with it.
PASSED_OVER = ("sweep",)


class Experiment(StrictConfig):
    """Everything that a run follows from; each section belongs to one room."""

    task: Literal["recommendation"] = Field(
        "recommendation",
        description="what is learned; the tasks of installed packages have sections of their own",
    )
    name: RunName = Field(pattern=NAME, description="names the run folder and the model")
    data: DataConfig
    seen: Seen = Field(
        "exclude",
        description="whether items of the history are recommended again, in evaluation and serving",
    )
    model: ModelConfig = ModelConfig()
    training: TrainingConfig = TrainingConfig()
    evaluation: EvaluationConfig = EvaluationConfig()
    export: ExportConfig = ExportConfig()
    tracking: TrackingConfig = TrackingConfig()

    @model_validator(mode="after")
    def _filters_are_attributes(self) -> "Experiment":
        there = self.data.items.attributes if self.data.items is not None else {}
        for name in self.export.filters:
            if name not in there:
                near = difflib.get_close_matches(name, there, n=1)
                mend = f"did you mean {near[0]!r}? " if near else ""
                raise ValueError(
                    f"export.filters names {name!r}, which is not among data.items.attributes "
                    f"({', '.join(there) or 'there are none'}): {mend}name the column of the item "
                    f"table there, such as `attributes: {{{name}: categorical}}`"
                )
        return self

    def dump(self) -> dict[str, Any]:
        """As plain JSON values, every default spelled out."""
        return self.model_dump(mode="json")

    def with_values(self, values: Mapping[str, Any], origin: str = "") -> "Experiment":
        """The same experiment but for some values.

        Args:
            values: by dotted key, such as ``{"training.epochs": 3}``; a section is
                replaced before what lies within it.
            origin: for messages; the name by default.

        Raises:
            InputError: as for an experiment file.
        """
        # Only what was given: the defaults of one encoder may be unknown to another.
        document = self.model_dump(exclude_unset=True)  # as JSON it would lack secrets
        defaults = self.model_dump(mode="json")
        for key in sorted(values, key=lambda key: key.count(".")):
            set_value(document, key, copy.deepcopy(values[key]), defaults)
        return validated(Experiment, document, origin or document["name"])


def load_experiment(path: Path, overrides: Overrides = None, name: str | None = None) -> Experiment:
    """Reads an experiment file; sections that only another command reads are passed over.

    Args:
        path, overrides, name: see :func:`recsys.experiment.file.read_document`.

    Raises:
        InputError: there is none, it is of another task, or something in it is wrong.
    """
    document = read_document(path, overrides, name)
    check_task(document, path)
    for section in PASSED_OVER:
        document.pop(section, None)
    with naming_own_parts(path.parent):
        return validated(Experiment, document, str(path))


def check_task(document: Document, path: Path) -> None:
    """Refuses a file of another task.

    Args:
        document: as read.
        path: for the message.

    Raises:
        InputError: it is one.
    """
    if document["task"] != DEFAULT_TASK:
        raise InputError(
            f"{path} is an experiment of `task: {document['task']}`, which `recsys run` runs as a "
            f"whole; this needs one of `task: {DEFAULT_TASK}`"
        )
