"""Which worker holds the beginning of a conversation."""

from random import Random

import pytest
from fleet import NOW, hold, request, standing
from hypothesis import given
from hypothesis import strategies as st

from cortex.routing.affinity import FORGOTTEN_AFTER_S, KEPT, Affinity
from cortex.routing.entry import Entry
from cortex.routing.registry import OWN
from cortex.routing.strategies import State

MODEL = "llama3.2:3b"


def entries(*names, slots=4):
    return [Entry(standing(name, slots=slots), MODEL, 0) for name in names]


def asking(conversation):
    made = request()
    made.conversation = conversation
    return made


def test_the_worker_that_took_the_last_request_of_a_conversation_holds_it():
    affinity, (desk, rack) = Affinity(), entries("desk", "rack")
    affinity.note(7, desk, NOW)
    affinity.note(7, rack, NOW + 1)
    assert affinity.holder(7, [desk, rack], NOW + 2) is rack
    assert affinity.holder(8, [desk, rack], NOW + 2) is None


def test_a_request_without_a_conversation_is_held_by_nobody():
    affinity, (desk,) = Affinity(), entries("desk")
    affinity.note(0, desk, NOW)
    assert len(affinity) == 0
    assert affinity.holder(0, [desk], NOW) is None


def test_a_free_key_holds_nothing():
    key, paid = (Entry(standing("k", local=False, free=free), MODEL, 0) for free in (True, False))
    affinity = Affinity()
    affinity.note(7, key, NOW)
    assert len(affinity) == 0
    affinity.note(7, paid, NOW)
    assert affinity.holder(7, [paid], NOW) is paid


def test_another_model_of_the_same_worker_does_not_hold_it():
    affinity, (desk,) = Affinity(), entries("desk")
    affinity.note(7, desk, NOW)
    assert affinity.holder(7, [desk._replace(model="qwen3:4b")], NOW) is None


def test_a_conversation_that_was_silent_long_is_forgotten():
    affinity, (desk,) = Affinity(), entries("desk")
    affinity.note(7, desk, NOW)
    assert affinity.holder(7, [desk], NOW + FORGOTTEN_AFTER_S) is desk
    assert affinity.holder(7, [desk], NOW + FORGOTTEN_AFTER_S + 1) is None


def test_one_that_is_much_busier_than_the_idlest_is_not_preferred():
    affinity, (desk, rack) = Affinity(), entries("desk", "rack")
    affinity.note(7, desk, NOW)
    hold(desk.standing, 2)
    assert affinity.holder(7, [desk, rack], NOW) is desk
    hold(desk.standing, 1)
    assert affinity.holder(7, [desk, rack], NOW) is None


@given(conversations=st.lists(st.integers(1, 20), max_size=60))
def test_only_so_many_are_remembered_and_the_last_ones_are(conversations):
    affinity, (desk,) = Affinity(), entries("desk")
    for number in range(1, KEPT + 1):
        affinity.note(1000 + number, desk, NOW)
    for conversation in conversations:
        affinity.note(conversation, desk, NOW)
    assert len(affinity) == KEPT
    assert all(affinity.holder(each, [desk], NOW) is desk for each in conversations)


@pytest.mark.parametrize("name", ["local_first", "least_loaded", "cost_optimized"])
def test_strategies_prefer_the_holder_among_equals_and_say_so(name):
    state, there = State(Random(1)), entries("desk", "rack", "shed")
    state.affinity.note(7, there[2], NOW)
    first = OWN[name].order(asking(7), there, state, NOW)[0]
    assert first.entry is there[2]
    assert "has this conversation" in first.why


@pytest.mark.parametrize("name", ["local_first", "cost_optimized"])
def test_a_loaded_model_comes_before_a_conversation(name):
    from cortex.providers.base import Model  # noqa: PLC0415  only here

    cold = Entry(standing("desk", models=[Model(MODEL, loaded=False)]), MODEL, 0)
    (warm,) = entries("rack", slots=1)
    state = State(Random(1))
    state.affinity.note(7, cold, NOW)
    first = OWN[name].order(asking(7), [cold, warm], state, NOW)[0]
    assert (first.entry is warm) == (name == "local_first")
