"""Answers in the Anthropic dialect, whole and streamed, as bytes and as the official SDK's types read them."""

import json
from itertools import pairwise

import pytest
from anthropic.types import Message, RawMessageStreamEvent
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from cortex.chat import Finish, ReasoningDelta, TextDelta, ToolCall, Usage
from cortex.endpoint.anthropic import Anthropic
from cortex.endpoint.anthropic_names import short_name
from cortex.endpoint.anthropic_stream import PING
from cortex.endpoint.dialect import Problem

DIALECT = Anthropic(now=lambda: 0.0)
EVENTS = TypeAdapter(RawMessageStreamEvent)
ESTIMATE = 4
"""Of the request below."""
LONG = "mcp__server__" + "x" * 80
NO_CACHE = {"cache_creation_input_tokens": 0, "cache_read_input_tokens": 0}
HIDES = [
    {"type": "disabled"},
    {"type": "adaptive", "display": "omitted"},
    {"type": "enabled", "budget_tokens": 1024, "display": "omitted"},
]
SHOWS = [None, {"type": "adaptive"}, {"type": "between_tools"}, {"type": "enabled", "budget_tokens": 1024}]


def request_of(**fields):
    body = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}], **fields}
    request = DIALECT.read("chat", json.dumps(body).encode())
    request.id = "r1"
    return request


def renderer_of(**fields):
    return DIALECT.renderer(request_of(stream=True, **fields), "m")


def stream(*deltas, **fields):
    renderer = renderer_of(**fields)
    return renderer.render(list(deltas)) + renderer.close()


def whole(*deltas, **fields):
    return json.loads(DIALECT.answer(request_of(**fields), "m", list(deltas)))


def events(data):
    """Return the JSON of each event; each has its name twice."""
    blocks = data.decode().split("\n\n")
    assert blocks.pop() == ""
    parsed = []
    for block in blocks:
        name, line = block.split("\n")
        parsed.append(json.loads(line.removeprefix("data: ")))
        assert name == f"event: {parsed[-1]['type']}"
    return parsed


def kinds(data):
    return [event["type"].removeprefix("content_") for event in events(data)]


def read(data):
    """Put a stream together as a client does, checking that its blocks come in order and one at a time."""
    start, *between, delta, stop = [EVENTS.validate_python(event) for event in events(data)]
    message = start.message
    assert (start.type, delta.type, stop.type) == ("message_start", "message_delta", "message_stop")
    blocks, open_ = [], False
    for event in between:
        assert event.index == len(blocks) - (event.type != "content_block_start")
        assert open_ is (event.type != "content_block_start")
        if event.type == "content_block_start":
            blocks.append(event.content_block.model_dump())
            blocks[-1]["json"] = ""
        elif event.type == "content_block_delta":
            change = event.delta.model_dump()
            kind = change.pop("type").removesuffix("_delta")
            blocks[-1]["json" if kind == "input_json" else kind] += next(iter(change.values()))
        open_ = event.type != "content_block_stop"
    assert not open_
    return message, blocks, delta


