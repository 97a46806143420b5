"""Every row of Ollama's error table, as a word."""

import json

import pytest

from cortex.providers.errors import inband
from cortex.providers.ollama import Ollama
from cortex.providers.ollama_errors import RULES

OLLAMA = Ollama()
ROWS = {
    "bad JSON": (400, "invalid character 'x' looking for beginning of value", "bad_request"),
    "empty body": (400, "missing request body", "bad_request"),
    "no model": (400, "model is required", "bad_request"),
    "bad name": (400, "invalid model name", "bad_request"),
    "no chat": (400, '"nomic-embed-text" does not support chat', "unsupported"),
    "no generate": (400, '"nomic-embed-text" does not support generate', "unsupported"),
    "no tools": (400, "registry.ollama.ai/library/gemma:2b does not support tools", "unsupported"),
    "no thinking": (400, '"llama3.2" does not support thinking', "unsupported"),
    "no insert": (400, '"llama3.2" does not support insert', "unsupported"),
    "too long": (400, "the prompt is longer than the available context", "bad_request"),
    "embedding too long": (400, "the input length exceeds the context length", "bad_request"),
    "unauthorized": (401, "unauthorized", "unauthorized"),
    "cloud disabled": (403, "ollama cloud is disabled: remote model details are unavailable", "unsupported"),
    "foreign host": (403, "", "server_error"),
    "no such model": (404, "model 'x' not found", "model_missing"),
    "no such model, embed": (404, 'model "x" not found, try pulling it first', "model_missing"),
    "wrong method": (405, "405 method not allowed", "server_error"),
    "hosted limit": (429, "you have reached your weekly usage limit", "rate_limited"),
    "client went": (499, "request canceled", "server_error"),
    "crash": (500, "llama runner process has terminated: exit status 2", "server_error"),
    "memory": (500, "model requires more system memory (9.0 GiB) than is available (4.0 GiB)", "server_error"),
    "option type": (500, 'option "num_ctx" must be of type integer', "bad_request"),
    "option type 400": (400, 'option "num_ctx" must be of type integer', "bad_request"),
    "hosted gone": (502, "hosted service unreachable", "server_error"),
    "queue full": (503, "server busy, please try again.  maximum pending requests exceeded", "busy"),
    "hosted full": (503, "Server overloaded, please retry shortly (ref: abc)", "busy"),
}


@pytest.mark.parametrize("row", ROWS)
def test_row_of_the_error_table(row):
    status, message, word = ROWS[row]

    failure = OLLAMA.classify(status, {}, json.dumps({"error": message}).encode())

    assert (failure.word, failure.status) == (word, status)


def test_signin_url_does_not_hide_the_word():
    failure = OLLAMA.classify(401, {}, b'{"error":"unauthorized","signin_url":"https://ollama.com/connect?key=x"}')

    assert (failure.word, failure.detail) == ("unauthorized", "unauthorized")


def test_unknown_path_is_no_missing_model():
    assert OLLAMA.classify(404, {}, b"404 page not found").word == "server_error"


def test_refused_host_is_no_fault_of_a_key_or_of_the_request():
    """Ollama answers 403 with an empty body to a foreign Host: the next candidate is asked, and no key is retired."""
    assert OLLAMA.classify(403, {}, b"").word == "server_error"


@pytest.mark.parametrize("row", ["too long", "embedding too long"])
def test_too_long_has_the_code_that_clients_know(row):
    status, message, _ = ROWS[row]

    assert OLLAMA.classify(status, {}, json.dumps({"error": message}).encode()).code == "context_length_exceeded"


def test_hosted_limit_of_a_week_is_no_matter_of_a_minute():
    assert OLLAMA.classify(429, {"retry-after": "60"}, b'{"error":"weekly limit"}').window == "day"


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ({"error": "an error was encountered while running the model"}, "server_error"),
        ({"error": "unauthorized", "status": 401, "signin_url": "https://x"}, "unauthorized"),
        ({"error": "slow down", "status": 429}, "rate_limited"),
        ({"error": "server busy, please try again."}, "busy"),
        ({"error": "model 'x' not found"}, "model_missing"),
    ],
)
def test_error_line_of_a_stream_gets_the_same_words(line, word):
    assert inband(RULES, line).word == word
