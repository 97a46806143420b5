"""Thought signatures: kept, found again, and never another conversation's."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cortex.chat import Chat, Message, Text, ToolCall
from cortex.providers.gemini import Gemini
from cortex.providers.gemini_request import UNSIGNED
from cortex.providers.signatures import SIGNATURES, Signatures

WEATHER = ToolCall("call_1", "weather", '{"city":"Köln","day":1}', signature="sig-1")
USER = Message("user", (Text("Hi"),))


def sent(calls, signatures=None, model="gemini-3.8-flash"):
    """Return the signature of each call of one turn, as it is written; None for none."""
    provider = Gemini(signatures=signatures or Signatures())
    wire = provider.encode(None, Chat(messages=(USER, Message("assistant", tool_calls=tuple(calls)))), model)
    return [part.get("thoughtSignature") for part in json.loads(wire.body)["contents"][1]["parts"]]


def unsigned(call, call_id=None):
    return ToolCall(call_id or call.id, call.name, call.arguments)


def test_signature_is_found_by_the_id_of_its_call():
    signatures = Signatures()
    signatures.keep(WEATHER)

    assert signatures.of(ToolCall("call_1", "renamed", "{}")) == "sig-1"


@pytest.mark.parametrize("arguments", ['{"city":"Köln","day":1}', '{ "day": 1, "city": "K\\u00f6ln" }'])
def test_signature_is_found_by_name_and_arguments_where_the_client_keeps_no_ids(arguments):
    signatures = Signatures()
    signatures.keep(WEATHER)

    assert signatures.of(ToolCall("call_00010000", "weather", arguments)) == "sig-1"


@pytest.mark.parametrize(("name", "arguments"), [("clock", '{"city":"Köln","day":1}'), ("weather", '{"city":"Bonn"}')])
def test_another_call_has_no_signature(name, arguments):
    signatures = Signatures()
    signatures.keep(WEATHER)

    assert signatures.of(ToolCall("call_2", name, arguments)) == ""


def test_two_calls_alike_are_told_apart_by_id_only():
    """Which of them a client without ids means is not known, and the other's thought could be another client's."""
    signatures = Signatures()
    signatures.keep(WEATHER)
    signatures.keep(ToolCall("call_2", "weather", WEATHER.arguments, signature="sig-2"))

    assert [signatures.of(unsigned(WEATHER, name)) for name in ("call_1", "call_2", "call_3")] == ["sig-1", "sig-2", ""]


def test_call_is_found_again_once_its_twin_is_forgotten():
    signatures = Signatures(max_calls=2)
    for call_id in ("call_1", "call_2"):
        signatures.keep(ToolCall(call_id, "weather", WEATHER.arguments, signature=f"of {call_id}"))
    signatures.keep(ToolCall("call_3", "clock", "{}", signature="of call_3"))

    assert signatures.of(unsigned(WEATHER, "other")) == "of call_2"


def test_later_signature_of_one_call_replaces_the_earlier():
    signatures = Signatures()
    signatures.keep(WEATHER)
    signatures.keep(ToolCall("call_1", "clock", "{}", signature="sig-2"))

    assert signatures.of(unsigned(WEATHER)) == "sig-2"
    assert signatures.of(unsigned(WEATHER, "other")) == ""
    assert repr(signatures) == "<Signatures of 1 calls, 5 bytes>"


def test_call_whose_arguments_are_no_json_is_kept_as_well():
    signatures = Signatures()
    signatures.keep(ToolCall("call_1", "shell", "ls", signature="sig"))

    assert signatures.of(ToolCall("other", "shell", "ls")) == "sig"


@given(
    kept=st.lists(st.tuples(st.integers(0, 9), st.sampled_from(["{}", '{"a":1}', '{"a":2}']), st.integers(0, 8))),
    max_calls=st.integers(1, 4),
    max_bytes=st.integers(1, 12),
)
def test_memory_is_bounded_and_says_nothing_but_what_was_kept(kept, max_calls, max_bytes):
    signatures = Signatures(max_calls, max_bytes)
    last = {}
    for number, arguments, size in kept:
        call = ToolCall(f"call_{number}", "f", arguments, signature=str(number) * size)
        signatures.keep(call)
        if 0 < size <= max_bytes:
            last[call.id] = call

        assert len(signatures._kept) <= max_calls
        assert sum(len(one.signature) for one in signatures._kept.values()) == signatures._bytes <= max_bytes
        assert {call_id for ids in signatures._ids.values() for call_id in ids} == set(signatures._kept)
    for call in last.values():
        assert signatures.of(unsigned(call)) in {call.signature, *(other.signature for other in last.values()), ""}
        if call.id in signatures._kept:
            assert signatures.of(unsigned(call)) == call.signature


@given(st.lists(st.integers(0, 50), unique=True, min_size=1))
def test_oldest_goes_out_first(numbers):
    signatures = Signatures(max_calls=5)
    for number in numbers:
        signatures.keep(ToolCall(f"call_{number}", "f", "{}", signature="s"))

    assert list(signatures._kept) == [f"call_{number}" for number in numbers[-5:]]


def test_repr_shows_no_signature():
    signatures = Signatures()
    signatures.keep(WEATHER)

    assert "sig-1" not in repr(signatures)


def test_signature_that_the_client_carried_wins():
    signatures = Signatures()
    signatures.keep(WEATHER)

    assert sent([ToolCall("call_1", "weather", "{}", signature="carried")], signatures) == ["carried"]


def test_signature_that_the_client_lost_is_remembered():
    signatures = Signatures()
    signatures.keep(WEATHER)

    assert sent([unsigned(WEATHER)], signatures) == ["sig-1"]


@pytest.mark.parametrize("model", ["gemini-3-pro-preview", "gemini-3.8-flash", "gemini-4-neon", "gemini-flash-latest"])
def test_unknown_call_is_marked_and_only_the_first_of_a_step(model):
    calls = [ToolCall("a", "f", "{}"), ToolCall("b", "g", "{}")]

    assert sent(calls, model=model) == [UNSIGNED, None]
    assert UNSIGNED == "skip_thought_signature_validator"


def test_known_signature_of_a_later_call_stays_with_it():
    assert sent([ToolCall("a", "f", "{}"), WEATHER]) == [UNSIGNED, "sig-1"]


def test_signature_is_optional_before_gemini_3():
    assert sent([unsigned(WEATHER)], model="gemini-2.5-flash-lite") == [None]
    assert sent([WEATHER], model="gemini-2.5-flash-lite") == ["sig-1"]


def test_gemma_gets_no_signature():
    assert sent([WEATHER], model="gemma-4-31b-it") == [None]


def test_every_step_is_marked():
    steps = (
        USER,
        Message("assistant", tool_calls=(ToolCall("a", "f", "{}"),)),
        Message("tool", (Text("1"),), tool_call_id="a"),
        Message("assistant", tool_calls=(ToolCall("b", "f", '{"x":1}'),)),
        Message("tool", (Text("2"),), tool_call_id="b"),
    )
    wire = Gemini(signatures=Signatures()).encode(None, Chat(messages=steps), "gemini-3.8-flash")

    parts = [part for content in json.loads(wire.body)["contents"] for part in content["parts"]]
    assert [part["thoughtSignature"] for part in parts if "functionCall" in part] == [UNSIGNED, UNSIGNED]


def test_turns_that_are_merged_are_one_step():
    turns = (USER, *(Message("assistant", tool_calls=(ToolCall(name, name, "{}"),)) for name in "ab"))
    wire = Gemini(signatures=Signatures()).encode(None, Chat(messages=turns), "gemini-3.8-flash")

    _, step, _ = json.loads(wire.body)["contents"]
    assert [part.get("thoughtSignature") for part in step["parts"]] == [UNSIGNED, None]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("call_id", ["call_1", "call_00010000"])
def test_signature_of_an_answer_comes_back_with_the_next_step(stream, call_id, recorded, asked, fed):
    """Whether the client keeps ids (OpenAI) or sends only name and arguments back (Ollama)."""
    provider = Gemini(signatures=Signatures())
    if stream:
        deltas = fed(provider.decoder(asked("ollama")), [recorded("gemini/call.sse")])
    else:
        deltas = provider.decode(asked("ollama"), recorded("gemini/whole_call.json"))
    call = next(delta for delta in deltas if isinstance(delta, ToolCall))
    history = Chat(messages=(USER, Message("assistant", tool_calls=(unsigned(call, call_id),))))

    body = json.loads(provider.encode(None, history, "gemini-3.8-flash").body)
    assert body["contents"][1]["parts"][0]["thoughtSignature"] == "c2lnLTE="


def test_workers_share_one_memory():
    assert Gemini()._signatures is Gemini()._signatures is SIGNATURES
