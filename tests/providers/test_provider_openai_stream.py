"""A stream of an OpenAI-like server, as deltas and let through."""

import json
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cortex.chat import Finish, ReasoningDelta, TextDelta, ToolCall, Usage
from cortex.messages import Failure
from cortex.providers.openai import OpenAI
from cortex.providers.openai_errors import RULES
from cortex.providers.openai_stream import MAX_HELD, StreamPassage

DATA = Path(__file__).parent / "data"
OPENAI = OpenAI()
DONE = b"data: [DONE]\n\n"
USED = Usage(9, 2, 4, 1)
WEATHER = ToolCall("call_1", "weather", '{"city":"Köln"}')
CLOCK = ToolCall("call_2", "clock", "{}")
HI = [TextDelta("Hi"), TextDelta(" there"), Finish("stop")]
READ = {
    "text": [*HI, USED],
    "text_null_usage": [*HI, USED],
    "text_crlf": [*HI, USED],
    "text_spaced": [*HI, USED],
    "text_no_done": HI,
    "text_tricky": [
        TextDelta("error"),
        TextDelta('"error": {"usage":{ "finish_reason":"stop" [DONE] \n\ndata: é漢🎈'),
        TextDelta("usage"),
        Finish("stop"),
        USED,
    ],
    "reasoning_content": [ReasoningDelta("hm"), TextDelta("Yes"), Finish("stop"), USED],
    "reasoning": [ReasoningDelta("hm"), TextDelta("Yes"), Finish("stop"), USED],
    "tools": [WEATHER, CLOCK, Finish("tool_calls"), USED],
    "text_then_tools": [TextDelta("Let me look. "), WEATHER, CLOCK, Finish("tool_calls"), USED],
    "tools_odd": [WEATHER, CLOCK, Finish("tool_calls")],
    "choices2": [TextDelta("A"), Finish("stop"), TextDelta("B", 1), TextDelta("!", 1), Finish("length", 1)],
    "groq": [TextDelta("Hi"), Finish("stop"), USED],
    "empty": [Finish("stop"), USED],
}
"""Every recorded stream that is a whole answer, and what it says; those with made-up ids are tested apart."""

SOUND = [
    *(f"openai/{name}.sse" for name in READ),
    *(f"llamacpp/{path.name}" for path in (DATA / "llamacpp").glob("*.sse")),
]
SOUND += ["openai/tools_name_twice.sse", "openai/function_call.sse"]
CUTS = st.lists(st.integers(0, 10_000), max_size=8)


def needs(name):
    return frozenset({"n"}) if "choices2" in name else frozenset()


@pytest.mark.parametrize("name", READ)
def test_recorded_stream_says_what_it_says(name, recorded, asked, fed):
    decoder = OPENAI.decoder(asked("ollama", needs=needs(name)))

    assert fed(decoder, [recorded(f"openai/{name}.sse")]) == READ[name]
    assert decoder.finished


@pytest.mark.parametrize("name", ["tools_name_twice", "function_call"])
def test_call_without_an_id_gets_one_and_always_the_same(name, recorded, asked, fed):
    data = recorded(f"openai/{name}.sse")
    first, again = (fed(OPENAI.decoder(asked("ollama")), [data]) for _ in range(2))

    assert first == again
    assert [(first[0].name, first[0].arguments), first[1]] == [("weather", '{"city":"Köln"}'), Finish("tool_calls")]
    assert first[0].id.startswith("call_")


@given(name=st.sampled_from(SOUND), places=CUTS)
def test_any_chunking_gives_the_same_deltas(name, places, recorded, asked, fed, cut):
    """Whatever way the bytes of a stream are cut, what it says is the same."""
    data = recorded(name)
    request = asked("ollama", needs=needs(name))

    assert fed(OPENAI.decoder(request), cut(data, places)) == fed(OPENAI.decoder(request), [data])


@given(name=st.sampled_from(SOUND), places=CUTS)
def test_passage_gives_back_the_very_bytes(name, places, recorded, asked, fed, cut):
    """Where nothing is taken out, all that goes to the client is all that came, byte for byte."""
    data = recorded(name)
    passage = OPENAI.passage(asked("openai", needs=needs(name)))

    through = fed(passage, cut(data, places))

    assert through == (data if data.endswith(b"[DONE]\n\n") or b"\r" in data else data + DONE)
    assert (passage.committed, passage.finished, passage.failure) == (True, True, None)


