"""Responses, whole and streamed: the object, the order of events, and that both say the same."""

import json
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types.responses import Response

from cortex.chat import Finish, ReasoningDelta, TextDelta, ToolCall, Usage
from cortex.endpoint.dialect import Problem
from cortex.endpoint.openai import OpenAI

DIALECT = OpenAI(now=lambda: 1763978400.9)
TOOL = {"type": "function", "name": "f", "parameters": {"type": "object"}}


def request_of(**fields):
    request = DIALECT.read("respond", json.dumps({"input": "Hi", **fields}).encode())
    request.id = "r1"
    return request


def whole(*deltas, **fields):
    return json.loads(DIALECT.answer(request_of(**fields), "m", list(deltas)))


def events(data):
    """Split a stream, check what every event must have, and return the data of each."""
    *blocks, end = data.decode().split("\n\n")
    assert end == ""
    parsed = []
    for number, block in enumerate(block for block in blocks if not block.startswith(":")):
        named, _, text = block.partition("\n")
        event = json.loads(text.removeprefix("data: "))
        assert named == f"event: {event['type']}"
        assert event["sequence_number"] == number
        parsed.append(event)
    return parsed


def stream(*deltas, **fields):
    renderer = DIALECT.renderer(request_of(stream=True, **fields), "m")
    return events(renderer.render(list(deltas)) + renderer.close())


def kinds(some):
    return [event["type"].removeprefix("response.") for event in some]


class TestOrder:
    def test_of_a_text(self):
        assert kinds(stream(TextDelta("Hel"), TextDelta("lo"), Finish("stop"), Usage(1, 2))) == [
            "created",
            "in_progress",
            "output_item.added",
            "content_part.added",
            "output_text.delta",
            "output_text.delta",
            "output_text.done",
            "content_part.done",
            "output_item.done",
            "completed",
        ]

    def test_of_a_call(self):
        assert kinds(stream(ToolCall("call_1", "f", '{"a":1}'), Finish("tool_calls")))[2:] == [
            "output_item.added",
            "function_call_arguments.delta",
            "function_call_arguments.done",
            "output_item.done",
            "completed",
        ]

    def test_of_a_thought_before_a_text(self):
        assert kinds(stream(ReasoningDelta("hm"), TextDelta("Hi"), Finish("stop")))[2:12] == [
            "output_item.added",
            "reasoning_summary_part.added",
            "reasoning_summary_text.delta",
            "reasoning_summary_text.done",
            "reasoning_summary_part.done",
            "output_item.done",
            "output_item.added",
            "content_part.added",
            "output_text.delta",
            "output_text.done",
        ]

    def test_of_a_text_that_goes_on_after_a_call(self):
        deltas = [TextDelta("a"), ToolCall("c", "f", "{}"), TextDelta("b"), Finish("stop")]

        assert [item["type"] for item in stream(*deltas)[-1]["response"]["output"]] == [
            "message",
            "function_call",
            "message",
        ]

    def test_nothing_goes_out_before_the_first_delta(self):
        renderer = DIALECT.renderer(request_of(stream=True), "m")

        assert renderer.render([]) == b""
        assert renderer.render([Usage(3, 0)]) == b""

    def test_text_is_told_as_it_comes(self):
        renderer = DIALECT.renderer(request_of(stream=True), "m")
        renderer.render([TextDelta("a")])

        assert renderer.render([TextDelta('b"\n')]) == (
            b"event: response.output_text.delta\n"
            b'data: {"type":"response.output_text.delta","sequence_number":5,"item_id":"msg_r1_0","output_index":0,'
            b'"content_index":0,"delta":"b\\"\\n","logprobs":[]}\n\n'
        )


