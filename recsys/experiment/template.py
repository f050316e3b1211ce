"""A commented experiment to start from, written for a log that has not been described yet."""

import os
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from recsys.config import NAME
from recsys.data.prepare.features.kinds import FEATURES
from recsys.data.sources.addresses import expand, expand_environment
from recsys.data.sources.config import Columns
from recsys.errors import InputError
from recsys.experiment.roles.guess import RoleGuess, guess_roles
from recsys.experiment.roles.log_statistics import LogStatistics
from recsys.system.display import counted
from recsys.system.files import atomic_path
from recsys.system.yaml_text import inline_yaml

DEFAULTS = Path(__file__).parent / "defaults"
SCHEMA = Path(__file__).parent / "schemas" / "experiment.schema.json"
# The logs that the dense default was chosen and tried on have 50 timestamp groups a
# user or more, those of the sparse one 7 or fewer.
DENSE_GROUPS = 20
# Share of what users did that they had done before, from which on it may be recommended again.
COMES_BACK = 0.2
# Share of what users did in baskets of several items, from which on they are the rule. A log of
# single events whose clock counts whole seconds has a few by chance.
IN_BASKETS = 0.5
# The shortest catalogue of which the usual lists of 5, 10 and 20 are a choice.
FEW_ITEMS = 20


@dataclass(frozen=True)
class Written:
    """An experiment that was written.

    Attributes:
        text: of the file.
        notes: what a person should check, also in the file.
        next: what to do now.
    """

    text: str
    notes: tuple[str, ...]
    next: str


def write_template(
    log: str,
    output: Path,
    roles: Mapping[str, str] | None = None,
    reading: Mapping[str, str] | None = None,
) -> Written:
    """Guesses the roles of a log's columns and writes an experiment.

    Args:
        log: file, folder, glob or address.
        output: the file to write; must not exist.
        roles: those that are known, such as ``{"user": "customer"}``.
        reading: how to read the log, such as ``{"delimiter": ";"}``.

    Raises:
        InputError: the log cannot be read, a column that is named is not there or cannot play
            its role, or ``output`` is there already.
    """
    expand(expand_environment(log), None)  # a log that is missing is said first
    if output.exists():
        raise InputError(f"{output} exists already: choose another file with --output")
    guess = guess_roles(log, roles, reading)
    text = _document(log, guess, output)
    output.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(output) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return Written(text, tuple(map(_one_line, guess.notes)), _next(guess, output))


def _next(guess: RoleGuess, output: Path) -> str:
    command = f"recsys run {shlex.quote(str(output))}"
    if not guess.blanks:
        return f"wrote {output}. Check the roles, then: {command}"
    blanks = " and ".join(f"data.log.columns.{role}" for role in guess.blanks)
    options = " ".join(f"--{role} COLUMN" for role in guess.blanks)
    return (
        f"wrote {output}, and no column looks like the {' or the '.join(guess.blanks)}. Fill in "
        f"{blanks} (or give `recsys init` {options}), then: {command}"
    )


def _document(log: str, guess: RoleGuess, output: Path) -> str:
    has_order = bool({"time", "order"} & set(guess.roles))
    found = guess.statistics
    split = (found.split if found else None) or _likely_split(guess)
    default = _default(found, has_order)
    repeats = found.repeats if found else 0.0
    seen = "allow" if repeats >= COMES_BACK else "exclude"
    lines = [
        *_completion(output),
        f"# Guessed from {_one_line(log)}:",
        *_sizes(guess),
        f"# Columns: {_one_line(', '.join(guess.columns))}.",
        *(f"# Check: {_one_line(note)}" for note in guess.notes),
        "",
        *_name(output),
        "data:",
        "  log:",
        *_log_section(guess),
        f"  # Side tables; each feature is {', '.join(FEATURES)}.",
        "  # items: {path: items.csv, key: item_id, title: title, features: {brand: categorical}}",
        "  # users: {path: users.csv, key: user_id, features: {country: categorical}}",
        "  repeats: keep  # or first, last: of the same user and item",
        "  minimum_user_events: 1",
        "  minimum_item_events: 1",
        f"  split: {inline_yaml(split)}  # time, leave_one_out, random, or fixed (by a column)",
        "",
        "# exclude: what the user had is not recommended again; allow: it may be (groceries).",
        *([f"# {repeats:.0%} of what users did, they had done before with the same item."]
          if found else []),
        f"seen: {seen}",
        "",
        *_reason_of_default(default, found),
        "# query.encoder: average, lstm, gru, rnn, cnn, time_varying, attention or frequency;",
        "# a loss for large catalogues: {kind: sampled_softmax}.",
        *_sections(default),
        *_evaluation(found.items if found else None),
        "",
    ]  # fmt: skip
    return "\n".join(lines)


