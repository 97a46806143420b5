"""An answer's bytes on the wire, for every kind of client connection."""

import asyncio

import pytest
from aiohttp import ClientConnectionResetError, HttpVersion10, HttpVersion11
from hypothesis import given
from hypothesis import strategies as st

from cortex.endpoint.reply import ClientGoneError, Reply, clean, header_lines


class Wire:
    """A client's connection: what was written, how much it takes in, and when."""

    def __init__(self, *, version=HttpVersion11, keep_alive=True, method="GET"):
        self.written = b""
        self.closing = self.aborted = self.writing_paused = False
        self.left = 0
        self.drains = []
        self.version, self.keep_alive, self.method = version, keep_alive, method
        self.transport = self.protocol = self.writer = self

    def write(self, data):
        assert data
        self.written += data

    def is_closing(self):
        return self.closing

    def abort(self):
        self.closing = self.aborted = True

    def get_write_buffer_size(self):
        return self.left

    async def drain(self):
        await self.drains.pop(0)()


def split(wire):
    head, _, body = wire.written.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    return first, dict(line.split(": ", 1) for line in lines), body


def unchunked(body):
    """Read a chunked body strictly; what follows its end is an error."""
    out = b""
    while True:
        size, _, body = body.partition(b"\r\n")
        length = int(size, 16)
        if not length:
            assert body == b"\r\n"
            return out
        out, body = out + body[:length], body[length:]
        assert body.startswith(b"\r\n")
        body = body[2:]


@given(status=st.sampled_from([200, 404, 503, 599]), body=st.binary(max_size=200))
def test_a_whole_answer_says_its_length_and_nothing_more(status, body):
    wire = Wire()
    reply = Reply(wire)
    reply.whole(status, "application/json", body, header_lines(X_Cortex_Worker="desk"))
    first, headers, sent = split(wire)

    assert first.startswith(f"HTTP/1.1 {status} ")
    assert headers == {
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        "X-Cortex-Worker": "desk",
    }
    assert sent == body
    assert (reply.status_sent, reply.is_ended, reply.is_stream) == (status, True, False)


def test_head_is_told_the_length_and_gets_no_body():
    wire = Wire(method="HEAD")
    Reply(wire).whole(200, "text/plain", b"twelve bytes")
    _, headers, body = split(wire)

    assert (headers["Content-Length"], body) == ("12", b"")


@given(parts=st.lists(st.binary(max_size=50), max_size=8), first=st.binary(max_size=20))
def test_a_stream_is_chunked_and_comes_out_as_it_went_in(parts, first):
    wire = Wire()
    reply = Reply(wire)
    reply.begin("text/event-stream", "", first)
    for part in parts:
        reply.write(part)
    reply.end()
    opening, headers, body = split(wire)

    assert opening == "HTTP/1.1 200 OK"
    assert headers["Transfer-Encoding"] == "chunked"
    assert "Content-Length" not in headers
    assert unchunked(body) == first + b"".join(parts)
    assert reply.keep_alive


@given(parts=st.lists(st.binary(max_size=50), max_size=8))
def test_a_client_of_http_1_0_gets_a_bare_stream_that_ends_with_its_connection(parts):
    wire = Wire(version=HttpVersion10)
    reply = Reply(wire)
    reply.begin("text/event-stream", "", b"first")
    for part in parts:
        reply.write(part)
    reply.end()
    _, headers, body = split(wire)

    assert headers["Connection"] == "close"
    assert "Transfer-Encoding" not in headers
    assert body == b"first" + b"".join(parts)
    assert not reply.keep_alive


@pytest.mark.parametrize(
    ("version", "keep_alive", "said"),
    [
        (HttpVersion11, True, None),
        (HttpVersion11, False, "close"),
        (HttpVersion10, True, "keep-alive"),
        (HttpVersion10, False, "close"),
    ],
)
def test_what_becomes_of_the_connection_is_said_where_it_is_not_the_rule(version, keep_alive, said):
    wire = Wire(version=version, keep_alive=keep_alive)
    reply = Reply(wire)
    reply.whole(200, "text/plain", b"ok")

    assert split(wire)[1].get("Connection") == said
    assert reply.keep_alive is keep_alive