class TestEvents:
    def test_an_item_begins_empty_and_ends_whole(self):
        added, _, _, _, _, done = stream(TextDelta("Hi"), Finish("stop"))[2:8]

        assert added["item"] == {
            "id": "msg_r1_0",
            "type": "message",
            "status": "in_progress",
            "role": "assistant",
            "content": [],
        }
        assert done["item"] == added["item"] | {
            "status": "completed",
            "content": [{"type": "output_text", "text": "Hi", "annotations": [], "logprobs": []}],
        }

    def test_a_call_begins_without_arguments(self):
        added, delta, done, ended = stream(ToolCall("call_1", "f", '{"a":1}'), Finish("tool_calls"))[2:6]

        assert (added["item"]["arguments"], added["item"]["status"]) == ("", "in_progress")
        assert (delta["delta"], done["arguments"], done["name"]) == ('{"a":1}', '{"a":1}', "f")
        assert ended["item"] == {
            "id": "fc_r1_0",
            "type": "function_call",
            "status": "completed",
            "call_id": "call_1",
            "name": "f",
            "arguments": '{"a":1}',
        }

    def test_the_first_two_bring_the_response_without_an_answer(self):
        created, begun = stream(TextDelta("Hi"), Finish("stop"))[:2]

        assert created["response"] == begun["response"]
        assert (created["response"]["status"], created["response"]["output"]) == ("in_progress", [])
        assert created["response"]["usage"] is None

    def test_log_probabilities_have_every_key(self):
        token = {"token": "é", "logprob": -0.5, "top_logprobs": [{"token": "e", "logprob": -1.0, "bytes": [101]}]}
        found = stream(TextDelta("é", logprobs=(token,)), Finish("stop"))
        expected = [
            {
                "token": "é",
                "logprob": -0.5,
                "bytes": [195, 169],
                "top_logprobs": [{"token": "e", "logprob": -1.0, "bytes": [101]}],
            }
        ]

        assert [e["logprobs"] for e in found if "logprobs" in e] == [expected, expected]
        assert found[-1]["response"]["output"][0]["content"][0]["logprobs"] == expected

    @pytest.mark.parametrize("finish", ["length", "content_filter"])
    def test_one_that_was_cut_is_incomplete_and_so_is_its_text(self, finish):
        *_, item, last = stream(TextDelta("Hi"), Finish(finish))

        assert (last["type"], last["response"]["status"]) == ("response.incomplete", "incomplete")
        assert last["response"]["incomplete_details"] == {"reason": {"length": "max_output_tokens"}.get(finish, finish)}
        assert item["item"]["status"] == "incomplete"

    def test_a_comment_is_one_line(self):
        assert DIALECT.renderer(request_of(stream=True), "m").comment("a\n\ndata: x") == b": a data: x\n\n"


class TestError:
    PROBLEM = Problem(502, "it broke", code="upstream_error")

    def test_it_ends_with_the_failed_response(self):
        request = request_of(stream=True)
        renderer = DIALECT.renderer(request, "m")
        before = renderer.render([ToolCall("c", "f", "{}"), TextDelta("Hel")])
        error, failed = events(before + renderer.error(self.PROBLEM))[-2:]

        assert (error["type"], error["code"], error["message"], error["param"]) == (
            "error",
            "upstream_error",
            "it broke",
            None,
        )
        assert error["error"]["message"] == "it broke"
        assert (failed["type"], failed["response"]["status"]) == ("response.failed", "failed")
        assert failed["response"]["error"] == {"code": "server_error", "message": "it broke"}
        assert [item["type"] for item in failed["response"]["output"]] == ["function_call"]

    def test_whoever_asks_for_a_writer_later_gets_the_one_that_began(self):
        request = request_of(stream=True)
        first = DIALECT.renderer(request, "m")
        waiting = DIALECT.renderer(request, "auto").comment("loading m")
        before = DIALECT.renderer(request, "m")
        data = before.render([TextDelta("Hel")])

        assert first is not before
        assert DIALECT.renderer(request, "auto") is before
        assert events(waiting + data + DIALECT.renderer(request, "auto").error(self.PROBLEM))[-1]["type"] == (
            "response.failed"
        )

    def test_before_anything_was_said_it_is_a_stream_all_the_same(self):
        data = DIALECT.renderer(request_of(stream=True), "m").error(self.PROBLEM)

        assert kinds(events(data)) == ["created", "in_progress", "error", "failed"]

    @pytest.mark.parametrize(("status", "code"), [(429, "rate_limit_exceeded"), (503, "server_error")])
    def test_its_code_is_one_of_the_api(self, status, code):
        data = DIALECT.renderer(request_of(stream=True), "m").error(Problem(status, "no", code="quota"))

        assert events(data)[-1]["response"]["error"]["code"] == code


