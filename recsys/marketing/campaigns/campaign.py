"""One campaign file on one page: audiences in, files for each channel out."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from recsys.errors import InputError
from recsys.marketing.audiences.audience import Audience, counts, pick
from recsys.marketing.audiences.suppression import Suppressed, read_suppressed
from recsys.marketing.audiences.users_table import SEGMENT, USER, read_users
from recsys.marketing.campaigns.assignment import Assignments, Plan, assign, seeded_draw
from recsys.marketing.campaigns.campaign_file import CampaignConfig, CampaignFile
from recsys.marketing.campaigns.reach import Reach
from recsys.marketing.contacts.contacts import read_contacts
from recsys.marketing.measurement.enough import SMALLEST_ARM
from recsys.marketing.measurement.power import Rate, smallest_uplift
from recsys.marketing.versions import fingerprint, keep_version
from recsys.progress import working
from recsys.run_folder import RunFolder
from recsys.yaml_text import dump_yaml

DEFINITION, COUNTS = "campaign.yaml", "campaign.json"
ASSIGNMENTS, MESSAGES, LEFT_OUT = "assignments.parquet", "messages.parquet", "left_out.parquet"
WHERE = {
    "push": "the tool that sends push notifications",
    "email": "the tool that sends e-mails: addresses in clear, personal data",
    "social": "the advertising platform: hashed identifiers, personal data all the same",
}
BESIDE = """| `assignments.parquet` | everybody who was given a campaign: held out (nothing is sent) or not, and with what probability; measure with it, and send nothing to those held out |
| `messages.parquet` | who is sent what, when; name it under `sent:` of the next campaign, for its caps |
| `left_out.parquet` | who could not be reached by a campaign (no address, say), and why; who opted out is counted only |
| `campaign.yaml` | the campaign file, as resolved |
| `campaign.json` | how many users each rule left, and the smallest uplift that the holdout will probably show |

Import the CSV files, and do not save them from a spreadsheet: it makes a 7 of the id 007. A text
that users read (subject, titles, reason) and that would begin with = + - or @ has an apostrophe
before it, so that a spreadsheet makes no formula of it. Ids (user, items) have none, as the tool
must find them: to look at ids that begin so, import their column as text.

After the campaign: `recsys campaign measure THIS-FOLDER OUTCOMES`.
"""  # noqa: E501


def build_campaign(config: CampaignFile, runs_dir: Path) -> Path:
    """Writes what each channel imports, as ``<runs-dir>/campaigns/<name>/<version>/``.

    A file that comes to the same keeps its version. Beside the channels' files lie
    ``assignments.parquet`` (who was given what, who was held out), ``messages.parquet`` (who was
    sent what when, for later caps), ``left_out.parquet`` (who could not be reached, and why; who
    opted out is counted only), ``campaign.json`` (counts) and a ``README.md`` that says so.

    Raises:
        InputError: an audience is too small (:func:`pick`), campaigns contradict each other
            (:func:`assign`), a channel lacks what it needs, or a table cannot be read.
    """
    table = read_users(config.runs)
    contacts = None if config.contacts is None else read_contacts(config.contacts)
    suppressed = read_suppressed(config.suppress, table.known, contacts)
    audiences = {
        name: pick(name, definition, table, suppressed, config.minimum_size)
        for name, definition in config.audiences.items()
    }
    with working("building the campaign") as tell:
        reach = Reach(config, contacts, suppressed, lambda stage: tell(stage, 0.0))
        plans = [
            _plan(each, audiences[each.audience], suppressed, config.holdout)
            for each in config.campaigns
        ]
        found = assign(plans, reach, seeded_draw(config.seed, config.name))
        rows = found.rows
        if SEGMENT in table.rows:
            segments = table.rows.set_index(USER)[SEGMENT]
            rows = rows.assign(segment=segments.reindex(rows["user"]).to_numpy())
        document = {
            "name": config.name,
            "at": config.at.isoformat(),
            "seed": config.seed,
            **suppressed.counts,
            "campaigns": [
                _counted(config, each, plan, audiences[each.audience], found, reach.unusable(each))
                for each, plan in zip(config.campaigns, plans, strict=True)
            ],
        }
        definition = config.model_dump(mode="json")

        def write(draft: Path) -> None:
            text = dump_yaml(definition)
            (draft / DEFINITION).write_text(text, encoding="utf-8")
            rows.to_parquet(draft / ASSIGNMENTS, index=False)
            found.left_out.to_parquet(draft / LEFT_OUT, index=False)
            sent = rows[~rows["held_out"]]
            _messages(sent, config).to_parquet(draft / MESSAGES, index=False)
            for each in config.campaigns:
                users = sent.loc[sent["campaign"] == each.name, "user"].tolist()
                reach.write(each, users, draft / each.file)
            RunFolder.write_json(draft / COUNTS, document)
            (draft / "README.md").write_text(_readme(document), encoding="utf-8")

        tables = [each.astype(str).to_dict("list") for each in (rows, found.left_out)]
        mark = fingerprint([definition, document, *tables, reach.content()])
        return keep_version(runs_dir / "campaigns" / config.name, mark, write)


def _plan(
    campaign: CampaignConfig, audience: Audience, suppressed: Suppressed, holdout: float
) -> Plan:
    out = suppressed.of(campaign.channel.kind)
    users = [user for user in audience.users if user not in out]
    share = holdout if campaign.holdout is None else campaign.holdout
    return Plan(campaign.name, campaign.channel.kind, campaign.priority, users, share)


def _messages(sent: pd.DataFrame, config: CampaignFile) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "user": sent["user"],
            "channel": sent["channel"],
            "time": pd.Timestamp(config.at, tz="UTC"),
            "campaign": config.name + "/" + sent["campaign"],
        }
    )


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
    held_out = int(rows["held_out"].sum())
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
        "sent": len(rows) - held_out,
        "unusable_details": unusable,
        "smallest_uplift": _smallest(config.expected_rate, len(rows) - held_out, held_out),
    }


def _smallest(rate: float, sent: int, held_out: int) -> float | None:
    """The difference of response rates that is shown with a probability of .8, if it is there."""
    if min(sent, held_out) < SMALLEST_ARM:
        return None
    try:
        return smallest_uplift(Rate(rate), sent, held_out)
    except InputError:  # not even the largest there can be
        return None


def _readme(document: Mapping[str, Any]) -> str:
    """What lies in the folder, for who opens it."""
    files = "".join(
        f"| `{each['file']}` | {each['sent']:,} users of {each['audience']['name']!r}, for "
        f"{WHERE[each['channel']]} |\n"
        for each in document["campaigns"]
    )
    return (
        f"# Campaign {document['name']}, {document['at']}\n\n| file | what it is |\n| --- | --- |\n"
        f"{files}{BESIDE}"
    )
