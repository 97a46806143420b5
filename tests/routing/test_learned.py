"""The strategy that learns: what it draws among, what it logs, and when it does not explore."""

from collections import Counter
from random import Random
from typing import NamedTuple

import pytest
from fleet import NOW, request, standing
from hypothesis import given
from hypothesis import strategies as st

from cortex.config.rules import parse
from cortex.config.secret import Secret
from cortex.providers.base import Model
from cortex.routing.entry import Entry
from cortex.routing.learned import CHOICES, OTHERS, arm_of, learned
from cortex.routing.learner import Learner
from cortex.routing.preference import Smart
from cortex.routing.registry import OWN
from cortex.routing.strategies import State, order_of


class Traits(NamedTuple):
    kind: str = "code"
    difficulty: float = 0.3
    has_images: bool = False
    has_tools: bool = False


def own(name, model="m", *, loaded=True, rank=0):
    return Entry(standing(name, models=[Model(model, loaded=loaded)]), model, rank)


def key(name, model="m", rank=0):
    return Entry(
        standing(name, local=False, free=True, models=(model,), key=Secret(f"sk-{name}-0123456789")), model, rank
    )


def state(*rules, seed=0, strengths=None):
    made = State(Random(seed), Learner(wall=lambda: 1_800_000_000.0))
    made.smart = Smart([parse(rule) for rule in rules], strengths or {"*": 0.6})
    return made


def asked(**more):
    made = request(traits=more.pop("traits", Traits()), **more)
    made.id = "r-1"
    return made


def drawn(request_, entries, remembered):
    """Let it choose, and send the request there; return the order and the decision."""
    ranked = order_of(learned, request_, entries, remembered, NOW)
    remembered.learner.granted(request_, ranked[0].entry)
    return ranked, request_.decision


def teach(remembered, arm, reward, times=40, kind="code"):
    for _ in range(times):
        remembered.learner.bandit.learn(kind, arm, reward, 1_800_000_000.0)


FLEET = [own("desk"), own("rack"), key("groq/1"), key("groq/2")]


@given(seed=st.integers(0, 2**32), size=st.integers(1, 30), ranks=st.integers(1, 3))
def test_every_candidate_is_returned_once_and_the_shares_are_those_that_were_drawn_from(seed, size, ranks):
    random = Random(seed)
    entries = [own(f"w{number}", rank=random.randrange(ranks)) for number in range(size)]
    remembered = state(seed=seed)
    for entry in entries[::3]:
        teach(remembered, arm_of(entry), random.random(), times=5)

    request_ = asked()
    ranked, decision = drawn(request_, entries, remembered)

    assert sorted(each.entry.standing.name for each in ranked) == sorted(each.standing.name for each in entries)
    best = min(entry.rank for entry in entries)
    there = {entry.standing.name for entry in entries if entry.rank == best}
    assert {choice.worker for choice in decision.choices} <= there
    assert len(decision.choices) == min(len(there), CHOICES)
    assert sum(choice.share for choice in decision.choices) == pytest.approx(1.0)
    assert ranked[0].entry.standing.name == decision.choice.worker
    assert set(decision.others) in ({}.keys(), OTHERS.keys())


def test_it_takes_each_as_often_as_its_share_says():
    remembered, taken, shares = state(), Counter(), Counter()
    teach(remembered, "desk/m", 0.8, times=6)
    teach(remembered, "rack/m", 0.7, times=6)
    teach(remembered, "groq/m", 0.6, times=6)
    for _ in range(2000):
        _, decision = drawn(asked(), FLEET, remembered)
        taken[decision.choice.worker] += 1
        for choice in decision.choices:
            shares[choice.worker] += choice.share

    assert all(abs(taken[name] - shares[name]) < 5 * 2000**0.5 / 2 for name in shares)


def test_what_was_good_for_this_kind_is_taken_and_for_another_kind_nothing_follows():
    remembered = state()
    teach(remembered, "rack/m", 0.95, times=200)
    for arm in ("desk/m", "groq/m"):
        teach(remembered, arm, 0.2, times=200)

    code = Counter(drawn(asked(), FLEET, remembered)[1].choice.worker for _ in range(200))
    chat = Counter(drawn(asked(traits=Traits("chat")), FLEET, remembered)[1].choice.worker for _ in range(200))

    assert code["rack"] > 190
    assert max(chat.values()) < 100


def test_keys_of_a_pool_are_one_arm_and_a_model_that_has_to_be_loaded_is_another():
    assert [arm_of(entry) for entry in FLEET] == ["desk/m", "rack/m", "groq/m", "groq/m"]
    assert arm_of(own("desk", loaded=False)) == "desk/m (cold)"


