"""What a request asks in no dialect is worked out once, and only where somebody needs it."""

import json

import pytest

from cortex.chat import Chat
from cortex.endpoint.dialect import BadRequest, neutral_if_any, neutral_of
from cortex.endpoint.openai import OpenAI

ASKED = {"model": "m", "messages": [{"role": "user", "content": "Why?"}]}
ONLY_PASSES = {"model": "m", "messages": [{"role": "user", "content": [{"type": "file", "file": {"file_id": "f"}}]}]}


class Counting(OpenAI):
    def __init__(self):
        super().__init__(float)
        self.translated = 0

    def neutral(self, request):
        self.translated += 1
        return super().neutral(request)


def read(dialect, body):
    return dialect.read("chat", json.dumps(body).encode())


def test_however_many_ask_it_is_translated_once():
    dialect = Counting()
    request = read(dialect, ASKED)
    before = dialect.translated
    answers = [neutral_of(dialect, request), neutral_if_any(dialect, request), neutral_of(dialect, request)]

    assert (before, dialect.translated) == (0, 1)
    assert all(answer is answers[0] for answer in answers)
    assert isinstance(answers[0], Chat)


def test_what_only_its_own_dialect_can_say_is_nothing_or_the_clients_mistake():
    dialect = OpenAI(float)
    request = read(dialect, ONLY_PASSES)

    assert neutral_if_any(dialect, request) is None
    with pytest.raises(BadRequest):
        neutral_of(dialect, request)
