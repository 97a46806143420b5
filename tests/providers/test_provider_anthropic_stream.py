"""A stream of Anthropic's, as deltas and let through."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cortex.chat import Finish, ReasoningDelta, TextDelta, ToolCall, Usage
from cortex.messages import Failure
from cortex.providers import anthropic_stream
from cortex.providers.anthropic import Anthropic
from cortex.providers.anthropic_stream import MAX_HELD, StreamPassage

ANTHROPIC = Anthropic()
USED = Usage(9, 4)
HI = [TextDelta("Hi"), TextDelta(" there"), Finish("stop"), USED]
WEATHER = ToolCall("toolu_1", "weather", '{"city": "Köln"}')
CLOCK = ToolCall("toolu_2", "clock", "{}")
READ = {
    "text": HI,
    "text_crlf": HI,
    "text_tricky": [
        TextDelta('"type":"message_stop"'),
        TextDelta(" é漢🎈 \n\ndata: "),
        TextDelta("event: error\ndata: [DONE]"),
        Finish("stop"),
        USED,
    ],
    "cached": [*HI[:3], Usage(9, 4, 4)],
    "usage_late": HI,
    "thinking": [ReasoningDelta("hm"), ReasoningDelta(", so"), TextDelta("Yes"), Finish("stop"), Usage(9, 4, 0, 2)],
    "thinking_hidden": [TextDelta("Yes"), Finish("stop"), USED],
    "tools": [TextDelta("Let me look."), WEATHER, CLOCK, Finish("tool_calls"), USED],
    "tools_first": [WEATHER, Finish("tool_calls"), USED],
    "length": [TextDelta("Hi"), Finish("length"), USED],
    "length_call": [WEATHER, Finish("length"), USED],
    "refusal": [TextDelta("I"), Finish("content_filter"), USED],
    "pause": [TextDelta("I will look."), Finish("length"), USED],
    "empty": [Finish("stop"), USED],
}
"""Every recorded stream that is a whole answer, and what it says."""

BROKEN = ("broken_call", "error_first", "error_late")
CUT = Failure("malformed", "the stream ended without message_stop")
CUTS = st.lists(st.integers(0, 10_000), max_size=8)


def event(kind, **fields):
    return b"event: %s\ndata: %s\n\n" % (
        kind.encode(),
        json.dumps({"type": kind, **fields}, separators=(",", ":")).encode(),
    )


def piece(text, **more):
    return event("content_block_delta", index=0, delta={"type": "text_delta", "text": text, **more})


START = event("message_start", message={"usage": {"input_tokens": 9, "output_tokens": 1}})
END = event("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 4}) + event("message_stop")
CALL = event(
    "content_block_start", index=0, content_block={"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}}
)
STOP = event("content_block_stop", index=0)


def fragment(text):
    return event("content_block_delta", index=0, delta={"type": "input_json_delta", "partial_json": text})


@pytest.fixture
def decoder(asked):
    return ANTHROPIC.decoder(asked("openai"))


@pytest.fixture
def passage(asked):
    return ANTHROPIC.passage(asked("anthropic"))


def failures(items):
    return [item for item in items if isinstance(item, Failure)]


@pytest.mark.parametrize("name", READ)
def test_recorded_stream_says_what_it_says(name, recorded, decoder, fed):
    assert fed(decoder, [recorded(f"anthropic/{name}.sse")]) == READ[name]
    assert decoder.finished


@pytest.mark.parametrize("name", READ)
def test_recorded_stream_goes_through_byte_for_byte(name, recorded, passage, fed):
    data = recorded(f"anthropic/{name}.sse")

    assert fed(passage, [data]) == data
    assert (passage.committed, passage.finished, passage.failure) == (True, True, None)
    assert passage.usage == READ[name][-1]


@given(name=st.sampled_from([*READ, *BROKEN]), places=CUTS)
def test_any_chunking_gives_the_same_deltas(name, places, recorded, asked, fed, cut):
    """Whatever way the bytes of a stream are cut, what it says is the same."""
    data = recorded(f"anthropic/{name}.sse")

    assert fed(ANTHROPIC.decoder(asked("openai")), cut(data, places)) == fed(ANTHROPIC.decoder(asked("openai")), [data])


@given(name=st.sampled_from([*READ, *BROKEN]), places=CUTS)
def test_any_chunking_lets_the_same_bytes_through(name, places, recorded, asked, fed, cut):
    """Whatever way a stream is cut, the same whole events reach the client, and the same is known at its end."""
    data = recorded(f"anthropic/{name}.sse")
    pieces, whole = ANTHROPIC.passage(asked("anthropic")), ANTHROPIC.passage(asked("anthropic"))

    assert fed(pieces, cut(data, places)) == fed(whole, [data])
    assert (pieces.failure, pieces.finished, pieces.usage) == (whole.failure, whole.finished, whole.usage)


@pytest.mark.parametrize("name", READ)
def test_stream_cut_at_any_byte_is_never_taken_for_whole(name, recorded, asked, fed):
    """Nothing but message_stop is an end, and of a call that is not whole nothing is given."""
    data = recorded(f"anthropic/{name}.sse")
    for size in range(data.rindex(b"}")):
        decoder, passage = ANTHROPIC.decoder(asked("openai")), ANTHROPIC.passage(asked("anthropic"))
        *before, last = fed(decoder, [data[:size]])
        gone = fed(passage, [data[:size]])

        assert (last, decoder.finished) == (CUT, False)
        assert before == READ[name][: len(before)]
        assert (passage.failure, passage.finished) == (CUT, False)
        assert data.replace(b"\r", b"").startswith(gone.replace(b"\r", b""))  # a last event gets its end with LF alone
        assert gone.count(b'"type":"tool_use"') == sum(isinstance(delta, ToolCall) for delta in before)


def test_text_is_given_as_it_comes(recorded, decoder):
    events = [event + b"\n\n" for event in recorded("anthropic/text.sse").split(b"\n\n")]

    assert [decoder.feed(event) for event in events[:6]] == [[], [], [], [HI[0]], [HI[1]], []]


def test_nothing_goes_before_there_is_content(passage):
    begin = START + event("content_block_start", index=0, content_block={"type": "text", "text": ""})

    assert (passage.feed(begin), passage.committed) == (b"", False)
    assert (passage.feed(piece("Hi")), passage.committed) == (begin + piece("Hi"), True)
    assert passage.feed(piece("!")) == piece("!")


def test_call_is_held_until_it_is_whole(passage):
    assert passage.feed(START + piece("I")) == START + piece("I")
    assert [passage.feed(part) for part in (CALL, fragment('{"a'), fragment('":1}'))] == [b"", b"", b""]
    assert passage.feed(STOP) == CALL + fragment('{"a') + fragment('":1}') + STOP


def test_call_that_is_cut_by_the_bound_goes_with_the_word_for_it(passage, decoder, fed):
    """The client's own SDK knows what to do with the half of a call that ends in max_tokens; another dialect gets none."""
    end = END.replace(b"end_turn", b"max_tokens")
    data = START + CALL + fragment('{"a') + STOP + end

    assert passage.feed(START + CALL + fragment('{"a') + STOP) == b""
    assert passage.feed(end) == data
    assert fed(decoder, [data]) == [Finish("length"), USED]


