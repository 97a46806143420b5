"""The pool against real sockets: reuse, the line, budgets, cancelling at every point, what is left behind (nothing)."""

import asyncio

import pytest
from scripted_upstream import BUDGETS, Clock, get, post, turns

from cortex.transport import Budgets, Origin, TransportError
from cortex.transport.connect import connect
from cortex.transport.http1 import HIGH_WATER

EVENTS = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


async def echo(peer):
    """Answer every request with its body."""
    while True:
        request = await peer.request()
        await peer.answer(request.partition(b"\r\n\r\n")[2])


async def silent(peer):
    await peer.request()
    await peer.ended()


async def begins(peer):
    """Begin a stream and say no more."""
    await peer.request()
    await peer.send(EVENTS + b"5\r\nhello\r\n")
    await peer.ended()


def occupancy(pool, upstream):
    return pool.stats[upstream.origin]


async def until(condition):
    """Wait for something that another task is about to do; the test's own time limit is the bound."""
    while not condition():
        await turns(1)


async def test_a_request_is_answered(pool, upstream):
    upstream.play(echo)
    response = await post(pool, upstream.origin, b"hello")

    assert (response.status, await response.read()) == (200, b"hello")
    assert upstream.peers[0].requests[0].endswith(b"\r\n\r\nhello")


async def test_a_connection_is_used_again(pool, upstream):
    upstream.play(echo)
    for _ in range(5):
        await (await post(pool, upstream.origin, b"hello")).read()

    assert len(upstream.peers) == 1
    assert repr(pool) == f"<Pool {upstream.origin}: 0 in use, 1 idle>"


async def test_an_unread_answer_that_is_whole_holds_no_connection(pool, upstream):
    upstream.play(echo)
    responses = [await post(pool, upstream.origin, b"%d" % n) for n in range(3)]
    await until(lambda: occupancy(pool, upstream).in_use == 0)

    assert len(upstream.peers) == 1
    assert [await response.read() for response in responses] == [b"0", b"1", b"2"]


async def test_closing_an_answer_early_cancels_the_upstream(pool, upstream):
    upstream.play(begins)
    response = await get(pool, upstream.origin)
    assert await response.chunk() == b"hello"
    response.close()

    assert occupancy(pool, upstream).open == 0
    await upstream.peers[0].over.wait()


async def test_a_refused_connection_is_unreachable(pool, upstream):
    await upstream.stop()

    with pytest.raises(TransportError) as caught:
        await get(pool, upstream.origin)
    await upstream.start()
    assert caught.value.failure.word == "unreachable"
    assert "connection refused by http://127.0.0.1:" in caught.value.failure.detail


async def closes(peer):
    await peer.request()


async def resets(peer):
    await peer.request()
    peer.reset()


@pytest.mark.parametrize("script", [closes, resets])
async def test_a_new_connection_that_brings_nothing_is_unreachable_and_not_tried_again(pool, upstream, script):
    upstream.play(script)

    with pytest.raises(TransportError) as caught:
        await get(pool, upstream.origin)
    assert caught.value.failure.word == "unreachable"
    assert len(upstream.peers) == 1


@pytest.mark.parametrize("end", ["close", "reset"])
async def test_a_request_on_a_stale_connection_is_sent_once_more(pool, upstream, end):
    async def answers_once(peer):
        await peer.request()
        await peer.answer()
        await peer.request()
        if end == "reset":
            peer.reset()

    upstream.play(answers_once, echo)
    await (await get(pool, upstream.origin)).read()
    response = await post(pool, upstream.origin, b"again")

    assert await response.read() == b"again"
    assert [len(peer.requests) for peer in upstream.peers] == [2, 1]


async def test_a_stale_connection_is_no_excuse_twice(pool, upstream):
    async def answers_once(peer):
        await peer.request()
        await peer.answer()
        await peer.request()

    upstream.play(answers_once, closes)
    await (await get(pool, upstream.origin)).read()

    with pytest.raises(TransportError, match="closed before an answer"):
        await get(pool, upstream.origin)
    assert len(upstream.peers) == 2


async def test_a_kept_connection_that_brought_something_is_not_tried_again(pool, upstream):
    async def answers_once(peer):
        await peer.request()
        await peer.answer()
        await peer.request()
        await peer.send(b"HTTP/1.1 200")

    upstream.play(answers_once, echo)
    await (await get(pool, upstream.origin)).read()

    with pytest.raises(TransportError, match="cut after 12 bytes of the head"):
        await get(pool, upstream.origin)
    assert len(upstream.peers) == 1


