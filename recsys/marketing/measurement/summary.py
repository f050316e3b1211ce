"""What another policy is worth, in a few lines."""

from collections.abc import Mapping

from recsys.marketing.measurement.off_policy import PolicyValue
from recsys.system.text_table import text_table


def policy_summary(values: Mapping[str, PolicyValue]) -> str:
    """What a new policy is worth by each estimator."""
    rows = [
        (
            name.replace("_", " "),
            f"{found.value:.4f} ({found.low:.4f} to {found.high:.4f})",
            f"{found.effective_rows:,.0f}",
            f"{found.largest_weight:.1f}",
        )
        for name, found in values.items()
    ]
    columns = ("value of the new policy (95 %)", "effective rows", "largest weight")
    return text_table("per action", columns, rows)
