"""A table of logged actions, and what another policy would have earned on it."""

from pydantic import Field

from recsys.data.sources.config import FileConfig
from recsys.errors import InputError
from recsys.marketing.measurement.off_policy import PolicyValue, doubly_robust, ips, snips
from recsys.marketing.tables.columns import as_numbers, read_columns


class LoggedActionsConfig(FileConfig):
    """A row per action that was taken."""

    reward: str = Field("reward", description="column with what it earned")
    propensity: str = Field(
        "propensity", description="column with how likely it was under the policy that logged it"
    )
    probability: str = Field(
        "probability", description="column with how likely it is under the new policy"
    )
    predicted: str | None = Field(
        None, description="column with a model's reward of it, fitted on other rows"
    )
    expected: str | None = Field(
        None, description="column with the model's mean reward over the new policy's actions"
    )


def policy_values(config: LoggedActionsConfig) -> dict[str, PolicyValue]:
    """The value of the new policy by each estimator that the columns allow.

    Returns:
        ``ips``, ``snips`` and, with a model's rewards, ``doubly_robust``.

    Raises:
        InputError: the table cannot be read, a number is missing or none, only one of the
            model's columns is named, or as :func:`ips`.
    """
    if (config.predicted is None) != (config.expected is None):
        raise InputError("`predicted` and `expected` go together: name both, or neither")
    names = {
        role: getattr(config, role)
        for role in ("reward", "propensity", "probability", "predicted", "expected")
    }
    rows = read_columns(config, names, ids=[])
    columns = {
        role: as_numbers(rows[role], f"{config.path}, {name!r}", config.number_format).to_numpy()
        for role, name in names.items()
        if name is not None
    }
    logged = columns["reward"], columns["propensity"], columns["probability"]
    found = {"ips": ips(*logged), "snips": snips(*logged)}
    if config.predicted is not None:
        found["doubly_robust"] = doubly_robust(*logged, columns["predicted"], columns["expected"])
    return found
