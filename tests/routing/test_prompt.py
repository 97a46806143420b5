"""What is read of a conversation, and what its classification promises whatever the text."""

import time
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cortex.chat import Chat, Image, Message, RawPrompt, Text, Tool, ToolCall
from cortex.config.rules import KINDS
from cortex.routing import prompt_text
from cortex.routing.prompt import Kind, classify, is_assent, text_of, traits_of
from cortex.routing.prompt_text import READ, features_of, fold, pack, read_weights, shares, unpack, weights

LONG = (
    "Resume el siguiente artículo, por favor: " + "La ciudad amaneció cubierta de niebla (12 °C) y nadie salió. " * 200
)
WEIGHTS_FILE = Path(prompt_text.__file__).with_name("prompt_weights.json")


def user(*texts):
    return Message("user", tuple(Text(text) for text in texts))


def assistant(text):
    return Message("assistant", (Text(text),))


def chat(*messages, **more):
    return Chat(messages=messages, **more)


def cpu_s(work, times):
    begun = time.process_time()
    for _ in range(times):
        work()
    return (time.process_time() - begun) / times


def test_kinds_are_those_of_the_rules_and_of_the_weights():
    assert get_args(Kind) == KINDS == weights().kinds


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Write a Python function that merges two sorted lists", "code"),
        ("Traduce al inglés: la cena está servida", "translation"),
        ("hola, ¿qué tal?", "chat"),
        ("Resume este texto en tres frases: la junta aprobó las cuentas y nombró presidente.", "summary"),
    ],
)
def test_a_plain_demand_is_recognised(text, kind):
    assert classify(text)[0] == kind


def test_a_proof_is_harder_than_a_greeting():
    assert classify("Prove that every compact Hausdorff space is normal")[1] > classify("good morning")[1] + 0.3


@given(st.text(max_size=3000))
def test_whatever_the_text_the_answer_is_in_bounds(text):
    kind, difficulty, certainty = classify(text)

    assert kind in KINDS
    assert 0.0 <= difficulty <= 1.0
    assert 1 / len(KINDS) - 1e-9 <= certainty <= 1.0 + 1e-9


@given(st.text(max_size=50), st.text(max_size=50))
def test_the_middle_of_a_long_text_is_not_read(one, other):
    """Its length is, so both have the same."""
    first, last = "summarise this report. " * 40, "no more than five lines, please. " * 40
    middles = (one.ljust(50, "x"), other.ljust(50, "x"))

    assert len(first) > READ < len(last)
    assert len({classify(first + middle + last) for middle in middles}) == 1


@given(st.text(max_size=200))
def test_case_does_not_count(text):
    ascii_text = text.encode("ascii", "ignore").decode()

    assert classify(ascii_text.upper()) == classify(ascii_text.lower())


def test_accents_do_not_count():
    assert fold("¿CUÁNTO es 3 € ñandú?") == fold("cuanto es 9  nandu?")


@given(st.lists(st.lists(st.integers(-800, 800), min_size=9, max_size=9), max_size=50))
def test_sums_of_packed_weights_are_packed_sums(rows):
    sums = [sum(column) for column in zip(*rows, strict=True)] or [0] * 9

    assert unpack(sum(map(pack, rows)), 9) == sums


@given(st.lists(st.floats(-500, 500), min_size=1))
def test_shares_are_probabilities_in_the_order_of_the_scores(scores):
    listed = shares(scores)

    assert sum(listed) == pytest.approx(1.0)
    assert listed[scores.index(max(scores))] == max(listed)


def test_no_sum_of_weights_can_leave_its_bits():
    """The most features that a text can have, each with the largest weight there is."""
    stored = prompt_text.msgspec.json.decode(WEIGHTS_FILE.read_bytes())
    largest = max(abs(value) for row in stored["rows"].values() for value in row)
    most = 5 * 2 * READ  # words, pairs, beginnings, and pieces of both ends: at most a few for each character

    assert largest * most < 1 << (prompt_text.BITS - 1)


def test_the_newest_message_of_the_user_is_what_counts():
    assert text_of(chat(user("hi"), assistant("hello"), user("sort this list"))) == "sort this list"


def test_all_its_texts_count_and_pictures_say_nothing():
    message = Message("user", (Text("what is this?"), Image(data="aGk="), Text("be brief")))

    assert text_of(chat(message)) == "what is this?\nbe brief"


def test_what_a_tool_returned_is_not_what_was_asked():
    call = Message("assistant", tool_calls=(ToolCall("call_1", "weather", "{}"),))
    result = Message("tool", (Text("def f(): pass"),), tool_call_id="call_1")

    assert text_of(chat(user("will it rain?"), call, result)) == "will it rain?"


@pytest.mark.parametrize("word", ["yes", "Go on.", "Sí, por favor", "continúa", "OK!", "dale"])
def test_an_assent_is_read_with_what_it_assents_to(word):
    assert text_of(chat(user("write a poem"), assistant("about rain?"), user(word))) == f"write a poem\n{word}"


def test_several_assents_are_read_with_the_message_before_them():
    messages = [user("prove it"), assistant("step 1 …"), user("go on"), assistant("step 2 …"), user("more")]

    assert text_of(chat(*messages)) == "prove it\ngo on\nmore"


def test_an_assent_with_a_wish_is_no_mere_assent():
    assert not is_assent("yes, but in French")


def test_an_assent_with_nothing_before_it_stands_for_itself():
    assert text_of(chat(user("ok"))) == "ok"


def test_a_bare_prompt_is_what_was_said():
    assert text_of(chat(raw_prompt=RawPrompt("def fib(n):"))) == "def fib(n):"


def test_a_chat_without_words_has_traits_as_well():
    assert traits_of(chat()).kind in KINDS


def test_a_picture_anywhere_in_the_conversation_counts():
    shown = Message("user", (Text("look"), Image(data="aGk=")))

    assert traits_of(chat(shown, assistant("a cat"), user("what breed?"))).has_images
    assert not traits_of(chat(user("look"))).has_images


def test_tools_count_unless_they_may_not_be_used():
    tool = Tool("weather")

    assert traits_of(chat(user("rain?"), tools=(tool,))).has_tools
    assert not traits_of(chat(user("rain?"), tools=(tool,), tool_choice="none")).has_tools
    assert not traits_of(chat(user("rain?"))).has_tools


def test_features_of_a_text_are_the_same_each_time():
    assert features_of(LONG, weights().cues) == features_of(LONG, weights().cues)


@pytest.mark.parametrize("text", [LONG, Path(prompt_text.__file__).read_text("utf-8")], ids=["article", "program"])
def test_a_long_prompt_is_classified_in_200_microseconds(text):
    """CPU time, the best of several runs: the machine may be busy with something else."""
    best = min(cpu_s(lambda: classify(text), 100) for _ in range(15))

    assert best <= 200e-6


def test_the_weights_are_small_and_read_in_30_milliseconds():
    content = WEIGHTS_FILE.read_bytes()

    assert len(content) < 600_000
    assert min(cpu_s(lambda: read_weights(content), 1) for _ in range(9)) <= 30e-3
