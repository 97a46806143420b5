"""An answer as its reader sees it."""

import asyncio

import pytest
from scripted_upstream import turns

from cortex.transport import Origin, TransportError
from cortex.transport.failures import malformed
from cortex.transport.response import Response

ORIGIN = Origin(tls=False, host="h", port=80)


class Source:
    origin = ORIGIN

    def __init__(self):
        self.told = []

    def resume(self):
        self.told.append("resume")

    def abort(self):
        self.told.append("abort")


@pytest.fixture
def source():
    return Source()


@pytest.fixture
def response(source):
    return Response(200, [(b"Content-Length", b"10"), (b"X", b"1"), (b"x", b"2")], source)


async def test_pieces_that_came_together_leave_together(response):
    response.push(b"ab")
    response.push(b"cd")

    assert await response.chunk() == b"abcd"
    assert (response.held, response.received) == (0, 4)


async def test_a_reader_waits_for_the_next_piece(response):
    task = asyncio.create_task(response.chunk())
    await turns()
    assert not task.done()
    response.push(b"ab")
    response.wake()

    assert await task == b"ab"


async def test_the_end_is_empty_again_and_again(response):
    response.push(b"ab")
    response.end()

    assert [await response.chunk() for _ in range(3)] == [b"ab", b"", b""]


async def test_reading_all_is_bounded(response, source):
    response.push(b"x" * 11)

    with pytest.raises(TransportError, match="more than 10 bytes"):
        await response.read(10)
    assert source.told == ["abort"]


async def test_reading_all_joins_what_comes(response):
    task = asyncio.create_task(response.read(10))
    for piece in (b"hello", b"world"):
        response.push(piece)
        response.wake()
        await turns()
    response.end()

    assert await task == b"helloworld"


async def test_closing_before_the_end_aborts_once(response, source):
    response.close()
    response.close()

    assert source.told == ["abort"]


async def test_closing_after_the_end_leaves_the_connection_alone(response, source):
    response.end()
    response.close()

    assert source.told == []


async def test_closing_wakes_a_reader_with_a_failure_and_not_with_an_end(response):
    task = asyncio.create_task(response.chunk())
    await turns()
    response.close()

    with pytest.raises(TransportError, match="given up"):
        await task


async def test_cancelling_a_reader_aborts(response, source):
    task = asyncio.create_task(response.chunk())
    await turns()
    task.cancel()
    await turns()

    assert source.told == ["abort"]


async def test_a_paused_source_resumes_when_all_was_taken(response, source):
    response.push(b"ab")
    response.paused = True
    await response.chunk()

    assert source.told == ["resume"]


async def test_two_readers_are_a_mistake(response):
    task = asyncio.create_task(response.chunk())
    await turns()
    with pytest.raises(RuntimeError, match="two readers"):
        await response.chunk()
    response.end()

    assert await task == b""


async def test_a_failure_is_raised_for_each_further_call(response):
    response.end(malformed(ORIGIN, "cut"))

    for _ in range(2):
        with pytest.raises(TransportError, match="http://h: cut"):
            await response.read()


def test_headers_are_by_lower_case_name(response):
    assert response.headers == {"content-length": "10", "x": "1, 2"}
    assert response.headers is response.headers