@pytest.mark.parametrize(
    "after", [END, event("content_block_start", index=1, content_block={"type": "text", "text": ""})]
)
def test_call_whose_arguments_are_no_json_is_malformed(after, passage, decoder, fed):
    data = START + CALL + fragment('{"a') + STOP + after
    broken = Failure("malformed", "the arguments of the call of f are no JSON object")

    assert failures(fed(decoder, [data])) == [broken]
    assert (fed(passage, [data]), passage.failure) == (b"", broken)


def test_call_without_a_name_is_malformed(decoder):
    nameless = CALL.replace(b'"name":"f"', b'"name":""')

    assert decoder.feed(nameless + STOP) == [Failure("malformed", "a tool call has no name")]


def test_call_without_an_id_gets_one_that_is_always_the_same(asked):
    nobodys = CALL.replace(b"toolu_1", b"") + STOP
    first, again = (ANTHROPIC.decoder(asked("openai")).feed(nobodys) for _ in range(2))

    assert first == again
    assert first[0].id.startswith("call_")


def test_arguments_may_stand_at_the_start_of_the_block(decoder):
    """Some servers of this dialect give them whole, and no fragment at all."""
    whole = CALL.replace(b'"input":{}', b'"input":{"a":1.0}')

    assert decoder.feed(whole + STOP) == [ToolCall("toolu_1", "f", '{"a":1.0}')]


@pytest.mark.parametrize(
    ("name", "failure", "gone"),
    [
        ("error_first", Failure("busy", "Overloaded"), 0),
        ("error_late", Failure("server_error", "Internal server error"), 4),
    ],
)
def test_error_in_a_stream_is_a_failure_and_does_not_go_through(name, failure, gone, recorded, decoder, passage, fed):
    data = recorded(f"anthropic/{name}.sse")

    assert fed(decoder, [data, END])[-1] == failure
    assert fed(passage, [data, END]).count(b"event: ") == gone
    assert (passage.failure, passage.finished, decoder.finished) == (failure, False, False)