async def test_an_idle_connection_that_the_upstream_closes_leaves_the_pool_at_once(pool, upstream):
    async def answers_once(peer):
        await peer.request()
        await peer.answer()

    upstream.play(answers_once)
    await (await get(pool, upstream.origin)).read()
    await until(lambda: occupancy(pool, upstream).open == 0)


async def test_unasked_bytes_on_an_idle_connection_close_it_and_are_no_answer(pool, upstream):
    poison = asyncio.Event()

    async def poisons(peer):
        await peer.request()
        await peer.answer()
        await poison.wait()
        await peer.answer(b"poison")
        await peer.ended()

    upstream.play(poisons, echo)
    await (await get(pool, upstream.origin)).read()
    poison.set()
    await until(lambda: occupancy(pool, upstream).open == 0)

    assert await (await post(pool, upstream.origin, b"clean")).read() == b"clean"


async def test_an_idle_connection_is_closed_when_its_time_is_over(make_pool, upstream):
    clock = Clock()
    pool = make_pool(idle_s=30, clock=clock)
    upstream.play(echo)
    await (await post(pool, upstream.origin, b"x")).read()
    clock.now += 29
    pool.sweep()
    assert occupancy(pool, upstream).idle == 1
    clock.now += 1
    pool.sweep()
    await upstream.peers[0].over.wait()

    assert pool.stats == {}


async def test_an_idle_connection_past_its_time_is_never_taken(make_pool, upstream):
    clock = Clock()
    pool = make_pool(idle_s=30, clock=clock)
    upstream.play(echo)
    await (await post(pool, upstream.origin, b"x")).read()
    clock.now += 31
    await (await post(pool, upstream.origin, b"x")).read()

    assert len(upstream.peers) == 2


async def test_idle_connections_are_swept_without_a_request(make_pool, upstream):
    pool = make_pool(idle_s=0.05)
    upstream.play(echo)
    await (await post(pool, upstream.origin, b"x")).read()
    await upstream.peers[0].over.wait()

    assert not pool.stats


async def test_retiring_an_origin_closes_its_idle_connections_only(pool, upstream):
    upstream.play(begins, echo)
    busy = await get(pool, upstream.origin)
    await (await post(pool, upstream.origin, b"x")).read()
    assert occupancy(pool, upstream) == (2, 1, 1, 0)
    pool.retire(upstream.origin)

    assert occupancy(pool, upstream) == (1, 0, 1, 0)
    assert await busy.chunk() == b"hello"
    busy.close()


async def test_retiring_an_origin_that_was_never_used_does_nothing(pool):
    pool.retire(Origin(tls=False, host="h", port=1))

    assert pool.stats == {}


@pytest.mark.parametrize(
    ("budgets", "script", "phase", "detail"),
    [
        (Budgets(5, 0.05, 5), silent, "first_byte", "no first byte within 0.05 s"),
        (Budgets(5, 5, 0.05), begins, "stall", "silent for 0.05 s after 5 bytes of the body"),
    ],
)
async def test_what_is_over_its_budget_is_found_by_the_sweep(pool, upstream, budgets, script, phase, detail):
    upstream.play(script)

    with pytest.raises(TransportError) as caught:
        await (await get(pool, upstream.origin, budgets=budgets)).read()
    assert (caught.value.failure.word, caught.value.failure.phase) == ("timeout", phase)
    assert caught.value.failure.detail == f"{upstream.origin}: {detail}"
    await upstream.peers[0].over.wait()


async def test_no_timer_runs_when_nothing_is_open(make_pool, upstream):
    pool = make_pool(idle_s=0.05)
    upstream.play(echo)
    await (await post(pool, upstream.origin, b"x")).read()
    await upstream.peers[0].over.wait()

    await until(lambda: pool._timer is None)


async def test_no_more_than_the_cap_are_open(make_pool, upstream):
    pool = make_pool(max_per_origin=2)
    upstream.play(echo)

    async def ask(n):
        return await (await post(pool, upstream.origin, b"%d" % n)).read()

    assert await asyncio.gather(*(ask(n) for n in range(20))) == [b"%d" % n for n in range(20)]
    assert len(upstream.peers) == 2


async def test_the_line_is_served_in_order(make_pool, upstream):
    pool = make_pool(max_per_origin=1)
    upstream.play(echo)
    order = []

    async def ask(n):
        await post(pool, upstream.origin, b"%d" % n)
        order.append(n)

    await asyncio.gather(*(ask(n) for n in range(20)))

    assert order == list(range(20))
    assert len(upstream.peers) == 1


async def test_who_waits_gets_the_place_of_a_connection_that_was_given_up(make_pool, upstream):
    pool = make_pool(max_per_origin=1)
    upstream.play(begins, echo)
    first = await get(pool, upstream.origin)
    waiting = asyncio.create_task(post(pool, upstream.origin, b"next"))
    await until(lambda: occupancy(pool, upstream).waiting == 1)
    assert repr(pool) == f"<Pool {upstream.origin}: 1 in use, 0 idle, 1 waiting>"
    first.close()

    assert await (await waiting).read() == b"next"