class TestWhole:
    def test_a_response_has_every_field(self):
        assert whole(TextDelta("Hi"), Finish("stop"), Usage(9, 2, 4, 1)) == {
            "id": "resp_r1",
            "object": "response",
            "created_at": 1763978400,
            "completed_at": 1763978400,
            "status": "completed",
            "background": False,
            "error": None,
            "incomplete_details": None,
            "instructions": None,
            "max_output_tokens": None,
            "max_tool_calls": None,
            "metadata": {},
            "model": "m",
            "output": [
                {
                    "id": "msg_r1_0",
                    "type": "message",
                    "status": "completed",
                    "role": "assistant",
                    "content": [{"type": "output_text", "text": "Hi", "annotations": [], "logprobs": []}],
                }
            ],
            "parallel_tool_calls": True,
            "previous_response_id": None,
            "prompt_cache_key": None,
            "reasoning": {"effort": None, "summary": None},
            "safety_identifier": None,
            "service_tier": "default",
            "store": False,
            "temperature": 1.0,
            "text": {"format": {"type": "text"}},
            "tool_choice": "auto",
            "tools": [],
            "top_logprobs": 0,
            "top_p": 1.0,
            "truncation": "disabled",
            "usage": {
                "input_tokens": 9,
                "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 0},
                "output_tokens": 2,
                "output_tokens_details": {"reasoning_tokens": 1},
                "total_tokens": 11,
            },
            "user": None,
        }

    def test_what_was_asked_comes_back(self):
        fields = {
            "instructions": "Be brief",
            "max_output_tokens": 64,
            "metadata": {"a": "b"},
            "parallel_tool_calls": False,
            "temperature": 0.5,
            "tool_choice": {"type": "function", "name": "f"},
            "top_p": 0.9,
            "truncation": "auto",
            "user": "me",
        }
        answer = whole(Finish("stop"), **fields, tools=[TOOL], reasoning={"effort": "low"})

        assert {name: answer[name] for name in fields} == fields
        assert answer["reasoning"] == {"effort": "low", "summary": None}
        assert answer["tools"] == [TOOL | {"description": None, "strict": None}]

    def test_the_form_of_the_answer_comes_back(self):
        form = {"type": "json_schema", "name": "s", "schema": {"type": "object"}, "strict": True}

        assert whole(Finish("stop"), text={"format": form, "verbosity": "low"})["text"] == {
            "format": form,
            "verbosity": "low",
        }

    def test_it_never_claims_to_be_stored(self):
        assert whole(Finish("stop"), store=True)["store"] is False

    @pytest.mark.parametrize("deltas", [[], [ReasoningDelta("hm")], [TextDelta("")]])
    def test_a_complete_answer_that_says_nothing_says_an_empty_text(self, deltas):
        last = whole(*deltas, Finish("stop"))["output"][-1]

        assert (last["type"], last["content"][0]["text"]) == ("message", "")

    def test_one_that_was_cut_while_it_thought_has_said_nothing(self):
        answer = whole(ReasoningDelta("hm"), Finish("length"))

        assert [(item["type"], item["status"]) for item in answer["output"]] == [("reasoning", "incomplete")]

    def test_an_answer_that_nobody_finished_does_not_look_whole(self):
        assert whole(TextDelta("Hi"))["status"] == "incomplete"


texts = st.text(st.characters(codec="utf-8"), max_size=6)
answers = st.tuples(
    st.lists(
        st.builds(TextDelta, texts)
        | st.builds(ReasoningDelta, texts)
        | st.builds(ToolCall, st.just("call_12345678"), st.just("f"), st.just('{"a":1}')),
        max_size=8,
    ),
    st.sampled_from(["stop", "length", "tool_calls", "content_filter"]),
    st.integers(0, 99),
).map(lambda answer: [*answer[0], Finish(answer[1]), Usage(answer[2], 1)])


@settings(deadline=None)
@given(deltas=answers, cuts=st.sets(st.integers(0, 10)))
def test_a_stream_comes_to_what_the_whole_answer_is_however_it_is_cut(deltas, cuts):
    renderer = DIALECT.renderer(request_of(stream=True), "m")
    bounds = [0, *sorted(cut for cut in cuts if cut < len(deltas)), len(deltas)]
    data = b"".join(renderer.render(deltas[a:b]) for a, b in pairwise(bounds))
    found = events(data + renderer.close())
    response = found[-1]["response"]

    assert response == whole(*deltas)
    assert Response.model_validate(response).output_text == "".join(d.text for d in deltas if isinstance(d, TextDelta))
    assert [e["item"] for e in found if e["type"] == "response.output_item.done"] == response["output"]
    assert [e["output_index"] for e in found if e["type"] == "response.output_item.added"] == list(
        range(len(response["output"]))
    )


@settings(deadline=None)
@given(deltas=answers)
def test_what_is_told_in_pieces_is_what_is_told_at_the_end_of_each_item(deltas):
    pieces = {}
    for event in stream(*deltas):
        if event["type"].endswith(".delta"):
            pieces[event["item_id"]] = pieces.get(event["item_id"], "") + event["delta"]
        elif event["type"].endswith(("_text.done", "arguments.done")):
            said = event["text"] if "text" in event else event["arguments"]
            assert pieces.pop(event["item_id"], "") == said

    assert pieces == {}
