"""A stream of Ollama, as deltas and let through."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cortex.chat import Finish, ReasoningDelta, TextDelta, ToolCall, Usage
from cortex.messages import Failure
from cortex.providers.ollama import Ollama
from cortex.providers.ollama_stream import MAX_HELD

DATA = Path(__file__).parent / "data" / "ollama"
OLLAMA = Ollama()
USED = Usage(26, 2, load_s=0.051234567, eval_s=0.04)
WEATHER = ToolCall("call_1", "weather", '{"city":"Köln"}')
STOP = [Finish("stop"), USED]
CALLED = [Finish("tool_calls"), USED]
READ = {
    "text": [TextDelta("He"), TextDelta("llo"), *STOP],
    "tricky": [TextDelta('"done":true "error"'), TextDelta("error"), TextDelta("é漢🎈\n"), *STOP],
    "thinking": [ReasoningDelta("hm"), TextDelta("Yes"), *STOP],
    "tools_first": [WEATHER, TextDelta("after"), *CALLED],
    "tools_done_argument": [TextDelta("x"), ToolCall("call_1", "save", '{"done":true,"error":"none"}'), *CALLED],
    "no_counts": [TextDelta("Hi"), Finish("stop"), Usage()],
    "length": [TextDelta("Hi"), Finish("length"), USED],
    "empty": STOP,
    "load": [Finish("stop"), Usage()],
    "generate": [TextDelta("He"), TextDelta("llo"), *STOP],
}
SOUND = [*READ, "tools_middle", "tools_last"]
CUTS = st.lists(st.integers(0, 2_000), max_size=8)


def alike(deltas):
    """Round seconds, which come from nanoseconds."""
    return [
        Usage(d.input_tokens, d.output_tokens, load_s=round(d.load_s, 9), eval_s=round(d.eval_s, 9))
        if isinstance(d, Usage)
        else d
        for d in deltas
    ]


@pytest.mark.parametrize("name", READ)
def test_recorded_stream_says_what_it_says(name, recorded, asked, fed):
    decoder = OLLAMA.decoder(asked("openai"))

    assert alike(fed(decoder, [recorded(f"ollama/{name}.ndjson")])) == READ[name]
    assert decoder.finished


@pytest.mark.parametrize("name", ["tools_middle", "tools_last"])
def test_calls_are_read_in_any_line_and_get_ids_where_they_have_none(name, recorded, asked, fed):
    text, first, second, *rest = fed(OLLAMA.decoder(asked("openai")), [recorded(f"ollama/{name}.ndjson")])

    assert (text, first, alike(rest)) == (TextDelta("before"), WEATHER, CALLED)
    assert (second.name, second.arguments) == ("clock", "{}")
    assert second.id.startswith("call_")


@given(name=st.sampled_from(SOUND), places=CUTS)
def test_any_chunking_gives_the_same_deltas(name, places, recorded, asked, fed, cut):
    data = recorded(f"ollama/{name}.ndjson")

    assert fed(OLLAMA.decoder(asked("openai")), cut(data, places)) == fed(OLLAMA.decoder(asked("openai")), [data])


@given(name=st.sampled_from(SOUND), places=CUTS)
def test_passage_gives_back_the_very_bytes(name, places, recorded, asked, fed, cut):
    data = recorded(f"ollama/{name}.ndjson")
    passage = OLLAMA.passage(asked("ollama"))

    assert fed(passage, cut(data, places)) == data
    assert (passage.committed, passage.finished, passage.failure) == (True, True, None)
    assert passage.usage is not None


@given(name=st.sampled_from(SOUND), places=CUTS)
def test_what_goes_through_in_the_meantime_is_whole_lines(name, places, recorded, asked, cut):
    data = recorded(f"ollama/{name}.ndjson")
    passage = OLLAMA.passage(asked("ollama"))
    through = b""
    for chunk in cut(data, places):
        through += passage.feed(chunk)

        assert data.startswith(through)
        assert not through or through.endswith(b"\n")


@pytest.mark.parametrize("name", SOUND)
def test_stream_cut_at_any_byte_is_never_shown_as_whole(name, recorded, asked, fed):
    """Only the last line's end may be missing from an answer that is whole."""
    data = recorded(f"ollama/{name}.ndjson")
    for size in range(len(data)):
        passage, decoder = OLLAMA.passage(asked("ollama")), OLLAMA.decoder(asked("openai"))
        through, deltas = fed(passage, [data[:size]]), fed(decoder, [data[:size]])

        assert passage.finished == decoder.finished == (size == len(data) - 1)
        assert data.startswith(through)
        assert not through or through.endswith(b"\n")
        assert isinstance(deltas[-1], Failure) == (size < len(data) - 1)
        assert (passage.failure is not None) == (size < len(data) - 1)


