"""The leakage audit of a split in a sentence or two."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from recsys.system.display import counted

PARTS_BY = {
    "time": "The log was cut in time",
    "leave_one_out": "Each user's last events were held out",
    "fixed": "A column of the log says what is held out",
    "random": "Events were held out at random",
}


def leakage_sentence(split: Mapping[str, Any]) -> str:
    """Whether training could have seen what it was tested on.

    Args:
        split: the section of ``metrics.json``; a fact that it lacks is not told.

    >>> leakage_sentence({
    ...     "kind": "time", "training_events_after_cut": 0,
    ...     "training_events_after_earliest_test_event": 0,
    ...     "latest_training_event": "2026-01-01T00:00:00Z",
    ...     "earliest_test_event": "2026-02-01T12:00:00Z",
    ...     "share_of_test_users_unseen_in_training": 0.25,
    ... })
    'The log was cut in time, and no leak was found: no training event lies behind the cut, and \
the last one is 31 days before the first tested event. Of the tested users, 25.0 % were never \
seen in training.'
    """
    kind = split.get("kind", "")
    how = PARTS_BY.get(kind, "The log was split")
    behind = split.get("training_events_after_cut")
    later = split.get("training_events_after_earliest_test_event")
    train = split.get("events", {}).get("train")
    if behind is None:
        said = f"{how}. The log has no times by which a leak could be found."
        return said + _unseen(split)
    of = f" of {train:,}" if train else ""
    if behind:
        said = (
            f"{how}, and it leaks: {behind:,}{of} training events lie behind the cut, so that "
            "training may have seen what it is tested on."
        )
    elif kind == "time" or not later:
        said = f"{how}, and no leak was found: no training event lies behind the cut{_gap(split)}."
    else:
        said = (
            f"{how}. No training event lies behind the held-out ones of its user, but "
            f"{later:,}{of} are later than the first tested event: training knew what others did "
            "afterwards, which in use it will not, so that figures are likely too high. A cut in "
            "time (split: {kind: time}) has no such leak."
        )
    return said + _unseen(split)


def _gap(split: Mapping[str, Any]) -> str:
    latest, earliest = split.get("latest_training_event"), split.get("earliest_test_event")
    if not (latest and earliest):
        return ""
    seconds = (datetime.fromisoformat(earliest) - datetime.fromisoformat(latest)).total_seconds()
    if seconds <= 0:
        return ""
    units = ((86400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))
    size, unit = next(((size, unit) for size, unit in units if seconds >= size), (1, "second"))
    return (
        f", and the last one is {counted(int(seconds // size), unit)} before the first tested event"
    )


def _unseen(split: Mapping[str, Any]) -> str:
    told = []
    for side in ("users", "items"):
        share = split.get(f"share_of_test_{side}_unseen_in_training")
        if share:
            told.append(f"Of the tested {side}, {100 * share:.1f} % were never seen in training.")
    return "".join(f" {each}" for each in told)