@pytest.mark.parametrize("name", SOUND)
def test_stream_cut_at_any_byte_is_never_shown_as_whole(name, recorded, asked, fed):
    """A stream that ends early lets only whole events through, and is finished only when its finish reason had come."""
    data = recorded(name)
    data = data[-3_000:].partition(b"\n\n")[2] if len(data) > 4_000 else data
    for size in range(len(data)):
        passage = OPENAI.passage(asked("openai", needs=needs(name)))
        through = fed(passage, [data[:size]])
        came = data[:size].replace(b'"finish_reason": "', b'"finish_reason":"')

        if passage.finished:
            assert b'"finish_reason":"' in came
            assert passage.failure is None
        else:
            assert passage.failure.word == "malformed"
            assert data.replace(b"\r", b"").startswith(through.replace(b"\r", b""))
            assert not through or through.endswith((b"\n\n", b"\r\n\r\n"))
            assert b"[DONE]\n" not in through


@given(name=st.sampled_from(SOUND), places=CUTS)
def test_what_goes_through_in_the_meantime_is_whole_events(name, places, recorded, asked, cut):
    data = recorded(name)
    passage = OPENAI.passage(asked("openai", needs=needs(name)))
    through = b""
    for chunk in cut(data, places):
        through += passage.feed(chunk)

        assert data.startswith(through)
        assert not through or through.endswith((b"\n\n", b"\r\n\r\n"))


@pytest.mark.parametrize("chunks", ["at once", "by event", "by byte"])
@pytest.mark.parametrize("name", ["text", "text_null_usage", "text_spaced", "text_crlf", "tools", "empty"])
def test_usage_that_the_client_did_not_ask_for_is_taken_out(name, chunks, recorded, asked, fed):
    data = recorded(f"openai/{name}.sse")
    end = b"\r\n\r\n" if b"\r" in data else b"\n\n"
    events = [event + end for event in data.split(end)[:-1]]
    pieces = {"at once": [data], "by event": events, "by byte": [bytes([byte]) for byte in data]}[chunks]
    passage = OPENAI.passage(asked("openai", include_usage=False))

    through = fed(passage, pieces)

    assert through == b"".join(event for event in events if b'"choices":[]' not in event.replace(b": ", b":"))
    assert passage.usage == USED


def test_usage_in_the_finish_event_is_read_and_let_through(recorded, asked, fed):
    data = recorded("openai/groq.sse")
    passage = OPENAI.passage(asked("openai", include_usage=False))

    assert fed(passage, [data]) == data
    assert passage.usage == USED


def test_nothing_goes_out_before_content(recorded, asked):
    events = [event + b"\n\n" for event in recorded("openai/text.sse").split(b"\n\n")[:-1]]
    passage = OPENAI.passage(asked("openai"))

    assert passage.feed(events[0]) == b""
    assert not passage.committed
    assert passage.feed(events[1]) == events[0] + events[1]
    assert passage.committed


def test_refusal_is_content(asked):
    event = b'data: {"choices":[{"index":0,"delta":{"refusal":"No."},"finish_reason":null}]}\n\n'
    passage = OPENAI.passage(asked("openai"))

    assert passage.feed(event) == event
    assert OPENAI.decoder(asked("ollama")).feed(event) == [TextDelta("No.")]


def test_audio_is_content(asked):
    event = b'data: {"choices":[{"index":0,"delta":{"audio":{"data":"UklG"}},"finish_reason":null}]}\n\n'

    assert OPENAI.passage(asked("openai")).feed(event) == event


def test_fragments_of_a_call_are_held_until_it_is_whole(recorded, asked):
    events = [event + b"\n\n" for event in recorded("openai/text_then_tools.sse").split(b"\n\n")[:-1]]
    passage = OPENAI.passage(asked("openai"))
    gone = [passage.feed(event) for event in events]

    assert gone[1] == events[0] + events[1]
    assert gone[2:7] == [b""] * 5
    assert gone[7] == b"".join(events[2:8])
    assert b"".join(gone) == b"".join(events)


