"""One connection, against a socket that records: every cut, every framing, nothing taken that was not asked for."""

import asyncio
import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scripted_upstream import BUDGETS, Clock, turns

from cortex.transport import Budgets, Origin, TransportError
from cortex.transport.http1 import HIGH_WATER, SLICE, Connection

ORIGIN = Origin(tls=False, host="10.0.0.9", port=8000)
REQUEST = b"GET / HTTP/1.1\r\n\r\n"

LENGTH = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 11\r\n\r\nhello world"
CHUNKED = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX: y\r\n\r\n"
    b"6\r\nhello \r\n5;ext=1\r\nworld\r\n0\r\nTrailer: t\r\n\r\n"
)
INTERIM = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + LENGTH


class ClosedSocket:
    def fileno(self):
        return -1


class Wire(asyncio.Transport):
    """A transport that keeps what is written."""

    def __init__(self):
        super().__init__()
        self.written = bytearray()
        self.reading = True
        self.aborted = False

    def get_extra_info(self, name, default=None):
        return ClosedSocket() if name == "socket" else default

    def write(self, data):
        self.written += data

    def abort(self):
        self.aborted = True

    def pause_reading(self):
        self.reading = False

    def resume_reading(self):
        self.reading = True


class Keeper:
    """Counts what a connection tells its pool."""

    def __init__(self):
        self.told: list[str] = []

    def freed(self, connection):
        self.told.append("freed")

    def lost(self, connection):
        self.told.append("lost")

    def gone(self, connection):
        self.told.append("gone")


class Rig:
    """A connection between a keeper and a wire."""

    def __init__(self, max_head=1 << 16):
        self.clock, self.keeper, self.wire = Clock(), Keeper(), Wire()
        self.connection = Connection(ORIGIN, self.keeper, self.clock, max_head)
        self.connection.connection_made(self.wire)

    async def ask(self, head=REQUEST, body=b"", budgets=BUDGETS) -> asyncio.Task:
        task = asyncio.get_running_loop().create_task(self.connection.exchange(head, body, budgets))
        await asyncio.sleep(0)
        return task

    async def fails(self, task: asyncio.Task):
        with pytest.raises(TransportError) as caught:
            await task
        assert self.wire.aborted
        assert self.keeper.told.count("lost") == 1
        return caught.value.failure


@pytest.fixture
async def rig(tidy):
    return Rig()


@pytest.mark.parametrize("answer", [LENGTH, CHUNKED, INTERIM], ids=["length", "chunked", "interim"])
async def test_an_answer_cut_into_two_reads_anywhere_is_the_same(answer, tidy):
    for cut in range(1, len(answer)):
        rig = Rig()
        task = await rig.ask()
        rig.connection.data_received(answer[:cut])
        rig.connection.data_received(answer[cut:])
        response = await task

        assert (response.status, await response.read(), await response.chunk()) == (200, b"hello world", b"")
        assert rig.keeper.told == ["freed"]
        assert "trailer" not in response.headers


@pytest.mark.parametrize("answer", [LENGTH, CHUNKED, INTERIM], ids=["length", "chunked", "interim"])
async def test_an_answer_byte_by_byte_is_the_same(answer, rig):
    task = await rig.ask()
    for byte in answer:
        rig.connection.data_received(bytes([byte]))

    assert await (await task).read() == b"hello world"


@pytest.mark.parametrize("answer", [LENGTH, CHUNKED, INTERIM], ids=["length", "chunked", "interim"])
async def test_an_answer_that_ends_early_anywhere_is_never_whole(answer, tidy):
    head_ends = answer.rindex(b"\r\n\r\n", 0, answer.index(b"hello")) + 4
    for cut in range(len(answer)):
        rig = Rig()
        task = await rig.ask()
        if cut:
            rig.connection.data_received(answer[:cut])
        rig.connection.connection_lost(None)
        if cut < head_ends:
            failure = await rig.fails(task)
            assert failure.word == ("malformed" if cut else "unreachable")
        else:
            with pytest.raises(TransportError) as caught:
                await (await task).read()
            assert caught.value.failure.word == "malformed"
            assert "was cut after" in caught.value.failure.detail
        assert rig.keeper.told == ["lost", "gone"]


