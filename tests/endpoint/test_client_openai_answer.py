"""Answers in the OpenAI dialect, whole and streamed, as bytes and as the official SDK reads them."""

import json
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from cortex.chat import Finish, ReasoningDelta, TextDelta, ToolCall, Usage
from cortex.endpoint.dialect import Problem
from cortex.endpoint.openai import OpenAI

DIALECT = OpenAI(now=lambda: 1763978400.9)
FUNCTIONS = {"functions": [{"name": "f"}]}
OPEN = '"logprobs":null,"finish_reason":null}]}'
HEAD = (
    '{"id":"chatcmpl-r1","object":"chat.completion.chunk","created":1763978400,"model":"m","system_fingerprint":null,'
)


def request_of(**fields):
    body = {"messages": [{"role": "user", "content": "Hi"}], **fields}
    request = DIALECT.read("chat", json.dumps(body).encode())
    request.id = "r1"
    return request


def streaming(*, usage=False, **fields):
    return request_of(stream=True, stream_options={"include_usage": usage}, **fields)


def whole(*deltas, **fields):
    return json.loads(DIALECT.answer(request_of(**fields), "m", list(deltas)))


def stream(*deltas, usage=False, **fields):
    renderer = DIALECT.renderer(streaming(usage=usage, **fields), "m")
    return renderer.render(list(deltas)) + renderer.close()


def events(data):
    blocks = data.decode().split("\n\n")
    assert blocks.pop() == ""
    assert all(block.startswith("data: ") for block in blocks)
    return [block.removeprefix("data: ") for block in blocks]


def chunks(data):
    *parsed, done = events(data)
    assert done == "[DONE]"
    return [ChatCompletionChunk.model_validate_json(event) for event in parsed]


class TestStream:
    def test_a_short_answer_byte_for_byte(self):
        expected = (
            f'data: {HEAD}"choices":[{{"index":0,"delta":{{"role":"assistant","content":"","refusal":null}},{OPEN}\n\n'
            f'data: {HEAD}"choices":[{{"index":0,"delta":{{"content":"Hi \\"you\\"\\n"}},{OPEN}\n\n'
            f'data: {HEAD}"choices":[{{"index":0,"delta":{{}},"logprobs":null,"finish_reason":"stop"}}]}}\n\n'
            "data: [DONE]\n\n"
        )

        assert expected.encode() == stream(TextDelta('Hi "you"\n'), Finish("stop"), Usage(1, 2))

    def test_usage_comes_after_the_finish_when_it_was_asked_for(self):
        *before, usage, done = events(stream(TextDelta("Hi"), Usage(9, 2, 4, 1), Finish("stop"), usage=True))

        assert done == "[DONE]"
        assert all(json.loads(event)["usage"] is None for event in before)
        assert json.loads(usage)["choices"] == []
        assert json.loads(usage)["usage"] == {
            "prompt_tokens": 9,
            "completion_tokens": 2,
            "total_tokens": 11,
            "prompt_tokens_details": {"cached_tokens": 4, "audio_tokens": 0},
            "completion_tokens_details": {
                "reasoning_tokens": 1,
                "audio_tokens": 0,
                "accepted_prediction_tokens": 0,
                "rejected_prediction_tokens": 0,
            },
        }

    def test_usage_is_not_mentioned_unless_it_was_asked_for(self):
        assert b"usage" not in stream(TextDelta("Hi"), Usage(9, 2), Finish("stop"))

    def test_usage_that_was_asked_for_and_never_counted_is_zero(self):
        assert chunks(stream(TextDelta("Hi"), Finish("stop"), usage=True))[-1].usage.total_tokens == 0

    def test_nothing_goes_out_before_the_first_delta(self):
        renderer = DIALECT.renderer(streaming(), "m")

        assert renderer.render([]) == b""
        assert renderer.render([Usage(3, 0)]) == b""

    def test_the_role_comes_once(self):
        renderer = DIALECT.renderer(streaming(), "m")
        first, second = renderer.render([TextDelta("a")]), renderer.render([TextDelta("b")])

        assert (first.count(b'"role"'), second.count(b'"role"')) == (1, 0)

    def test_tool_calls_are_whole_and_counted(self):
        deltas = [ToolCall("call_1", "f", '{"a":1}'), ToolCall("call_2", "g", "{}"), Finish("tool_calls")]
        _, first, second, end = chunks(stream(*deltas))

        assert (first.choices[0].delta.tool_calls[0].model_dump()) == {
            "index": 0,
            "id": "call_1",
            "type": "function",
            "function": {"name": "f", "arguments": '{"a":1}'},
        }
        assert (second.choices[0].delta.tool_calls[0].index, second.choices[0].delta.tool_calls[0].id) == (1, "call_2")
        assert end.choices[0].finish_reason == "tool_calls"

    def test_each_choice_counts_its_own_calls_and_has_its_own_role(self):
        deltas = [ToolCall("call_1", "f", "{}", choice=1), TextDelta("x"), ToolCall("call_2", "f", "{}", choice=0)]
        parsed = [json.loads(event)["choices"][0] for event in events(stream(*deltas))[:-1]]

        assert [choice["index"] for choice in parsed] == [1, 1, 0, 0, 0]
        assert [choice["index"] for choice in parsed if "role" in choice["delta"]] == [1, 0]
        assert [c["delta"]["tool_calls"][0]["index"] for c in parsed if "tool_calls" in c["delta"]] == [0, 0]

    def test_reasoning_has_both_of_its_names(self):
        _, thought = events(stream(ReasoningDelta("hm")))[:-1]

        assert json.loads(thought)["choices"][0]["delta"] == {"reasoning_content": "hm", "reasoning": "hm"}

    def test_logprobs_have_every_key(self):
        token = {"token": "Hi", "logprob": -0.5, "top_logprobs": [{"token": "Ho", "logprob": -1.0}]}
        _, chunk = chunks(stream(TextDelta("Hi", logprobs=(token,))))

        assert chunk.choices[0].logprobs.model_dump() == {
            "content": [
                {
                    "token": "Hi",
                    "logprob": -0.5,
                    "bytes": None,
                    "top_logprobs": [{"token": "Ho", "logprob": -1.0, "bytes": None}],
                }
            ],
            "refusal": None,
        }

    def test_a_client_of_functions_gets_function_calls(self):
        deltas = [ToolCall("call_1", "f", '{"a":1}'), Finish("tool_calls")]
        _, call, end = chunks(stream(*deltas, **FUNCTIONS))

        assert (
            call.choices[0].delta.function_call.name,
            call.choices[0].delta.function_call.arguments,
        ) == ("f", '{"a":1}')
        assert call.choices[0].delta.tool_calls is None
        assert end.choices[0].finish_reason == "function_call"

    def test_an_error_is_the_last_event_and_no_end(self):
        renderer = DIALECT.renderer(streaming(), "m")
        renderer.render([TextDelta("Hi")])

        assert (
            renderer.error(Problem(502, "it broke", code="upstream_x"))
            == b'data: {"error":{"message":"it broke","type":"server_error","param":null,"code":"upstream_x"}}\n\n'
        )

    @pytest.mark.parametrize("text", ["waiting for desk", "a\n\ndata: x", "a\r\nb", ""])
    def test_a_comment_is_one_line_whatever_is_in_it(self, text):
        comment = DIALECT.renderer(streaming(), "m").comment(text)

        assert comment.startswith(b": ")
        assert comment.endswith(b"\n\n")
        assert comment.strip(b"\n").count(b"\n") == comment.count(b"\r") == 0

    def test_it_is_an_event_stream(self):
        assert DIALECT.stream_type.startswith("text/event-stream")