def test_an_answer_may_end_its_connection():
    wire = Wire()
    reply = Reply(wire)
    reply.close_after()
    reply.whole(405, "text/plain", b"")

    assert split(wire)[1]["Connection"] == "close"
    assert not reply.keep_alive


@given(value=st.text(max_size=500))
def test_no_value_can_write_a_header_of_its_own(value):
    lines = header_lines(X_Cortex_Why=value)
    wire = Wire()
    Reply(wire).whole(200, "text/plain", b"body", lines)
    _, headers, body = split(wire)

    assert lines.count("\r\n") == bool(value)
    assert set(headers) <= {"Content-Type", "Content-Length", "X-Cortex-Why"}
    assert body == b"body"
    assert len(headers.get("X-Cortex-Why", "")) <= 400


@given(value=st.text(max_size=500))
def test_a_cleaned_value_is_printable_latin_1_and_cleaning_it_again_changes_nothing(value):
    cleaned = clean(value)

    assert cleaned.isprintable()
    assert len(cleaned.encode("latin-1")) == len(cleaned)
    assert clean(cleaned) == cleaned
    assert len(cleaned) == min(len(value), 400)


@pytest.mark.parametrize("act", [lambda r: r.whole(200, "a", b""), lambda r: r.begin("a", ""), lambda r: r.write(b"x")])
@pytest.mark.parametrize("gone", [False, True], ids=["closing", "gone"])
def test_writing_to_a_client_that_left_says_so(act, gone):
    wire = Wire()
    wire.closing = True
    if gone:
        wire.transport = None

    with pytest.raises(ClientGoneError):
        act(Reply(wire))


def test_an_abort_cuts_the_connection_without_an_end():
    wire = Wire()
    reply = Reply(wire)
    reply.begin("text/event-stream", "", b"half")
    reply.abort()

    assert wire.aborted
    assert not wire.written.endswith(b"0\r\n\r\n")
    assert (reply.keep_alive, reply.is_ended) == (False, True)


# A client that reads slowly


async def test_while_a_client_does_not_read_it_is_known_since_when():
    wire, seen = Wire(), []
    reply = Reply(wire)

    async def drain():
        seen.append(reply.paused_at)

    wire.drains.append(drain)
    await reply.drained()

    assert seen[0] is not None
    assert reply.paused_at is None


@pytest.mark.parametrize("error", [ConnectionResetError(), ClientConnectionResetError("gone")])
async def test_a_connection_that_breaks_while_the_client_does_not_read_is_a_client_that_left(error):
    wire = Wire()

    async def drain():
        raise error

    wire.drains.append(drain)

    with pytest.raises(ClientGoneError):
        await Reply(wire).drained()


async def test_at_the_end_nothing_is_waited_for_when_the_client_keeps_up():
    await Reply(Wire()).write_eof()


async def test_a_slow_client_is_given_time_as_long_as_it_takes_something_in(monkeypatch):
    monkeypatch.setattr("cortex.endpoint.reply.TAKES_NOTHING_S", 0.001)
    wire = Wire()
    wire.writing_paused, wire.left = True, 30

    async def slowly():
        wire.left -= 10
        wire.writing_paused = wire.left > 0
        if wire.left > 0:
            await asyncio.Event().wait()

    wire.drains += [slowly] * 3
    await Reply(wire).write_eof()

    assert (wire.left, wire.aborted) == (0, False)


async def test_a_client_that_takes_nothing_in_is_cut_off(monkeypatch):
    monkeypatch.setattr("cortex.endpoint.reply.TAKES_NOTHING_S", 0.001)
    wire = Wire()
    wire.writing_paused, wire.left = True, 30
    wire.drains.append(asyncio.Event().wait)
    await Reply(wire).write_eof()

    assert wire.aborted


def test_it_says_how_far_it_is():
    reply = Reply(Wire())
    assert repr(reply) == "<Reply not begun>"
    reply.begin("text/event-stream", "")
    reply.end()

    assert repr(reply) == "<Reply 200 stream ended>"
