"""An audience: users that a condition picks, enough of them that none is singled out."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import Field, PositiveInt, model_validator

from recsys.config import NAME, StrictConfig
from recsys.errors import InputError
from recsys.marketing.audiences.lookalikes import LookalikeConfig, Lookalikes
from recsys.marketing.audiences.query import rows_where
from recsys.marketing.audiences.seed_holdout import SeedHoldout, measure
from recsys.marketing.audiences.suppression import (
    Suppressed,
    SuppressionConfig,
    check_suppression,
    read_suppressed,
    suppression_contacts,
)
from recsys.marketing.audiences.users_table import SEGMENT, USER, UsersTable, read_users
from recsys.marketing.contacts.contacts import ContactsConfig
from recsys.marketing.formats import with_format
from recsys.marketing.versions import fingerprint, keep_version
from recsys.protection.encryption import write_frame
from recsys.protection.forgotten import forgotten_users
from recsys.runs.folder import RunFolder
from recsys.runs.opening import open_run
from recsys.system.display import counted
from recsys.system.yaml_text import dump_yaml

# In the runs folder, all audiences lie in this one.
FOLDER = "audiences"
MEMBERS, DEFINITION, COUNTS = "members.parquet", "audience.yaml", "audience.json"


class Definition(StrictConfig):
    """Which users are meant."""

    where: str = Field(
        description="condition on features, segments and predictions, in SQL, such as "
        "`segment = 'dormant' and leaves > 0.6`",
    )
    lookalike: LookalikeConfig | None = Field(
        None,
        description="take the users most like those that `where` picks, and not these themselves",
    )


class AudienceConfig(Definition):
    """An audience file."""

    name: str = Field(pattern=NAME, description="names its folder")
    runs: dict[str, str] = Field(
        min_length=1,
        description="folders of runs of `task: propensity`, by the name that their prediction "
        "gets in `where`",
    )
    minimum_size: PositiveInt = Field(
        50, ge=5, description="users that an audience has at least (k-anonymity)"
    )
    suppress: SuppressionConfig | None = Field(None, description="users who opted out")
    contacts: ContactsConfig | None = Field(
        None,
        description="contacts in which the addresses of the opt-out list are found; a list of "
        "ids needs none",
    )

    @model_validator(mode="after")
    def _knows_opt_outs(self) -> "AudienceConfig":
        check_suppression(self.suppress, self.contacts)
        return self


@dataclass(frozen=True)
class Audience:
    """The users who are meant, now.

    Attributes:
        rows: of the users table, those of the members.
        of: how many users were asked.
        suppressed: members who opted out of every channel and were taken out.
        seed_holdout: how well look-alikes of the seed are found; None of another audience.
    """

    rows: pd.DataFrame
    of: int
    suppressed: int
    seed_holdout: SeedHoldout | None = None

    @property
    def users(self) -> list[str]:
        return self.rows[USER].tolist()


def pick(
    definitions: Mapping[str, Definition],
    table: UsersTable,
    suppressed: Suppressed,
    minimum_size: int,
) -> dict[str, Audience]:
    """Picks the members of audiences, without those who opted out.

    All conditions are asked before the first model that finds look-alikes is loaded.

    Args:
        definitions: by name which users are meant.
        table: all users.
        suppressed: users who opted out.
        minimum_size: users that each must have.

    Raises:
        InputError: a condition cannot be used, or too few are left. The message does not say how
            few: what is known of few people is what the minimum keeps back.
    """
    found = {
        name: _picked(name, definition, table, suppressed, minimum_size)
        for name, definition in definitions.items()
    }
    for name, definition in definitions.items():
        if definition.lookalike is not None:
            found[name] = _alike(definition.lookalike, found[name], table, suppressed)
            _refuse_few(name, found[name], minimum_size)
    return found


def _picked(
    name: str,
    definition: Definition,
    table: UsersTable,
    suppressed: Suppressed,
    minimum_size: int,
) -> Audience:
    """The users whom the condition of an audience picks, without those who opted out."""
    meant = table.rows[rows_where(table.rows, definition.where, f"audience {name!r}")]
    out = meant[USER].isin(suppressed.everywhere)
    audience = Audience(meant[~out].reset_index(drop=True), len(table.rows), int(out.sum()))
    if len(audience.rows) < minimum_size <= len(meant):
        raise InputError(_for_opt_outs(name, table, suppressed, minimum_size))
    _refuse_few(name, audience, minimum_size)
    return audience


def _refuse_few(name: str, audience: Audience, minimum_size: int) -> None:
    if len(audience.rows) < minimum_size:
        raise InputError(
            f"audience {name!r} has fewer than {minimum_size:,} users (of {audience.of:,}): so few "
            "could be told apart by what is known of them. Widen its `where`, or lower "
            "`minimum_size` if that is allowed."
        )


def _for_opt_outs(name: str, table: UsersTable, suppressed: Suppressed, minimum_size: int) -> str:
    """Why nearly nobody is left of an audience whose `where` picks enough users."""
    file = suppressed.file
    if table.rows[USER].isin(suppressed.everywhere).all():
        mend = "name the column that tells by `suppress.where`, such as \"opt_out = 'yes'\""
        if suppressed.condition is not None:
            mend = "look at `suppress.where`"
        return (
            f"audience {name!r}: all {counted(len(table.rows), 'user')} are on the opt-out list "
            f"{file}. If it also has users who did not opt out, {mend}"
        )
    return (
        f"audience {name!r}: its `where` picks enough users, and fewer than {minimum_size:,} of "
        f"them are not on the opt-out list {file}: so few could be told apart by what is known of "
        "them. Widen its `where`, or check the list"
    )


def _alike(
    config: LookalikeConfig, seed: Audience, table: UsersTable, suppressed: Suppressed
) -> Audience:
    """The users most like those of a seed, as far as the recommender's log has the seed."""
    dataset = open_run(Path(config.recommender)).dataset()
    known = [user for user in seed.users if user in dataset.user_places]
    lookalikes = Lookalikes(config, dataset)
    found = lookalikes.find(known, leave_out=suppressed.everywhere | set(seed.users))["user"]
    rows = table.rows[table.rows[USER].isin(set(found))].reset_index(drop=True)
    # Users who opted out cannot be found, so none has to be taken out.
    return Audience(rows, seed.of, 0, measure(lookalikes, known))


