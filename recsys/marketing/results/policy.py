"""What another policy would have earned."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from recsys.marketing.measurement.off_policy import PolicyValue


@dataclass(frozen=True)
class PolicyValues:
    """What another policy would have earned, by each estimator.

    Attributes:
        values: by ``ips``, ``snips`` and, with a model's rewards, ``doubly_robust``.

    Example:
        >>> marketing.policy("actions.csv").table.index.tolist()
        ['ips', 'snips']
    """

    values: Mapping[str, "PolicyValue"]

    @property
    def table(self) -> "pd.DataFrame":
        """A row per estimator: the fields of
        :class:`recsys.marketing.measurement.off_policy.PolicyValue`."""
        import pandas as pd

        return pd.DataFrame({name: asdict(found) for name, found in self.values.items()}).T

    def summary(self) -> str:
        """The value per action by each estimator."""
        from recsys.marketing.measurement.summary import policy_summary

        return policy_summary(self.values)

    def __str__(self) -> str:
        return self.summary()
