"""What a page shows of a campaign file: which users get what where, and what it changed."""

import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from recsys.errors import InputError
from recsys.marketing.reports import campaign_plots
from recsys.marketing.reports.audience_report import audiences
from recsys.marketing.reports.campaign_plots import HELD_OUT, OPTED_OUT, SENT
from recsys.marketing.reports.contamination_notes import contamination_notes
from recsys.marketing.reports.documents import read_document, read_result
from recsys.reports.page import inline

EXAMPLES = 3
# Reasons of users without a usable contact detail name each detail: "email: none given".
OF_DETAILS, UNUSABLE = ": ", "no usable contact detail"
NO_DETAILS = "no contact details"
ADDRESSES = ("email", "push_token")
HASH = re.compile("[0-9a-f]{64}")
OUTCOMES = {
    "responded": "What it changed in the share that responded, in percentage points",
    "value": "What it changed in the money per user",
}
# Of findings about everybody, by outcome and verdict.
HEADLINES = {
    "responded": {
        "better": "more responded",
        "worse": "fewer responded",
        "level": "no effect on responses can be shown",
    },
    "value": {
        "better": "more was spent",
        "worse": "less was spent",
        "level": "no effect on money can be shown",
    },
}
WHAT = {"responded": "responses", "value": "money"}
AGAINST_CONTROL = "all campaigns together"
SURE = 0.05


def campaign_section(folder: Path) -> dict[str, Any]:
    """What a page shows of a built campaign file.

    It reads ``campaign.json`` and ``campaign.yaml``, the channels' files as far as they are
    there, and ``uplift.json`` once the campaign is measured.

    Args:
        folder: ``<runs-dir>/campaigns/<name>/<version>``.

    Raises:
        InputError: a document is missing or damaged.
    """
    keys = ("name", "at", "campaigns", "until", "outcome", "control", "notes")
    document = read_result(folder / "campaign.json", keys=keys)
    definition = folder / "campaign.yaml"
    campaigns = sorted(document["campaigns"], key=lambda each: each["priority"])
    named = {each["audience"]["name"]: each["audience"] for each in campaigns}
    parts = {f"{each['name']} ({each['channel']})": _parts(each) for each in campaigns}
    return {
        "name": document["name"],
        "version": folder.resolve().name,
        "at": document["at"],
        "until": document["until"],
        "outcome": document["outcome"],
        "held_out": sum(each["held_out"] for each in campaigns),
        "in_control": (document["control"] or {}).get("users", 0),
        "notes": document["notes"],
        "expected_rate": read_document(definition, keys=["expected_rate"])["expected_rate"],
        "campaigns": [
            {
                **each,
                "title": title,
                "shown": _file(folder, each),
                "opted_out": parts[title][OPTED_OUT],
            }
            for each, title in zip(campaigns, parts, strict=True)
        ],
        "images": {"audiences": inline(campaign_plots.where_audiences_go(parts))},
        "audiences": audiences(list(named.items())),
        "uplift": _uplift(read_result(folder / "uplift.json", {}), campaigns),
        "definition": definition.read_text(encoding="utf-8"),
    }


def _parts(campaign: Mapping[str, Any]) -> dict[str, int]:
    """What became of the users of its audience."""
    left_out: Counter[str] = Counter()
    for reason, users in campaign["left_out"].items():
        left_out[UNUSABLE if OF_DETAILS in reason or reason == NO_DETAILS else reason] += users
    return {
        SENT: campaign["sent"],
        HELD_OUT: campaign["held_out"],
        **left_out,
        OPTED_OUT: campaign["audience"]["opted_out"] + campaign["opted_out_of_channel"],
    }


def _file(folder: Path, campaign: Mapping[str, Any]) -> dict[str, Any] | None:
    """The first rows of a channel's file, without addresses.

    Of a social one what kind of thing each column holds.

    None where it is not there: the files may be kept elsewhere.
    """
    path = folder / campaign["file"]
    if not path.is_file():
        return None
    social = campaign["channel"] == "social"
    try:
        # Ids such as NA and 007 are ids.
        rows = pd.read_csv(
            path, dtype=str, keep_default_na=False, nrows=None if social else EXAMPLES
        )
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is damaged ({error}): build the campaign again") from error
    if not social:
        # A page is for people who need no addresses.
        rows = rows.drop(columns=list(ADDRESSES), errors="ignore")
        return {"columns": list(rows), "rows": rows.to_dict("records")}
    given = {name: cells[cells != ""] for name, cells in rows.items()}
    return {
        "users": len(rows),
        "columns": [
            {"name": name, "users": len(cells), "hashed": bool(cells.map(_is_hash).all())}
            for name, cells in given.items()
        ],
    }