class TestStream:
    def test_a_short_answer_byte_for_byte(self):
        expected = (
            'event: message_start\ndata: {"type":"message_start","message":{"id":"msg_r1","type":"message",'
            '"role":"assistant","model":"m","content":[],"stop_reason":null,"stop_sequence":null,"usage":'
            '{"input_tokens":4,"output_tokens":0,"cache_creation_input_tokens":0,"cache_read_input_tokens":0}}}\n\n'
            'event: content_block_start\ndata: {"type":"content_block_start","index":0,"content_block":'
            '{"type":"text","text":""}}\n\n'
            'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":'
            '{"type":"text_delta","text":"Hi \\"you\\"\\n"}}\n\n'
            'event: content_block_stop\ndata: {"type":"content_block_stop","index":0}\n\n'
            'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn",'
            '"stop_sequence":null},"usage":{"input_tokens":9,"output_tokens":2,"cache_creation_input_tokens":0,'
            '"cache_read_input_tokens":0}}\n\n'
            'event: message_stop\ndata: {"type":"message_stop"}\n\n'
        )

        assert expected.encode() == stream(TextDelta('Hi "you"\n'), Finish("stop"), Usage(9, 2))

    def test_a_call_byte_for_byte(self):
        data = stream(TextDelta("a"), ToolCall("toolu_1", "f", '{"a": 1}'), Finish("tool_calls"))
        expected = (
            'event: content_block_stop\ndata: {"type":"content_block_stop","index":0}\n\n'
            'event: content_block_start\ndata: {"type":"content_block_start","index":1,"content_block":'
            '{"type":"tool_use","id":"toolu_1","name":"f","input":{}}}\n\n'
            'event: content_block_delta\ndata: {"type":"content_block_delta","index":1,"delta":'
            '{"type":"input_json_delta","partial_json":"{\\"a\\":1}"}}\n\n'
            'event: content_block_stop\ndata: {"type":"content_block_stop","index":1}\n\n'
            'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"tool_use",'
        )

        assert expected.encode() in data

    def test_each_change_of_kind_is_a_new_block(self):
        deltas = [ReasoningDelta("h"), ReasoningDelta("m"), TextDelta("a"), ToolCall("c", "f", "{}"), TextDelta("b")]
        _, blocks, _ = read(stream(*deltas, Finish("stop")))

        assert [block["type"] for block in blocks] == ["thinking", "text", "tool_use", "text"]
        assert (blocks[0]["thinking"], blocks[0]["signature"]) == ("hm", "")

    def test_calls_in_parallel_are_blocks_one_after_the_other(self):
        deltas = [ToolCall("c1", "f", '{"a":1}'), ToolCall("c2", "g", "{}"), Finish("tool_calls")]
        _, blocks, _ = read(stream(*deltas))

        assert [(block["id"], block["name"], block["json"]) for block in blocks] == [
            ("c1", "f", '{"a":1}'),
            ("c2", "g", "{}"),
        ]

    def test_nothing_goes_out_before_there_is_something_to_show(self):
        renderer = renderer_of()

        assert renderer.render([]) == renderer.render([Usage(3, 0)]) == renderer.render([TextDelta("")]) == b""

    @pytest.mark.parametrize("delta", [TextDelta(""), ReasoningDelta("")])
    def test_an_empty_piece_opens_no_block(self, delta):
        assert kinds(stream(delta, Finish("stop"))) == ["message_start", "message_delta", "message_stop"]

    def test_the_message_starts_with_an_estimate_of_its_input(self):
        start = events(renderer_of(system="Be kind " * 50).render([TextDelta("x")]))[0]

        assert start["message"]["usage"]["input_tokens"] > 100

    def test_the_message_starts_with_the_true_count_where_it_is_known_by_then(self):
        start = events(renderer_of().render([Usage(90, 1, cached_tokens=60), TextDelta("x")]))[0]

        assert start["message"]["usage"] == {
            "input_tokens": 30,
            "output_tokens": 0,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 60,
        }

    def test_usage_that_comes_after_the_finish_is_told_at_the_end(self):
        _, _, delta = read(stream(TextDelta("x"), Finish("stop"), Usage(90, 20, cached_tokens=60, reasoning_tokens=5)))

        assert delta.usage.model_dump(exclude_none=True) == {
            "input_tokens": 30,
            "output_tokens": 20,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 60,
            "output_tokens_details": {"thinking_tokens": 5},
        }

    def test_an_input_that_nobody_counted_stays_the_estimate(self):
        message, _, delta = read(stream(TextDelta("x"), Finish("stop")))

        assert message.usage.input_tokens == delta.usage.input_tokens == ESTIMATE

    @pytest.mark.parametrize("thinking", HIDES)
    def test_thinking_that_the_client_does_not_want_is_left_out_before_the_message_starts(self, thinking):
        renderer = renderer_of(thinking=thinking)

        assert renderer.render([ReasoningDelta("hm")]) == b""
        _, blocks, _ = read(renderer.render([TextDelta("x"), Finish("stop")]) + renderer.close())
        assert [block["type"] for block in blocks] == ["text"]

    @pytest.mark.parametrize("thinking", SHOWS)
    def test_thinking_is_shown_else(self, thinking):
        assert b"thinking_delta" in renderer_of(thinking=thinking).render([ReasoningDelta("hm")])

    def test_an_error_is_an_event_of_its_own(self):
        renderer = renderer_of()
        renderer.render([TextDelta("Hi")])

        assert (
            renderer.error(Problem(503, "it broke"))
            == b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"it broke"}}\n\n'
        )

    @pytest.mark.parametrize("text", ["waiting for desk", "a\n\ndata: x", ""])
    def test_a_comment_is_a_ping_whatever_is_in_it(self, text):
        assert renderer_of().comment(text) == PING == b'event: ping\ndata: {"type":"ping"}\n\n'

    def test_it_is_an_event_stream(self):
        assert DIALECT.stream_type == "text/event-stream; charset=utf-8"