def _completion(output: Path) -> list[str]:
    """The line by which editors find the JSON Schema of the file."""
    path = os.path.relpath(SCHEMA, output.parent)
    # They read it up to the first blank.
    return [] if re.search(r"\s", path) else [f"# yaml-language-server: $schema={path}"]


def _sizes(guess: RoleGuess) -> list[str]:
    found = guess.statistics
    if found is None:
        return [f"# {counted(guess.rows, 'row')}."]
    span = f", from {found.first} to {found.last}" if found.first else ""
    reasons = ", ".join(f"{reason} {rows:,}" for reason, rows in found.unusable.items())
    left_out = f" ({sum(found.unusable.values()):,} unusable: {reasons})" if reasons else ""
    return [
        f"# {counted(found.rows, 'row')}{left_out}, {counted(found.users, 'user')}, "
        f"{counted(found.items, 'item')}, density {found.density:.2%}{span}."
    ]


def _likely_split(guess: RoleGuess) -> dict[str, str]:
    """For a log whose roles are not all known."""
    kinds = {"time": "time", "order": "leave_one_out", "split": "fixed"}
    return {"kind": next((kinds[role] for role in kinds if role in guess.roles), "random")}


def _name(output: Path) -> list[str]:
    """A name, where the file's own cannot be that of a run."""
    if re.fullmatch(NAME, output.stem):
        return []
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", output.stem).strip("-._")
    return [f"name: {plain or 'experiment'}", ""]


def _evaluation(items: int | None) -> list[str]:
    """Shorter lists, where the usual ones would hold every item."""
    if items is None or items > FEW_ITEMS:
        return []
    k = sorted({1, max(1, items // 4), max(1, items // 2)})
    return ["", f"# Of {items} items, a list of ten leaves no choice.",
            f"evaluation: {{k: {k}, metric: ndcg@{k[-1]}}}"]  # fmt: skip


def _default(found: LogStatistics | None, has_order: bool) -> str:
    """The file of ``recsys/experiment/defaults`` that suits a log."""
    if not has_order:
        return "unordered"
    if found is None:
        return "sparse"
    if found.in_baskets >= IN_BASKETS and found.repeats >= COMES_BACK:
        return "baskets"
    return "dense" if found.groups_per_user >= DENSE_GROUPS else "sparse"


def _reason_of_default(default: str, found: LogStatistics | None) -> list[str]:
    """Which default it is, and the figures of the log that chose it."""
    kind = "logs of baskets" if default == "baskets" else f"{default} logs"
    if found is None or default == "unordered":
        return [f"# The default for {kind}."]
    return [
        f"# The default for {kind}: {found.in_baskets:.0%} of what users did was in baskets of",
        f"# several items ({IN_BASKETS:.0%} or more, and {COMES_BACK:.0%} or more done before: "
        "baskets),",
        f"# {found.groups_per_user:.1f} timestamp groups a user "
        f"({DENSE_GROUPS} or more: dense, fewer: sparse).",
    ]


def _sections(default: str) -> list[str]:
    """The model and training sections of a default, without the comments at its head."""
    lines = (DEFAULTS / f"{default}.yaml").read_text(encoding="utf-8").splitlines()
    begin = next(index for index, line in enumerate(lines) if not line.startswith("#"))
    return lines[begin:]


def _log_section(guess: RoleGuess) -> list[str]:
    """The log section, a line per setting, each with the reason for the guess."""
    lines = [
        f"    {name}: {inline_yaml(value)}{_reason(guess, name)}"
        for name, value in guess.settings.items()
    ]
    lines.append("    columns:")
    for role in Columns.model_fields:
        if role in guess.roles:
            lines.append(f"      {role}: {inline_yaml(guess.roles[role])}{_reason(guess, role)}")
        elif role in guess.blanks:
            candidates = _one_line(", ".join(guess.blanks[role]))
            lines.append(f'      {role}: ""  # FILL IN, likely one of: {candidates}')
            if role == "item":
                lines.append("      # (or without the line, for predictions about users only)")
    known = {*guess.roles, *guess.blanks}
    unused = [role for role in Columns.model_fields if role not in known]
    lines.append(f"      # further roles: {', '.join(unused)}")
    return lines


def _reason(guess: RoleGuess, name: str) -> str:
    return f"  # {_one_line(guess.reasons[name])}" if name in guess.reasons else ""


def _one_line(text: str) -> str:
    """Text for a comment or a terminal: names of columns may hold line ends and worse."""
    return "".join(letter if letter.isprintable() else " " for letter in text)
