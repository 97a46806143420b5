"""What is asked of whoever goes on with an answer, and what it all took together."""

from types import SimpleNamespace

import pytest
from fleet import standing
from hypothesis import given
from hypothesis import strategies as st

from cortex.chat import Chat, Embed, Message, RawPrompt, Text, TextDelta, ToolCall, Usage
from cortex.endpoint.openai import OpenAI
from cortex.endpoint.resume import Begun, begun_with, may_be_resumed
from cortex.messages import Failure, Request
from cortex.telemetry.record import Attempt

USER = Message("user", (Text("Hi"),))


def request(*needs):
    return Request(
        dialect="openai", operation="chat", model="m", stream=True, body=b"", parsed=None, needs=frozenset(needs)
    )


def begun(text="", tokens=0):
    made = Begun(None, None, 1000)
    made.text, made.tokens, made.prefilled = text, tokens, tokens
    return made


def test_the_beginning_stands_behind_the_conversation():
    asked = begun_with(Chat(messages=(USER,)), "Hel", 1)

    assert asked.messages == (USER, Message("assistant", (Text("Hel"),)))


def test_a_clients_own_beginning_and_ours_are_one_text():
    own = Message("assistant", (Text("Well, "),), reasoning="hm")
    asked = begun_with(Chat(messages=(USER, own)), "then", 1)

    assert asked.messages == (USER, Message("assistant", (Text("Well, then"),), reasoning="hm"))


def test_a_turn_that_called_a_tool_is_no_beginning():
    called = Message("assistant", tool_calls=(ToolCall("c", "look", "{}"),))
    asked = begun_with(Chat(messages=(USER, called)), "then", 1)

    assert asked.messages[-1] == Message("assistant", (Text("then"),))


def test_where_no_text_is_out_the_same_is_asked_anew():
    assert begun_with(Chat(messages=(USER,)), "", 3) == Chat(messages=(USER,))


@given(bound=st.integers(1, 1000), tokens=st.integers(0, 2000))
def test_the_bound_is_what_is_left_of_it_and_never_nothing(bound, tokens):
    asked = begun_with(Chat(messages=(USER,), max_tokens=bound), "x", tokens)

    assert asked.max_tokens == max(1, bound - tokens)


def test_a_raw_prompt_grows():
    asked = begun_with(Chat(messages=(USER,), raw_prompt=RawPrompt("Once", raw=True)), " upon", 1)

    assert asked.raw_prompt.prompt == "Once upon"


@pytest.mark.parametrize(
    "ask",
    [
        Embed(inputs=("x",)),
        Chat(messages=(USER,), raw_prompt=RawPrompt("Once", suffix="end")),
        Chat(messages=(USER,), raw_prompt=RawPrompt("Once", template="{{ .Prompt }}")),
        Chat(messages=(USER,), raw_prompt=RawPrompt("Once", context=(1, 2))),
    ],
)
def test_what_has_no_place_for_a_beginning_is_not_asked(ask):
    assert begun_with(ask, "x", 1) is None


@pytest.mark.parametrize(("needs", "may"), [((), True), (("chat", "tools"), True), (("chat", "n"), False)])
def test_what_may_be_resumed(needs, may):
    assert may_be_resumed(request(*needs)) is may


@given(
    tokens=st.integers(0, 500),
    usage=st.builds(Usage, st.integers(0, 1000), st.integers(0, 1000), st.integers(0, 1000)),
)
def test_usage_is_of_the_whole_answer(tokens, usage):
    total = begun("x", tokens).total(usage)

    assert total.output_tokens == usage.output_tokens + tokens
    assert 0 <= total.input_tokens <= usage.input_tokens
    assert total.cached_tokens <= max(total.input_tokens, 0)


def test_what_is_too_long_is_let_go():
    stands = standing()
    made = Begun(None, SimpleNamespace(link=stands.link, standing=stands, model="m"), 10)
    made.add(b"12345")
    made.add(b"123456")
    made.add(b"1")

    assert made._parts is None


def passed(sent):
    """Return what a client has of a stream that passed through, and of whom."""
    body = b'{"model":"m","messages":[{"role":"user","content":"Hi"}],"stream":true}'
    dialect = OpenAI(lambda: 0.0)
    asked = dialect.read("chat", body)
    stands = standing(local=False, models=("m",))
    lease = SimpleNamespace(link=stands.link, standing=stands, model="m")
    made = Begun(stands.link.provider.passage(asked), lease, 10_000)
    made.add(sent)
    broke = Attempt("desk", "m", "why", cold=False, began_s=0.0, told=True)
    return made, made.broke(dialect, asked, broke, Failure("malformed", "cut"))


def test_a_stream_whose_events_name_nothing_is_gone_on_with_under_a_name_of_our_own():
    made, may = passed(b'data: {"choices":[{"index":0,"delta":{"content":"Hel"}}]}\n\n')

    assert may
    assert made.text == "Hel"
    assert b'"id":"chatcmpl-' in made.renderer.render([TextDelta("lo")])


def test_what_passed_through_and_was_no_answer_is_not_gone_on_with():
    _, may = passed(b'data: {"choices":[{"index":0,"delta":{"content":"Hel"}}]}\n\ndata: {oops\n\n')

    assert not may


def test_nothing_is_held_of_what_nobody_could_read():
    made, may = passed(b"data: {oops\n\n")

    assert not may
    assert made.text == ""