async def test_bytes_before_a_cut_are_delivered_before_it_is_reported(rig):
    task = await rig.ask()
    rig.connection.data_received(LENGTH[:-3])
    response = await task
    rig.connection.connection_lost(ConnectionResetError())

    assert await response.chunk() == b"hello wo"
    for _ in range(2):
        with pytest.raises(TransportError, match="the connection was cut after 8 bytes of the body"):
            await response.chunk()


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\n\r\nhello",
        b"HTTP/1.0 200 OK\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello",
    ],
)
async def test_a_body_without_a_length_ends_with_the_connection_and_says_that_it_is_not_delimited(rig, answer):
    task = await rig.ask()
    rig.connection.data_received(answer)
    response = await task
    rig.connection.connection_lost(None)

    assert await response.read() == b"hello"
    assert not response.delimited
    assert rig.keeper.told == ["lost", "gone"]


async def test_a_body_without_a_length_that_ends_in_a_reset_is_cut(rig):
    task = await rig.ask()
    rig.connection.data_received(b"HTTP/1.1 200 OK\r\n\r\nhello")
    rig.connection.connection_lost(ConnectionResetError())

    with pytest.raises(TransportError, match="cut after 5 bytes"):
        await (await task).read()


@pytest.mark.parametrize("answer", [LENGTH, CHUNKED, b"HTTP/1.1 204 No Content\r\n\r\n"])
async def test_other_bodies_are_delimited(rig, answer):
    task = await rig.ask()
    rig.connection.data_received(answer)

    assert (await task).delimited


@pytest.mark.parametrize(
    "head", [b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", b"HTTP/1.1 304 Not\r\nContent-Length: 5\r\n\r\n"]
)
async def test_204_and_304_have_no_body_whatever_they_say(rig, head):
    task = await rig.ask()
    rig.connection.data_received(head)

    assert await (await task).read() == b""
    assert rig.keeper.told == ["freed"]


@pytest.mark.parametrize("head", [LENGTH[:-11], CHUNKED[: CHUNKED.index(b"6\r\n")]])
async def test_an_answer_to_head_has_no_body_and_ends_its_connection(rig, head):
    task = await rig.ask(b"HEAD / HTTP/1.1\r\n\r\n")
    rig.connection.data_received(head)
    response = await task

    assert (response.delimited, await response.read()) == (True, b"")
    assert rig.keeper.told == ["lost"]


@pytest.mark.parametrize(
    "fields",
    [
        b"Content-Length: 5\r\nContent-Length: 6\r\n",
        b"Content-Length: 5\r\nContent-Length: 5\r\n",
        b"Content-Length: 5, 5\r\n",
        b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        b"Transfer-Encoding: identity\r\nContent-Length: 5\r\n",
        b"Transfer-Encoding: chunked, gzip\r\n",
        b"Transfer-Encoding: gzip\r\n",
        b"Transfer-Encoding: xchunked\r\n",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
        b"Content-Length: +5\r\n",
        b"Content-Length: -5\r\n",
        b"Content-Length: 0x5\r\n",
        b"Content-Length:\r\n",
        b"Content-Length: 99999999999999999999\r\n",
        b"Content-Length : 5\r\n",
        b"X: a\r\n folded\r\nContent-Length: 5\r\n",
        b"X: a\0b\r\nContent-Length: 5\r\n",
        b"X: a\nContent-Length: 5\r\n",
    ],
)
async def test_a_head_of_two_meanings_is_refused(rig, fields):
    task = await rig.ask()
    rig.connection.data_received(b"HTTP/1.1 200 OK\r\n" + fields + b"\r\nhello")

    failure = await rig.fails(task)
    assert failure.word == "malformed"
    assert "no HTTP answer" in failure.detail


@pytest.mark.parametrize(
    "body", [b"5 \r\nhello", b"5\nhello\n", b"-5\r\nhello", b"fffffffffffffffff\r\nhello", b"x\r\n"]
)
async def test_chunks_that_are_none_are_refused(rig, body):
    task = await rig.ask()
    rig.connection.data_received(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    response = await task
    rig.connection.data_received(body)

    with pytest.raises(TransportError, match="no HTTP answer"):
        await response.read()
    assert rig.wire.aborted


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
        b"HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"<html>",
        b"\x15\x03\x01\x00\x02\x02\x16",
    ],
)
async def test_what_is_not_http_1_is_refused(rig, answer):
    task = await rig.ask()
    rig.connection.data_received(answer)

    assert (await rig.fails(task)).word == "malformed"


async def test_a_refusal_never_repeats_what_a_header_said(rig):
    task = await rig.ask()
    rig.connection.data_received(b"HTTP/1.1 200 OK\r\nSet-Cookie: secret\0\r\n\r\n")

    assert "secret" not in (await rig.fails(task)).detail


