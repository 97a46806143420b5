"""Which of the models that a server lists are taken."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cortex.messages import Failure
from cortex.providers.openai_models import models_of
from cortex.providers.openai_switches import Switches


def names(listed, **switches):
    body = json.dumps({"data": [{"id": name} for name in listed]}).encode()
    return [model.name for model in models_of(body, Switches(**switches))]


@pytest.mark.parametrize(
    ("switches", "taken"),
    [
        ({}, ["a:free", "a", "b:free", "tts"]),
        ({"only_models": ("*:free",)}, ["a:free", "b:free"]),
        ({"only_models": ("a", "b*")}, ["a", "b:free"]),
        ({"skip_models": ("*tts*",)}, ["a:free", "a", "b:free"]),
        ({"only_models": ("*:free",), "skip_models": ("b*",)}, ["a:free"]),
    ],
)
def test_models_are_taken_by_their_names(switches, taken):
    assert names(["a:free", "a", "b:free", "tts"], **switches) == taken


@given(listed=st.lists(st.text(max_size=6), max_size=6), pattern=st.sampled_from(["*", "a*", "*:free", "?"]))
def test_each_model_is_either_taken_or_skipped_by_a_pattern(listed, pattern):
    taken, rest = names(listed, only_models=(pattern,)), names(listed, skip_models=(pattern,))

    assert sorted(taken + rest) == sorted(listed)


@pytest.mark.parametrize(("name", "is_one"), [("text-embedding-3-small", True), ("nv-EmbedQA", True), ("gpt-6", False)])
def test_model_of_embeddings_is_told_by_its_name(name, is_one):
    (model,) = models_of(json.dumps([{"id": name}]).encode(), Switches())

    assert model.capabilities == (frozenset({"embedding"}) if is_one else None)


@pytest.mark.parametrize("body", [b"", b"{}", b"5", b'{"data":5}', b'{"data":[{}]}', b'{"data":[{"id":5}]}', b"[[]]"])
def test_what_is_no_list_of_models_is_malformed(body):
    failure = models_of(body, Switches())

    assert isinstance(failure, Failure)
    assert failure.word == "malformed"
