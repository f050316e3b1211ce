"""How many examples of logs and experiments are generated, and how.

Fewer are drawn for every change than every night, in both cases always the same ones.
``GENERATED=5000 pytest tests/data/test_generated_logs.py tests/experiment/test_generated.py`` draws
many more, and other ones each time.
"""

import os

from hypothesis import HealthCheck, Phase, settings

OF_EVERY_CHANGE = 100
# What tests/conftest.py sets for ``--nightly``.
NIGHTLY = 200
COUNT = int(os.environ.get("GENERATED", OF_EVERY_CHANGE))


def examples(share: float) -> settings:
    """Settings of a test that draws a share of them."""
    return settings(
        max_examples=round(share * COUNT),
        deadline=None,
        derandomize=COUNT in (OF_EVERY_CHANGE, NIGHTLY),
        database=None,
        # To make an example smaller takes minutes, as each is prepared.
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
    )