def _is_hash(cell: str) -> bool:
    return HASH.fullmatch(cell) is not None


def _uplift(document: Mapping[str, Any], campaigns: list[dict[str, Any]]) -> dict[str, Any] | None:
    """What the campaigns changed; None before they are measured.

    Segments that their audience keeps back are kept back here too.
    """
    if not document:
        return None
    measured = {each["name"]: each for each in document["campaigns"]}
    if document["control"]:
        measured[AGAINST_CONTROL] = document["control"]
        everybody = {"segments": _told_of_all(campaigns)}
        campaigns = [*campaigns, {"name": AGAINST_CONTROL, "audience": everybody}]
    outcomes, kept_back = [], False
    unmeasured: list[str] = []
    contaminated: list[str] = []
    silent: dict[str, set[str]] = {campaign["name"]: set() for campaign in campaigns}
    rows: dict[str, list[dict[str, Any]]] = {outcome: [] for outcome in OUTCOMES}
    for campaign in campaigns:
        found = measured.get(campaign["name"], {})
        if not found:
            continue
        name = campaign["name"]
        reasons: dict[str, list[str]] = {}
        for outcome, why in found["not_measured"].items():
            reasons.setdefault(why, []).append(WHAT[outcome])
        unmeasured += [f"{name}, {' and '.join(what)}: {why}" for why, what in reasons.items()]
        contaminated += contamination_notes(name, found["sent_others"])
        told = [
            name
            for name, users in campaign["audience"].get("segments", {}).items()
            if users is not None
        ]
        for outcome in OUTCOMES:
            if outcome in found:
                each = found[outcome]
                rows[outcome].append(_row(campaign["name"], None, each["overall"]))
                rows[outcome] += [
                    _row(campaign["name"], segment, each["segments"][segment])
                    for segment in told
                    if segment in each["segments"]
                ]
                # Why would say how few they are.
                silent[campaign["name"]] |= set(each["not_estimated"]) & set(told)
                kept_back |= bool({*each["segments"], *each["not_estimated"]} - set(told))
    for outcome, title in OUTCOMES.items():
        if rows[outcome]:
            shares = outcome == "responded"
            figure = campaign_plots.uplifts(rows[outcome], f"{title} (95 % intervals)", shares)
            outcomes.append(
                {
                    "name": outcome,
                    "rows": rows[outcome],
                    "images": {"uplift": inline(figure)},
                }
            )
    return {
        "days": document["days"],
        "before_days": document["before_days"],
        "currency": document["currency"] or "",
        "outcomes": outcomes,
        "findings": [
            {"outcome": outcome, "headline": HEADLINES[outcome][row["verdict"]], **row}
            for outcome in OUTCOMES
            for row in rows[outcome]
            if row["segment"] is None
        ],
        "unmeasured": unmeasured,
        "notes": document["notes"],
        "contaminated": contaminated,
        "control": bool(document["control"]),
        "silent": {name: sorted(segments) for name, segments in silent.items() if segments},
        "kept_back": kept_back,
    }


def _told_of_all(campaigns: list[dict[str, Any]]) -> dict[str, int | None]:
    """Segments that no audience keeps back."""
    told: dict[str, int | None] = {}
    for campaign in campaigns:
        for name, users in campaign["audience"].get("segments", {}).items():
            told[name] = None if users is None or told.get(name, 0) is None else users
    return told


def _row(campaign: str, segment: str | None, found: Mapping[str, Any]) -> dict[str, Any]:
    """What changed, of everybody or of a segment, and whether that can be said.

    Of segments the p value decides, which is corrected for asking several times; of everybody it
    says the same as the interval.
    """
    verdict = "level"
    if found["p_value"] <= SURE and not found["low"] <= 0 <= found["high"]:
        verdict = "better" if found["difference"] > 0 else "worse"
    ends = {end: found[end] * found["treated"] for end in ("difference", "low", "high")}
    return {"campaign": campaign, "segment": segment, "verdict": verdict, "in_all": ends, **found}