class TestWhole:
    def test_an_answer_has_every_field(self):
        assert whole(TextDelta("Hi "), TextDelta("you"), Finish("stop"), Usage(9, 2)) == {
            "id": "msg_r1",
            "type": "message",
            "role": "assistant",
            "model": "m",
            "content": [{"type": "text", "text": "Hi you"}],
            "stop_reason": "end_turn",
            "stop_sequence": None,
            "usage": {"input_tokens": 9, "output_tokens": 2, **NO_CACHE},
        }

    def test_blocks_are_thinking_text_and_calls(self):
        deltas = [ReasoningDelta("hm"), TextDelta("a"), ToolCall("c1", "f", '{"a": 1}'), ToolCall("c2", "g", "{}")]

        assert whole(*deltas, Finish("tool_calls"))["content"] == [
            {"type": "thinking", "thinking": "hm", "signature": ""},
            {"type": "text", "text": "a"},
            {"type": "tool_use", "id": "c1", "name": "f", "input": {"a": 1}},
            {"type": "tool_use", "id": "c2", "name": "g", "input": {}},
        ]

    def test_an_empty_answer_has_no_blocks(self):
        assert whole(Finish("stop"))["content"] == []

    @pytest.mark.parametrize("thinking", HIDES)
    def test_thinking_that_the_client_does_not_want_is_left_out(self, thinking):
        assert [b["type"] for b in whole(ReasoningDelta("hm"), TextDelta("x"), thinking=thinking)["content"]] == [
            "text"
        ]

    @pytest.mark.parametrize("usage", [[], [Usage(0, 0)]])
    def test_an_input_that_nobody_counted_is_the_estimate(self, usage):
        assert whole(TextDelta("x"), Finish("stop"), *usage)["usage"]["input_tokens"] == ESTIMATE

    def test_an_answer_that_nobody_finished_does_not_look_whole(self):
        assert whole(TextDelta("Hi"))["stop_reason"] == "max_tokens"


@pytest.mark.parametrize(
    ("finish", "expected"),
    [("stop", "end_turn"), ("length", "max_tokens"), ("tool_calls", "tool_use"), ("content_filter", "refusal")],
)
def test_each_finish_has_its_stop_reason(finish, expected):
    assert expected == whole(Finish(finish))["stop_reason"] == read(stream(Finish(finish)))[2].delta.stop_reason


def test_an_answer_with_calls_stops_for_them_whatever_the_upstream_says():
    deltas = [ToolCall("c", "f", "{}"), Finish("stop")]

    assert whole(*deltas)["stop_reason"] == read(stream(*deltas))[2].delta.stop_reason == "tool_use"


def test_a_name_that_was_shortened_is_the_clients_own_again():
    tools = [{"name": LONG, "input_schema": {}}, {"name": "f", "input_schema": {}}]
    deltas = [ToolCall("c1", short_name(LONG), "{}"), ToolCall("c2", "f", "{}"), Finish("tool_calls")]

    assert [block["name"] for block in whole(*deltas, tools=tools)["content"]] == [LONG, "f"]
    assert [block["name"] for block in read(stream(*deltas, tools=tools))[1]] == [LONG, "f"]


def test_an_id_that_does_not_fit_is_changed_so_that_it_comes_back():
    deltas = [ToolCall("functions.f:0", "f", "{}"), Finish("tool_calls")]
    (block,) = whole(*deltas)["content"]
    turns = [{"role": "assistant", "content": [block]}]

    assert read(stream(*deltas))[1][0]["id"] == block["id"] == "toolu_b64_ZnVuY3Rpb25zLmY6MA"
    assert DIALECT.neutral(request_of(messages=turns)).messages[0].tool_calls[0].id == "functions.f:0"


def test_arguments_that_are_no_object_are_the_one_value_of_one():
    assert whole(ToolCall("c", "f", "Graz"))["content"][0]["input"] == {"arguments": "Graz"}