async def test_waiting_for_a_place_is_bounded_by_the_connect_budget(make_pool, upstream):
    pool = make_pool(max_per_origin=1)
    upstream.play(begins)
    first = await get(pool, upstream.origin)

    with pytest.raises(TransportError) as caught:
        await get(pool, upstream.origin, budgets=Budgets(0.05, 5, 5))
    assert (caught.value.failure.word, caught.value.failure.phase) == ("timeout", "connect")
    assert "no connection within 0.05 s (1 in use, 0 idle" in caught.value.failure.detail
    first.close()


async def test_a_place_granted_to_a_request_cancelled_in_that_instant_goes_on_to_the_next(make_pool, upstream):
    pool = make_pool(max_per_origin=1)
    upstream.play(begins, echo)
    first = await get(pool, upstream.origin)
    cancelled = asyncio.create_task(get(pool, upstream.origin))
    following = asyncio.create_task(post(pool, upstream.origin, b"next"))
    await until(lambda: occupancy(pool, upstream).waiting == 2)
    first.close()
    cancelled.cancel()

    assert await (await following).read() == b"next"
    assert occupancy(pool, upstream).in_use == 0


async def test_a_connection_granted_to_a_request_cancelled_in_that_instant_goes_on_to_the_next(make_pool, upstream):
    pool = make_pool(max_per_origin=1)
    upstream.play(echo)
    release = pool.freed
    tasks = []

    def freed(connection):
        release(connection)
        if len(tasks) == 2:
            tasks[0].cancel()

    first = asyncio.create_task(post(pool, upstream.origin, b"first"))
    await until(lambda: upstream.peers)
    pool.freed = freed
    tasks += [asyncio.create_task(post(pool, upstream.origin, b"%d" % n)) for n in range(2)]
    await turns(3)

    assert await (await tasks[1]).read() == b"1"
    assert tasks[0].cancelled()
    assert await (await first).read() == b"first"
    assert len(upstream.peers) == 1


async def test_a_connection_that_is_lost_on_its_way_to_the_next_is_replaced(make_pool, upstream):
    """In that instant nothing is open or waiting, so a sweep may even forget the origin."""
    pool = make_pool(max_per_origin=1)
    upstream.play(echo)
    release = pool.freed

    def freed(connection):
        pool.freed = release
        release(connection)
        connection.abort()
        pool.sweep()

    first = asyncio.create_task(post(pool, upstream.origin, b"first"))
    await until(lambda: upstream.peers)
    pool.freed = freed
    second = asyncio.create_task(post(pool, upstream.origin, b"second"))

    assert await (await second).read() == b"second"
    assert await (await first).read() == b"first"
    assert len(upstream.peers) == 2
    await until(lambda: occupancy(pool, upstream) == (1, 1, 0, 0))


async def test_a_connection_that_closes_as_it_opens_is_unreachable_and_takes_no_place(pool, upstream, monkeypatch):
    async def connect_to_nothing(*args):
        connection = await connect(*args)
        connection.abort()
        return connection

    monkeypatch.setattr("cortex.transport.pool.connect", connect_to_nothing)
    upstream.play(echo)
    with pytest.raises(TransportError, match="closed as soon as it was open"):
        await get(pool, upstream.origin)

    assert occupancy(pool, upstream) == (0, 0, 0, 0)


async def test_a_connection_made_while_the_pool_is_closed_is_closed_too(pool, upstream, monkeypatch):
    made, gate = asyncio.Event(), asyncio.Event()

    async def connect_slowly(*args):
        connection = await connect(*args)
        made.set()
        await gate.wait()
        return connection

    monkeypatch.setattr("cortex.transport.pool.connect", connect_slowly)
    upstream.play(echo)
    task = asyncio.create_task(get(pool, upstream.origin))
    await made.wait()
    await pool.close()
    gate.set()

    with pytest.raises(TransportError, match="closed"):
        await task
    assert occupancy(pool, upstream) == (0, 0, 0, 0)


async def test_cancelling_while_in_line_leaves_no_one_in_line(make_pool, upstream):
    pool = make_pool(max_per_origin=1)
    upstream.play(begins)
    first = await get(pool, upstream.origin)
    waiting = asyncio.create_task(get(pool, upstream.origin))
    await until(lambda: occupancy(pool, upstream).waiting == 1)
    waiting.cancel()
    await turns()

    assert occupancy(pool, upstream) == (1, 0, 1, 0)
    first.close()