@pytest.mark.parametrize("extra", [LENGTH, b"x", b"HTTP/1.1"])
async def test_bytes_behind_an_answer_cost_the_connection_and_are_never_an_answer(rig, extra):
    task = await rig.ask()
    rig.connection.data_received(LENGTH + extra)

    assert await (await task).read() == b"hello world"
    assert rig.keeper.told == ["lost"]


async def test_bytes_on_an_idle_connection_close_it(rig):
    task = await rig.ask()
    rig.connection.data_received(LENGTH)
    await task
    rig.connection.data_received(LENGTH)

    assert rig.keeper.told == ["freed", "lost"]
    assert rig.wire.aborted


async def test_connection_close_is_not_reused(rig):
    task = await rig.ask()
    rig.connection.data_received(LENGTH.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))

    assert await (await task).read() == b"hello world"
    assert rig.keeper.told == ["lost"]


async def test_a_connection_serves_one_request_after_the_other(rig):
    for _ in range(3):
        task = await rig.ask()
        rig.connection.data_received(CHUNKED)
        assert await (await task).read() == b"hello world"

    assert rig.keeper.told == ["freed"] * 3
    assert bytes(rig.wire.written) == REQUEST * 3


@pytest.mark.parametrize("step", [1, 100, 1 << 20])
async def test_a_head_beyond_its_bound_is_refused_however_it_comes(tidy, step):
    rig = Rig(max_head=1000)
    task = await rig.ask()
    head = b"HTTP/1.1 200 OK\r\nX: " + b"x" * 2000 + b"\r\nContent-Length: 0\r\n\r\n"
    for start in range(0, len(head), step):
        if not rig.connection.closed:
            rig.connection.data_received(head[start : start + step])

    assert "a head of more than 1,000 bytes" in (await rig.fails(task)).detail


async def test_a_small_head_with_a_large_body_in_one_read_is_fine(tidy):
    rig = Rig(max_head=1000)
    task = await rig.ask()
    rig.connection.data_received(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + b"x" * 5000)

    assert len(await (await task).read()) == 5000


async def test_too_many_fields_are_refused(rig):
    task = await rig.ask()
    rig.connection.data_received(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 300 + b"Content-Length: 0\r\n\r\n")

    assert "fields" in (await rig.fails(task)).detail


async def test_interim_answers_without_end_are_refused(tidy):
    rig = Rig(max_head=1000)
    task = await rig.ask()
    while not rig.connection.closed:
        rig.connection.data_received(b"HTTP/1.1 100 Continue\r\n\r\n")

    assert (await rig.fails(task)).word == "malformed"


@pytest.mark.parametrize("scrap", [b"T: " + b"t" * 500 + b"\r\n", b"t" * 500])
async def test_a_trailer_without_end_is_refused(tidy, scrap):
    rig = Rig(max_head=1000)
    task = await rig.ask()
    rig.connection.data_received(CHUNKED[: CHUNKED.index(b"Trailer")])
    response = await task
    for _ in range(4):
        if not rig.connection.closed:
            rig.connection.data_received(scrap)

    assert await response.chunk() == b"hello world"
    with pytest.raises(TransportError, match="more than 1,000 bytes without any of the body"):
        await response.chunk()


async def test_the_first_byte_budget_is_for_the_whole_head_however_it_trickles(rig):
    task = await rig.ask(budgets=Budgets(1, 20, 30))
    for second in range(20):
        rig.clock.now += 1
        rig.connection.expire(rig.clock.now)
        assert rig.connection.closed == (second == 19)
        if second < 19:
            rig.connection.data_received(LENGTH[second : second + 1])

    failure = await rig.fails(task)
    assert (failure.word, failure.phase) == ("timeout", "first_byte")
    assert failure.detail == "http://10.0.0.9:8000: no first byte within 20 s"


async def test_the_stall_budget_begins_anew_with_every_piece_of_the_body(rig):
    task = await rig.ask(budgets=Budgets(1, 20, 30))
    rig.connection.data_received(LENGTH[:-11])
    response = await task
    for byte in b"hello":
        rig.clock.now += 29
        rig.connection.expire(rig.clock.now)
        rig.connection.data_received(bytes([byte]))
    rig.clock.now += 30
    rig.connection.expire(rig.clock.now)

    assert await response.chunk() == b"hello"
    with pytest.raises(TransportError) as caught:
        await response.chunk()
    assert caught.value.failure.phase == "stall"
    assert caught.value.failure.detail == "http://10.0.0.9:8000: silent for 30 s after 5 bytes of the body"


