"""What a propensity run says of its users."""

from dataclasses import replace

from recsys.marketing.propensity.periods import PeriodConfig, task_of_log
from recsys.marketing.propensity.results import clusters_of
from recsys.marketing.propensity.task import Known
from recsys.marketing.users.description import FeaturesConfig
from recsys.marketing.users.events import open_events
from tests.marketing.logs import prepared, shoppers


def test_few_users_have_no_clusters(tmp_path):
    dataset = prepared(tmp_path, shoppers(users=60))
    with open_events(dataset) as events:
        log = task_of_log(events, PeriodConfig(days=60), FeaturesConfig())
    everybody = log.task.now
    for users, some in ((5, False), (50, True)):
        known = Known(everybody.features.head(users), everybody.users.head(users))
        now = known.features.assign(user=known.users)
        found = clusters_of(replace(log, task=replace(log.task, now=known)), now, seed=1)
        assert bool(found) == some == ("cluster" in now)