def test_cut_inside_a_call_is_before_the_commit(recorded, asked, fed):
    data = recorded("openai/tools.sse")
    passage = OPENAI.passage(asked("openai"))

    assert fed(passage, [data[: data.index(b"K")]]) == b""
    assert not passage.committed


def test_call_whose_arguments_are_no_json_is_malformed(recorded, asked, fed):
    data = recorded("openai/tools_name_twice.sse").replace(b'ln\\"}', b"ln")
    passage = OPENAI.passage(asked("openai"))

    assert fed(passage, [data]) == b""
    assert passage.failure.word == "malformed"
    assert fed(OPENAI.decoder(asked("ollama")), [data])[-1].word == "malformed"


def test_call_cut_by_the_length_goes_through_and_is_no_call(recorded, asked, fed):
    data = recorded("openai/tools_name_twice.sse").replace(b'ln\\"}', b"ln").replace(b'"stop"', b'"length"')
    passage = OPENAI.passage(asked("openai"))

    assert fed(passage, [data]) == data
    assert fed(OPENAI.decoder(asked("ollama")), [data]) == [Finish("length")]


@pytest.mark.parametrize("split", [False, True])
def test_error_event_after_the_commit_is_not_let_through(split, recorded, asked, fed):
    data = recorded("openai/error_event.sse")
    before = data[: data.index(b'data: {"error"')]
    passage = OPENAI.passage(asked("openai"))

    assert fed(passage, [before, data[len(before) :]] if split else [data]) == before
    assert (passage.failure.word, passage.failure.detail) == ("server_error", "the engine died")
    assert (passage.committed, passage.finished) == (True, False)
    assert passage.feed(DONE) == b""


@pytest.mark.parametrize(
    ("name", "word", "detail"),
    [
        ("error_event", "server_error", "the engine died"),
        ("finish_error", "rate_limited", "slow down"),
        ("error_first", "busy", "Overloaded"),
    ],
)
def test_error_in_a_stream_is_a_failure(name, word, detail, recorded, asked, fed):
    last = fed(OPENAI.decoder(asked("ollama")), [recorded(f"openai/{name}.sse"), DONE])[-1]
    passage = OPENAI.passage(asked("openai"))
    fed(passage, [recorded(f"openai/{name}.sse"), DONE])

    assert (last.word, last.detail) == (word, detail)
    assert passage.failure == last


def test_json_error_instead_of_a_stream_is_a_failure(asked, fed):
    body = b'{"error":{"message":"no credits","code":402}}'

    assert [failure.word for failure in fed(OPENAI.decoder(asked("ollama")), [body])] == ["rate_limited"]
    passage = OPENAI.passage(asked("openai"))
    assert fed(passage, [body]) == b""
    assert passage.failure.word == "rate_limited"


@pytest.mark.parametrize("data", [b"", DONE, b": hello\n\n", b"data: {}\n\n", b"data: not json\n\n", b"<html>\n\n"])
def test_stream_without_an_answer_is_malformed(data, asked, fed):
    decoder, passage = OPENAI.decoder(asked("ollama")), OPENAI.passage(asked("openai"))

    assert [failure.word for failure in fed(decoder, [data])] == ["malformed"]
    assert fed(passage, [data]) == b""
    assert passage.failure.word == "malformed"
    assert (decoder.finished, passage.finished, passage.committed) == (False, False, False)


def test_cut_stream_says_what_it_lacks(recorded, asked, fed):
    data = recorded("openai/text.sse")
    decoder = OPENAI.decoder(asked("ollama"))

    assert fed(decoder, [data[: data.index(b'"delta":{},')]])[-1] == Failure(
        "malformed", "the stream ended without a finish reason"
    )


def test_done_completes_choices_without_a_finish_reason(asked, fed):
    data = b'data: {"choices":[{"delta":{"content":"Hi"}}]}\n\n' + DONE

    assert fed(OPENAI.decoder(asked("ollama")), [data]) == [TextDelta("Hi"), Finish("stop")]


