import pandas as pd
import pytest

from recsys.errors import InputError
from recsys.marketing.measurement import off_policy
from recsys.marketing.measurement.generated import action_log
from recsys.marketing.measurement.logged_actions import LoggedActionsConfig, policy_values
from recsys.marketing.measurement.summary import policy_summary


@pytest.fixture
def table(tmp_path):
    log = action_log(400, seed=0)
    rows = pd.DataFrame(
        {"won": log.rewards, "propensity": log.propensities, "new": log.probabilities}
    )
    rows.assign(guess=0.3, mean=0.31).to_csv(tmp_path / "log.csv", index=False)
    return log, tmp_path / "log.csv"


def test_the_columns_are_what_is_estimated_from(table):
    log, file = table
    columns = {"reward": "won", "probability": "new", "predicted": "guess", "expected": "mean"}
    found = policy_values(LoggedActionsConfig(path=str(file), **columns))
    logged = log.rewards, log.propensities, log.probabilities
    assert found["ips"].value == pytest.approx(off_policy.ips(*logged).value)
    assert found["snips"].low == pytest.approx(off_policy.snips(*logged).low)
    guessed = [0.3] * 400, [0.31] * 400
    robust = off_policy.doubly_robust(*logged, *guessed)
    assert found["doubly_robust"].value == pytest.approx(robust.value)
    assert f"{robust.value:.4f}" in policy_summary(found)
    few = LoggedActionsConfig(path=str(file), reward="won", probability="new")
    assert set(policy_values(few)) == {"ips", "snips"}


def test_bad_columns_are_one_message(table, tmp_path):
    _, file = table
    with pytest.raises(InputError, match="no column 'reward'"):
        policy_values(LoggedActionsConfig(path=str(file)))
    with pytest.raises(InputError, match="go together"):
        policy_values(LoggedActionsConfig(path=str(file), predicted="guess"))
    (tmp_path / "odd.csv").write_text("reward,propensity,probability\n1,0.5,0.5\nlots,0.5,0.5\n")
    with pytest.raises(InputError, match="'reward': 'lots' in row 2 is not a number"):
        policy_values(LoggedActionsConfig(path=str(tmp_path / "odd.csv")))
