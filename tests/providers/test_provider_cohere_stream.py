"""A stream of Cohere's, as deltas."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cortex.chat import Finish, ReasoningDelta, TextDelta, ToolCall, Usage
from cortex.messages import Failure
from cortex.providers.cohere import Cohere
from cortex.providers.sse_decoder import MAX_HELD

COHERE = Cohere()
USED = Usage(71, 4, 8)
HI = [TextDelta("Hi"), TextDelta(" there"), Finish("stop"), USED]
CLOCK = ToolCall("clock_1", "clock", "{}")
WEATHER = ToolCall("weather_2", "get-weather", '{"city":"Köln"}')
READ = {
    "text": HI,
    "text_done": HI,
    "text_crlf": HI,
    "text_tricky": [
        TextDelta('"type":"message-end"'),
        TextDelta(" é漢🎈 \n\ndata: "),
        TextDelta("[DONE]"),
        Finish("stop"),
        USED,
    ],
    "thinking": [ReasoningDelta("hm"), ReasoningDelta(", so"), TextDelta("Yes"), Finish("stop"), USED],
    "plan": [ReasoningDelta("I will "), ReasoningDelta("look."), CLOCK, WEATHER, Finish("tool_calls"), USED],
    "thinking_tools": [ReasoningDelta("hm"), CLOCK, Finish("tool_calls"), USED],
    "citations": HI,
    "length": [TextDelta("Hi"), Finish("length"), USED],
    "length_call": [CLOCK, Finish("length"), USED],
    "empty": [Finish("stop"), USED],
    "json": [TextDelta("```json\n"), TextDelta('{"a":'), TextDelta(" 1}"), TextDelta("\n```"), Finish("stop"), USED],
}
"""Every recorded stream that is a whole answer, and what it says."""

CUTS = st.lists(st.integers(0, 10_000), max_size=8)
SPOKEN = frozenset({"chat", "tools", "json_object"})


def event(kind, **fields):
    return b"event: %s\ndata: %s\n\n" % (kind.encode(), json.dumps({"type": kind, **fields}).encode())


def call_event(kind, index, function, **more):
    return event(kind, index=index, delta={"message": {"tool_calls": {"function": function, **more}}})


END = event("message-end", delta={"finish_reason": "COMPLETE"})


@pytest.mark.parametrize("name", READ)
def test_recorded_stream_says_what_it_says(name, recorded, asked, fed):
    decoder = COHERE.decoder(asked("openai"))

    assert fed(decoder, [recorded(f"cohere/{name}.sse")]) == READ[name]
    assert decoder.finished


@given(name=st.sampled_from([*READ, "error", "timeout"]), places=CUTS, needs=st.sampled_from([frozenset(), SPOKEN]))
def test_any_chunking_gives_the_same_deltas(name, places, needs, recorded, asked, fed, cut):
    """Whatever way the bytes of a stream are cut, what it says is the same."""
    data = recorded(f"cohere/{name}.sse")
    request = asked("openai", needs=needs)

    assert fed(COHERE.decoder(request), cut(data, places)) == fed(COHERE.decoder(request), [data])


@pytest.mark.parametrize("name", READ)
def test_stream_cut_at_any_byte_is_never_taken_for_whole(name, recorded, asked, fed):
    """Nothing but message-end is an end, and no tool call is given before it."""
    data = recorded(f"cohere/{name}.sse")
    for size in range(data.rindex(b"}}}") + 3):
        decoder = COHERE.decoder(asked("openai"))
        *before, last = fed(decoder, [data[:size]])

        assert last == Failure("malformed", "the stream ended without message-end")
        assert before == READ[name][: len(before)]
        assert not any(isinstance(delta, ToolCall | Finish) for delta in before)
        assert not decoder.finished


def test_text_is_given_as_it_comes(recorded, asked):
    events = [event + b"\n\n" for event in recorded("cohere/text.sse").split(b"\n\n")]
    decoder = COHERE.decoder(asked("openai"))

    assert [decoder.feed(event) for event in events[:5]] == [[], [], [HI[0]], [HI[1]], []]


def test_last_event_without_its_blank_line_counts(recorded, asked, fed):
    data = recorded("cohere/text.sse").rstrip(b"\n")

    assert fed(COHERE.decoder(asked("openai")), [data]) == HI


def test_what_follows_the_end_is_ignored(recorded, asked, fed):
    data = recorded("cohere/text.sse")
    late = b'data: {"message":"late"}\n\n'

    for chunks in ([data + late], [data, late]):
        assert fed(COHERE.decoder(asked("openai")), chunks) == HI


@pytest.mark.parametrize(
    ("name", "failure"),
    [
        ("error", Failure("server_error", "the engine died")),
        ("timeout", Failure("timeout", "the generation took longer than Cohere allows")),
    ],
)
def test_finish_reason_that_is_trouble_is_a_failure(name, failure, recorded, asked, fed):
    decoder = COHERE.decoder(asked("openai"))

    assert fed(decoder, [recorded(f"cohere/{name}.sse"), END])[-1] == failure
    assert not decoder.finished


@pytest.mark.parametrize(
    ("reason", "word"),
    [("ERROR_LIMIT", "length"), ("ERROR_TOXIC", "content_filter"), ("SOMETHING_NEW", "stop"), (None, "stop")],
)
def test_other_finish_reason_is_an_end(reason, word, asked):
    end = event("message-end", delta={"finish_reason": reason})

    assert COHERE.decoder(asked("openai")).feed(end) == [Finish(word)]


def test_end_without_a_word_about_it_is_an_end(asked):
    assert COHERE.decoder(asked("openai")).feed(event("message-end")) == [Finish("stop")]


@pytest.mark.parametrize(
    "data", [b"", b": hello\n\n", b"data: [DONE]\n\n", b"data: {}\n\n", b"data: [1]\n\n", b"<html>\n\n"]
)
def test_stream_without_an_answer_is_malformed(data, asked, fed):
    decoder = COHERE.decoder(asked("openai"))

    assert [failure.word for failure in fed(decoder, [data])] == ["malformed"]
    assert not decoder.finished


@pytest.mark.parametrize("end", [b"", b"\n\n"])
def test_json_error_instead_of_a_stream_is_a_failure(end, asked, fed):
    body = b'{"message":"the engine died","id":"x"}' + end

    assert fed(COHERE.decoder(asked("openai")), [body]) == [Failure("server_error", "the engine died")]


def test_nothing_comes_after_a_failure(asked):
    decoder = COHERE.decoder(asked("openai"))
    decoder.feed(b"data: x\n\n")

    assert (decoder.feed(END), decoder.close()) == ([], [])


def test_event_of_an_unknown_kind_says_nothing(asked):
    decoder = COHERE.decoder(asked("openai"))

    assert decoder.feed(event("thought-of-tomorrow", delta={"message": {"content": {"text": "x"}}})) == []
    assert decoder.feed(event("content-delta") + event("tool-call-delta") + event("content-start", delta={})) == []
    assert decoder.feed(END) == [Finish("stop")]


def test_text_in_the_event_that_starts_its_block_is_text(asked):
    start = event("content-start", index=0, delta={"message": {"content": {"type": "text", "text": "Hi"}}})

    assert COHERE.decoder(asked("openai")).feed(start) == [TextDelta("Hi")]


def test_fragments_go_to_the_call_with_their_index(asked, fed):
    events = [
        call_event("tool-call-start", 0, {"name": "a", "arguments": ""}, id="1"),
        call_event("tool-call-start", 1, {"name": "b", "arguments": ""}, id="2"),
        call_event("tool-call-delta", 0, {"arguments": '{"x":'}),
        call_event("tool-call-delta", 1, {"arguments": "{}"}),
        call_event("tool-call-delta", 0, {"arguments": "1}"}),
    ]

    assert fed(COHERE.decoder(asked("openai")), [*events, END]) == [
        ToolCall("1", "a", '{"x":1}'),
        ToolCall("2", "b", "{}"),
        Finish("tool_calls"),
    ]


def test_calls_that_all_have_one_index_stay_apart(asked, fed):
    events = [
        part
        for at, name in enumerate("ab")
        for part in (
            call_event("tool-call-start", 0, {"name": name, "arguments": ""}, id=name),
            call_event("tool-call-delta", 0, {"arguments": json.dumps({"at": at})}),
        )
    ]

    assert fed(COHERE.decoder(asked("openai")), [*events, END])[:2] == [
        ToolCall("a", "a", '{"at": 0}'),
        ToolCall("b", "b", '{"at": 1}'),
    ]


def test_calls_in_an_array_are_read(asked, fed):
    part = {"id": "1", "function": {"name": "a", "arguments": "{}"}}
    start = event("tool-call-start", index=0, delta={"message": {"tool_calls": [part]}})

    assert fed(COHERE.decoder(asked("openai")), [start, END])[0] == ToolCall("1", "a", "{}")


def test_call_without_an_id_gets_one_and_always_the_same(asked, fed):
    data = call_event("tool-call-start", 0, {"name": "a", "arguments": ""}) + END
    first, again = (fed(COHERE.decoder(asked("openai")), [data]) for _ in range(2))

    assert first == again
    assert first[0].id.startswith("call_")


@pytest.mark.parametrize(
    "events",
    [
        call_event("tool-call-start", 0, {"name": "a", "arguments": '{"x"'}),
        call_event("tool-call-start", 0, {"name": "a", "arguments": "[1]"}),
        call_event("tool-call-start", 0, {"name": "", "arguments": "{}"}),
        call_event("tool-call-delta", 0, {"arguments": "{}"}),
        event("tool-call-start", index=0, delta={"message": {"tool_calls": {"id": "1"}}}),
    ],
)
def test_call_that_is_none_is_malformed(events, asked, fed):
    decoder = COHERE.decoder(asked("openai"))

    assert [failure.word for failure in fed(decoder, [events, END])] == ["malformed"]
    assert not decoder.finished


def test_end_for_a_tool_call_that_never_came_is_malformed(asked):
    end = event("message-end", delta={"finish_reason": "TOOL_CALL"})

    assert [failure.word for failure in COHERE.decoder(asked("openai")).feed(end)] == ["malformed"]


def test_usage_falls_back_to_what_is_billed(asked):
    usage = {"billed_units": {"input_tokens": 5.0, "output_tokens": 2.0}}
    end = event("message-end", delta={"finish_reason": "COMPLETE", "usage": usage})

    assert COHERE.decoder(asked("openai")).feed(end)[-1] == Usage(5, 2)


@pytest.mark.parametrize("needs", [frozenset(), SPOKEN])
def test_more_than_is_held_is_a_failure(needs, asked):
    decoder = COHERE.decoder(asked("openai", needs=needs))

    assert [failure.word for failure in decoder.feed(b"data: " + b"x" * MAX_HELD)] == ["malformed"]
    assert decoder.feed(END) == decoder.close() == []


def test_held_fragments_are_bounded_as_well(asked):
    decoder = COHERE.decoder(asked("openai"))
    piece = call_event("tool-call-delta", 0, {"arguments": "x" * 1_000_000})

    assert [failure.word for _ in range(9) for failure in decoder.feed(piece)] == ["malformed"]


@given(
    data=st.lists(st.sampled_from([b"data: ", b"\n\n", b"{", b"}", b'"type":', b"[DONE]", b"\r\n", b'""']), max_size=12)
)
def test_any_garbage_ends_in_a_failure(data, asked, fed):
    assert isinstance(fed(COHERE.decoder(asked("openai")), data)[-1], Failure)


JSON = [TextDelta('{"a": 1}'), Finish("stop"), USED]


def test_answer_that_must_be_json_is_held_until_it_is_whole(recorded, asked):
    *events, last = [event + b"\n\n" for event in recorded("cohere/json.sse").split(b"\n\n")[:-1]]
    decoder = COHERE.decoder(asked("openai", needs=SPOKEN))

    assert [decoder.feed(event) for event in events] == [[]] * len(events)
    assert decoder.feed(last) == JSON
    assert (decoder.finished, decoder.feed(last), decoder.close()) == (True, [], [])


@pytest.mark.parametrize("beside", ["tools", "documents"])
@pytest.mark.parametrize("form", ["json_object", "json_schema"])
def test_prose_for_json_is_a_failure_for_the_next_candidate(form, beside, recorded, asked, fed):
    decoder = COHERE.decoder(asked("openai", needs=frozenset({form, beside})))

    assert [failure.word for failure in fed(decoder, [recorded("cohere/thinking.sse")])] == ["unsupported"]
    assert not decoder.finished


def test_call_of_a_tool_is_no_answer_that_must_be_json(recorded, asked, fed):
    decoder = COHERE.decoder(asked("openai", needs=SPOKEN))

    assert fed(decoder, [recorded("cohere/plan.sse")]) == READ["plan"]


def test_answer_that_must_be_json_fails_as_any_other_where_it_is_cut(recorded, asked, fed):
    decoder = COHERE.decoder(asked("openai", needs=SPOKEN))

    assert [failure.word for failure in fed(decoder, [recorded("cohere/json.sse")[:-20]])] == ["malformed"]


@pytest.mark.parametrize("needs", [{"tools"}, {"json_object"}, {"json_schema"}, {"documents"}])
def test_only_json_beside_tools_or_documents_is_checked(needs, recorded, asked, fed):
    decoder = COHERE.decoder(asked("openai", needs=frozenset(needs)))

    assert fed(decoder, [recorded("cohere/text.sse")]) == HI
