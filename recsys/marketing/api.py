"""What marketing does, in Python: the functions that its commands call.

A file (``experiment.yaml``, ``audience.yaml`` …) may be given as a path or, but for experiments, as
a mapping of what it would hold. ``values`` change single settings by their dotted keys, as
``key=value`` does on the command line: ``{"propensity.period.days": 30}``.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from recsys.errors import InputError
from recsys.marketing.libraries import require_libraries
from recsys.marketing.results.audience import Audience
from recsys.marketing.results.campaign import Campaign, MeasuredUplift
from recsys.marketing.results.policy import PolicyValues
from recsys.marketing.results.replay import Replay
from recsys.marketing.results.task_run import TaskRun
from recsys.system.backend import start_backend

if TYPE_CHECKING:
    import pandas as pd
    from pydantic import BaseModel

    from recsys.marketing.measurement.power import Arms

    Schema = TypeVar("Schema", bound=BaseModel)

File = str | Path
Given = str | Path | Mapping[str, Any]
Values = Mapping[str, Any] | Sequence[str] | None
RUNS = Path("runs")


def run(
    experiment: File,
    values: Values = None,
    *,
    name: str | None = None,
    runs_dir: File = RUNS,
    overwrite: bool = False,
) -> TaskRun:
    """Runs an experiment of ``task: propensity`` or ``task: sentiment``, or finds it done.

    Args:
        experiment: path of the file.
        values: of single settings, by dotted key.
        name: of the run; the experiment's by default.
        runs_dir: where runs, datasets and the MLflow store lie.
        overwrite: replace another run of the same name.

    Raises:
        InputError: a setting is wrong, or what it names cannot be used.

    Example:
        >>> run = marketing.run("buys.yaml", {"propensity.estimators": ["linear"]})
        >>> run.users[["user", "probability"]].shape[1]
        2
    """
    from recsys.experiment.file import read_document
    from recsys.marketing.tasks import TASKS

    path, overrides = Path(experiment), _overrides(values)
    task = read_document(path, overrides)["task"]
    if task not in TASKS:
        raise InputError(
            f"{path} is an experiment of `task: {task}`; recsys.marketing runs those of "
            f"{' and '.join(TASKS)}"
        )
    require_libraries(f"`task: {task}`", TASKS[task].extra)
    start_backend()
    return TASKS[task].run(path, overrides, name, Path(runs_dir), overwrite)


def load(run: File) -> TaskRun:
    """Opens a finished run.

    Args:
        run: ``runs/<name>/<seed>``, or ``runs/<name>`` where there is one seed.

    Raises:
        InputError: there is no such run, or it is of another task.

    Example:
        >>> marketing.load("runs/buys/1").predictions.columns[:2].tolist()
        ['user', 'truth']
    """
    from recsys.marketing.tasks import TASKS
    from recsys.runs.opening import open_run

    found = TaskRun(open_run(Path(run)).path)
    if (task := found.experiment["task"]) not in TASKS:
        raise InputError(f"{found.path} is a run of `task: {task}`: open it by recsys.load")
    return found


def build_audience(audience: Given, values: Values = None, *, runs_dir: File = RUNS) -> Audience:
    """Picks an audience, counts it and saves it; one that has not changed keeps its version.

    Args:
        audience: path of its file, or what the file would hold.
        values: of single settings, by dotted key.
        runs_dir: where runs and audiences lie.

    Raises:
        InputError: a setting is wrong, what it names cannot be used, or the audience is so small
            that its users could be told apart.

    Example:
        >>> quiet = {"name": "quiet", "runs": {"buys": "runs/buys/1"}, "where": "buys < 0.5"}
        >>> marketing.build_audience(quiet).path.as_posix()
        'runs/audiences/quiet/1'
    """
    require_libraries("an audience")
    from recsys.marketing.audiences.audience import AudienceConfig, save_audience

    config = _read(AudienceConfig, audience, values, "audience")
    return Audience(save_audience(config, Path(runs_dir)))


def build_campaign(campaign: Given, values: Values = None, *, runs_dir: File = RUNS) -> Campaign:
    """Writes what each channel imports, with a holdout to compare with.

    Args:
        campaign: path of its file, or what the file would hold.
        values: of single settings, by dotted key.
        runs_dir: where runs, audiences and earlier campaigns lie.

    Raises:
        InputError: see :func:`recsys.marketing.campaigns.campaign.build_campaign`.

    Example:
        >>> marketing.build_campaign("spring.yaml").path.as_posix()
        'runs/campaigns/spring/1'
    """
    require_libraries("a campaign")
    from recsys.marketing.campaigns.campaign import build_campaign as build
    from recsys.marketing.campaigns.campaign_file import CampaignFile

    return Campaign(build(_read(CampaignFile, campaign, values, "campaign"), Path(runs_dir)))


def measure(
    campaign: File | Campaign, outcomes: File, values: Values = None, **columns: Any
) -> MeasuredUplift:
    """Compares those who were sent a campaign with those held out, overall and by segment.

    Args:
        campaign: of :func:`build_campaign`, or its folder.
        outcomes: file of what users did, a row per event, such as the log of orders.
        values: how the file is read, such as ``{"delimiter": ";"}``.
        columns: further settings of
            :class:`recsys.marketing.campaigns.outcomes.OutcomesConfig`: ``user``, ``time``,
            ``value``, ``days``, ``before_days``, ``time_format``; None: as by default.

    Raises:
        InputError: see :func:`recsys.marketing.campaigns.outcomes.measure_campaign`.

    Example:
        >>> marketing.measure("runs/campaigns/spring/1", "orders.csv", value="money").path.name
        'uplift.json'
    """
    require_libraries("the measurement of a campaign")
    from recsys.experiment.file import settings, validated
    from recsys.marketing.campaigns.outcomes import OutcomesConfig, measure_campaign

    if not isinstance(outcomes, str | Path):
        raise InputError(
            "marketing.measure: expected the path of a file of outcomes, received a "
            f"{type(outcomes).__name__}: write it to a file first, such as "
            "outcomes.to_parquet('outcomes.parquet')"
        )
    folder = campaign.path if isinstance(campaign, Campaign) else Path(campaign)
    document = settings(_overrides(values), {"path": str(outcomes), **columns})
    config = validated(OutcomesConfig, document, f"outcomes of {folder}")
    return MeasuredUplift(measure_campaign(folder, config))


def size(
    uplift: float,
    rate: float,
    *,
    deviation: float | None = None,
    correlation: float | None = None,
    holdout: float = 0.1,
    power: float = 0.8,
) -> "Arms":
    """How many users a campaign needs to show an uplift of responses, or of money.

    Args:
        uplift: the smallest that is worth knowing: .01 is one percentage point; with a
            ``deviation``, money per user.
        rate: share of users who respond without a campaign; with a ``deviation``, who spend.
        deviation: to compare money: its standard deviation over all users, those who spend
            nothing included.
        correlation: of the money with that of the time before, for which it is adjusted.
        holdout: share of users who get nothing.
        power: how likely the uplift is shown if it is there.

    Raises:
        InputError: a number is out of its range, or no number of users is enough.

    Example:
        >>> arms = marketing.size(uplift=0.02, rate=0.05)
        >>> arms.users == arms.treated + arms.held_out
        True
    """
    require_libraries("the size of a campaign")
    from recsys.marketing.measurement.power import Money, Outcome, Rate, users_needed

    outcome: Outcome = Rate(rate)
    if deviation is not None:
        outcome = Money(deviation, rate, correlation or 0.0)
    elif correlation is not None:
        raise InputError("a correlation is that of money: give the money's deviation, too")
    return users_needed(outcome, uplift, holdout, power)


def policy(log: File, values: Values = None, **columns: str | None) -> PolicyValues:
    """Estimates what another policy would have earned, from logged propensities.

    Args:
        log: file with a row per action that was taken.
        values: how the file is read, such as ``{"delimiter": ";"}``.
        columns: further settings of
            :class:`recsys.marketing.measurement.logged_actions.LoggedActionsConfig`: ``reward``,
            ``propensity``, ``probability``, ``predicted``, ``expected``; None: as by default.

    Raises:
        InputError: see :func:`recsys.marketing.measurement.logged_actions.policy_values`.

    Example:
        >>> marketing.policy("actions.csv", probability="new").table.columns[0]
        'value'
    """
    require_libraries("the value of a policy")
    from recsys.experiment.file import settings, validated
    from recsys.marketing.measurement.logged_actions import LoggedActionsConfig, policy_values

    if not isinstance(log, str | Path):
        raise InputError(
            f"marketing.policy: expected the path of a log, received a {type(log).__name__}: write "
            "it to a file first, such as log.to_parquet('actions.parquet')"
        )
    document = settings(_overrides(values), {"path": str(log), **columns})
    return PolicyValues(policy_values(validated(LoggedActionsConfig, document, f"log {log}")))


def replay(replay: Given, values: Values = None, *, runs_dir: File = RUNS) -> Replay:
    """Replays a log event by event: which triggers fire, and what the exported model answers.

    Args:
        replay: path of its file, or what the file would hold.
        values: of single settings, by dotted key.
        runs_dir: where runs and replays lie.

    Raises:
        InputError: see :func:`recsys.marketing.realtime.replay.replay`.

    Example:
        >>> marketing.replay("december.yaml").path.as_posix()
        'runs/replays/december'
    """
    require_libraries("a replay")
    from recsys.marketing.realtime.config import ReplayConfig
    from recsys.marketing.realtime.replay import replay as replay_log

    config = _read(ReplayConfig, replay, values, "replay")
    start_backend()
    return Replay(replay_log(config, Path(runs_dir)))


def write_page(
    folders: Sequence[File | TaskRun | Audience | Campaign | Replay],
    path: File = "users.html",
    *,
    title: str = "Users",
    recommender: File | None = None,
    notes: Sequence[str] = (),
) -> Path:
    """Writes one page of runs, audiences, campaigns and replays that works offline.

    Args:
        folders: of runs of ``task: propensity`` or ``task: sentiment``, of audiences, campaigns
            and replays; or what the functions of this module gave back.
        path: of the page.
        title: above it.
        recommender: folder of a recommender's run on the same users, to show what each segment
            is recommended.
        notes: sentences above everything else, such as where the data is from.

    Raises:
        InputError: see :func:`recsys.marketing.page.write_page`.

    Example:
        >>> marketing.write_page(["runs/buys/1"], "users.html").name
        'users.html'
    """
    require_libraries("a page about users")
    from recsys.marketing.page import write_page as write

    recommended_by = None if recommender is None else Path(recommender)
    return write(_paths(folders), Path(path), title, recommended_by, notes=notes)


def recommended_by_segment(
    runs: Sequence[File | TaskRun], recommender: File, *, seed: int = 0
) -> "pd.DataFrame":
    """Items that set segments apart: those that their users are recommended more than others.

    Args:
        runs: of ``task: propensity``; the segments are those of the first that has any.
        recommender: folder of a recommender's run on the same users.
        seed: of the users who are drawn from each segment.

    Returns:
        A row per (segment, rank): ``title`` of the item, ``share`` of the segment's users who are
        recommended it, ``lift``, that share over the same of all users drawn, and ``users``, how
        many were drawn from the segment.

    Raises:
        InputError: see :func:`recsys.marketing.page.recommended_by_segment`.

    Example:
        >>> marketing.recommended_by_segment(["runs/buys/1"], "runs/tiny").columns.tolist()
        ['title', 'share', 'lift', 'users']
    """
    require_libraries("what each segment is recommended")
    import pandas as pd

    from recsys.marketing.page import recommended_by_segment as recommended

    found = recommended(_paths(runs), Path(recommender), seed)
    rows = [
        {"segment": each["segment"], "rank": rank, **item, "users": each["users"]}
        for each in found
        for rank, item in enumerate(each["items"], start=1)
    ]
    columns = ["segment", "rank", "title", "share", "lift", "users"]
    return pd.DataFrame(rows, columns=columns).set_index(["segment", "rank"])


def _paths(folders: Sequence[File | TaskRun | Audience | Campaign | Replay]) -> list[Path]:
    return [Path(each if isinstance(each, str | Path) else each.path) for each in folders]


def _read(schema: "type[Schema]", given: Given, values: Values, what: str) -> "Schema":
    """What a file says, or a mapping in its place; ``what`` it describes, for messages."""
    from recsys.experiment.file import overridden, read_as, validated

    overrides = _overrides(values)
    if isinstance(given, str | Path):
        return read_as(schema, Path(given), overrides, what=f"{what} file")
    return validated(schema, overridden(given, overrides), f"the given {what}")


def _overrides(values: Values) -> list[str] | None:
    """As the command line would have them: JSON is YAML."""
    if isinstance(values, Mapping):
        return [f"{key}={json.dumps(value, default=str)}" for key, value in values.items()]
    return None if values is None else list(values)