@pytest.mark.parametrize("end", [b"data: [DONE]", b"data: [DONE]\n", b"data: [DO", b""])
def test_missing_end_after_a_finish_reason_is_written(end, recorded, asked, fed):
    data = recorded("openai/text_no_done.sse")
    passage = OPENAI.passage(asked("openai"))

    assert fed(passage, [data + end]) == data + DONE
    assert passage.finished


def test_event_without_its_blank_line_counts_when_it_is_whole(recorded, asked, fed):
    data = recorded("openai/text_no_done.sse")
    passage = OPENAI.passage(asked("openai"))

    assert fed(passage, [data[:-2]]) == data + DONE
    assert fed(OPENAI.decoder(asked("ollama")), [data[:-2]]) == HI


def test_what_follows_the_end_is_ignored(recorded, asked, fed):
    data = recorded("openai/text.sse")
    late = b'data: {"error":{"message":"late"}}\n\n'
    for chunks in ([data + late], [data, late]):
        passage = OPENAI.passage(asked("openai"))

        assert fed(passage, chunks) == data
        assert passage.failure is None
        assert fed(OPENAI.decoder(asked("ollama")), chunks) == READ["text"]


def test_error_after_the_finish_reason_does_not_spoil_the_answer(recorded, asked, fed):
    data = recorded("openai/text_no_done.sse")
    late = b'data: {"error":{"message":"late"}}\n\n'
    passage = OPENAI.passage(asked("openai"))

    assert fed(passage, [data + late]) == data + DONE
    assert passage.failure is None


def test_error_between_two_choices_is_a_failure(recorded, asked, fed):
    data = recorded("openai/choices2.sse")
    events = data.split(b"\n\n")
    passage = OPENAI.passage(asked("openai", needs=frozenset({"n"})))

    fed(passage, [b"\n\n".join([*events[:2], b'data: {"error":"died"}', b""])])

    assert passage.failure.word == "server_error"


def test_finish_in_another_style_than_the_rest_is_seen(recorded, asked):
    """A proxy may write its events with other white space than the server whose events it relays."""
    data = recorded("openai/text.sse")
    compact = b"\n\n".join([*data.split(b"\n\n")[:3], b""])
    passage = OPENAI.passage(asked("openai"))
    passage.feed(compact)

    passage.feed(b'data: {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}\n\n')

    assert passage.finished


def test_more_than_is_held_is_a_failure(asked):
    passage, decoder = OPENAI.passage(asked("openai")), OPENAI.decoder(asked("ollama"))
    flood = b"data: " + b"x" * MAX_HELD

    assert passage.feed(flood) == b""
    assert passage.failure.word == "malformed"
    assert [failure.word for failure in decoder.feed(flood)] == ["malformed"]


def test_held_fragments_are_bounded_as_well(asked):
    piece = msgspec.json.encode("x" * 1_000_000)
    event = (
        b'data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":%s}}]}}]}\n\n' % piece
    )
    passage = OPENAI.passage(asked("openai"))
    for _ in range(9):
        passage.feed(event)

    assert passage.failure.word == "malformed"


GARBAGE = [b"data: ", b"\n\n", b"{", b"}", b'"error"', b"[DONE]", b"\r\n", b'{"choices":[]}', b": x"]


@given(pieces=st.lists(st.sampled_from(GARBAGE), max_size=12))
def test_any_garbage_ends_in_a_failure_and_nothing_is_let_through(pieces, asked, fed):
    passage = OPENAI.passage(asked("openai"))

    assert fed(passage, pieces) == b""
    assert passage.failure is not None
    assert isinstance(fed(OPENAI.decoder(asked("ollama")), pieces)[-1], Failure)


def test_logprobs_come_with_their_text(asked):
    token = b'{"content":[{"token":"a","logprob":-0.5}]}'
    event = b'data: {"choices":[{"index":0,"delta":{"content":"a"},"logprobs":%s}]}\n\n' % token

    assert OPENAI.decoder(asked("ollama")).feed(event) == [TextDelta("a", 0, ({"token": "a", "logprob": -0.5},))]


