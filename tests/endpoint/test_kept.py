"""What an upstream sent is read again only where nothing of it would be lost."""

import json

import pytest

from cortex.chat import Finish, TextDelta
from cortex.endpoint import kept
from cortex.endpoint.kept import Kept
from cortex.endpoint.openai import OpenAI
from cortex.providers.openai import OpenAI as Upstream

ASKED = OpenAI(lambda: 0.0).read("chat", b'{"model": "m", "messages": [{"role": "user", "content": "Why?"}]}')


def read(message):
    held = Kept()
    held.begin(Upstream())
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", **message}}
    held.add(json.dumps({"choices": [choice]}).encode())
    return held.read(ASKED)


def test_a_plain_answer_is_read():
    assert read({"content": "So."}) == (TextDelta("So."), Finish("stop"))


@pytest.mark.parametrize(
    "more",
    [
        {"refusal": "I will not."},
        {"annotations": [{"type": "url_citation"}]},
        {"citations": ["https://example.org"]},
        {"signature": "seal"},
    ],
)
def test_what_the_neutral_form_would_lose_is_not_kept(more):
    assert read({"content": "So.", **more}) is None


@pytest.mark.parametrize("more", [{"refusal": None}, {"refusal": ""}, {"annotations": []}, {"signature": ""}])
def test_where_it_is_empty_nothing_is_lost(more):
    assert read({"content": "So.", **more}) is not None


def test_a_text_that_speaks_of_it_is_a_text():
    text = 'like {"refusal": "no", "annotations": [1]}'
    assert read({"content": text}) == (TextDelta(text), Finish("stop"))


def test_an_answer_that_is_too_long_is_not_kept_and_another_attempt_begins_anew(monkeypatch):
    whole = b'{"choices": [{"index": 0, "finish_reason": "stop", "message": {"content": "So."}}]}'
    monkeypatch.setattr(kept, "LIMIT_BYTES", len(whole))
    held = Kept()
    held.begin(Upstream())
    held.add(whole + b" ")
    assert held.read(ASKED) is None
    held.begin(Upstream())
    held.add(whole)
    assert held.read(ASKED) == (TextDelta("So."), Finish("stop"))
