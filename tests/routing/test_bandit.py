"""The bandit: shares that are exact, beliefs that fade, state that survives."""

import json
from collections import Counter
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cortex.routing.bandit import (
    ARMS_KEPT,
    ARMS_WEIGHED,
    FADED,
    FLOOR,
    HALF_LIFE_S,
    KINDS_KEPT,
    MOST_WEIGHT,
    PRIOR_MEAN,
    STALE_S,
    Bandit,
    Belief,
    draw,
    matched,
)

NOW = 1_800_000_000.0
ARMS = ("desk/qwen3:4b", "groq/gpt-oss-20b", "gemini/flash", "rack/qwen3:32b")

lessons = st.lists(
    st.tuples(
        st.sampled_from(["code", "chat"]), st.sampled_from(ARMS), st.floats(0.0, 1.0), st.floats(0.0, 5 * HALF_LIFE_S)
    ),
    max_size=40,
)
names = st.lists(st.sampled_from([*ARMS, "new/a", "new/b"]), min_size=1, max_size=6, unique=True)


def taught(learned, **settings):
    bandit, now = Bandit(**settings), NOW
    for kind, arm, reward, later in learned:
        now += later
        bandit.learn(kind, arm, reward, now)
    return bandit, now


@given(lessons, names)
def test_shares_sum_to_1_and_none_is_below_the_floor(learned, arms):
    bandit, now = taught(learned)
    shares = bandit.shares("code", arms, now)
    assert sum(shares) == pytest.approx(1.0, abs=1e-12)
    assert min(shares) >= FLOOR / len(arms) * (1 - 1e-12)


@given(lessons, names, st.randoms(use_true_random=False))
def test_the_order_of_the_arms_changes_no_arms_share(learned, arms, lots):
    other = lots.sample(arms, len(arms))
    first = dict(zip(arms, taught(learned)[0].shares("code", arms, NOW), strict=True))
    second = dict(zip(other, taught(learned)[0].shares("code", other, NOW), strict=True))
    assert first == second


@given(lessons, names, st.floats(0.0, HALF_LIFE_S))
def test_what_was_kept_and_restored_decides_as_before(learned, arms, later):
    bandit, now = taught(learned)
    kept = json.loads(json.dumps(bandit.state()))
    restored = Bandit.restore(kept, now + later)
    assert restored.damaged == 0
    expected = bandit.shares("code", arms, now + later)
    assert restored.shares("code", arms, now + later) == pytest.approx(
        expected, abs=0.002
    )  # what has faded is left out


def test_of_equals_each_has_the_same_share():
    assert Bandit().shares("code", ARMS, NOW) == pytest.approx([0.25] * 4)


def test_an_arm_named_twice_parts_its_share():
    bandit, _ = taught([("code", "b", 1.0, 0.0)] * 50)
    shares = bandit.shares("code", ["a", "b", "b"], NOW)
    assert sum(shares) == pytest.approx(1.0)
    assert shares[1] == shares[2] > FLOOR / 3


def test_without_arms_there_is_nothing_to_share():
    assert taught([("code", "a", 1.0, 0.0)])[0].shares("code", [], NOW) == []
    assert Bandit().shares("code", [], NOW) == []


def test_shares_are_the_chance_of_being_the_best():
    """Against Thompson's lottery itself."""
    beliefs = {
        "a": Belief(0.7, 0.05, 0),
        "b": Belief(0.72, 0.02, 0),
        "c": Belief(0.5, 0.3, 0),
        "d": Belief(0.1, 0.02, 0),
    }
    lots, count = Random(1), 40_000
    wins = Counter(max(beliefs, key=lambda arm: lots.gauss(beliefs[arm].mean, beliefs[arm].sd)) for _ in range(count))
    for arm, share in matched(beliefs).items():
        assert share == pytest.approx(wins[arm] / count, abs=0.015)


@given(
    st.dictionaries(
        st.sampled_from("abcdefgh"),
        st.builds(Belief, st.floats(0.0, 1.0), st.sampled_from([0.017, 0.05, 0.3]), st.just(0.0)),
        min_size=1,
    )
)
def test_the_chances_of_any_beliefs_sum_to_1(beliefs):
    chances = matched(beliefs)
    assert sum(chances.values()) == pytest.approx(1.0)
    assert all(chance >= 0.0 for chance in chances.values())


def test_of_very_many_arms_only_the_hopeful_are_weighed():
    arms = [f"arm/{number:02}" for number in range(40)]
    bandit, _ = taught([("code", arm, place / 40, 0.0) for place, arm in enumerate(arms) for _ in range(30)])
    shares = bandit.shares("code", arms, NOW)
    assert sum(shares) == pytest.approx(1.0)
    assert shares[:24] == pytest.approx([FLOOR / 40] * 24)
    assert sum(share > FLOOR / 40 for share in shares) <= ARMS_WEIGHED
    assert max(shares) == shares[-1]