@pytest.mark.parametrize("end", [b"", b"\n\n"])
def test_json_error_instead_of_a_stream_is_a_failure(end, decoder, passage, fed):
    body = b'{"type":"error","error":{"type":"rate_limit_error","message":"slow down"}}' + end

    assert fed(decoder, [body]) == [Failure("rate_limited", "slow down")]
    assert (fed(passage, [body]), passage.failure) == (b"", Failure("rate_limited", "slow down"))


@pytest.mark.parametrize(
    "data", [b"", b": hello\n\n", b"data: {}\n\n", b"data: [1]\n\n", b"<html>\n\n", b"data: x\n\n"]
)
def test_stream_without_an_answer_is_malformed(data, decoder, passage, fed):
    assert [failure.word for failure in fed(decoder, [data])] == ["malformed"]
    assert (fed(passage, [data]), passage.failure.word) == (b"", "malformed")


def test_last_event_without_its_blank_line_counts_and_gets_it(recorded, decoder, passage, fed):
    data = recorded("anthropic/text.sse")

    assert fed(decoder, [data.rstrip(b"\n")]) == HI
    assert (fed(passage, [data.rstrip(b"\n")]), passage.finished) == (data, True)


def test_what_follows_the_end_is_ignored(recorded, asked, fed):
    data = recorded("anthropic/text.sse")
    late = recorded("anthropic/error_late.sse")

    for chunks in ([data + late], [data, late]):
        passage = ANTHROPIC.passage(asked("anthropic"))
        assert fed(ANTHROPIC.decoder(asked("openai")), chunks) == HI
        assert (fed(passage, chunks), passage.failure) == (data, None)


def test_answer_that_breaks_has_told_its_input(passage):
    passage.feed(START + piece("Hi"))
    passage.close()

    assert passage.usage == Usage(9, 1)


@pytest.mark.parametrize("field", ["text", "thinking", "partial_json"])
def test_null_is_taken_for_nothing(field, decoder):
    nothing = event("content_block_delta", index=0, delta={"type": "x", field: None})

    assert decoder.feed(START + nothing + piece("Hi") + END) == [TextDelta("Hi"), Finish("stop"), USED]


def test_unknown_stop_reason_and_unknown_event_do_no_harm(decoder):
    end = END.replace(b"end_turn", b"something_new")

    assert decoder.feed(START + event("content_block_what", index=0) + piece("Hi") + end) == [
        TextDelta("Hi"),
        Finish("stop"),
        USED,
    ]


@pytest.mark.parametrize("data", [b"data: " + b"x" * MAX_HELD, START + CALL + fragment("x" * (MAX_HELD + 1))])
def test_what_is_held_has_a_bound(data, decoder, passage):
    assert decoder.feed(data)[-1].word == "malformed"
    assert (passage.feed(data), passage.failure.word) == (b"", "malformed")


class Careful(StreamPassage):
    """A passage that parses every event: what the quick one must agree with."""

    def _flows(self):
        return False


TEXTS = st.sampled_from(["a", "data:", 'data: {"type":"content_block_delta",', "\n\nevent: error\ndata: {}", '"error"'])
MIDDLE = st.one_of(
    st.builds(piece, TEXTS),
    st.builds(lambda text: piece(text).replace(b":", b": "), st.just("a")),
    st.builds(lambda text: b"data: %s\n\n" % json.dumps({"delta": {"text": text}}).encode(), TEXTS),
    st.just(b'event: ping\ndata: {"type": "ping"}\n\n'),
    st.just(b": comment\n\n"),
    st.just(CALL + fragment('{"a"') + fragment(":1}") + STOP),
    st.just(event("content_block_start", index=1, content_block={"type": "thinking", "thinking": "", "signature": ""})),
)
ENDS = st.sampled_from(
    [
        b"",
        END,
        CALL + fragment("{") + END,
        b'event: error\ndata: {"type":"error","error":{"type":"api_error"}}\n\n',
        b"data: x\n\n",
    ]
)


@given(middle=st.lists(MIDDLE, max_size=12), end=ENDS, places=CUTS)
def test_quick_look_lets_through_what_a_careful_one_does(middle, end, places, fed, cut):
    """Whether events are parsed or only looked at, the client gets the same, and the same is known of the answer."""
    data = START + b"".join(middle) + end
    quick, careful = StreamPassage("seed"), Careful("seed")

    assert fed(quick, cut(data, places)) == fed(careful, [data])
    assert (quick.failure, quick.finished, quick.committed) == (careful.failure, careful.finished, careful.committed)
    assert quick.usage == careful.usage


def test_pieces_of_text_are_not_parsed_once_the_stream_flows(monkeypatch, passage):
    passage.feed(START + piece("Hi"))
    monkeypatch.setattr(anthropic_stream.Reader, "read", None)

    assert passage.feed(piece("a") + piece("b")) == piece("a") + piece("b")
