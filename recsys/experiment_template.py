"""A commented experiment to start from, written for a log that nobody has described yet."""

from pathlib import Path

from recsys.atomic import atomic_path
from recsys.data.roles import RoleGuess, guess_roles
from recsys.data.sources import Columns
from recsys.errors import InputError
from recsys.yaml_text import inline_yaml

DEFAULTS = Path(__file__).parent / "defaults"
# The logs that the dense default was chosen and tried on have 50 moments a user or
# more, those of the sparse one 7 or fewer.
DENSE_MOMENTS = 20


def write_template(log: str, output: Path) -> str:
    """Guesses the roles of a log's columns and writes an experiment.

    Args:
        log: file, folder, glob or address.
        output: the file to write; must not exist.

    Returns:
        What was guessed and what to do next, for a person.

    Raises:
        InputError: the log cannot be read, no column looks like users or items,
            or ``output`` is there already.
    """
    if output.exists():
        raise InputError(f"{output} exists already: choose another file with --output")
    guess = guess_roles(log)
    text = _document(log, guess)
    with atomic_path(output) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return f"{text}\nwrote {output}. Check the roles, then: recsys run {output}"


def _document(log: str, guess: RoleGuess) -> str:
    statistics = guess.statistics
    span = f", from {statistics.first} to {statistics.last}" if statistics.first else ""
    has_order = guess.log.columns.time is not None or guess.log.columns.order is not None
    split = "time" if guess.log.columns.time else "leave_one_out" if has_order else "fixed"
    split_is_known = has_order or guess.log.columns.split is not None
    default = _default(statistics.moments_per_user, has_order)
    lines = [
        f"# Guessed from {log}:",
        f"# {statistics.rows:,} rows ({statistics.unusable:,} unusable), "
        f"{statistics.users:,} users, {statistics.items:,} items, "
        f"density {statistics.density:.2%}{span}.",
        f"# Columns: {', '.join(guess.columns)}.",
        *(f"# Check: {note}" for note in guess.notes),
        "",
        "data:",
        "  log:",
        *_log_section(guess),
        "  # Side tables; each feature is categorical, multivalued, numeric, text, vector, image.",
        "  # items: {path: items.csv, key: item_id, title: title, features: {brand: categorical}}",
        "  # users: {path: users.csv, key: user_id, features: {country: categorical}}",
        "  repeats: keep  # or first, last: of the same user and item",
        "  minimum_user_events: 1",
        "  minimum_item_events: 1",
        f"  split: {{kind: {split}}}  # time, leave_one_out or fixed (a column says)",
        *(
            []
            if split_is_known
            else ["  # Neither time nor order: map a column to the role `split`."]
        ),
        "",
        "# exclude: what the user had is not recommended again; allow: it may be (groceries).",
        "seen: exclude",
        "",
        f"# The default for {default} logs ({statistics.moments_per_user:.1f} moments a user).",
        "# query.encoder: average, lstm, gru, rnn, cnn or attention; a loss for large",
        "# catalogues: {kind: sampled_softmax}.",
        *_sections(default),
        "",
    ]
    return "\n".join(lines)


def _default(moments_per_user: float, has_order: bool) -> str:
    """The file of ``recsys/defaults`` that suits a log."""
    if not has_order:
        return "unordered"
    return "dense" if moments_per_user >= DENSE_MOMENTS else "sparse"


def _sections(default: str) -> list[str]:
    """The model and training sections of a default, without the comments at its head."""
    lines = (DEFAULTS / f"{default}.yaml").read_text(encoding="utf-8").splitlines()
    begin = next(index for index, line in enumerate(lines) if not line.startswith("#"))
    return lines[begin:]


def _log_section(guess: RoleGuess) -> list[str]:
    """The log section, a line per setting, each with the reason for the guess."""
    section = guess.log.model_dump(mode="json", exclude_defaults=True)
    columns = section.pop("columns")
    lines = [
        f"    {name}: {inline_yaml(value)}{_reason(guess, name)}" for name, value in section.items()
    ]
    lines.append("    columns:")
    for role, column in columns.items():
        lines.append(f"      {role}: {inline_yaml(column)}{_reason(guess, role)}")
    unused = [role for role in Columns.model_fields if role not in columns]
    lines.append(f"      # further roles: {', '.join(unused)}")
    return lines


def _reason(guess: RoleGuess, name: str) -> str:
    return f"  # {guess.reasons[name]}" if name in guess.reasons else ""
