"""Reading any error body, and never repeating a key."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cortex.messages import Allowance
from cortex.providers.errors import MAX_DETAIL, Rule, Said, classified, heard, inband, longest, safe

KEYS = [
    "sk-abcdefghijklmnop",
    "sk-or-v1-0123456789abcdef",
    "sk-proj-abc_DEF-123",
    "gsk_0123456789abcdefABCDEF",
    "AIzaSyA0123456789_abcdef-xyz",
    "csk-0123456789abcdef",
    "nvapi-0123456789",
    "hf_0123456789abcd",
]


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize(
    "text", ["Incorrect API key provided: {}. See docs", "Bearer {}", "Authorization: Bearer {}", "({})"]
)
def test_key_is_masked_wherever_it_stands(key, text):
    assert key[6:] not in safe(text.format(key))


@pytest.mark.parametrize(
    "text", ["Authorization: Bearer abc.def", 'authorization="Basic dXNlcjpwYXNz"', "bearer abc.def"]
)
def test_value_of_an_authorization_is_masked_whatever_it_looks_like(text):
    masked = safe(text)

    assert "abc.def" not in masked
    assert "dXNlcjpwYXNz" not in masked


def test_partly_starred_key_is_masked():
    assert "abcd" not in safe("Incorrect API key provided: abcd****wxyz.")


def test_ordinary_text_is_kept():
    text = "The task asked a disk-based model for a bearer token of 12 tokens"

    assert safe(text) == text


@given(st.text(max_size=2000))
def test_detail_is_one_line_of_bounded_length(text):
    kept = safe(text)

    assert len(kept) <= MAX_DETAIL
    assert "\n" not in kept


@given(st.binary(max_size=300))
def test_any_bytes_are_an_error_that_can_be_read(body):
    assert isinstance(heard(body).message, str)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["error", "errors", "message", "code", "type", "detail", "metadata", "x"]), inner
        )
    ),
    max_leaves=8,
)


@given(JSON, st.integers(100, 599))
def test_any_json_is_classified_without_an_exception(value, status):
    """Whatever an upstream says, some word is found, in its body and in its stream."""
    classified((), status, {}, heard(msgspec.json.encode(value)))
    inband((), value)


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b'{"error":' * 900 + b"1" + b"}" * 900,
        b'{"error":' + b"[" * 900 + b"]" * 900 + b"}",
        b"<script" * 50_000,
    ],
    ids=["brackets", "errors", "arrays", "tags"],
)
def test_body_made_to_hurt_is_read_within_bounds(body):
    assert len(classified((), 500, {}, heard(body)).detail) <= MAX_DETAIL


@pytest.mark.parametrize(
    ("body", "message", "code"),
    [
        (b'{"error":{"message":"m","type":"t","param":"p","code":"c"}}', "m", "c"),
        (b'{"error":{"message":"m","code":404}}', "m", "404"),
        (b'{"error":{"message":"m","code":null}}', "m", ""),
        (b'{"error":"m"}', "m", ""),
        (b'{"error":"unauthorized","status":401}', "unauthorized", "401"),
        (b'{"message":"m"}', "m", ""),
        (b'{"object":"error","message":"m","code":40402}', "m", "40402"),
        (b'{"detail":"m"}', "m", ""),
        (b'{"detail":[{"loc":["body","x"],"msg":"field required"},{"msg":"no"}]}', "field required; no", ""),
        (b'{"success":false,"errors":[{"code":3036,"message":"m"}]}', "m", "3036"),
        (b'[{"error":{"message":"m","code":429}}]', "m", "429"),
        (b'{"type":"u","title":"Bad Request","status":400,"detail":"m"}', "m", "400"),
        (b'"m"', "m", ""),
        (b"<html><head><title>502 Bad Gateway</title></head><body><h1>x</h1></body></html>", "502 Bad Gateway", ""),
        (b"<p>no\n<b>title</b></p><script>var a</script>", "no title", ""),
        (b"404 page not found", "404 page not found", ""),
        (b"", "", ""),
        (b"\xff\xfe", "\ufffd\ufffd", ""),
    ],
)
def test_message_is_found_wherever_a_server_keeps_it(body, message, code):
    said = heard(body)

    assert (said.message, said.code) == (message, code)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b'{"error":{"message":"m","code":"tool_use_failed","status_code":400}}', 400),
        (b'{"error":{"message":"m","code":429}}', 429),
        (b'{"error":{"message":"m","code":"503"}}', 503),
        (b'{"error":"m","status":401}', 401),
        (b'{"error":{"message":"m","status":"NOT_FOUND"}}', 0),
        (b'{"error":{"message":"m","code":3036}}', 0),
        (b'{"error":{"message":"m","code":200}}', 0),
        (b'{"error":{"message":"m","code":null}}', 0),
        (b'{"error":{"message":"m","code":true}}', 0),
    ],
)
def test_status_is_what_the_body_claims(body, status):
    assert heard(body).status == status


def test_what_another_server_said_stands_behind_the_message():
    said = heard(b'{"error":{"message":"m","metadata":{"provider_name":"X","raw":"r","headers":{"Retry-After":7}}}}')

    assert (said.message, said.relayed_from, said.headers) == ("m: r", "X", {"retry-after": "7"})
    assert classified((), 429, {}, said).retry_after_s == 7
    assert classified((), 429, {"retry-after": "9"}, said).retry_after_s == 9


def test_rule_may_ask_for_more_than_a_pattern_says():
    rules = (Rule("busy", holds=lambda said: said.param == "p"),)

    assert classified(rules, 400, {}, Said(param="p")).word == "busy"
    assert classified(rules, 400, {}, Said(param="q")).word == "bad_request"


def test_rule_brings_scope_and_sizes_and_the_longest_window_of_these():
    named = (Allowance("tokens", "minute", 8), Allowance("tokens", "month", 9))
    rules = (Rule("rate_limited", scope="model", reads=lambda said, headers: named),)

    failure = classified(rules, 429, {}, Said(message="per day"))

    assert (failure.window, failure.scope, failure.allowances) == ("month", "model", named)


@pytest.mark.parametrize(("periods", "period"), [(["hour", "second"], "hour"), (["day"], "day"), ([], "")])
def test_longest_of_some_windows(periods, period):
    assert longest(periods) == period


def test_first_rule_that_fits_decides():
    rules = (Rule("busy", frozenset({400}), "full"), Rule("unsupported", frozenset({400})))

    assert classified(rules, 400, {}, heard(b'{"error":"we are FULL"}')).word == "busy"
    assert classified(rules, 400, {}, heard(b'{"error":"other"}')).word == "unsupported"


def test_redirect_names_where_to_but_not_its_query():
    failure = classified((), 302, {"location": "https://login.example/?token=secret"}, heard(b""))

    assert failure.word == "server_error"
    assert "https://login.example/" in failure.detail
    assert "secret" not in failure.detail


def test_error_without_a_message_still_says_something():
    assert classified((), 500, {}, heard(b"")).detail == "HTTP 500 without a message"


@pytest.mark.parametrize(
    ("error", "word", "status"),
    [
        ({"message": "x", "code": 429}, "rate_limited", 429),
        ({"message": "x", "code": "502"}, "server_error", 502),
        ({"message": "x", "type": "rate_limit_error"}, "rate_limited", 0),
        ({"message": "x", "code": "insufficient_quota"}, "rate_limited", 0),
        ({"message": "x", "code": "invalid_api_key"}, "unauthorized", 0),
        ({"message": "x", "type": "permission_error"}, "unauthorized", 0),
        ({"message": "x", "type": "invalid_request_error"}, "bad_request", 0),
        ({"message": "x", "type": "overloaded_error"}, "server_error", 0),
        ({"message": "x", "code": "c", "status_code": 429}, "rate_limited", 429),
        ("rate_limit_exceeded", "rate_limited", 0),
        ("the rate limit is exceeded", "server_error", 0),
        ({"message": "x", "type": "timeout"}, "timeout", 0),
        ({"message": "x", "type": "server_error"}, "server_error", 0),
        ("x", "server_error", 0),
        (True, "server_error", 0),
    ],
)
def test_error_inside_a_200_gets_the_word_of_the_status_it_would_have_had(error, word, status):
    failure = inband((), error)

    assert (failure.word, failure.status) == (word, status)
