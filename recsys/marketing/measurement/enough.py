"""What is enough to compare two arms: one answer before a campaign and after it."""

import math

SMALLEST_ARM = 10
# Cochran 1954, "Some methods for strengthening the common chi-squared tests".
FEWEST_RESPONDERS = 5


def too_few_users(treated: int, held_out: int) -> str | None:
    """Why arms of these sizes are not compared; None where they are.

    Args:
        treated: users addressed.
        held_out: users left alone.
    """
    if min(treated, held_out) >= SMALLEST_ARM:
        return None
    return f"{treated:,} users treated and {held_out:,} held out; each needs {SMALLEST_ARM} or more"


def not_measured(why: str) -> str:
    """What is said of a campaign whose arms are not compared, before it is sent and after."""
    return f"the campaign cannot be measured: {why}"


def beside_control(users: int) -> str:
    """A remark on those held out who are not among the ones compared.

    Args:
        users: of the global control group, in the campaign.
    """
    return f" ({users:,} more are in the control group, which is compared apart)" if users else ""


def expected_responders(share: float, treated: int, held_out: int) -> float:
    """How many in the smaller arm do something, if the campaign changes nothing.

    Args:
        share: of both arms together who do.
        treated: users addressed.
        held_out: users left alone.
    """
    return share * min(treated, held_out)


def too_few_for_money(share: float, treated: int, held_out: int) -> str | None:
    """Why the money of two arms is not compared, and what it would take; None where it is.

    Args:
        share: of both arms together who spend anything.
        treated: users addressed.
        held_out: users left alone.
    """
    expected = expected_responders(share, treated, held_out)
    if expected >= FEWEST_RESPONDERS:
        return None
    if not share:
        return f"none of {treated + held_out:,} users has an amount"
    name = "held out" if held_out <= treated else "treated"
    needed = math.ceil(FEWEST_RESPONDERS / share)
    return (
        f"{share:.1%} of {treated + held_out:,} users have an amount, so about {expected:.1f} of "
        f"the {min(treated, held_out):,} {name} do if nothing changes, and an interval of money "
        f"needs {FEWEST_RESPONDERS}: {needed:,} users {name}"
    )