@pytest.mark.parametrize("steps", range(12))
async def test_cancelling_after_any_number_of_turns_leaves_nothing_in_use(pool, upstream, steps):
    upstream.play(silent)
    task = asyncio.create_task(get(pool, upstream.origin))
    await turns(steps)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert all(count == (0, 0, 0, 0) for count in pool.stats.values())


async def test_cancelling_while_the_head_is_awaited_closes_the_connection(pool, upstream):
    upstream.play(silent)
    task = asyncio.create_task(get(pool, upstream.origin))
    await until(lambda: upstream.peers and upstream.peers[0].requests)
    task.cancel()
    await turns()

    assert occupancy(pool, upstream).open == 0
    await upstream.peers[0].over.wait()


async def test_cancelling_while_a_chunk_is_awaited_closes_the_connection(pool, upstream):
    upstream.play(begins)
    response = await get(pool, upstream.origin)
    await response.chunk()
    task = asyncio.create_task(response.chunk())
    await turns()
    task.cancel()
    await turns()

    assert occupancy(pool, upstream).open == 0
    await upstream.peers[0].over.wait()


async def test_closing_the_pool_ends_what_runs_and_who_waits(make_pool, upstream):
    pool = make_pool(max_per_origin=2)
    upstream.play(begins, silent)
    streaming = await get(pool, upstream.origin)
    await streaming.chunk()
    tasks = [asyncio.create_task(get(pool, upstream.origin)) for _ in range(2)]
    await until(lambda: len(upstream.peers) == 2 and upstream.peers[1].requests)
    await pool.close()

    for waiting in (streaming.chunk(), *tasks):
        with pytest.raises(TransportError, match="the connections were closed") as caught:
            await waiting
        assert caught.value.failure.word == "unreachable"


async def test_closing_the_pool_stops_what_connects(pool, upstream):
    upstream.play(echo)
    task = asyncio.create_task(get(pool, upstream.origin))
    await turns(1)
    await pool.close()

    with pytest.raises(TransportError):
        await task


async def test_a_closed_pool_sends_nothing(pool, upstream):
    await pool.close()

    with pytest.raises(TransportError, match="closed"):
        await get(pool, upstream.origin)
    assert repr(pool) == "<Pool closed>"


async def test_an_upstream_is_held_back_while_nobody_reads(pool, upstream):
    """A body of 64 MB passes through with no more than the high-water mark and one read in memory."""
    size = 64 << 20

    async def floods(peer):
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        for _ in range(64):
            await peer.send(b"x" * (1 << 20))
        await peer.ended()

    upstream.play(floods)
    response = await get(pool, upstream.origin)
    total = largest = 0
    await until(lambda: response.paused)
    while piece := await response.chunk():
        total += len(piece)
        largest = max(largest, len(piece))
        await turns(3)

    assert total == size
    assert largest <= HIGH_WATER + (256 << 10)


async def test_a_large_request_passes(pool, upstream):
    upstream.play(echo)
    body = bytes(range(256)) * (16 << 10)

    assert await (await post(pool, upstream.origin, body)).read() == body


async def test_an_early_refusal_of_a_large_request_is_read_even_behind_a_reset(pool, upstream):
    async def refuses(peer):
        await peer.reader.readuntil(b"\r\n\r\n")
        await peer.answer(b"too large", b"HTTP/1.1 413 Too Large\r\nConnection: close\r\n")

    upstream.play(refuses)
    for _ in range(20):
        response = await post(pool, upstream.origin, b"x" * (8 << 20))
        assert (response.status, await response.read()) == (413, b"too large")


@pytest.mark.parametrize("cut", ["close", "reset"])
async def test_a_stream_that_breaks_off_is_malformed(pool, upstream, cut):
    heard = asyncio.Event()

    async def breaks_off(peer):
        await peer.request()
        await peer.send(EVENTS + b"5\r\nhello\r\n")
        await heard.wait()
        if cut == "reset":
            peer.reset()

    upstream.play(breaks_off)
    response = await get(pool, upstream.origin)
    assert await response.chunk() == b"hello"
    heard.set()

    with pytest.raises(TransportError) as caught:
        await response.chunk()
    assert caught.value.failure.word == "malformed"
    assert caught.value.failure.detail == f"{upstream.origin}: the connection was cut after 5 bytes of the body"


async def test_many_at_once_each_get_their_own_answer(pool, upstream):
    upstream.play(echo)

    async def ask(worker):
        for n in range(20):
            body = b"%d/%d" % (worker, n)
            assert await (await post(pool, upstream.origin, body, BUDGETS)).read() == body

    await asyncio.gather(*(ask(worker) for worker in range(20)))

    assert len(upstream.peers) <= 20
    assert occupancy(pool, upstream).in_use == 0