def test_nothing_goes_out_before_content(asked):
    preamble = b'{"model":"m","message":{"role":"assistant","content":""},"done":false}\n'
    content = b'{"model":"m","message":{"role":"assistant","content":"a"},"done":false}\n'
    passage = OLLAMA.passage(asked("ollama"))

    assert passage.feed(preamble) == b""
    assert not passage.committed
    assert passage.feed(content) == preamble + content


def test_thinking_is_content(recorded, asked):
    line = recorded("ollama/thinking.ndjson").split(b"\n")[0] + b"\n"

    assert OLLAMA.passage(asked("ollama")).feed(line) == line


def test_spaced_lines_are_read_alike(recorded, asked, fed):
    lines = [json.dumps(json.loads(line)).encode() + b"\n" for line in recorded("ollama/text.ndjson").splitlines()]
    passage = OLLAMA.passage(asked("ollama"))

    assert fed(passage, lines) == b"".join(lines)
    assert passage.finished


@pytest.mark.parametrize("split", [False, True])
def test_error_line_after_the_commit_is_not_let_through(split, recorded, asked, fed):
    data = recorded("ollama/error_line.ndjson")
    before = data[: data.index(b"\n") + 1]
    passage = OLLAMA.passage(asked("ollama"))

    assert fed(passage, [before, data[len(before) :]] if split else [data]) == before
    assert (passage.failure.word, passage.finished) == ("server_error", False)
    assert "CUDA error" in passage.failure.detail
    assert passage.feed(before) == b""


def test_error_line_is_a_failure(recorded, asked, fed):
    assert fed(OLLAMA.decoder(asked("openai")), [recorded("ollama/error_line.ndjson")])[-1].word == "server_error"
    assert [f.word for f in fed(OLLAMA.decoder(asked("openai")), [recorded("ollama/error_hosted.ndjson")])] == [
        "unauthorized"
    ]


def test_what_follows_the_end_is_ignored(recorded, asked, fed):
    data = recorded("ollama/text.ndjson")
    late = b'{"error":"late"}\n'
    for chunks in ([data + late], [data, late]):
        passage = OLLAMA.passage(asked("ollama"))

        assert fed(passage, chunks) == data
        assert passage.failure is None
        assert alike(fed(OLLAMA.decoder(asked("openai")), chunks)) == READ["text"]


@pytest.mark.parametrize(
    "line",
    [
        b"not json",
        b"[]",
        b'{"message":{"tool_calls":[{"function":{"arguments":{}}}]}}',
        b'{"message":{"tool_calls":[{"function":{"name":"f","arguments":"{}"}}]}}',
        b'{"message":{"content":5},"done":false}',
    ],
)
def test_line_that_is_none_of_ollamas_is_malformed(line, asked, fed):
    passage = OLLAMA.passage(asked("ollama"))

    assert [failure.word for failure in fed(OLLAMA.decoder(asked("openai")), [line + b"\n"])] == ["malformed"]
    assert fed(passage, [line + b"\n"]) == b""
    assert passage.failure.word == "malformed"


def test_error_with_other_odd_fields_is_still_an_error(asked, fed):
    line = b'{"error":"server busy","message":5}\n'

    assert [failure.word for failure in fed(OLLAMA.decoder(asked("openai")), [line])] == ["busy"]


def test_empty_stream_is_malformed(asked, fed):
    passage = OLLAMA.passage(asked("ollama"))

    assert fed(OLLAMA.decoder(asked("openai")), []) == [Failure("malformed", "the stream ended without done: true")]
    assert fed(passage, [b"\n\n"]) == b""
    assert passage.failure.word == "malformed"


def test_more_than_is_held_is_a_failure(asked):
    passage, decoder = OLLAMA.passage(asked("ollama")), OLLAMA.decoder(asked("openai"))

    assert passage.feed(b"x" * (MAX_HELD + 1)) == b""
    assert passage.failure.word == "malformed"
    assert [failure.word for failure in decoder.feed(b"x" * (MAX_HELD + 1))] == ["malformed"]


def test_logprobs_come_with_their_text(asked):
    line = b'{"message":{"content":"a"},"logprobs":[{"token":"a","logprob":-0.5}],"done":false}\n'

    assert OLLAMA.decoder(asked("openai")).feed(line) == [TextDelta("a", 0, ({"token": "a", "logprob": -0.5},))]


def test_held_lines_are_bounded_as_well(asked):
    line = b'{"message":{"content":""},"x":"' + b"x" * 1_000_000 + b'","done":false}\n'
    passage = OLLAMA.passage(asked("ollama"))
    for _ in range(9):
        passage.feed(line)

    assert passage.failure.word == "malformed"


def test_null_arguments_are_none_at_all(asked):
    line = b'{"message":{"tool_calls":[{"id":"x","function":{"name":"f","arguments":null}}]},"done":false}\n'

    assert OLLAMA.decoder(asked("openai")).feed(line) == [ToolCall("x", "f", "{}")]