def save_audience(config: AudienceConfig, runs_dir: Path) -> Path:
    """Picks an audience and keeps it as ``<runs-dir>/audiences/<name>/<version>/``.

    The folder holds ``members.parquet``, ``audience.yaml`` (as resolved) and ``audience.json``
    (counts). An audience that has not changed keeps its version.

    Raises:
        InputError: see :func:`pick`, :func:`read_users` and :func:`read_suppressed`.
    """
    table = read_users(config.runs, forgotten_users(runs_dir))
    contacts = suppression_contacts(config.suppress, config.contacts, table.known, table.stored)
    suppressed = read_suppressed(config.suppress, table.known, contacts, table.stored)
    picked = pick({config.name: config}, table, suppressed, config.minimum_size)
    audience = picked[config.name]
    definition = config.model_dump(mode="json")
    mark = fingerprint([definition, sorted(audience.users), sorted(table.marks.items())])

    def write(draft: Path) -> None:
        text = dump_yaml(definition)
        (draft / DEFINITION).write_text(text, encoding="utf-8")
        write_frame(audience.rows[[USER]], draft / MEMBERS, table.encryption)
        document = {"name": config.name, **suppressed.counts}
        document |= counts(audience, config.minimum_size)
        RunFolder.write_json(draft / COUNTS, with_format(document))

    return keep_version(runs_dir / FOLDER / config.name, mark, write, COUNTS)


def counts(audience: Audience, minimum_size: int) -> dict[str, Any]:
    """How many there are, in all and by segment.

    A segment of fewer than the minimum is None; so are the next larger ones, until those that
    are None have the minimum together: otherwise the difference to all would tell.
    """
    document: dict[str, Any] = {
        "users": len(audience.rows),
        "of": audience.of,
        "opted_out": audience.suppressed,
        "minimum_size": minimum_size,
    }
    if audience.seed_holdout is not None:
        document["seed_holdout"] = audience.seed_holdout.as_dict()
    if SEGMENT in audience.rows:
        sizes = audience.rows[SEGMENT].value_counts().sort_values()
        sizes = sizes[sizes > 0]
        kept_back = 0
        told: dict[str, int | None] = {}
        for segment, size in sizes.items():
            hidden = size < minimum_size or 0 < kept_back < minimum_size
            kept_back += int(size) if hidden else 0
            told[str(segment)] = None if hidden else int(size)
        document["segments"] = dict(reversed(told.items()))
    return document
