"""One page of runs, audiences, campaigns and replays, and of what a recommender found."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from recsys.errors import InputError
from recsys.export.recommend import Recommender
from recsys.marketing.audiences import audience
from recsys.marketing.campaigns import built
from recsys.marketing.propensity.files import USERS
from recsys.marketing.realtime import replay
from recsys.marketing.reports.users_report import write_users_report
from recsys.marketing.users.segments import SEGMENTS
from recsys.runs.folder import RunFolder
from recsys.runs.opening import open_run
from recsys.system.backend import start_backend

# Users of a segment whose recommendations are looked at.
ASKED = 200
LIST = 10
MOST_ITEMS = 6
# Users of a segment who must get an item, for it to be the segment's.
LEAST_SHARE = 0.05
# Of folders that are not runs: the file that each kind has.
KINDS = {
    "audiences": audience.COUNTS,
    "campaigns": built.COUNTS,
    "replays": replay.SUMMARY,
}


def write_page(
    folders: Sequence[Path],
    path: Path,
    title: str,
    recommender: Path | None = None,
    seed: int = 0,
    notes: Sequence[str] = (),
) -> Path:
    """Writes a page that works offline.

    Args:
        folders: of runs of ``task: propensity`` or ``task: sentiment``, of saved audiences, of
            built campaigns and of replays.
        path: of the page.
        title: above it.
        recommender: folder of a recommender's run on the same users; None: no recommendations.
        seed: of the users who are asked for.
        notes: sentences above everything else, such as where the data is from.

    Raises:
        InputError: there is no folder, one is none of these, or the recommender is asked and no
            run has segments, or it knows none of their users.
    """
    if not folders:
        raise InputError("there is nothing to show: name at least one run, audience or campaign")
    kinds = {folder: _kind(folder) for folder in folders}
    others = {kind: [each for each in folders if kinds[each] == kind] for kind in KINDS}
    runs = [_run(folder) for folder in folders if kinds[folder] is None]
    recommended = []
    if recommender is not None:
        recommended = recommended_by_segment(runs, recommender, seed)
    return write_users_report(runs, path, title, recommended, **others, notes=notes)


def _kind(folder: Path) -> str | None:
    return next((kind for kind, file in KINDS.items() if (folder / file).is_file()), None)


def _run(folder: Path) -> Path:
    try:
        return open_run(folder).path
    except InputError as error:
        raise InputError(
            f"{error}, and not that of a campaign (such as runs/campaigns/spring/1), of a replay "
            "(runs/replays/december) or of an audience (runs/audiences/quiet/1)"
        ) from error


def recommended_by_segment(
    runs: Sequence[Path], recommender: Path, seed: int = 0
) -> list[dict[str, Any]]:
    """What sets the segments apart: items that their users are recommended more than others.

    Args:
        runs: folders of runs; the segments are those of the first that has any.
        recommender: folder of a recommender's run.
        seed: of the users who are drawn from each segment.

    Returns:
        Of each segment ``segment``, ``users`` who were asked for, and ``items``: their
        ``title``, ``share`` of the users who get it, and ``lift``, that share over the same of
        all users who were asked for.
    """
    users = _segments(runs)
    folder = open_run(recommender)
    model, dataset = Recommender(folder.model_version()), folder.dataset()
    known = users[users["user"].isin(set(dataset.user_ids))]
    if known.empty:
        raise InputError(f"the recommender of {recommender} knows none of the segments' users")
    start_backend()
    drawn = known.groupby("segment", observed=True)[["user", "segment"]].apply(
        lambda each: each.sample(min(ASKED, len(each)), random_state=seed)
    )
    found: dict[str, Counter[str]] = {}
    for segment, group in drawn.groupby(drawn["segment"].to_numpy()):
        found[str(segment)] = Counter(
            item.title
            for user in group["user"]
            for item in model.recommend(model.user_query(dataset, user), LIST)
        )
    sizes = drawn["segment"].value_counts()
    everybody = sum(found.values(), Counter())
    return [
        {
            "segment": segment,
            "users": int(sizes[segment]),
            "items": _typical(found[segment], int(sizes[segment]), everybody, len(drawn)),
        }
        for segment in SEGMENTS
        if segment in found
    ]


def _typical(
    found: Counter[str], users: int, everybody: Counter[str], asked: int
) -> list[dict[str, Any]]:
    """Of what many of a segment's users get, what others get least."""
    shares = {title: count / users for title, count in found.items()}
    lifts = {title: share * asked / everybody[title] for title, share in shares.items()}
    common = [title for title, share in shares.items() if share >= LEAST_SHARE]
    chosen = sorted(common, key=lambda title: (-lifts[title], -shares[title]))[:MOST_ITEMS]
    return [{"title": title, "share": shares[title], "lift": lifts[title]} for title in chosen]


def _segments(runs: Sequence[Path]) -> pd.DataFrame:
    """``user`` and ``segment`` of the first run that has them."""
    for run in runs:
        table = run / USERS
        if table.is_file():
            users = RunFolder(run).table(table)
            if "segment" in users:
                return users[["user", "segment"]]
    raise InputError(
        "none of the runs has segments, by which recommendations are shown: give a run of "
        "`task: propensity` on a log whose users come back"
    )
