"""A stream of Gemini, as deltas."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cortex.chat import Finish, ReasoningDelta, TextDelta, ToolCall, Usage
from cortex.messages import Failure
from cortex.providers.gemini import Gemini
from cortex.providers.gemini_answer import _BROKEN, _FINISH
from cortex.providers.signatures import Signatures
from cortex.transport.frames import EVENT_LIMIT

GEMINI = Gemini(signatures=Signatures())
SIGNED = ToolCall("call_1", "weather", '{"city":"Köln"}', signature="c2lnLTE=")
CODE = "\n```python\nprint(2)\n```\n"
READ = {
    "text": [TextDelta("Hel"), TextDelta("lo"), TextDelta("!"), Finish("stop"), Usage(5, 3, 4)],
    "text_lf": [TextDelta("Hel"), TextDelta("lo!"), Finish("stop"), Usage(5, 3, 4)],
    "finish_everywhere": [TextDelta("Hel"), TextDelta("lo"), TextDelta("!"), Finish("length"), Usage(5, 3)],
    "thinking": [ReasoningDelta("hm"), TextDelta("Yes"), Finish("stop"), Usage(5, 31, 0, 30)],
    "call": [SIGNED, Finish("tool_calls"), Usage(5, 39, 0, 30)],
    "blocked": [Finish("content_filter"), Usage(5)],
    "safety": [TextDelta("So you"), Finish("content_filter"), Usage(5, 2)],
    "max_tokens_empty": [Finish("length"), Usage(5, 64, 0, 64)],
    "continuation": [TextDelta("Once"), Finish("length"), Usage(5, 65_536)],
    "metadata_only": [TextDelta("Hi"), Finish("stop"), Usage(7, 1)],
    "code": [TextDelta(CODE), TextDelta("\n```\n2\n```\n"), TextDelta("It is 2."), Finish("stop"), Usage(5, 9)],
    "picture": [TextDelta("![](data:image/png;base64,QUJD)"), Finish("stop"), Usage(5, 9)],
    "tricky": [
        TextDelta('"finishReason":"STOP" {"error": data: \r\n\r\n\n\né漢🎈'),
        TextDelta("error"),
        Finish("stop"),
        Usage(5, 10),
    ],
    "unknown_reason": [TextDelta("Hi"), Finish("stop"), Usage(5, 1)],
    "malformed_call_late": [TextDelta("Let me look."), Finish("stop"), Usage(5, 3)],
}
"""Every recorded stream that is a whole answer, and what it says; those with made-up ids are tested apart."""

SOUND = [*READ, "text_then_calls", "call_old"]
FAILED = ["error_first", "error_late", "malformed_call", "no_finish"]
CUTS = st.lists(st.integers(0, 5_000), max_size=8)


def event(*parts, reason=None, end=b"\r\n\r\n", **more):
    candidate = {"content": {"role": "model", "parts": list(parts)}}
    if reason:
        candidate["finishReason"] = reason
    return b"data: " + json.dumps({"candidates": [candidate], **more}).encode() + end


@pytest.mark.parametrize("name", READ)
def test_recorded_stream_says_what_it_says(name, recorded, asked, fed):
    decoder = GEMINI.decoder(asked("openai"))

    assert fed(decoder, [recorded(f"gemini/{name}.sse")]) == READ[name]
    assert decoder.finished


@pytest.mark.parametrize("name", ["text_then_calls", "call_old"])
def test_call_without_an_id_gets_one_and_always_the_same(name, recorded, asked, fed):
    data = recorded(f"gemini/{name}.sse")
    first, again = (fed(GEMINI.decoder(asked("openai")), [data]) for _ in range(2))
    calls = [delta for delta in first if isinstance(delta, ToolCall)]

    assert first == again
    assert calls[-1].id.startswith("call_")
    assert len({call.id for call in calls}) == len(calls)
    assert Finish("tool_calls") in first


@given(name=st.sampled_from([*SOUND, *FAILED]), places=CUTS)
def test_any_chunking_gives_the_same_deltas(name, places, recorded, asked, fed, cut):
    data = recorded(f"gemini/{name}.sse")
    whole, pieces = GEMINI.decoder(asked("openai")), GEMINI.decoder(asked("openai"))

    assert fed(pieces, cut(data, places)) == fed(whole, [data])
    assert pieces.finished == whole.finished == (name in SOUND)


@pytest.mark.parametrize("name", SOUND)
def test_stream_cut_inside_an_event_is_never_shown_as_whole(name, recorded, asked, fed):
    """Only the line ends of the last event may be missing from an answer that is whole."""
    data = recorded(f"gemini/{name}.sse")
    last = data.rstrip().rfind(b"data:")
    for size in range(last + 1, len(data)):
        decoder = GEMINI.decoder(asked("openai"))
        deltas = fed(decoder, [data[:size]])
        is_whole = size >= len(data.rstrip())

        assert decoder.finished == is_whole
        assert isinstance(deltas[-1], Failure) != is_whole


@pytest.mark.parametrize("name", ["text", "call", "thinking", "safety", "blocked"])
def test_end_is_not_believed_before_the_connection_ended(name, recorded, asked):
    """Old models put a finish reason into every event, so that none of them says that it is the last."""
    decoder = GEMINI.decoder(asked("openai"))
    deltas = decoder.feed(recorded(f"gemini/{name}.sse"))

    assert not decoder.finished
    assert not any(isinstance(delta, Finish | Usage) for delta in deltas)
    assert any(isinstance(delta, Finish) for delta in decoder.close())
    assert decoder.finished


def test_stream_without_a_finish_reason_is_cut(recorded, asked, fed):
    decoder = GEMINI.decoder(asked("openai"))

    assert fed(decoder, [recorded("gemini/no_finish.sse")]) == [
        TextDelta("Hel"),
        TextDelta("lo"),
        Usage(5, 2),
        Failure("malformed", "the answer ended without a finishReason"),
    ]
    assert not decoder.finished


@pytest.mark.parametrize("chunks", [[], [b""], [b"\r\n\r\n"], [b": hello\r\n\r\n"], [b": hello"]])
def test_empty_stream_is_malformed(chunks, asked, fed):
    assert fed(GEMINI.decoder(asked("openai")), chunks) == [
        Failure("malformed", "the answer ended without a finishReason")
    ]


def test_error_event_ends_the_stream(recorded, asked, fed):
    decoder = GEMINI.decoder(asked("openai"))
    text, usage, failure = fed(decoder, [recorded("gemini/error_late.sse"), recorded("gemini/text.sse")])

    assert (text, usage, failure.word) == (TextDelta("Hel"), Usage(5, 1), "busy")
    assert not decoder.finished
    assert decoder.feed(event({"text": "more"})) == decoder.close() == []


def test_error_behind_a_finish_reason_is_an_error(recorded, asked, fed):
    deltas = fed(GEMINI.decoder(asked("openai")), [recorded("gemini/text.sse"), recorded("gemini/error_first.sse")])

    assert deltas[-1].word == "busy"


@pytest.mark.parametrize("name", ["error_list.json", "error_first.sse"])
def test_error_instead_of_a_stream_is_read(name, recorded, asked, fed):
    body = recorded(f"gemini/{name}").removeprefix(b"data: ").rstrip()

    assert [failure.word for failure in fed(GEMINI.decoder(asked("openai")), [body])] == ["busy"]


@pytest.mark.parametrize(
    "data",
    [
        b"not json",
        b"[]",
        b"5",
        b'{"candidates":[{"content":{"parts":[{"functionCall":{"args":{}}}]}}]}',
        b'{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","args":[]}}]}}]}',
        b'{"candidates":[{"content":{"parts":"x"}}]}',
        b'{"x":' + b"[" * 100_000,
    ],
)
def test_event_that_is_none_of_geminis_is_malformed(data, asked, fed):
    decoder = GEMINI.decoder(asked("openai"))

    assert [failure.word for failure in fed(decoder, [b"data: " + data + b"\r\n\r\n"])] == ["malformed"]
    assert not decoder.finished


def test_event_without_end_is_malformed(asked):
    decoder = GEMINI.decoder(asked("openai"))

    assert [failure.word for failure in decoder.feed(b"data: " + b"x" * (EVENT_LIMIT + 1))] == ["malformed"]
    assert decoder.close() == []


@pytest.mark.parametrize("args", ["", ',"args":null', ',"args":{}'])
def test_call_without_arguments_has_an_empty_object(args, asked):
    data = (
        b'data: {"candidates":[{"content":{"parts":[{"functionCall":{"id":"x","name":"f"%s}}]}}]}\n\n' % args.encode()
    )

    assert GEMINI.decoder(asked("openai")).feed(data) == [ToolCall("x", "f", "{}")]


def test_arguments_are_written_on_one_line(asked):
    data = b'{"candidates":[{"content":{"parts":[{"functionCall":{"id":"x","name":"f","args":{\n  "a": "b c"\n}}}]}'
    (call, *_) = GEMINI.decode(asked("openai"), data + b',"finishReason":"STOP"}]}')

    assert call.arguments == '{"a":"b c"}'


@pytest.mark.parametrize("reason", ["STOP", "MAX_TOKENS", "SAFETY", "MALFORMED_FUNCTION_CALL", "NEW"])
def test_any_end_after_a_call_is_one_for_tools(reason, asked, fed):
    call = {"functionCall": {"id": "x", "name": "f"}}
    events = [event(call), event({"text": ""}, reason=reason)]

    assert fed(GEMINI.decoder(asked("openai")), events)[-1] == Finish("tool_calls")


@pytest.mark.parametrize("reason", _FINISH)
def test_finish_reason_is_translated(reason, asked, fed):
    expected = {"STOP": "stop", "MAX_TOKENS": "length", "CONTINUATION": "length"}.get(reason, "content_filter")

    assert fed(GEMINI.decoder(asked("openai")), [event({"text": "Hi"}, reason=reason)]) == [
        TextDelta("Hi"),
        Finish(expected),
    ]


@pytest.mark.parametrize("reason", [*_BROKEN, "OTHER"])
def test_failed_generation_without_content_is_a_failure(reason, asked, fed):
    decoder = GEMINI.decoder(asked("openai"))
    (failure,) = fed(decoder, [event(reason=reason)])

    assert failure.word == ("server_error" if reason in {"OTHER", "MISSING_THOUGHT_SIGNATURE"} else "malformed")
    assert reason in failure.detail
    assert not decoder.finished


@pytest.mark.parametrize("part", [{"text": "Hi"}, {"text": "hm", "thought": True}])
@pytest.mark.parametrize("reason", [*_BROKEN, "OTHER"])
def test_failed_generation_after_content_ends_the_stream(reason, part, asked, fed):
    """The client has some of it, so that no other candidate can be asked."""
    deltas = fed(GEMINI.decoder(asked("openai")), [event(part), event(reason=reason)])

    assert deltas[-1] == Finish("content_filter" if reason == "OTHER" else "stop")


def test_what_the_upstream_says_of_a_failed_generation_is_kept(recorded, asked, fed):
    usage, failure = fed(GEMINI.decoder(asked("openai")), [recorded("gemini/malformed_call.sse")])

    assert usage == Usage(5)
    assert failure.detail.endswith("MALFORMED_FUNCTION_CALL: Malformed function call: print(weather('Köln'))")


@given(counts=st.lists(st.integers(0, 10**6), min_size=1))
def test_usage_is_the_last_one_and_never_a_sum(asked, fed, counts):
    events = [event({"text": "x"}, reason="STOP", usageMetadata={"candidatesTokenCount": count}) for count in counts]

    assert fed(GEMINI.decoder(asked("openai")), events)[-1] == Usage(0, counts[-1])


@given(texts=st.lists(st.text(min_size=1), min_size=1), end=st.sampled_from([b"\r\n\r\n", b"\n\n"]))
def test_text_comes_out_as_it_went_in(asked, fed, texts, end):
    events = [event({"text": text}, reason="STOP", end=end) for text in texts]

    assert fed(GEMINI.decoder(asked("openai")), events) == [*map(TextDelta, texts), Finish("stop")]