class TestError:
    @pytest.mark.parametrize(
        ("status", "kind"),
        [
            (400, "invalid_request_error"),
            (401, "authentication_error"),
            (402, "billing_error"),
            (403, "permission_error"),
            (404, "not_found_error"),
            (405, "invalid_request_error"),
            (408, "timeout_error"),
            (409, "conflict_error"),
            (413, "request_too_large"),
            (422, "invalid_request_error"),
            (429, "rate_limit_error"),
            (500, "api_error"),
            (502, "api_error"),
            (503, "overloaded_error"),
            (504, "timeout_error"),
            (529, "overloaded_error"),
        ],
    )
    def test_its_type_fits_its_status(self, status, kind):
        assert {"type": "error", "error": {"type": kind, "message": "m"}} == json.loads(
            DIALECT.error(Problem(status, "m", code="x", param="y"))
        )

    @pytest.mark.parametrize(
        ("said", "expected"),
        [
            (
                "This model's maximum context length is 8192 tokens. However, you requested 9000 tokens (8000 in the messages)",
                "9000 tokens > 8192 maximum",
            ),
            (
                "the request (5000 tokens) exceeds the available context size (4096 tokens), try increasing it",
                "5000 tokens > 4096 maximum",
            ),
            (
                "The input token count (1,200,000) exceeds the maximum number of tokens allowed (1048576).",
                "1200000 tokens > 1048576 maximum",
            ),
            ("gpt-4-9999: maximum context length is 128 tokens, found 129", "129 tokens > 128 maximum"),
        ],
    )
    def test_an_overflow_says_what_claude_code_looks_for(self, said, expected):
        problem = Problem(413, said, code="context_length_exceeded")

        assert json.loads(DIALECT.error(problem))["error"] == {
            "type": "invalid_request_error",
            "message": f"prompt is too long: {expected} ({said})",
        }

    @pytest.mark.parametrize(
        "said", ["it is too much", "input exceeds the context length 8192", "maximum context: 128k, found 99"]
    )
    def test_an_overflow_without_both_numbers_makes_none_up(self, said):
        problem = Problem(400, said, code="context_length_exceeded")

        assert json.loads(DIALECT.error(problem))["error"]["message"] == f"prompt is too long: {said}"

    def test_an_overflow_in_anthropics_own_words_is_left_alone(self):
        said = "prompt is too long: 9 tokens > 8 maximum"

        assert said == json.loads(DIALECT.error(Problem(400, said, code="context_length_exceeded")))["error"]["message"]


def test_there_are_no_embeddings_in_this_dialect():
    with pytest.raises(NotImplementedError):
        DIALECT.embedded(request_of(), "m", None)


texts = st.text(st.characters(codec="utf-8"), max_size=8)
calls = st.builds(ToolCall, texts.filter(bool), texts.filter(bool), st.dictionaries(texts, texts).map(json.dumps))
answers = st.tuples(
    st.lists(st.builds(TextDelta, texts) | st.builds(ReasoningDelta, texts) | calls, max_size=6),
    st.sampled_from(["stop", "length", "tool_calls", "content_filter"]),
    st.builds(Usage, st.integers(0, 99), st.integers(0, 99), st.integers(0, 120)),
).map(lambda drawn: [*drawn[0], Finish(drawn[1]), drawn[2]])


def told(deltas, kind):
    return "".join(delta.text for delta in deltas if isinstance(delta, kind))


@settings(deadline=None)
@given(deltas=answers, cuts=st.sets(st.integers(0, 8)))
def test_a_stream_says_the_same_however_its_deltas_come_and_all_of_it(deltas, cuts):
    renderer = renderer_of()
    bounds = [0, *sorted(cut for cut in cuts if cut < len(deltas)), len(deltas)]
    data = b"".join(renderer.render(deltas[a:b]) for a, b in pairwise(bounds)) + renderer.close()
    _, blocks, delta = read(data)

    assert told(deltas, TextDelta) == "".join(block.get("text", "") for block in blocks)
    assert told(deltas, ReasoningDelta) == "".join(block.get("thinking", "") for block in blocks)
    assert [json.loads(one.arguments) for one in deltas if isinstance(one, ToolCall)] == [
        json.loads(block["json"]) for block in blocks if block["type"] == "tool_use"
    ]
    assert delta.usage.output_tokens == deltas[-1].output_tokens


@settings(deadline=None)
@given(deltas=answers)
def test_a_whole_answer_says_what_a_stream_says(deltas):
    message = Message.model_validate_json(DIALECT.answer(request_of(), "m", deltas))
    _, blocks, delta = read(stream(*deltas))

    assert delta.delta.stop_reason == message.stop_reason
    assert delta.usage.input_tokens == message.usage.input_tokens >= 0
    assert told(deltas, TextDelta) == "".join(block.text for block in message.content if block.type == "text")
    assert [(block.id, block.name, block.input) for block in message.content if block.type == "tool_use"] == [
        (block["id"], block["name"], json.loads(block["json"])) for block in blocks if block["type"] == "tool_use"
    ]
