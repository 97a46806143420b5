"""Splitters: whatever way a stream is cut, the same events come out."""

import doctest
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cortex.transport import frames
from cortex.transport.frames import NdjsonSplitter, Overflow, SseSplitter

SSE = [
    pytest.param(b"data: a\n\n", [b"a"], id="an event"),
    pytest.param(b"data:a\n\n", [b"a"], id="no space after the colon"),
    pytest.param(b"data:  a\n\n", [b" a"], id="only one space belongs to the field"),
    pytest.param(b"data: a\r\n\r\n", [b"a"], id="CRLF"),
    pytest.param(b"data: a\r\r", [b"a"], id="CR"),
    pytest.param(b"data: a\n\r\ndata: b\r\r\n", [b"a", b"b"], id="mixed line ends"),
    pytest.param(b"\xef\xbb\xbfdata: a\n\n", [b"a"], id="byte order mark"),
    pytest.param(b"data: a\n\n\xef\xbb\xbfdata: b\n\n", [b"a"], id="a later byte order mark is part of a name"),
    pytest.param(b"data: a\ndata: b\n\n", [b"a\nb"], id="several lines"),
    pytest.param(b"data: a\ndata\ndata:\n\n", [b"a\n\n"], id="empty lines of data"),
    pytest.param(b": ping\n\ndata: a\n\n:\n\n", [b"a"], id="comments"),
    pytest.param(b": ping\ndata: a\n\n", [b"a"], id="a comment inside an event"),
    pytest.param(b"event: x\nid: 1\ndata: a\nretry: 5\n\n", [b"a"], id="other fields"),
    pytest.param(b"database: a\n\ndata\n\ndata:\n\n", [], id="no data, no event"),
    pytest.param(b"\n\n\ndata: a\n\n\n\n\n", [b"a"], id="blank lines"),
    pytest.param(b"data: a\n\ndata: b\n\ndata: [DONE]\n\n", [b"a", b"b", b"[DONE]"], id="several events"),
    pytest.param(b"data: a", [], id="an event that does not end"),
    pytest.param("data: é€\n\n".encode(), ["é€".encode()], id="text that is not ASCII"),
]

NDJSON = [
    pytest.param(b'{"a":1}\n', [b'{"a":1}'], id="a line"),
    pytest.param(b"1\r\n2\r\n", [b"1", b"2"], id="CRLF"),
    pytest.param(b"\n1\n\r\n \t\n2\n", [b"1", b"2"], id="blank lines"),
    pytest.param(b"1\n2", [b"1"], id="a line that does not end"),
    pytest.param(b"a\rb\n", [b"a\rb"], id="a CR inside"),
]

SCRAPS = [b"data: x", b"data:", b"data", b"\n", b"\r", b"\r\n", b"\n\n", b": c", b"\xef\xbb\xbf", b"event: e", b"\xef",
          b"\xbb", b" ", b"y" * 7]  # fmt: skip

pieces = st.lists(st.sampled_from(SCRAPS), max_size=25).map(b"".join)
cuts = st.lists(st.integers(0, 150), max_size=12)


def chunked(data: bytes, at: list[int]) -> list[bytes]:
    edges = sorted({0, len(data), *(cut for cut in at if cut < len(data))})
    return [data[a:b] for a, b in pairwise(edges)]


def outcome(splitter, chunks) -> tuple[list[bytes], bytes] | type[Overflow]:
    events = []
    try:
        for chunk in chunks:
            events += splitter.feed(chunk)
    except Overflow:
        return Overflow
    return events, splitter.rest


@pytest.mark.parametrize(("data", "events"), SSE)
def test_sse_events(data, events):
    assert events == SseSplitter().feed(data)


@pytest.mark.parametrize(("data", "events"), SSE)
def test_sse_events_byte_by_byte(data, events):
    assert events == outcome(SseSplitter(), [bytes([byte]) for byte in data])[0]


@pytest.mark.parametrize(("data", "lines"), NDJSON)
def test_ndjson_lines(data, lines):
    assert lines == NdjsonSplitter().feed(data)


@pytest.mark.parametrize(("data", "lines"), NDJSON)
def test_ndjson_lines_byte_by_byte(data, lines):
    assert lines == outcome(NdjsonSplitter(), [bytes([byte]) for byte in data])[0]


@given(pieces, cuts, cuts)
def test_sse_any_chunking_gives_the_same_events(data, one, other):
    assert outcome(SseSplitter(), chunked(data, one)) == outcome(SseSplitter(), chunked(data, other))


@given(pieces, cuts, cuts, st.integers(1, 30))
def test_sse_any_chunking_overflows_alike(data, one, other, limit):
    assert outcome(SseSplitter(limit), chunked(data, one)) == outcome(SseSplitter(limit), chunked(data, other))


@given(pieces, cuts, cuts, st.integers(1, 30))
def test_ndjson_any_chunking_gives_the_same_lines(data, one, other, limit):
    assert outcome(NdjsonSplitter(limit), chunked(data, one)) == outcome(NdjsonSplitter(limit), chunked(data, other))


@given(st.lists(st.binary(min_size=1).filter(lambda d: b"\n" not in d and b"\r" not in d)), cuts)
def test_sse_gives_back_what_was_sent(payloads, at):
    data = b"".join(b"data: " + payload + b"\n\n" for payload in payloads)

    assert (payloads, b"") == outcome(SseSplitter(), chunked(data, at))


@given(st.lists(st.binary(min_size=1).filter(lambda d: b"\n" not in d and b"\r" not in d and not d.isspace())), cuts)
def test_ndjson_gives_back_what_was_sent(payloads, at):
    data = b"".join(payload + b"\n" for payload in payloads)

    assert (payloads, b"") == outcome(NdjsonSplitter(), chunked(data, at))


def test_rest_is_the_incomplete_event():
    splitter = SseSplitter()
    splitter.feed(b"data: a\n\ndata: b\r")

    assert splitter.rest == b"data: b\n"


def test_rest_is_empty_between_events_even_when_a_crlf_was_cut():
    splitter = SseSplitter()

    assert splitter.feed(b"data: a\r\n\r") == [b"a"]
    assert splitter.feed(b"\n") == []
    assert splitter.rest == b""


def test_rest_is_the_incomplete_line():
    splitter = NdjsonSplitter()
    splitter.feed(b'1\n{"a"')

    assert splitter.rest == b'{"a"'


@pytest.mark.parametrize("splitter", [SseSplitter(100), NdjsonSplitter(100)], ids=["sse", "ndjson"])
def test_an_event_without_end_overflows_and_is_never_held_beyond_the_limit(splitter):
    assert outcome(splitter, [b"x"] * 200) is Overflow
    assert len(splitter.rest) <= 103


def test_a_whole_event_of_exactly_the_limit_passes():
    assert SseSplitter(10).feed(b"data: 1234\n\n") == [b"1234"]
    assert NdjsonSplitter(4).feed(b"1234\n") == [b"1234"]


def test_a_whole_event_beyond_the_limit_overflows():
    with pytest.raises(Overflow):
        SseSplitter(9).feed(b"data: 1234\n\n")
    with pytest.raises(Overflow):
        NdjsonSplitter(3).feed(b"1234\n")


def test_the_examples_in_the_docstrings_hold():
    assert doctest.testmod(frames).failed == 0