def test_a_drawn_arm_comes_as_often_as_its_share_says():
    shares, count = [0.1, 0.6, 0.3], 10_000
    drawn = Counter(draw(shares, (lot + 0.5) / count) for lot in range(count))
    assert [drawn[place] / count for place in range(3)] == pytest.approx(shares, abs=0.001)


def test_a_lot_beyond_rounded_shares_falls_to_the_last():
    assert draw([0.5, 0.4999999], 0.99999999) == 1


def played(bandit, worth, lots, *, count, now, every_s=1.0, kind="code"):
    """Let the bandit decide `count` times in a world of known mean rewards; return how often each arm was taken."""
    taken = Counter()
    arms = list(worth)
    for _ in range(count):
        now += every_s
        arm = arms[draw(bandit.shares(kind, arms, now), lots.random())]
        taken[arm] += 1
        bandit.learn(kind, arm, min(1.0, max(0.0, lots.gauss(worth[arm], 0.2))), now)
    return taken, now


def test_each_kind_finds_its_own_best_arm_with_far_less_regret_than_chance():
    bandit, lots = Bandit(), Random(3)
    worlds = {
        kind: {arm: 0.8 if place == best else 0.5 + 0.05 * place for place, arm in enumerate(ARMS)}
        for best, kind in enumerate(("code", "chat", "long", "maths"))
    }
    for kind, worth in worlds.items():
        taken, _ = played(bandit, worth, lots, count=1500, now=NOW, kind=kind)
        best = max(worth, key=worth.get)
        regret = sum(count * (worth[best] - worth[arm]) for arm, count in taken.items())
        by_chance = 1500 * (worth[best] - sum(worth.values()) / 4)
        assert taken.most_common(1)[0][0] == best
        assert regret < 0.2 * by_chance


def test_an_arm_that_turns_bad_is_left_within_some_hundred_answers():
    bandit, lots = Bandit(), Random(4)
    _, now = played(bandit, {"a": 0.9, "b": 0.6}, lots, count=5000, now=NOW)
    _, now = played(bandit, {"a": 0.2, "b": 0.6}, lots, count=300, now=now)
    taken, _ = played(bandit, {"a": 0.2, "b": 0.6}, lots, count=500, now=now)
    assert taken["b"] > 0.9 * taken.total()


def test_an_arm_that_was_bad_and_is_good_again_is_found():
    bandit, lots = Bandit(), Random(5)
    _, now = played(bandit, {"a": 0.1, "b": 0.5}, lots, count=500, now=NOW)
    _, now = played(bandit, {"a": 0.9, "b": 0.5}, lots, count=3000, now=now)
    taken, _ = played(bandit, {"a": 0.9, "b": 0.5}, lots, count=300, now=now)
    assert taken["a"] > 0.9 * taken.total()


def test_with_time_alone_beliefs_fall_back_to_the_prior():
    bandit, _ = taught([("code", "a", 0.0, 0.0)] * 100)
    before = bandit.means(NOW)["code"]["a"]
    day_later = bandit.means(NOW + HALF_LIFE_S)["code"]["a"]
    month_later = bandit.means(NOW + 30 * HALF_LIFE_S)["code"]["a"]
    assert day_later.weight == pytest.approx(before.weight / 2)
    assert before.mean < day_later.mean < month_later.mean == pytest.approx(PRIOR_MEAN)
    assert before.sd < day_later.sd < month_later.sd


def test_the_weight_of_an_arm_is_bounded():
    bandit, _ = taught([("code", "a", 0.7, 0.0)] * (3 * int(MOST_WEIGHT)))
    assert bandit.means(NOW)["code"]["a"].weight == pytest.approx(MOST_WEIGHT)


def test_an_arm_that_was_away_keeps_what_was_learned():
    bandit, _ = taught([("code", "a", 0.9, 0.0), ("code", "b", 0.1, 0.0)] * 50)
    before = bandit.shares("code", ["a", "b"], NOW)
    bandit.shares("code", ["b", "c"], NOW)
    bandit.learn("code", "c", 0.5, NOW)
    assert bandit.shares("code", ["a", "b"], NOW) == before


def test_a_new_arm_is_tried_beside_a_fair_one():
    bandit, _ = taught([("code", "a", 0.6, 0.0)] * 200)
    assert bandit.shares("code", ["a", "new"], NOW)[1] > 0.3


def test_of_too_many_arms_the_one_that_learned_nothing_for_longest_is_forgotten():
    bandit, _ = taught([("code", f"arm/{number}", 0.5, 1.0) for number in range(ARMS_KEPT)])
    bandit.learn("code", "arm/0", 0.5, NOW + 1000)
    bandit.learn("code", "one/more", 0.5, NOW + 1001)
    known = bandit.means(NOW)["code"]
    assert len(known) == ARMS_KEPT
    assert "arm/1" not in known
    assert {"arm/0", "one/more"} <= set(known)


