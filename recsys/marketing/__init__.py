"""What users will do, what reviews say of items, and how to reach which users: marketing in Python.

>>> from recsys import marketing                           # doctest: +SKIP
>>> run = marketing.run("buys.yaml")                       # doctest: +SKIP
>>> audience = marketing.build_audience("quiet.yaml")      # doctest: +SKIP
>>> campaign = marketing.build_campaign("spring.yaml")     # doctest: +SKIP
>>> print(marketing.measure(campaign, "orders.csv"))       # doctest: +SKIP

Nothing is imported before it is used. The libraries that marketing needs are those of the extra
``marketing``: ``pip install 'recsys[marketing]'``.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from recsys.marketing.api import (
        build_audience,
        build_campaign,
        load,
        measure,
        policy,
        recommended_by_segment,
        replay,
        run,
        size,
        write_page,
    )
    from recsys.marketing.results.audience import Audience
    from recsys.marketing.results.campaign import Campaign, MeasuredUplift
    from recsys.marketing.results.policy import PolicyValues
    from recsys.marketing.results.replay import Replay
    from recsys.marketing.results.task_run import TaskRun

_HOMES = {
    **dict.fromkeys(
        (
            *("run", "load", "build_audience", "build_campaign", "measure", "size", "policy"),
            *("recommended_by_segment", "replay", "write_page"),
        ),
        "recsys.marketing.api",
    ),
    "Audience": "recsys.marketing.results.audience",
    **dict.fromkeys(("Campaign", "MeasuredUplift"), "recsys.marketing.results.campaign"),
    "PolicyValues": "recsys.marketing.results.policy",
    "Replay": "recsys.marketing.results.replay",
    "TaskRun": "recsys.marketing.results.task_run",
}

__all__ = [
    "Audience",
    "Campaign",
    "MeasuredUplift",
    "PolicyValues",
    "Replay",
    "TaskRun",
    "build_audience",
    "build_campaign",
    "load",
    "measure",
    "policy",
    "recommended_by_segment",
    "replay",
    "run",
    "size",
    "write_page",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
