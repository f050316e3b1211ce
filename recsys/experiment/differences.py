"""What distinguishes two experiments."""

from collections.abc import Iterable
from typing import Any


def differences(one: Any, other: Any, prefix: str = "") -> list[str]:
    """Dotted keys at which two documents differ; a section that only one of them has is one key.

    Args:
        one: nested sections, or a value within.
        other: likewise. A key that is missing is as good as one without a value.
        prefix: the key of the section that they are.

    >>> differences({"seen": "allow", "model": {"dim": 8}}, {"model": {"dim": 16}})
    ['seen', 'model.dim']
    """
    if not (isinstance(one, dict) and isinstance(other, dict)):
        return [] if one == other else [prefix]
    return [
        difference
        for key in {**one, **other}
        for difference in differences(
            one.get(key), other.get(key), f"{prefix}.{key}" if prefix else str(key)
        )
    ]


def is_within(key: str, sections: Iterable[str]) -> bool:
    """Whether a dotted key is one of some keys, or lies in a section that is one.

    >>> is_within("model.dim", ["data", "model"]), is_within("models", ["data", "model"])
    (True, False)
    """
    return any(key == section or key.startswith(f"{section}.") for section in sections)
