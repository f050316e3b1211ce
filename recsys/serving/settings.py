"""What `recsys serve` may be told, and how much a request may ask for."""

import os
import re
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import Field, ValidationError, field_validator

from recsys.config import StrictConfig
from recsys.errors import InputError
from recsys.protection.keys import VARIABLE, key_named

TOKEN = "serve"
LOOPBACK = ("127.0.0.1", "localhost", "::1")


class ServingSettings(StrictConfig):
    """How the server listens, and its limits. A request beyond one is refused, and never cut."""

    host: str = Field("127.0.0.1", description="address to listen at")
    port: int = Field(8501, ge=0, le=65535, description="0: any that is free")
    name: str | None = Field(
        None,
        pattern=r"^[A-Za-z0-9_.-]+$",
        description="of the model in addresses; by default the experiment's or the registered "
        "model's",
    )
    labels: Mapping[str, str] = Field(
        {}, description="version by label, such as canary: 4; they stay loaded beside the newest"
    )
    without_token: bool = Field(
        False, description="listen beyond this machine although no token is set"
    )
    poll_seconds: float = Field(5.0, gt=0, description="between looks for a new version")
    body_bytes: int = Field(2 * 2**20, ge=1, description="largest body of a request")
    body_seconds: float = Field(20.0, gt=0, description="by which a body has come")
    batch: int = Field(256, ge=1, description="most rows of a request")
    history: int = Field(
        10_000, ge=1, description="most values of an input in one row, such as events of a history"
    )
    rate: str | None = Field(
        "100/second",
        description="of requests from one address, such as 100/second or 6000/minute; None: any",
    )
    workers: int | None = Field(
        None, ge=1, description="requests that TensorFlow works on at a time; None: one a core"
    )
    waiting: int = Field(256, ge=1, description="requests that may wait for that")

    @field_validator("rate")
    @classmethod
    def _is_a_rate(cls, rate: str | None) -> str | None:
        if rate is not None:
            from limits import parse

            try:
                parse(rate)
            except ValueError as error:
                raise ValueError("write it as 100/second or 6000/minute") from error
        return rate

    @classmethod
    def of(cls, **given: Any) -> "ServingSettings":
        """Settings as options have them.

        Raises:
            InputError: one of them cannot be used.
        """
        try:
            return cls(**given)
        except ValidationError as error:
            said = [
                f"--{str(each['loc'][0]).replace('_', '-')}: "
                f"{each['msg'].removeprefix('Value error, ')}, received {each['input']!r:.80}"
                for each in error.errors()
            ]
            raise InputError("\n".join(said)) from error


def read_labels(given: Sequence[str]) -> dict[str, str]:
    """Versions by label.

    Args:
        given: such as ``canary=4``.

    Raises:
        InputError: one of them has another form, or a label has two versions.

    >>> read_labels(["stable=3", "canary=4"])
    {'stable': '3', 'canary': '4'}
    """
    found: dict[str, str] = {}
    for each in given:
        label, _, version = each.partition("=")
        if not re.fullmatch(r"[A-Za-z0-9_.-]+", label) or not version.isdecimal():
            raise InputError(f"--label {each}: write it as LABEL=VERSION, such as canary=4")
        if found.setdefault(label, version) != version:
            raise InputError(f"--label {label}: two versions ({found[label]} and {version})")
    return found


def serving_token(settings: ServingSettings) -> bytes | None:
    """The token that requests must bring, from the environment; None: anyone may ask.

    It is the key called ``serve`` (:mod:`recsys.protection.keys`): in ``RECSYS_KEY_SERVE``, in the
    file that ``RECSYS_KEY_SERVE_FILE`` names, or printed by ``RECSYS_KEY_SERVE_COMMAND``.

    Raises:
        InputError: it is not a key, or there is none and the server would be open to others.
    """
    variable = VARIABLE + TOKEN.upper()
    if any(variable + end in os.environ for end in ("", "_FILE", "_COMMAND")):
        return key_named(TOKEN).secret
    if settings.host not in LOOPBACK and not settings.without_token:
        raise InputError(
            f"--host {settings.host} lets other machines ask, and no token is set: set {variable} "
            f"(or {variable}_FILE) to one, such as `openssl rand -hex 32` prints, or say "
            "--without-token where the network alone decides who may ask"
        )
    return None