def test_content_in_parts_is_text_and_thinking(asked):
    parts = b'[{"type":"thinking","thinking":[{"type":"text","text":"hm"}]},{"type":"text","text":"a"}]'
    event = b'data: {"choices":[{"index":0,"delta":{"content":%s}}]}\n\n' % parts

    assert OPENAI.decoder(asked("ollama")).feed(event) == [ReasoningDelta("hm"), TextDelta("a")]


@pytest.mark.parametrize(
    ("event", "word"),
    [
        (b'{"object":"error","message":"m","code":"model_not_found"}', "model_missing"),
        (b'{"choices":[{"index":0,"delta":{},"x":0}],"x_groq":{"error":"over capacity"}}', "server_error"),
        (b'{"choices":5,"error":{"message":"m","code":429}}', "rate_limited"),
        (b'{"x":' + b"[" * 100_000, "malformed"),
    ],
    ids=["flat", "groq", "odd", "deep"],
)
def test_error_of_another_shape_is_a_failure(event, word, asked, fed):
    data = b"data: " + event + b"\n\n"
    passage = OPENAI.passage(asked("openai"))

    assert [failure.word for failure in fed(OPENAI.decoder(asked("ollama")), [data])] == [word]
    assert fed(passage, [data]) == b""
    assert passage.failure.word == word


def test_text_after_the_finish_reason_of_its_choice_is_ignored(recorded, asked, fed):
    data = recorded("openai/text_no_done.sse") + b'data: {"choices":[{"index":0,"delta":{"content":"late"}}]}\n\n'

    assert fed(OPENAI.decoder(asked("ollama")), [data]) == HI


class Careful(StreamPassage):
    """A passage that parses every event: what the quick one must agree with."""

    def _flows(self):
        return False


def written(delta, finish=None, *, gap="", **more):
    body = {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}], **more}
    return b"data: " + json.dumps(body, separators=("," + gap, ":" + gap)).encode() + b"\n\n"


def fragment(index, arguments, name=None):
    return written({"tool_calls": [{"index": index, "function": {"name": name, "arguments": arguments}}]})


TEXTS = st.sampled_from(["a", "error", '"error":', '"finish_reason":"stop"', "usage", "[DONE]", "\n\n", "tool_calls"])
MIDDLE = st.one_of(
    st.builds(lambda text, gap: [written({"content": text}, gap=gap)], TEXTS, st.sampled_from(["", " "])),
    st.builds(lambda text: [written({"content": text}, usage=None)], TEXTS),
    st.builds(
        lambda text: [b'data: {"choices":[{"index":0,"delta":{"content":%s}}]}\n\n' % json.dumps(text).encode()], TEXTS
    ),
    st.just([b": keep-alive\n\n"]),
    st.just([written({"role": "assistant", "content": ""})]),
    st.just([written({"content": "a"}, usage={"prompt_tokens": 1})]),
    st.just([fragment(0, '{"a"', "f"), fragment(0, ":1}"), fragment(1, "{}", "g")]),
)
USAGE = b'data: {"choices":[],"usage":{"prompt_tokens":9}}\n\n'
ENDS = st.sampled_from(
    [
        [written({}, "stop"), USAGE, DONE],
        [written({}, "stop", gap=" "), USAGE, DONE],
        [written({}, "stop")],
        [b'data: {"error":{"message":"died"}}\n\n'],
        [written({"content": ""}, "error")],
        [],
    ]
)


@given(middle=st.lists(MIDDLE, max_size=6), end=ENDS, places=CUTS, wants_usage=st.booleans())
def test_quick_way_agrees_with_parsing_every_event(middle, end, places, wants_usage, fed, cut):
    """Whatever stands in a stream and however it is cut, skipping quiet events changes nothing that can be seen."""
    data = b"".join(event for events in [*middle, end] for event in events)
    quick = StreamPassage(RULES, "seed", wants_usage=wants_usage)
    careful = Careful(RULES, "seed", wants_usage=wants_usage)

    assert fed(quick, cut(data, places)) == fed(careful, [data])
    assert (quick.failure, quick.finished, quick.committed) == (careful.failure, careful.finished, careful.committed)
    assert quick.usage == careful.usage