class TestWhole:
    def test_an_answer_has_every_field(self):
        assert whole(TextDelta("Hi "), TextDelta("you"), Finish("stop"), Usage(9, 2)) == {
            "id": "chatcmpl-r1",
            "object": "chat.completion",
            "created": 1763978400,
            "model": "m",
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": "Hi you", "refusal": None, "annotations": []},
                    "logprobs": None,
                    "finish_reason": "stop",
                }
            ],
            "usage": {
                "prompt_tokens": 9,
                "completion_tokens": 2,
                "total_tokens": 11,
                "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
                "completion_tokens_details": {
                    "reasoning_tokens": 0,
                    "audio_tokens": 0,
                    "accepted_prediction_tokens": 0,
                    "rejected_prediction_tokens": 0,
                },
            },
            "system_fingerprint": None,
        }

    def test_an_answer_of_calls_has_null_content(self):
        message = whole(ToolCall("call_1", "f", '{"a":1}'), Finish("tool_calls"))["choices"][0]["message"]

        assert message["content"] is None
        assert message["tool_calls"] == [
            {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}
        ]

    def test_text_beside_a_call_is_kept(self):
        assert (
            whole(TextDelta("Let me see"), ToolCall("call_1", "f", "{}"))["choices"][0]["message"]["content"]
            == "Let me see"
        )

    def test_an_empty_answer_is_empty_text(self):
        assert whole(Finish("stop"))["choices"][0]["message"]["content"] == ""

    def test_reasoning_has_both_of_its_names(self):
        message = whole(ReasoningDelta("h"), ReasoningDelta("m"), TextDelta("x"), Finish("stop"))["choices"][0][
            "message"
        ]

        assert (message["reasoning_content"], message["reasoning"]) == ("hm", "hm")

    def test_choices_are_in_order(self):
        deltas = [TextDelta("b", choice=1), TextDelta("a"), Finish("length", choice=1), Finish("stop")]

        assert [
            (choice["index"], choice["message"]["content"], choice["finish_reason"])
            for choice in whole(*deltas)["choices"]
        ] == [(0, "a", "stop"), (1, "b", "length")]

    def test_an_answer_that_nobody_finished_does_not_look_whole(self):
        assert whole(TextDelta("Hi"))["choices"][0]["finish_reason"] == "length"

    def test_a_client_of_functions_gets_a_function_call(self):
        choice = whole(ToolCall("call_1", "f", "{}"), Finish("tool_calls"), **FUNCTIONS)["choices"][0]

        assert choice["message"]["function_call"] == {"name": "f", "arguments": "{}"}
        assert (choice["finish_reason"], "tool_calls" in choice["message"]) == ("function_call", False)


