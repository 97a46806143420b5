"""What a client saw is read as it is: nothing odd in a stream goes unnoticed."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cortex.gameday.seen import read

STREAM = {"Content-Type": "text/event-stream; charset=utf-8"}


def chunk(text="", *, finish=None, role=False, name="a", model="m", calls=()):
    delta = {**({"role": "assistant"} if role else {}), **({"content": text} if text else {})}
    if calls:
        delta["tool_calls"] = list(calls)
    return {"id": name, "model": model, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


def stream(*events, done=True):
    text = "".join(f"data: {json.dumps(event)}\n\n" for event in events)
    return (text + ("data: [DONE]\n\n" if done else "")).encode()


WHOLE = (chunk(role=True), chunk("Hello "), chunk("you"), chunk(finish="stop"))


def test_a_whole_stream_is_whole():
    seen = read(200, STREAM, b": waiting\n\n" + stream(*WHOLE))

    assert seen.is_whole
    assert (seen.text, seen.finish) == ("Hello you", "stop")


@given(length=st.integers(0, len(stream(*WHOLE)) - 1))
def test_a_stream_that_was_cut_anywhere_is_not_whole(length):
    assert not read(200, STREAM, stream(*WHOLE)[: max(0, length - 2)]).is_whole


@pytest.mark.parametrize(
    ("events", "strange"),
    [
        ((*WHOLE[:2], chunk("you", name="b"), WHOLE[3]), "2 ids"),
        ((*WHOLE[:2], chunk("you", model="n"), WHOLE[3]), "2 models"),
        ((WHOLE[0], *WHOLE), "2 roles"),
        ((*WHOLE, chunk(finish="stop")), "two ends"),
    ],
)
def test_what_no_valid_stream_has_is_strange(events, strange):
    seen = read(200, STREAM, stream(*events))

    assert seen.strangeness == [strange]
    assert not seen.is_whole


def test_something_after_the_end_is_strange():
    assert read(200, STREAM, stream(*WHOLE) + stream(WHOLE[1])).strangeness == ["something after its end"]


def test_an_error_in_a_stream_is_an_error():
    seen = read(200, STREAM, stream(*WHOLE[:2], {"error": {"message": "broke off"}}, done=False))

    assert (seen.error, seen.is_whole) == ("broke off", False)
    assert "a begun answer, then: broke off" in seen.says()


def test_tool_calls_are_put_together():
    calls = [
        [{"index": 0, "function": {"name": "weather", "arguments": '{"ci'}}],
        [{"index": 0, "function": {"arguments": 'ty": 1}'}}],
    ]
    seen = read(200, STREAM, stream(*(chunk(calls=each) for each in calls), chunk(finish="tool_calls")))

    assert seen.calls == [{"name": "weather", "arguments": '{"city": 1}'}]


def test_a_whole_answer_and_an_error_are_read_without_a_stream():
    message = {"role": "assistant", "content": "Hello"}
    good = read(200, {}, json.dumps({"choices": [{"message": message, "finish_reason": "stop"}]}).encode())
    bad = read(503, {}, json.dumps({"error": {"message": "nobody"}}).encode())

    assert (good.is_whole, good.text) == (True, "Hello")
    assert (bad.is_whole, bad.error) == (False, "nobody")
    assert read(200, {}, b"<html>").error == "a body that is no JSON"
