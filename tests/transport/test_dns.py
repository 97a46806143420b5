"""Names are looked up once for many, kept for a while, and failures only for a moment."""

import asyncio
import socket

import pytest
from scripted_upstream import Clock, turns

from cortex.transport.dns import KEEP_FAILURE_S, KEEP_S, Resolver

FOUND = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.0.0.9", 80))]


class Names:
    """The loop's `getaddrinfo`, answered by the test."""

    def __init__(self):
        self.asked = []
        self.answer = FOUND
        self.gate = asyncio.Event()
        self.gate.set()

    async def getaddrinfo(self, host, port, **_):
        self.asked.append((host, port))
        await self.gate.wait()
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture
async def names(tidy, monkeypatch):
    names = Names()
    loop = asyncio.get_running_loop()
    monkeypatch.setattr(asyncio, "get_running_loop", lambda: Loop(loop, names))
    return names


class Loop:
    """The running loop with other names."""

    def __init__(self, loop, names):
        self._loop = loop
        self.getaddrinfo = names.getaddrinfo

    def __getattr__(self, name):
        return getattr(self._loop, name)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def resolver(clock):
    return Resolver(clock)


async def test_an_answer_is_kept_for_a_while(names, resolver, clock):
    assert await resolver.resolve("desk", 80) == FOUND
    clock.now += KEEP_S - 1
    await resolver.resolve("desk", 80)
    assert len(names.asked) == 1
    clock.now += 1
    await resolver.resolve("desk", 80)

    assert len(names.asked) == 2


async def test_a_failure_is_kept_for_a_moment(names, resolver, clock):
    names.answer = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    for _ in range(3):
        with pytest.raises(OSError, match="not known"):
            await resolver.resolve("desk", 80)
    assert len(names.asked) == 1
    clock.now += KEEP_FAILURE_S
    names.answer = FOUND

    assert await resolver.resolve("desk", 80) == FOUND


async def test_many_who_ask_at_once_share_one_look_up(names, resolver):
    names.gate.clear()
    tasks = [asyncio.create_task(resolver.resolve("desk", 80)) for _ in range(5)]
    await turns()
    names.gate.set()

    assert await asyncio.gather(*tasks) == [FOUND] * 5
    assert len(names.asked) == 1


async def test_a_look_up_outlives_the_one_who_asked_first(names, resolver):
    names.gate.clear()
    first = asyncio.create_task(resolver.resolve("desk", 80))
    second = asyncio.create_task(resolver.resolve("desk", 80))
    await turns()
    first.cancel()
    await turns()
    names.gate.set()

    assert await second == FOUND
    assert first.cancelled()
    assert len(names.asked) == 1


async def test_what_is_forgotten_is_asked_again(names, resolver):
    await resolver.resolve("desk", 80)
    resolver.forget("desk", 80)
    resolver.forget("never asked", 80)
    await resolver.resolve("desk", 80)

    assert len(names.asked) == 2


async def test_answers_that_are_over_are_dropped_and_not_gathered(names, resolver, clock):
    for n in range(5):
        await resolver.resolve(f"desk{n}", 80)
        clock.now += KEEP_S

    assert len(resolver._answers) == 1


async def test_closing_gives_up_what_is_under_way(names, resolver):
    names.gate.clear()
    task = asyncio.create_task(resolver.resolve("desk", 80))
    await turns()
    resolver.close()

    with pytest.raises(OSError, match="given up"):
        await task


async def test_a_host_that_cannot_be_encoded_is_an_error_like_others(names, resolver):
    names.answer = UnicodeError("label too long")

    with pytest.raises(OSError, match="not a host name"):
        await resolver.resolve("x" * 100, 80)