class TestError:
    @pytest.mark.parametrize(
        ("status", "code", "kind"),
        [
            (400, "invalid_value", "invalid_request_error"),
            (401, "invalid_api_key", "invalid_request_error"),
            (404, "model_not_found", "invalid_request_error"),
            (408, "", "timeout"),
            (413, "", "invalid_request_error"),
            (429, "rate_limit_exceeded", "requests"),
            (429, "insufficient_quota", "insufficient_quota"),
            (500, "", "server_error"),
            (502, "", "server_error"),
            (503, "overloaded", "overloaded_error"),
            (504, "deadline", "timeout"),
        ],
    )
    def test_its_type_fits_its_status(self, status, code, kind):
        assert {"error": {"message": "m", "type": kind, "param": None, "code": code or None}} == json.loads(
            DIALECT.error(Problem(status, "m", code=code))
        )

    def test_it_names_the_field_at_fault(self):
        assert (
            json.loads(DIALECT.error(Problem(400, "m", param="messages[0].role")))["error"]["param"]
            == "messages[0].role"
        )


texts = st.text(st.characters(codec="utf-8"), max_size=8)
argument_texts = st.dictionaries(texts, texts, max_size=2).map(json.dumps)


@st.composite
def answers(draw):
    """Draw the deltas of `n` whole answers, mixed as they may arrive, each choice's own order kept."""
    lanes = []
    for choice in range(draw(st.integers(1, 3))):
        said = draw(
            st.lists(
                st.builds(TextDelta, texts, st.just(choice))
                | st.builds(ReasoningDelta, texts, st.just(choice))
                | st.builds(ToolCall, st.just("call_12345678"), texts.filter(bool), argument_texts, st.just(choice)),
                max_size=5,
            )
        )
        lanes.append([*said, Finish(draw(st.sampled_from(["stop", "length", "tool_calls", "content_filter"])), choice)])
    mixed = []
    while lanes:
        lane = draw(st.sampled_from(lanes))
        mixed.append(lane.pop(0))
        lanes = [lane for lane in lanes if lane]
    return [*mixed, Usage(draw(st.integers(0, 99)), draw(st.integers(0, 99)))]


def told(deltas):
    """Say what a client must have read of `deltas`, by choice."""
    facts = {}
    for delta in deltas:
        if isinstance(delta, Usage):
            continue
        fact = facts.setdefault(delta.choice, {"text": "", "reasoning": "", "calls": [], "finish": None})
        match delta:
            case TextDelta():
                fact["text"] += delta.text
            case ReasoningDelta():
                fact["reasoning"] += delta.text
            case ToolCall():
                fact["calls"].append((delta.id, delta.name, delta.arguments))
            case Finish():
                fact["finish"] = delta.reason
    return facts


@settings(deadline=None)
@given(deltas=answers(), cuts=st.sets(st.integers(0, 20)))
def test_the_sdk_reads_from_a_stream_what_was_said(deltas, cuts):
    renderer = DIALECT.renderer(streaming(usage=True), "m")
    bounds = [0, *sorted(cut for cut in cuts if cut < len(deltas)), len(deltas)]
    data = b"".join(renderer.render(deltas[a:b]) for a, b in pairwise(bounds))
    *said, usage = chunks(data + renderer.close())

    facts = {}
    for chunk in said:
        (choice,) = chunk.choices
        fact = facts.setdefault(choice.index, {"text": "", "reasoning": "", "calls": [], "finish": None})
        assert fact["finish"] is None, "nothing follows the finish of a choice"
        fact["text"] += choice.delta.content or ""
        fact["reasoning"] += getattr(choice.delta, "reasoning_content", None) or ""
        for call in choice.delta.tool_calls or ():
            assert len(fact["calls"]) == call.index
            fact["calls"].append((call.id, call.function.name, call.function.arguments))
        fact["finish"] = choice.finish_reason
    assert told(deltas) == facts
    assert (deltas[-1].input_tokens, deltas[-1].output_tokens) == (
        usage.usage.prompt_tokens,
        usage.usage.completion_tokens,
    )


@settings(deadline=None)
@given(deltas=answers())
def test_the_sdk_reads_from_a_whole_answer_what_was_said(deltas):
    completion = ChatCompletion.model_validate_json(DIALECT.answer(request_of(), "m", deltas))

    assert told(deltas) == {
        choice.index: {
            "text": choice.message.content or "",
            "reasoning": getattr(choice.message, "reasoning", ""),
            "calls": [
                (call.id, call.function.name, call.function.arguments) for call in choice.message.tool_calls or ()
            ],
            "finish": choice.finish_reason,
        }
        for choice in completion.choices
    }
    assert deltas[-1].input_tokens + deltas[-1].output_tokens == completion.usage.total_tokens