def test_a_kind_too_many_is_not_learned_and_shares_evenly():
    bandit, _ = taught([(f"kind {number}", "a", 0.5, 0.0) for number in range(KINDS_KEPT + 1)])
    assert len(bandit.means(NOW)) == KINDS_KEPT
    assert bandit.shares(f"kind {KINDS_KEPT}", ["a", "b"], NOW) == [0.5, 0.5]


@pytest.mark.parametrize(("given_reward", "taken_as"), [(7.0, 1.0), (-1.0, 0.0), (float("nan"), 0.0)])
def test_a_reward_beyond_its_range_is_cut(given_reward, taken_as):
    odd, _ = taught([("code", "a", given_reward, 0.0)])
    plain, _ = taught([("code", "a", taken_as, 0.0)])
    assert odd.state() == plain.state()


def test_a_clock_that_goes_back_changes_no_belief():
    bandit, _ = taught([("code", "a", 0.9, 0.0)] * 10)
    assert bandit.means(NOW - 1e6) == bandit.means(NOW)
    bandit.learn("code", "a", 0.9, NOW - 1e6)
    assert bandit.means(NOW)["code"]["a"].weight == pytest.approx(11.0)


def test_shares_are_kept_until_enough_is_new():
    bandit, _ = taught([("code", arm, 0.5, 0.0) for arm in "ab" for _ in range(80)])
    kept = bandit.shares("code", ["a", "b"], NOW)
    for _ in range(9):
        bandit.learn("code", "a", 1.0, NOW)
    assert bandit.shares("code", ["a", "b"], NOW) == kept
    bandit.learn("code", "a", 1.0, NOW)
    assert bandit.shares("code", ["a", "b"], NOW)[0] > kept[0]


def test_shares_are_computed_anew_after_some_seconds_or_a_clock_set_back():
    for later in (STALE_S, -STALE_S):
        bandit, _ = taught([("code", arm, 0.5, 0.0) for arm in "ab" for _ in range(80)])
        kept = bandit.shares("code", ["a", "b"], NOW)
        bandit.learn("code", "a", 1.0, NOW)
        assert bandit.shares("code", ["a", "b"], NOW + later)[0] > kept[0]


def test_sets_of_arms_are_not_kept_without_a_bound():
    bandit, _ = taught([("code", "a", 0.5, 0.0)])
    for number in range(2000):
        bandit.shares("code", ["a", f"arm/{number}"], NOW)
    assert len(bandit._kinds["code"].sets) <= 512


def test_damaged_entries_are_skipped_and_counted():
    good = [3.0, 2.0, NOW]
    damaged = {
        "short": [1.0],
        "text": ["1", 1.0, NOW],
        "true": [True, 0.5, NOW],
        "nan": [float("nan"), 0.0, NOW],
        "endless": [1.0, 0.5, float("inf")],
        "huge": [10**400, 1.0, NOW],
        "more than all": [1.0, 2.0, NOW],
        "below": [1.0, -0.1, NOW],
        "heavy": [1e9, 5.0, NOW],
        "none": None,
    }
    bandit = Bandit.restore({"version": 1, "kinds": {"code": {"good": good, **damaged}, "chat": [1], 3: {}}}, NOW)
    assert bandit.damaged == len(damaged) + 2
    assert list(bandit.means(NOW)["code"]) == ["good"]


@pytest.mark.parametrize("state", [[], "text", {}, {"version": 2, "kinds": {}}, {"version": 1}, 7])
def test_a_state_that_cannot_be_read_is_one_damage_and_begins_anew(state):
    bandit = Bandit.restore(state, NOW)
    assert (bandit.damaged, bandit.means(NOW)) == (1, {})


def test_no_state_is_no_damage():
    assert Bandit.restore(None, NOW).damaged == 0


@given(
    st.recursive(
        st.none() | st.floats() | st.text(max_size=3),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=3), inner),
    )
)
def test_whatever_stands_in_a_state_a_bandit_comes_of_it(value):
    bandit = Bandit.restore({"version": 1, "kinds": {"code": value, "chat": {"a": value}}}, NOW)
    assert sum(bandit.shares("chat", ["a", "b"], NOW)) == pytest.approx(1.0)


def test_what_has_faded_is_not_restored_and_the_future_is_now():
    state = {
        "version": 1,
        "kinds": {"code": {"old": [5.0, 5.0, NOW - FADED * HALF_LIFE_S], "ahead": [5.0, 5.0, NOW + 1e6]}},
    }
    bandit = Bandit.restore(state, NOW)
    assert bandit.damaged == 0
    assert list(bandit.means(NOW)["code"]) == ["ahead"]
    assert bandit.means(NOW + HALF_LIFE_S)["code"]["ahead"].weight == pytest.approx(2.5)


def test_a_restored_bandit_may_have_other_settings():
    bandit = Bandit.restore(taught([("code", "a", 1.0, 0.0)])[0].state(), NOW, half_life_s=10.0, floor=0.5)
    assert bandit.means(NOW + 10)["code"]["a"].weight == pytest.approx(0.5)
    assert min(bandit.shares("code", ["a", "b", "c", "d"], NOW)) >= 0.125
