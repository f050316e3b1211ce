"""The commands of marketing: they parse, call :mod:`recsys.marketing.api`, and print.

The core mounts them by entry points of the group ``recsys.commands``. What is heavy is imported by
the command that needs it.
"""

import contextlib
import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from recsys.errors import InputError
from recsys.experiment.precheck import refuse_early
from recsys.system.display import counted, show

Overrides = Annotated[
    list[str] | None,
    typer.Argument(metavar="[KEY=VALUE]...", help="such as minimum_size=100", show_default=False),
]
TableSettings = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[KEY=VALUE]...",
        help="how the file is read, such as currency=€ 'decimal=\",\"' 'delimiter=\";\"'",
        show_default=False,
    ),
]
RunsDir = Annotated[Path, typer.Option(help="where runs, audiences and campaigns lie")]
RUNS = Path("runs")

audience_app = typer.Typer(help="Users picked by what is known of them.", no_args_is_help=True)
campaign_app = typer.Typer(
    help="Which users get which message where, and what it changed.", no_args_is_help=True
)


def page(
    folders: Annotated[
        list[Path],
        typer.Argument(
            help="folders: of runs of task propensity or sentiment, of audiences, of campaigns, "
            "of replays"
        ),
    ],
    output: Annotated[Path, typer.Option("-o", "--output", help="file to write")] = Path(
        "users.html"
    ),
    title: Annotated[str, typer.Option(help="above the page")] = "Users",
    recommender: Annotated[
        Path | None,
        typer.Option(help="folder of a recommender's run: what each segment is recommended"),
    ] = None,
    note: Annotated[
        list[str] | None,
        typer.Option(help="a sentence above everything, such as where data is from; repeatable"),
    ] = None,
) -> None:
    """Write one page about users: predictions, segments, reviews, recommendations, campaigns."""
    from recsys.marketing import api

    page = api.write_page(folders, output, title=title, recommender=recommender, notes=note or [])
    show(page)


@audience_app.command("build")
def build_audience(
    audience: Annotated[Path, typer.Argument(metavar="AUDIENCE.yaml")],
    overrides: Overrides = None,
    runs_dir: RunsDir = RUNS,
) -> None:
    """Pick an audience, count it and save it; one that has not changed keeps its version."""
    _refuse_early(
        "recsys.marketing.audiences.audience.AudienceConfig", audience, overrides, "audience file"
    )
    from recsys.marketing import api

    show(api.build_audience(audience, overrides, runs_dir=runs_dir).summary())


@campaign_app.command("build")
def build(
    campaign: Annotated[Path, typer.Argument(metavar="CAMPAIGN.yaml")],
    overrides: Overrides = None,
    runs_dir: RunsDir = RUNS,
) -> None:
    """Write what each channel imports, with a holdout to compare with."""
    _refuse_early(
        "recsys.marketing.campaigns.campaign_file.CampaignFile",
        campaign,
        overrides,
        "campaign file",
    )
    from recsys.marketing import api

    show(api.build_campaign(campaign, overrides, runs_dir=runs_dir).summary())


def replay(
    replay: Annotated[Path, typer.Argument(metavar="REPLAY.yaml")],
    overrides: Overrides = None,
    runs_dir: RunsDir = RUNS,
) -> None:
    """Replay a log event by event: which triggers fire, and what the exported model answers."""
    _refuse_early("recsys.marketing.realtime.config.ReplayConfig", replay, overrides, "replay file")
    from recsys.marketing import api

    show(api.replay(replay, overrides, runs_dir=runs_dir).summary())


