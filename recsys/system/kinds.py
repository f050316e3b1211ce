"""Settings that are of one kind of several, to which users and installed packages add their own.

Such a setting is a section with a ``kind``, whose config class holds what else there is to set and
what the part needs, and builds it. The classes are the framework's own, those of installed
packages (an entry point whose name is the kind), and those of which a program gives an instance:
a notebook's, say.
"""

import json
from collections.abc import Mapping, Sequence
from functools import cache, reduce
from operator import or_
from typing import Annotated, Any, get_args

from pydantic import BaseModel, Field, GetCoreSchemaHandler, TypeAdapter
from pydantic_core import CoreSchema, PydanticKnownError, core_schema

from recsys.errors import InputError
from recsys.system.plugins import load_plugin, plugins

# Classes that this process was given an instance of, by module and name: a notebook's cell that
# is run again replaces its class.
_own: dict[tuple[str, str], type[BaseModel]] = {}


def remember(kind: type[BaseModel]) -> None:
    """Has every setting of this process know a class that a program brings itself."""
    _own[kind.__module__, kind.__qualname__] = kind


def own_classes(document: Any) -> list[type[BaseModel]]:
    """The remembered classes whose kinds occur in a document.

    Args:
        document: nested sections, such as a model's configuration.
    """
    if isinstance(document, Mapping):
        here = [each for each in _own.values() if document.get("kind") in kinds_of(each)]
        return list(dict.fromkeys([*here, *own_classes(list(document.values()))]))
    if isinstance(document, list | tuple):
        return list(dict.fromkeys(found for each in document for found in own_classes(each)))
    return []


def kinds_of(section: type[BaseModel]) -> tuple[str, ...]:
    """What the ``kind`` of a config class may be; nothing for one without."""
    field = section.model_fields.get("kind")
    return get_args(field.annotation) if field else ()


