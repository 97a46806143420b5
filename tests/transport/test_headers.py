"""Request heads are written only from checked parts; response fields are folded."""

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cortex.transport import Origin, headers, request_head

ORIGIN = Origin(tls=False, host="10.0.0.9", port=8000)


def test_a_head_is_whole():
    head = request_head("POST", "/v1/chat", ORIGIN, [("Authorization", "Bearer k")], 12)

    assert head == (
        b"POST /v1/chat HTTP/1.1\r\nHost: 10.0.0.9:8000\r\nAccept-Encoding: identity\r\nAuthorization: Bearer k\r\n"
        b"User-Agent: cortex/0.1.0\r\nContent-Length: 12\r\n\r\n"
    )


@pytest.mark.parametrize(
    ("method", "length", "line"),
    [("POST", 0, b"Content-Length: 0"), ("GET", 3, b"Content-Length: 3"), ("GET", 0, None), ("HEAD", 0, None)],
)
def test_the_length_is_said_where_a_body_is_or_may_be(method, length, line):
    lines = request_head(method, "/", ORIGIN, (), length).split(b"\r\n")

    assert [line] * (line is not None) == [found for found in lines if found.startswith(b"Content-Length")]


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        (Origin(tls=True, host="api.groq.com", port=443), b"api.groq.com"),
        (Origin(tls=True, host="h", port=80), b"h:80"),
        (Origin(tls=False, host="::1", port=11434), b"[::1]:11434"),
        (Origin(tls=False, host="fe80::1%eth0", port=80), b"[fe80::1]"),
    ],
)
def test_the_host_is_said_without_its_default_port_or_zone(origin, host):
    assert b"\r\nHost: " + host + b"\r\n" in request_head("GET", "/", origin, (), 0)


def test_a_user_agent_that_is_given_stands_alone():
    head = request_head("GET", "/", ORIGIN, [("user-agent", "x")], 0)

    assert head.lower().count(b"user-agent") == 1


@pytest.mark.parametrize("value", ["secret\r\nX: y", "secret\n", "secret\r", "secret\0", "secret€", "secret\x7f"])
def test_a_value_that_would_break_out_is_refused_without_being_repeated(value):
    with pytest.raises(ValueError, match="header X-Key") as caught:
        request_head("GET", "/", ORIGIN, [("X-Key", value)], 0)

    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("name", ["", "A B", "A:", "A\r\n", "Ä", "A\0"])
def test_a_name_that_is_none_is_refused(name):
    with pytest.raises(ValueError, match="not a header name"):
        request_head("GET", "/", ORIGIN, [(name, "x")], 0)


@pytest.mark.parametrize("path", ["", "v1", "/a b", "/a\r\nX: y", "/\0", "/€"])
def test_a_path_that_would_break_out_is_refused(path):
    with pytest.raises(ValueError, match="path"):
        request_head("GET", path, ORIGIN, (), 0)


def test_a_method_of_two_words_is_refused():
    with pytest.raises(ValueError, match="method"):
        request_head("GET / HTTP/1.1\r\nX:", "/", ORIGIN, (), 0)


@pytest.mark.parametrize("name", ["Host", "content-length", "Transfer-Encoding", "Connection", "Expect", "Upgrade"])
def test_headers_that_frame_the_message_are_not_the_callers_to_give(name):
    with pytest.raises(ValueError, match="the transport's own"):
        request_head("GET", "/", ORIGIN, [(name, "x")], 0)


@given(st.text(), st.text(), st.text())
def test_whatever_is_given_a_head_has_one_blank_line_and_no_line_too_many(path, name, value):
    try:
        head = request_head("GET", "/" + path, ORIGIN, [("X-" + name, value)], 0)
    except ValueError:
        return
    assert head.count(b"\r\n") == head.count(b"\n") == head.count(b"\r") == 6
    assert head.endswith(b"\r\n\r\n")


def test_repeated_fields_are_joined():
    assert headers.fold([(b"Set-X", b"1"), (b"set-x", b"2"), (b"Y", b"\xe9")]) == {"set-x": "1, 2", "y": "é"}


def test_the_examples_in_the_docstrings_hold():
    assert doctest.testmod(headers).failed == 0
