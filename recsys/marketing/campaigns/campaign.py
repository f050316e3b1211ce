"""One campaign file on one page: audiences in, files for each channel out."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from recsys.errors import InputError
from recsys.marketing.audiences.audience import Audience, counts, pick
from recsys.marketing.audiences.suppression import Suppressed, read_suppressed
from recsys.marketing.audiences.users_table import SEGMENT, USER, read_users
from recsys.marketing.campaigns.assignment import Assignments, Plan, assign
from recsys.marketing.campaigns.built import ASSIGNMENTS, COUNTS, DEFINITION, FOLDER, newest
from recsys.marketing.campaigns.campaign_file import CampaignConfig, CampaignFile
from recsys.marketing.campaigns.draws import seeded_draw
from recsys.marketing.campaigns.folder_readme import folder_readme
from recsys.marketing.campaigns.history import read_history
from recsys.marketing.campaigns.reach import HELD_OUT, Reach
from recsys.marketing.contacts.contacts import contact_notes, read_contacts
from recsys.marketing.contacts.shared_details import SharedDetails
from recsys.marketing.formats import with_format
from recsys.marketing.measurement.power import Rate, smallest_uplift
from recsys.marketing.versions import fingerprint, keep_version
from recsys.protection.encryption import write_frame
from recsys.protection.forgotten import forgotten_users
from recsys.runs.console import working
from recsys.runs.folder import RunFolder
from recsys.system.yaml_text import dump_yaml

MESSAGES, LEFT_OUT = "messages.parquet", "left_out.parquet"


def build_campaign(config: CampaignFile, runs_dir: Path) -> Path:
    """Writes what each channel imports, as ``<runs-dir>/campaigns/<name>/<version>/``.

    A file that comes to the same keeps its version. Beside the channels' files lie
    ``assignments.parquet`` (which user was given what, or held out until when),
    ``messages.parquet`` (who was sent what when), ``left_out.parquet`` (who could not be reached,
    and why; anyone who opted out is only counted), ``campaign.json`` (counts) and a ``README.md``
    that says so.

    What was built in the runs folder before counts: its messages for the caps, and users whom it
    holds out stay out of this file as well while its outcome counts
    (:func:`recsys.marketing.campaigns.built.heeded`). Both go by ids and, where the file has
    contacts, by the addresses that a channel uses: a user who shares one is reached there, too.

    Raises:
        InputError: an audience is too small (:func:`pick`), campaigns contradict each other
            (:func:`assign`), a channel lacks what it needs, a table or an earlier campaign
            cannot be read, or the control group of earlier campaigns would be broken.
    """
    table = read_users(config.runs, forgotten_users(runs_dir))
    contacts = None if config.contacts is None else read_contacts(config.contacts, table.stored)
    notes = [] if contacts is None else contact_notes(contacts, table.known)
    suppressed = read_suppressed(config.suppress, table.known, contacts, table.stored)
    with working("building the campaign") as tell:
        tell("earlier campaigns", 0.0)
        history = read_history(config, runs_dir, table, SharedDetails(contacts))
        reach = Reach(config, history, contacts, suppressed, lambda stage: tell(stage, 0.0))
        # All that needs no model is refused before one is loaded, which takes its time.
        reach.check()
        tell("audiences", 0.0)
        audiences = pick(config.audiences, table, suppressed, config.minimum_size)
        plans = [
            _plan(each, audiences[each.audience], suppressed, config.holdout)
            for each in config.campaigns
        ]
        # Another day is another draw: users held out of a weekly campaign are out of the
        # next one, which would otherwise hold nobody out.
        draw = seeded_draw(config.seed, config.name, config.at.isoformat())
        found = assign(plans, reach, draw, config.control)
        files = reach.files
        rows = found.rows
        if SEGMENT in table.rows:
            segments = table.rows.set_index(USER)[SEGMENT]
            rows = rows.assign(segment=segments.reindex(rows["user"]).to_numpy())
        spoken_for = found.left_out["reason"] == HELD_OUT
        elsewhere = set(found.left_out.loc[spoken_for, "user"])
        document = {
            "name": config.name,
            "at": config.at.isoformat(),
            "days": config.days,
            "until": config.until.isoformat(),
            "outcome": config.outcome,
            "currency": config.currency,
            "seed": config.seed,
            "pseudonyms": table.pseudonyms,
            "control": _control(config, rows),
            "holdouts": history.held_out.of(elsewhere),
            "held_out_elsewhere": len(elsewhere),
            "knew": [
                {"name": each.name, "at": each.at.isoformat()} for each in newest(history.knew)
            ],
            **suppressed.counts,
            "campaigns": [
                _counted(config, each, plan, audiences[each.audience], found, files.unusable(each))
                for each, plan in zip(config.campaigns, plans, strict=True)
            ],
        }
        # They change with what is built and sent later, and the campaign does not.
        notes += history.notes + history.conflicts(config, set(rows.loc[rows["held_out"], "user"]))
        if sold_out := reach.sold_out():
            notes.append(
                f"stock: {sold_out:,} {'item is' if sold_out == 1 else 'items are'} offered to as "
                "many users as the pieces allow"
            )
        definition = config.model_dump(mode="json")

        def write(draft: Path) -> None:
            text = dump_yaml(definition)
            (draft / DEFINITION).write_text(text, encoding="utf-8")
            dated = _dated(rows, config)
            write_frame(dated, draft / ASSIGNMENTS, table.encryption)
            write_frame(found.left_out, draft / LEFT_OUT, table.encryption)
            sent = dated[~dated["held_out"]]
            write_frame(_messages(sent), draft / MESSAGES, table.encryption)
            for each in config.campaigns:
                users = sent.loc[sent["campaign"] == each.name, "user"].tolist()
                files.write(each, users, draft / each.file)
            RunFolder.write_json(draft / COUNTS, with_format({**document, "notes": notes}))
            (draft / "README.md").write_text(folder_readme(document), encoding="utf-8")

        tables = [each.astype(str).to_dict("list") for each in (rows, found.left_out)]
        mark = fingerprint([definition, document, *tables, files.content()])
        return keep_version(runs_dir / FOLDER / config.name, mark, write, COUNTS)


def _plan(
    campaign: CampaignConfig, audience: Audience, suppressed: Suppressed, holdout: float
) -> Plan:
    out = suppressed.of(campaign.channel.kind)
    users = [user for user in audience.users if user not in out]
    share = holdout if campaign.holdout is None else campaign.holdout
    return Plan(campaign.name, campaign.channel.kind, campaign.priority, users, share)


def _dated(rows: pd.DataFrame, config: CampaignFile) -> pd.DataFrame:
    """With what later campaigns must know: the file, its day, and until when what counts."""
    return rows.assign(
        file=config.name,
        time=pd.Timestamp(config.at, tz="UTC"),
        until=pd.Timestamp(config.until, tz="UTC"),
        outcome=config.outcome,
    )


def _messages(sent: pd.DataFrame) -> pd.DataFrame:
    messages = sent[["user", "channel", "time"]]
    return messages.assign(campaign=sent["file"] + "/" + sent["campaign"])


def _control(config: CampaignFile, rows: pd.DataFrame) -> dict[str, Any] | None:
    """The control group, how many of those assigned are in it, and what that can show."""
    if config.control is None:
        return None
    users = int(rows["control"].sum())
    return {
        **config.control.model_dump(),
        "users": users,
        **_shown(config.expected_rate, len(rows) - users, users),
    }


def _counted(
    config: CampaignFile,
    campaign: CampaignConfig,
    plan: Plan,
    audience: Audience,
    found: Assignments,
    unusable: Mapping[str, int],
) -> dict[str, Any]:
    """How many users each rule left of a campaign, and what its holdout can show."""
    rows = found.rows[found.rows["campaign"] == campaign.name]
    held_out, control = int(rows["held_out"].sum()), int(rows["control"].sum())
    reasons = found.left_out.loc[found.left_out["campaign"] == campaign.name, "reason"]
    return {
        "name": campaign.name,
        "channel": campaign.channel.kind,
        "priority": campaign.priority,
        "file": campaign.file,
        "audience": {"name": campaign.audience, **counts(audience, config.minimum_size)},
        "opted_out_of_channel": len(audience.rows) - len(plan.users),
        "left_out": {str(why): int(users) for why, users in reasons.value_counts().items()},
        "holdout": plan.holdout,
        "held_out": held_out,
        "control": control,
        "sent": len(rows) - held_out,
        "unusable_details": unusable,
        # The control group got nothing for longer than this campaign, and is not compared with it.
        **_shown(config.expected_rate, len(rows) - held_out, held_out - control),
    }


def _shown(rate: float, sent: int, held_out: int) -> dict[str, Any]:
    """The difference of response rates that is shown with a probability of .8, if it is there.

    Where none would be, the reason stands beside it.
    """
    try:
        shown = smallest_uplift(Rate(rate), sent, held_out)
    except InputError as error:
        return {"smallest_uplift": None, "shows_nothing": str(error)}
    return {"smallest_uplift": shown, "shows_nothing": None}
