"""The ``README.md`` of a built campaign, for anyone who opens its folder."""

from collections.abc import Mapping
from typing import Any

from recsys.system.display import counted

WHERE = {
    "push": "the tool that sends push notifications",
    "email": "the tool that sends e-mails: addresses in clear, personal data",
    "social": "the advertising platform: hashed identifiers, personal data all the same",
}
BESIDE = """| `assignments.parquet` | all users who were given a campaign: held out (nothing is sent) or not, until when that counts, and with what probability; measure with it, and send nothing to those held out |
| `messages.parquet` | which user is sent what, when; the caps of later campaigns in this runs folder count it |
| `left_out.parquet` | users whom a campaign could not reach (no address, say), and why; anyone who opted out is only counted |
| `campaign.yaml` | the campaign file, as resolved |
| `campaign.json` | how many users each rule left, and the smallest uplift that the holdout will probably show |

Import the CSV files, and do not save them from a spreadsheet: it makes a 7 of the id 007. A text
that users read (subject, titles, reason) and that would begin with = + - or @ has an apostrophe
before it, so that a spreadsheet does not make a formula of it. Ids (user, items) have none, as the tool
must find them: to look at ids that begin so, import their column as text.

After the campaign: `recsys campaign measure THIS-FOLDER OUTCOMES`.
"""  # noqa: E501


def folder_readme(document: Mapping[str, Any]) -> str:
    """What lies in the folder, and which users must get nothing.

    Args:
        document: of ``campaign.json``.
    """
    files = "".join(
        f"| `{each['file']}` | {counted(each['sent'], 'user')} of "
        f"{each['audience']['name']!r}, for {WHERE[each['channel']]} |\n"
        for each in document["campaigns"]
    )
    return (
        f"# Campaign {document['name']}, {document['at']}\n\n| file | what it is |\n| --- | --- |\n"
        f"{files}{BESIDE}\n{_who_gets_nothing(document)}"
    )


def _who_gets_nothing(document: Mapping[str, Any]) -> str:
    held_out = sum(each["held_out"] for each in document["campaigns"])
    text = ""
    if held_out:
        text = (
            f"{counted(held_out, 'user is', 'users are')} held out: nothing may be sent to "
            f"{'that user' if held_out == 1 else 'them'} until {document['until']} "
            f"that is to move the same outcome ({document['outcome']}). `recsys campaign build` "
            "sees to it; other tools must be told.\n"
        )
    if (control := document["control"]) and control["share"]:
        text += (
            f"{control['users']:,} of them are in the global control group (share "
            f"{control['share']:g}, seed {control['seed']}): they get nothing from any campaign.\n"
        )
    if left_out := document["held_out_elsewhere"]:
        names = ", ".join(
            f"{each['left_out']:,} of {each['name']}, {each['at']}"
            for each in document["holdouts"]
            if each["left_out"]
        )
        text += (
            f"Left out, as held out of another campaign: {counted(left_out, 'user')}"
            f"{f' ({names})' if names else ''}.\n"
        )
    return text
