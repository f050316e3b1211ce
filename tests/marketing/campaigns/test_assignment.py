"""One campaign each, by priority, nobody twice, and a holdout that only the draw decides."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys.errors import InputError
from recsys.marketing.campaigns.assignment import TAKEN, Plan, assign
from recsys.marketing.campaigns.draws import seeded_draw

USERS = [f"u{user}" for user in range(30)]


def nobody(plan, users):
    return {}


def plan(name, users, priority=1, holdout=0.0, channel="push"):
    return Plan(name, channel, priority, users, holdout)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    st.lists(
        st.tuples(st.lists(st.sampled_from(USERS), unique=True, min_size=1), st.floats(0, 0.9)),
        min_size=1,
        max_size=4,
    ),
    st.sets(st.sampled_from(USERS)),
    st.integers(0, 2**31),
)
def test_each_user_gets_the_first_campaign_that_reaches_the_user(audiences, unreached, seed):
    plans = [
        plan(f"c{place}", users, place + 1, share) for place, (users, share) in enumerate(audiences)
    ]
    obstacles = lambda plan, users: {u: "none" for u in users if u in unreached}  # noqa: E731
    try:
        found = assign(plans[::-1], obstacles, seeded_draw(seed, "spring"))
    except InputError as error:
        assert "contradicts" in str(error)
        return
    assert found.rows["user"].is_unique
    assert not set(found.rows["user"]) & unreached
    for user in USERS:
        meant = [each.name for each in plans if user in each.users]
        given_to = found.rows.loc[found.rows["user"] == user, "campaign"].tolist()
        assert given_to == ([] if user in unreached else meant[:1])
    # Everybody of every audience is in one of the two tables.
    for each in plans:
        here = found.rows.loc[found.rows["campaign"] == each.name, "user"]
        not_here = found.left_out.loc[found.left_out["campaign"] == each.name, "user"]
        assert sorted([*here, *not_here]) == sorted(each.users)


def test_the_draw_is_even_and_remembers():
    draw = seeded_draw(3, "spring")
    drawn = [draw(f"u{user}") for user in range(4000)]
    assert all(0 <= each < 1 for each in drawn)
    assert sum(each < 0.1 for each in drawn) == pytest.approx(400, abs=60)
    assert drawn == [seeded_draw(3, "spring")(f"u{user}") for user in range(4000)]
    assert seeded_draw(4, "spring")("u1") != draw("u1") != seeded_draw(3, "autumn")("u1")


def test_a_larger_holdout_holds_the_same_users_and_more():
    small, large = (
        assign([plan("c", USERS, holdout=share)], nobody, seeded_draw(0, "c")).rows
        for share in (0.2, 0.6)
    )
    assert set(small.user[small.held_out]) < set(large.user[large.held_out])
    assert (large["probability"] == 0.4).all()


def test_whoever_is_taken_is_named_and_may_be_reached_later():
    plans = [plan("first", USERS[:20]), plan("second", USERS[10:], 2, channel="email")]
    obstacles = lambda plan, users: (  # noqa: E731
        {USERS[12]: "addressed too often"} if plan.channel == "push" else {}
    )
    found = assign(plans, obstacles, seeded_draw(0, "x"))
    campaigns = found.rows.set_index("user")["campaign"]
    assert campaigns[USERS[12]] == "second" and campaigns[USERS[11]] == "first"
    reasons = found.left_out.groupby(["campaign", "reason"]).size().to_dict()
    assert reasons == {("first", "addressed too often"): 1, ("second", TAKEN): 9}


def test_campaigns_that_contradict_each_other_are_refused():
    with pytest.raises(InputError, match=r"both have priority 2, and 5 users are in"):
        assign([plan("a", USERS[:15], 2), plan("b", USERS[10:], 2)], nobody, seeded_draw(0, "x"))
    with pytest.raises(InputError, match=r"'b' contradicts 'a'.*5 users"):
        assign([plan("a", USERS), plan("b", USERS[:5], 2)], nobody, seeded_draw(0, "x"))
    apart = [plan("a", USERS[:15], 2), plan("b", USERS[15:], 2)]
    assert len(assign(apart, nobody, seeded_draw(0, "x")).rows) == 30