class Kinds:
    """The classes that a setting may be of: ``encoder: Annotated[EncoderConfig, ENCODERS]``.

    Pydantic reads such a field from a section with a ``kind`` or from an instance of one of the
    classes, and writes it as a section.

    Args:
        what: one of them in words, such as ``encoder``.
        group: of the entry points, such as ``recsys.encoders``.
        protocol: what an instance can do.
        ours: the framework's own classes.
        short: whether the ``kind`` alone is enough in a file, where nothing else is set.
    """

    def __init__(
        self,
        what: str,
        group: str,
        protocol: type,
        ours: Sequence[type[BaseModel]],
        short: bool = False,
    ) -> None:
        self.what = what
        self.group = group
        self._members = sorted(
            {*protocol.__annotations__, *(n for n in vars(protocol) if not n.startswith("_"))}
        )
        self._ours = {kind: section for section in ours for kind in kinds_of(section)}
        self._short = short
        self._installed: list[type[BaseModel]] = []  # those that were imported

    @property
    def names(self) -> list[str]:
        """Every kind that there is; no package is imported for it."""
        own = [kind for each in self._given() for kind in kinds_of(each)]
        return list(dict.fromkeys([*self._ours, *own, *plugins(self.group)]))

    @property
    def classes(self) -> list[type[BaseModel]]:
        """The classes that are imported already."""
        return list(dict.fromkeys([*self._ours.values(), *self._given(), *self._installed]))

    @property
    def hint(self) -> str:
        """How a kind that is not known becomes known."""
        return (
            f"a class of your own is known in a program that gives an instance of it, and "
            f"everywhere once its package is installed, with an entry point of {self.group}"
        )

    def _given(self) -> list[type[BaseModel]]:
        return [each for each in _own.values() if not self._missing(each)]

    def _missing(self, section: type) -> list[str]:
        """What a class lacks of the protocol."""
        fields = getattr(section, "model_fields", {})
        return [name for name in self._members if name not in fields and not hasattr(section, name)]

    def find(self, kind: str) -> type[BaseModel] | None:
        """The class of a kind, imported from its package if need be; None: there is none.

        Raises:
            InputError: several classes are of the kind, or a package's class is unusable.
        """
        self._refuse_packages_that_replace_ours()
        found = [self._ours[kind]] if kind in self._ours else []
        found += [each for each in self._given() if kind in kinds_of(each)]
        if kind in plugins(self.group):
            installed = load_plugin(self.group, kind)
            self._check(installed, f"the entry point {kind!r} of {self.group}")
            if kind not in kinds_of(installed):
                raise InputError(
                    f"the entry point {kind!r} of {self.group} is {_name(installed)}, whose `kind` "
                    f"is {' or '.join(map(repr, kinds_of(installed)))}: name the entry point so"
                )
            found.append(installed)
            self._installed = [*dict.fromkeys([*self._installed, installed])]
        found = list(dict.fromkeys(found))
        if len(found) > 1:
            raise InputError(
                f"{' and '.join(map(_name, found))} are both the {self.what} of kind {kind!r}: "
                "give one of them another `kind`"
            )
        return found[0] if found else None

    @cache  # noqa: B019 — there are a few of these, for as long as the process lives
    def _refuse_packages_that_replace_ours(self) -> None:
        for kind in plugins(self.group).keys() & self._ours.keys():
            packages = " and ".join(
                "an unnamed package" if each.dist is None else each.dist.name
                for each in plugins(self.group)[kind]
            )
            raise InputError(
                f"{packages} adds {kind!r} to {self.group}, which is the {self.what} of that kind "
                "in recsys itself: uninstall it, or a version that names it otherwise"
            )

    def _check(self, section: Any, where: str) -> None:
        is_class = isinstance(section, type) and issubclass(section, BaseModel)
        if not is_class or not kinds_of(section) or (missing := self._missing(section)):
            lacks = f"; it lacks {', '.join(missing)}" if is_class and kinds_of(section) else ""
            raise InputError(
                f"{where} is {_name(section)}: expected the config class of some {self.what} (a "
                f"pydantic model with a `kind: Literal[...]`{lacks})"
            )

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        ours = handler.generate_schema(_union(tuple(dict.fromkeys(self._ours.values()))))
        # What an editor completes: the kinds of packages and programs are not known to it.
        named = core_schema.literal_schema(list(self._ours))
        return core_schema.with_info_wrap_validator_function(
            self._validate,
            ours,
            json_schema_input_schema=(
                core_schema.union_schema([named, ours]) if self._short else ours
            ),
            serialization=(
                core_schema.plain_serializer_function_ser_schema(_shortened, info_arg=True)
                if self._short
                else core_schema.simple_ser_schema("any")
            ),
        )

    def _validate(self, value: Any, ours: Any, info: Any) -> Any:
        if isinstance(value, BaseModel):
            given = type(value)
            if given not in self._ours.values():
                self._check(given, f"the {self.what}")
                remember(given)
                self.find(value.kind)  # type: ignore[attr-defined]
            # Its kind was given with it, and is written with what else was given.
            return value.model_copy(update={"kind": value.kind})  # type: ignore[attr-defined]
        if self._short and isinstance(value, str):
            value = {"kind": value}
        kind = value.get("kind") if isinstance(value, Mapping) else None
        if not isinstance(kind, str):
            return ours(value)
        section = self.find(kind)
        if section is None:
            raise PydanticKnownError(
                "union_tag_invalid",
                {
                    "discriminator": "'kind'",
                    "tag": kind,
                    "expected_tags": ", ".join(map(repr, self.names)),
                },
            )
        if kind in self._ours:
            return ours(value)
        adapter = _adapter((*dict.fromkeys(self._ours.values()), section))
        if info.mode == "json":
            return adapter.validate_json(json.dumps(value), strict=True)
        return adapter.validate_python(value)


def _union(sections: tuple[type[BaseModel], ...]) -> Any:
    return Annotated[reduce(or_, sections), Field(discriminator="kind")]


@cache
def _adapter(sections: tuple[type[BaseModel], ...]) -> TypeAdapter:
    return TypeAdapter(_union(sections))


def _shortened(value: Any, info: Any) -> Any:
    dumped = value.model_dump(mode=info.mode)
    further = value.model_dump(mode=info.mode, exclude_defaults=True, exclude={"kind"})
    return dumped if further else dumped["kind"]


def _name(section: Any) -> str:
    if not isinstance(section, type):
        return repr(section)
    where = section.__module__
    return f"{section.__qualname__} of {'this program' if where == '__main__' else where}"