@campaign_app.command()
def measure(
    folder: Annotated[
        Path, typer.Argument(help="of the campaign, such as runs/campaigns/spring/1")
    ],
    outcomes: Annotated[str, typer.Argument(help="file of what users did, such as orders.csv")],
    settings: TableSettings = None,
    user: Annotated[str, typer.Option(help="column with the user's id")] = "user",
    time: Annotated[str, typer.Option(help="column with the time")] = "time",
    time_format: Annotated[
        str | None, typer.Option(help='of times that are not ISO 8601, such as "%d/%m/%Y %H:%M"')
    ] = None,
    value: Annotated[str | None, typer.Option(help="column with the money")] = None,
    days: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=3660,
            help="from the day of sending on, that count; those of the campaign by default",
        ),
    ] = None,
    before_days: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=3660,
            help="before it, whose money the money afterwards is adjusted for; 90 by default",
        ),
    ] = None,
) -> None:
    """Compare those sent a campaign with those held out, overall and by segment."""
    from recsys.marketing import api

    with _naming_flags("time_format"):
        measured = api.measure(
            folder,
            outcomes,
            settings,
            user=user,
            time=time,
            time_format=time_format,
            value=value,
            days=days,
            before_days=before_days,
        )
    show(measured.summary())


@campaign_app.command()
def size(
    uplift: Annotated[
        float,
        typer.Option(
            help="the smallest worth knowing: .01 is one point; with --deviation, money per user"
        ),
    ],
    rate: Annotated[
        float, typer.Option(help="share of users who respond without a campaign, or who spend")
    ],
    deviation: Annotated[
        float | None,
        typer.Option(
            help="to compare money: its standard deviation over all users, also those who spend "
            "nothing"
        ),
    ] = None,
    correlation: Annotated[
        float | None,
        typer.Option(help="of the money with that of the time before, for which it is adjusted"),
    ] = None,
    holdout: Annotated[float, typer.Option(help="share that gets nothing")] = 0.1,
    power: Annotated[
        float, typer.Option(help="how likely the uplift is shown if it is there")
    ] = 0.8,
) -> None:
    """Say how many users a campaign needs to show an uplift of responses, or of money."""
    from recsys.marketing import api

    arms = api.size(
        uplift,
        rate,
        deviation=deviation,
        correlation=correlation,
        holdout=holdout,
        power=power,
    )
    show(f"{counted(arms.users, 'user')}: {arms.treated:,} addressed, {arms.held_out:,} held out")


@campaign_app.command()
def policy(
    log: Annotated[str, typer.Argument(help="file with a row per action that was taken")],
    settings: TableSettings = None,
    reward: Annotated[str, typer.Option(help="column with what it earned")] = "reward",
    propensity: Annotated[
        str, typer.Option(help="column: how likely it was under the policy that logged it")
    ] = "propensity",
    probability: Annotated[
        str, typer.Option(help="column: how likely it is under the new policy")
    ] = "probability",
    predicted: Annotated[
        str | None, typer.Option(help="column with a model's reward of it, fitted on other rows")
    ] = None,
    expected: Annotated[
        str | None, typer.Option(help="column with its mean reward over the new policy's actions")
    ] = None,
) -> None:
    """Estimate what another policy would have earned, from logged propensities."""
    from recsys.marketing import api

    found = api.policy(
        log,
        settings,
        reward=reward,
        propensity=propensity,
        probability=probability,
        predicted=predicted,
        expected=expected,
    )
    show(found.summary())


@contextlib.contextmanager
def _naming_flags(*settings: str) -> Iterator[None]:
    """Has messages name flags where a file would have settings: `--time-format "%d/%m/%Y"`.

    Args:
        settings: those that have a flag.
    """
    try:
        yield
    except InputError as error:
        said = str(error)
        for name in settings:
            said = re.sub(f"`{name}(: |`)", rf"`--{name.replace('_', '-')}\1", said)
            said = said.replace(f"`--{name.replace('_', '-')}: ", f"`--{name.replace('_', '-')} ")
        raise InputError(said) from error


def _refuse_early(schema: str, path: Path, overrides: list[str] | None, what: str) -> None:
    """Refuses a wrong setting before the libraries are imported that the command needs.

    Args:
        schema: the class that reads the file, with its module.
        path, overrides, what: see :func:`recsys.experiment.file.read_as`.
    """
    module, _, name = schema.rpartition(".")

    def read() -> object:
        from recsys.experiment.file import read_as

        return read_as(getattr(importlib.import_module(module), name), path, overrides, what=what)

    refuse_early([module], read, real=["phonenumbers"])
