"""The number of a conversation, from each dialect's bodies."""

import json

import pytest

from cortex.endpoint.anthropic import Anthropic
from cortex.endpoint.conversation import conversation_of
from cortex.endpoint.ollama import Ollama
from cortex.endpoint.openai import OpenAI

TURNS = [
    {"role": "user", "content": "Why is the sky blue?"},
    {"role": "assistant", "content": "It scatters light."},
    {"role": "user", "content": "And at dusk?"},
]
DIALECTS = {"openai": OpenAI, "ollama": Ollama, "anthropic": Anthropic}


def number(dialect, messages, **more):
    body = {"model": "m", "messages": messages, "max_tokens": 9, **more}
    return conversation_of(DIALECTS[dialect](lambda: 0.0).read("chat", json.dumps(body).encode()).parsed)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_later_turn_has_the_number_of_the_first(dialect):
    assert number(dialect, TURNS[:1]) == number(dialect, TURNS) != 0


@pytest.mark.parametrize("dialect", DIALECTS)
def test_another_beginning_is_another_conversation(dialect):
    assert number(dialect, TURNS) != number(dialect, TURNS[2:])


@pytest.mark.parametrize("dialect", ["openai", "ollama"])
def test_the_system_message_is_part_of_the_beginning(dialect):
    system = {"role": "system", "content": "Be brief."}
    assert number(dialect, [system, *TURNS]) == number(dialect, [system, *TURNS[:1]]) != number(dialect, TURNS)


def test_anthropics_system_prompt_is_too():
    assert number("anthropic", TURNS, system="Be brief.") != number("anthropic", TURNS)


@pytest.mark.parametrize("dialect", ["openai", "anthropic"])
def test_text_in_parts_counts_and_an_image_does_not_break_it(dialect):
    image = {
        "openai": {"type": "image_url", "image_url": {"url": "https://x.example/a.png"}},
        "anthropic": {"type": "image", "source": {"type": "url", "url": "https://x.example/a.png"}},
    }[dialect]
    one = [{"role": "user", "content": [image, {"type": "text", "text": "What is it?"}]}]
    two = [{"role": "user", "content": [image, {"type": "text", "text": "Where is it?"}]}]
    assert number(dialect, one) == number(dialect, one) != number(dialect, two)


def test_what_has_no_messages_has_no_conversation():
    request = OpenAI(lambda: 0.0).read("embed", b'{"model": "m", "input": "a"}')
    assert conversation_of(request.parsed) == 0
