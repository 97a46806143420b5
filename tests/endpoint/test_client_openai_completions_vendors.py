"""What vendors add to chat completions: the signature of a tool call on its way to the client and back, documents."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cortex.chat import Finish, ToolCall, needs_of
from cortex.endpoint.dialect import BadRequest
from cortex.endpoint.openai import OpenAI

DIALECT = OpenAI(now=lambda: 0.0)
CALL = ToolCall("call_1", "f", "{}", signature="c2ln")
SIGNED = {"google": {"thought_signature": "c2ln"}}


def read(*messages, **fields):
    turns = messages or ({"role": "user", "content": "Hi"},)
    return DIALECT.read("chat", json.dumps({"messages": list(turns), **fields}).encode())


def calls(extra):
    call = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}, "extra_content": extra}
    return DIALECT.neutral(read({"role": "assistant", "tool_calls": [call]})).messages[0].tool_calls


class TestSignature:
    def test_it_is_in_a_whole_answer(self):
        answer = json.loads(DIALECT.answer(read(), "m", [CALL, Finish("tool_calls")]))

        assert answer["choices"][0]["message"]["tool_calls"][0]["extra_content"] == SIGNED

    def test_it_is_in_a_stream(self):
        data = DIALECT.renderer(read(stream=True), "m").render([CALL])
        last = json.loads(data.decode().split("\n\n")[-2].removeprefix("data: "))

        assert last["choices"][0]["delta"]["tool_calls"][0]["extra_content"] == SIGNED

    def test_a_call_without_one_says_nothing_of_it(self):
        assert b"extra_content" not in DIALECT.answer(read(), "m", [ToolCall("call_1", "f", "{}")])

    @pytest.mark.parametrize(
        ("extra", "signature"),
        [(SIGNED, "c2ln"), (None, ""), ({}, ""), ({"google": None}, ""), ({"other": 1}, ""), ({"google": {}}, "")],
    )
    def test_it_is_read_back(self, extra, signature):
        assert calls(extra) == (ToolCall("call_1", "f", "{}", signature=signature),)

    @given(signature=st.text(st.characters(codec="utf-8")))
    def test_it_survives_the_way_there_and_back(self, signature):
        sent = ToolCall("call_1", "f", "{}", signature=signature)
        message = json.loads(DIALECT.answer(read(), "m", [sent]))["choices"][0]["message"]

        assert DIALECT.neutral(read(message)).messages[0].tool_calls == (sent,)


class TestDocuments:
    @pytest.mark.parametrize(
        ("given", "expected"),
        [
            (["a text"], ("a text",)),
            ([{"data": {"text": "a"}, "id": "1"}], ({"data": {"text": "a"}, "id": "1"},)),
            ([{"title": "t", "text": "a"}], ({"data": {"title": "t", "text": "a"}},)),
        ],
    )
    def test_they_go_on_in_one_form(self, given, expected):
        request = read(documents=given)
        chat = DIALECT.neutral(request)

        assert chat.documents == expected
        assert request.needs == needs_of(chat) == {"chat", "documents"}

    @pytest.mark.parametrize("given", [None, []])
    def test_none_are_nothing(self, given):
        assert DIALECT.neutral(read(documents=given)) == DIALECT.neutral(read())

    def test_one_of_another_type_is_refused(self):
        with pytest.raises(BadRequest) as caught:
            read(documents=["a", 1])

        assert caught.value.problem.param == "documents[1]"
