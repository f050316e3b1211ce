"""One experiment file, typed."""

import copy
import difflib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin

import yaml
from pydantic import BaseModel, Field, ValidationError

from recsys.config import Seen, StrictConfig
from recsys.data.prepare import DataConfig
from recsys.errors import InputError
from recsys.evaluation.evaluate import EvaluationConfig
from recsys.export.export import ExportConfig
from recsys.models.retriever import ModelConfig
from recsys.search_space import SweepConfig
from recsys.tracking import TrackingConfig
from recsys.training.fit import TrainingConfig


class Experiment(StrictConfig):
    """Everything that a run follows from; each section belongs to one room."""

    name: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", description="names the run folder and the model"
    )
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
    sweep: SweepConfig | None = Field(None, description="read by `recsys sweep` alone")

    def dump(self) -> dict[str, Any]:
        """As plain JSON values, every default spelled out."""
        return self.model_dump(mode="json", exclude=None if self.sweep else {"sweep"})

    def with_values(self, values: Mapping[str, Any]) -> "Experiment":
        """The same experiment but for some values.

        Args:
            values: by dotted key, such as ``{"training.epochs": 3}``; a section is
                replaced before what lies within it.

        Raises:
            InputError: as for an experiment file.
        """
        # Only what was given: the defaults of one encoder may be unknown to another.
        document = self.model_dump(mode="json", exclude_unset=True)
        defaults = self.model_dump(mode="json")
        for key in sorted(values, key=lambda key: key.count(".")):
            _set(document, key, copy.deepcopy(values[key]), defaults)
        return _validated(document, document["name"])


def load_experiment(
    path: Path, overrides: list[str] | None = None, name: str | None = None
) -> Experiment:
    """Reads an experiment file.

    Args:
        path: a YAML file; its stem is the name unless it has a ``name``.
        overrides: ``dotted.key=value``, the value in YAML.
        name: instead of the experiment's own.

    Raises:
        InputError: no such file, no YAML, an unknown key (with the nearest
            right one) or a value of a wrong type.
    """
    if not path.is_file():
        raise InputError(f"there is no experiment file {path}")
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not a YAML file: {error}") from error
    if not isinstance(document, dict):
        raise InputError(f"{path} must hold sections such as `data:` and `model:`")
    document.setdefault("name", path.stem)
    for override in overrides or []:
        _override(document, override)
    if name:
        document["name"] = name
    return _validated(document, str(path))


def _validated(document: dict[str, Any], origin: str) -> Experiment:
    try:
        # By way of JSON, where lists may become tuples and text paths, but "7" no number.
        return Experiment.model_validate_json(json.dumps(document, default=str), strict=True)
    except ValidationError as error:
        raise InputError(f"{origin}:\n{_explain(error)}") from error


def _override(document: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    if not equals or not key:
        raise InputError(f"expected dotted.key=value, received {override!r}")
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise InputError(f"{override!r}: the value is not YAML") from error
    _set(document, key, value)


def _set(document: dict[str, Any], key: str, value: Any, defaults: Any = None) -> None:
    *sections, last = key.split(".")
    for section in sections:
        defaults = defaults.get(section) if isinstance(defaults, dict) else None
        if document.get(section) is None:
            # Its kind says which other keys it may have.
            has_kind = isinstance(defaults, dict) and "kind" in defaults
            document[section] = {"kind": defaults["kind"]} if has_kind else {}
        document = document[section]
        if not isinstance(document, dict):
            raise InputError(f"{key}: {section!r} is not a section")
    document[last] = value


def _explain(error: ValidationError) -> str:
    """One line per mistake: where, what, and the nearest right key."""
    lines = []
    for mistake in error.errors():
        location = mistake["loc"]
        sections = _sections(location)
        fields = sorted({name for section in sections for name in section.model_fields})
        where = ".".join(str(part) for part in location)
        if mistake["type"] == "extra_forbidden":
            near = difflib.get_close_matches(str(location[-1]), fields, n=1)
            mend = f"did you mean {near[0]!r}?" if near else f"known keys: {', '.join(fields)}."
            lines.append(f"  {where}: unknown key; {mend}")
        elif mistake["type"] == "missing":
            lines.append(f"  {where}: is needed")
        else:
            received = mistake.get("input")
            said = "" if isinstance(received, (dict, BaseModel)) else f", received {received!r}"
            lines.append(f"  {where}: {mistake['msg'].removeprefix('Value error, ')}{said}")
    return "\n".join(lines)


def _sections(location: tuple[int | str, ...]) -> list[type[BaseModel]]:
    """The config classes that the parent of a location may be."""
    sections: list[type[BaseModel]] = [Experiment]
    for part in location[:-1]:
        inner = [
            found
            for section in sections
            if part in section.model_fields
            for found in _models_in(section.model_fields[str(part)].annotation)
        ]
        if inner:
            sections = inner
        else:  # the tag of a discriminated union, or an index
            tagged = [s for s in sections if part in _tags(s)]
            sections = tagged or sections
    return sections


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    arguments = get_args(annotation)
    if get_origin(annotation) is Annotated:
        arguments = arguments[:1]
    return [found for argument in arguments for found in _models_in(argument)]


def _tags(section: type[BaseModel]) -> tuple[Any, ...]:
    kind = section.model_fields.get("kind")
    return get_args(kind.annotation) if kind else ()