async def test_what_is_not_part_of_the_body_does_not_feed_the_stall_budget(rig):
    task = await rig.ask(budgets=Budgets(1, 20, 30))
    rig.connection.data_received(CHUNKED[: CHUNKED.index(b"ext")])
    response = await task
    for _ in range(30):
        rig.clock.now += 1
        rig.connection.expire(rig.clock.now)
        if not rig.connection.closed:
            rig.connection.data_received(b"x")

    assert await response.chunk() == b"hello "
    with pytest.raises(TransportError, match="silent"):
        await response.chunk()


async def test_silence_is_not_the_upstreams_while_its_reader_takes_nothing(rig):
    task = await rig.ask()
    rig.connection.data_received(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n" + b"x" * (HIGH_WATER + 1))
    response = await task
    assert not rig.wire.reading
    rig.clock.now += 3600
    rig.connection.expire(rig.clock.now)

    assert len(await response.chunk()) == HIGH_WATER + 1
    assert rig.wire.reading
    rig.clock.now += BUDGETS.stall_s
    rig.connection.expire(rig.clock.now)
    with pytest.raises(TransportError, match="silent"):
        await response.chunk()


async def test_a_connection_that_was_paused_reads_again_for_the_next_request(rig):
    """Decrypted bytes may still come after a pause, and so the end of an answer."""
    task = await rig.ask()
    rig.connection.data_received(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (HIGH_WATER + 9))
    rig.connection.data_received(b"x" * (HIGH_WATER + 8))
    rig.connection.data_received(b"x")
    await task

    assert rig.wire.reading
    assert rig.keeper.told == ["freed"]


async def test_a_large_request_waits_for_the_socket_to_drain(rig):
    rig.connection.pause_writing()
    task = await rig.ask(body=b"b" * SLICE * 3)
    for written in (1, 2, 3):
        assert len(rig.wire.written) == len(REQUEST) + SLICE * written
        rig.connection.resume_writing()
        rig.connection.pause_writing()
        await turns()
    rig.connection.resume_writing()
    rig.connection.data_received(LENGTH)

    assert await (await task).read() == b"hello world"
    assert rig.keeper.told == ["freed"]


async def test_a_request_that_the_upstream_does_not_take_stalls(rig):
    rig.connection.pause_writing()
    task = await rig.ask(body=b"b" * SLICE * 3, budgets=Budgets(1, 20, 30))
    rig.clock.now += 30
    rig.connection.expire(rig.clock.now)

    failure = await rig.fails(task)
    assert (failure.word, failure.phase) == ("timeout", "stall")
    assert "took nothing of the request for 30 s" in failure.detail


async def test_the_first_byte_budget_begins_when_a_large_request_is_sent(rig):
    rig.connection.pause_writing()
    task = await rig.ask(body=b"b" * SLICE * 2, budgets=Budgets(1, 20, 30))
    for last in (False, True):
        rig.clock.now += 29
        rig.connection.expire(rig.clock.now)
        rig.connection.resume_writing()
        if not last:
            rig.connection.pause_writing()
        await turns()
    rig.clock.now += 19
    rig.connection.expire(rig.clock.now)
    rig.connection.data_received(LENGTH)

    assert (await task).status == 200


async def test_an_early_answer_stops_the_upload_and_costs_the_connection(rig):
    rig.connection.pause_writing()
    task = await rig.ask(body=b"b" * SLICE * 3)
    rig.connection.data_received(b"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\n")
    response = await task
    rig.connection.data_received(b"big")

    assert (response.status, await response.read()) == (413, b"big")
    assert len(rig.wire.written) == len(REQUEST) + SLICE
    assert rig.keeper.told == ["lost"]


async def test_a_whole_early_answer_in_one_read_is_reported(rig):
    rig.connection.pause_writing()
    task = await rig.ask(body=b"b" * SLICE * 3)
    rig.connection.data_received(b"HTTP/1.1 401 No\r\nContent-Length: 3\r\n\r\nkey")

    assert await (await task).read() == b"key"
    assert rig.keeper.told == ["lost"]


@pytest.mark.parametrize(
    ("exchanges", "later_s", "received", "stale"),
    [(0, 0, b"", False), (1, 0, b"", True), (1, 0, b"H", False), (1, BUDGETS.connect_s + 1, b"", False)],
    ids=["a new one", "a kept one", "one that brought something", "one that broke later"],
)
async def test_only_a_kept_connection_that_breaks_at_once_and_brought_nothing_is_stale(
    rig, exchanges, later_s, received, stale
):
    for _ in range(exchanges):
        task = await rig.ask()
        rig.connection.data_received(LENGTH)
        await task
    task = await rig.ask()
    rig.clock.now += later_s
    if received:
        rig.connection.data_received(received)
    rig.connection.connection_lost(None)

    with pytest.raises(TransportError) as caught:
        await task
    assert caught.value.stale == stale


async def test_cancelling_an_exchange_aborts_it(rig):
    task = await rig.ask()
    task.cancel()
    await turns()

    assert task.cancelled()
    assert rig.keeper.told == ["lost"]


async def test_cancelling_an_upload_aborts_it(rig):
    rig.connection.pause_writing()
    task = await rig.ask(body=b"b" * SLICE * 3)
    task.cancel()
    await turns()

    assert task.cancelled()
    assert rig.keeper.told == ["lost"]


async def test_cancelling_in_the_instant_the_head_came_aborts_the_answer(rig):
    task = await rig.ask()
    rig.connection.data_received(LENGTH[:-1])
    task.cancel()
    await turns()

    assert task.cancelled()
    assert rig.keeper.told == ["lost"]


async def test_cancelling_in_the_instant_the_answer_was_whole_leaves_the_next_exchange_alone(rig):
    task = await rig.ask()
    rig.connection.data_received(LENGTH)
    task.cancel()
    following = await rig.ask()
    assert task.cancelled()
    rig.connection.data_received(LENGTH)

    assert await (await following).read() == b"hello world"
    assert rig.keeper.told == ["freed", "freed"]


async def test_an_answer_that_comes_between_a_cancellation_and_its_effect_leaves_the_next_exchange_alone(rig):
    task = await rig.ask()
    go = asyncio.Event()

    async def follow():
        await go.wait()
        return await rig.connection.exchange(REQUEST, b"", BUDGETS)

    following = asyncio.get_running_loop().create_task(follow())
    await turns()
    go.set()  # the next request runs before the cancelled one
    task.cancel()
    rig.connection.data_received(LENGTH)
    await turns()
    assert task.cancelled()
    rig.connection.data_received(LENGTH)

    assert await (await following).read() == b"hello world"
    assert rig.keeper.told == ["freed", "freed"]


async def test_cancelling_in_the_instant_it_failed_is_quiet(rig):
    task = await rig.ask()
    rig.connection.connection_lost(None)
    task.cancel()
    await turns()

    assert task.cancelled()
    assert rig.keeper.told == ["lost", "gone"]


async def test_a_closed_connection_serves_no_request(rig):
    rig.connection.abort()

    with pytest.raises(TransportError, match="closed"):
        await rig.connection.exchange(REQUEST, b"", BUDGETS)


async def test_the_end_of_an_idle_connection_is_heard_at_once(rig):
    rig.connection.eof_received()

    assert rig.keeper.told == ["lost"]


async def test_it_says_what_it_is_doing(rig):
    assert repr(rig.connection) == "<Connection http://10.0.0.9:8000 idle, 0 exchanges>"
    task = await rig.ask()
    assert repr(rig.connection) == "<Connection http://10.0.0.9:8000 waiting, 1 exchanges>"
    rig.connection.data_received(LENGTH[:-1])
    response = await task
    assert repr(response) == "<Response 200 from http://10.0.0.9:8000, 10 bytes, running>"
    response.close()
    assert repr(rig.connection) == "<Connection http://10.0.0.9:8000 closed, 1 exchanges>"
    assert "given up" in repr(response)


SCRAPS = [
    b"\r\n",
    b"\n",
    b"\x00",
    b":",
    b"0\r\n\r\n",
    b"5\r\nhello\r\n",
    b"FFFFFFFFFFFFFFFFF\r\n",
    b"HTTP/1.1 200 OK\r\n",
    LENGTH,
]
SCRAPS += [
    b"Content-Length: 5\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"HTTP/1.1 101 X\r\n\r\n",
    b"Connection: close\r\n",
    b" x\r\n",
]
PIECES = st.lists(st.sampled_from(SCRAPS) | st.binary(max_size=5), max_size=8)


@settings(max_examples=300, deadline=None)
@given(start=st.sampled_from([b"", b"HTTP/1.1 200 OK\r\n", LENGTH[:-4], CHUNKED[:-30]]), pieces=PIECES)
async def test_whatever_bytes_come_there_is_an_answer_or_a_failure_and_the_pool_hears_once(start, pieces):
    rig = Rig(max_head=500)
    task = await rig.ask()
    for piece in (start, *pieces):
        if not rig.wire.aborted:
            rig.connection.data_received(piece)
    rig.connection.connection_lost(None)
    with contextlib.suppress(TransportError):
        await (await task).read()

    assert rig.connection.closed
    assert rig.keeper.told.count("lost") == 1
    assert rig.keeper.told[-1] == "gone"
    assert rig.keeper.told.count("freed") <= 1