def test_a_rule_bounds_what_is_explored():
    entries = [own("desk", "small"), own("rack", "large"), key("groq/1", "other")]
    remembered = state("code → large, other")

    workers = {drawn(asked(), entries, remembered)[1].choice.worker for _ in range(60)}
    _, decision = drawn(asked(), entries, remembered)

    assert workers == {"rack", "groq/1"}
    assert [choice.worker for choice in decision.choices] == ["rack", "groq/1"]


def test_what_is_clearly_too_weak_is_not_tried_unless_nothing_else_is_there():
    entries = [own("desk", "weak"), own("rack", "strong"), own("shed", "middling")]
    strengths = {"weak": 0.3, "middling": 0.5, "strong": 0.9}

    hard = [
        drawn(asked(traits=Traits("code", 0.55)), entries, state(seed=seed, strengths=strengths)) for seed in range(40)
    ]
    hardest, decision = drawn(asked(traits=Traits("code", 1.0)), entries[::2], state(strengths=strengths))

    assert {decision.choice.worker for _, decision in hard} == {"rack", "shed"}
    assert [each.entry.standing.name for each in hard[0][0]][-1] == "desk"
    assert len(hardest) == len(decision.choices) == 2


def test_of_an_alias_only_the_first_place_that_is_free_is_explored():
    entries = [own("desk", rank=1), own("rack", rank=1), own("shed", rank=2)]

    taken = {drawn(asked(), entries, state(seed=seed))[1].choice.worker for seed in range(40)}
    ranked, decision = drawn(asked(), entries, state())

    assert taken == {"desk", "rack"}
    assert {choice.worker for choice in decision.choices} == {"desk", "rack"}
    assert ranked[-1].entry.standing.name == "shed"


def test_a_request_that_names_its_strategy_gets_the_best_that_is_known_and_is_no_decision():
    remembered = state()
    teach(remembered, "rack/m", 0.8)

    for _ in range(30):
        ranked, decision = drawn(asked(strategy="learned"), FLEET, remembered)
        assert (ranked[0].entry.standing.name, decision) == ("rack", None)
        assert "the best known" in ranked[0].why


def test_after_a_failure_nothing_is_drawn_anew():
    remembered, request_ = state(), asked()
    ranked, decision = drawn(request_, FLEET, remembered)
    left = [entry for entry in FLEET if entry is not ranked[0].entry]

    again, kept = drawn(request_, left, remembered)

    assert kept is decision
    assert "the best known" in again[0].why


def test_a_draw_that_was_not_taken_up_is_drawn_again():
    """It waits in the line, and who is free changes meanwhile."""
    remembered, request_ = state(), asked()
    order_of(learned, request_, FLEET, remembered, NOW)

    _, decision = drawn(request_, FLEET[2:], remembered)

    assert {choice.worker for choice in decision.choices} == {"groq/1", "groq/2"}


def test_a_prompt_of_which_nothing_is_known_goes_where_it_costs_least():
    remembered = state()

    ranked, decision = drawn(asked(traits=None), FLEET, remembered)

    assert (len(ranked), decision) == (len(FLEET), None)
    assert "costs nothing" in ranked[0].why


def test_of_one_decision_in_four_the_log_says_what_others_would_have_taken():
    remembered = state()

    said = [drawn(asked(), FLEET, remembered)[1].others for _ in range(400)]

    assert 60 < sum(map(bool, said)) < 140
    assert all(others["local_first"] in {0, 1} for others in said if others)


def test_of_two_that_are_believed_in_alike_one_that_has_to_load_is_drawn_more_rarely():
    warm, cold = own("desk"), own("rack", loaded=False)

    _, decision = drawn(asked(), [warm, cold], state())

    assert decision.choices[1].share < 0.15


def test_the_one_that_holds_the_conversation_is_drawn_more_often():
    remembered = state()
    remembered.affinity.note(7, FLEET[1], NOW)

    _, decision = drawn(asked(conversation=7), FLEET[:2], remembered)

    assert decision.choices[1].share > 0.8


def test_asking_what_others_would_have_done_takes_nobodys_turn():
    remembered = state()
    before = [OWN["round_robin"].order(asked(), FLEET, remembered, NOW)[0].entry.standing.name for _ in range(3)]
    for _ in range(20):
        drawn(asked(), FLEET, remembered)
    after = OWN["round_robin"].order(asked(), FLEET, remembered, NOW)[0].entry.standing.name

    assert [*before, after] == [entry.standing.name for entry in FLEET]


def test_the_why_says_kind_difficulty_and_how_likely_it_is_the_best():
    ranked, _ = drawn(asked(), FLEET, state())

    assert ranked[0].why.startswith("code 0.30: drawn, ")
    assert ranked[0].why.endswith("likely the best")
