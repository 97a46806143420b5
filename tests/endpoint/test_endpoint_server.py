"""The door: which sockets are opened, who opens and closes it, and what is told to those who speak no HTTP."""

import asyncio
import json
import socket
from types import SimpleNamespace

import pytest
from aiohttp import web
from fleet import Clock, settle
from house import until

from cortex.actors.reason import SHUTDOWN
from cortex.actors.signals import Kill
from cortex.endpoint.server import Connection, Door, Endpoint, Server, StopAccepting, listen


@pytest.fixture
async def door():
    async def handle(http):
        return web.Response(text="in")

    made = Door(Server(handle))
    made.sockets = listen("127.0.0.1", 0)
    yield made
    await made.clear()


async def knock(door):
    """Ask for a page; True when somebody answers."""
    reader, writer = await asyncio.open_connection(*door.sockets[0].getsockname()[:2])
    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    answer = await reader.read()
    writer.close()
    return answer.endswith(b"in")


def start(door):
    front = SimpleNamespace(exchanges=set(), is_closing=False, keepalive_s=10.0)
    return front, Endpoint.start(front=front, door=door, clock=Clock())


def test_every_address_of_a_name_is_listened_to_on_the_same_port():
    sockets = listen("localhost", 0)

    assert len({each.getsockname()[1] for each in sockets}) == 1
    assert len({each.family for each in sockets}) == len(sockets)
    for each in sockets:
        each.close()


def test_a_port_that_is_taken_is_an_error_and_leaves_nothing_open():
    (taken,) = listen("127.0.0.1", 0)
    with pytest.raises(OSError, match="in use"):
        listen("127.0.0.1", taken.getsockname()[1])
    taken.close()


def test_a_host_that_does_not_exist_is_an_error():
    with pytest.raises(OSError, match=r".+"):
        listen("no-such-host.invalid", 0)


async def test_the_endpoint_opens_the_door(door):
    _, endpoint = start(door)
    await until(lambda: door.is_open)

    assert await knock(door)
    await endpoint.stop()


async def test_an_endpoint_that_crashes_leaves_the_door_open_for_the_next(door):
    _, first = start(door)
    await until(lambda: door.is_open)
    first.tell(Kill("a test"))
    await settle()
    assert not first.is_alive()
    assert await knock(door)
    _, second = start(door)
    await settle()

    assert await knock(door)
    await second.stop()


async def test_an_end_that_was_asked_for_closes_the_door(door):
    _, endpoint = start(door)
    await until(lambda: door.is_open)
    await endpoint.stop(reason=SHUTDOWN)

    assert not door.is_open


async def test_when_the_daemon_ends_nobody_is_let_in_any_more(door):
    front, endpoint = start(door)
    await until(lambda: door.is_open)

    assert await endpoint.ask(StopAccepting()) is True
    assert front.is_closing
    assert not door.is_open
    await endpoint.stop()


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ("Bad header\nwith a second line", "Bad header"),
        ("x" * 500, "x" * 200),
        (None, "Bad Request"),
        ("", "Bad Request"),
    ],
)
async def test_who_speaks_no_http_is_told_in_json_on_one_short_line(message, told):
    async def handle(http):
        raise AssertionError

    server = Server(handle)
    response = Connection(server, loop=asyncio.get_running_loop()).handle_error(None, 400, None, message)
    error = json.loads(response.body)["error"]

    assert response.status == 400
    assert error["message"].endswith(f"can read: {told}")
    assert response.keep_alive is False


async def test_sockets_do_not_block(door):
    assert all(each.gettimeout() == 0.0 and each.type == socket.SOCK_STREAM for each in door.sockets)
