"""An upstream may die after any byte: its client gets a prefix of an answer and an error, or one whole answer."""

import aiohttp
import pytest
import pytest_asyncio
from broken_streams import CLIENTS, SIMULATORS, TOKENS, Upstream, read, run

from cortex.config.model import Settings
from cortex.simulate.answer import tokens_of
from cortex.workers.continues import Continues


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def upstreams():
    """Two of each kind."""
    async with aiohttp.ClientSession() as http:
        made = {(kind, name): Upstream(kind, name, http) for kind in SIMULATORS for name in ("first", "second")}
        for upstream in made.values():
            await upstream.start()
        yield made
        for upstream in made.values():
            await upstream.sim.stop()


def trusted(upstreams):
    """Return what is known once every model was measured to continue."""
    known = Continues(wall=lambda: 0.0)
    for upstream in upstreams.values():
        known.learn(upstream.standing, upstream.model, "continues")
    return known


async def whole(client, first, known):
    """Return how long the first upstream's stream is, and what it says."""
    seen = await run(client, [first], 10**9, cleanly=True, continues=known, settings=Settings())
    told = read(client, seen.body)
    assert told.is_whole
    assert len(tokens_of(told.text)) == TOKENS
    return seen.total, told.text


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.mark.parametrize("kind", SIMULATORS)
@pytest.mark.parametrize("name", CLIENTS)
async def test_alone_it_is_a_prefix_and_an_error_or_the_whole(upstreams, name, kind):
    client, first, known = CLIENTS[name], upstreams[kind, "first"], trusted(upstreams)
    total, text = await whole(client, first, known)
    for cut in range(total + 1):
        seen = await run(client, [first], cut, cleanly=bool(cut % 2), continues=known, settings=Settings())

        if not seen.reply.is_stream:
            assert seen.reply.status_sent == 503, cut
            continue
        told = read(client, seen.body)
        assert told.is_whole is not bool(told.error), cut
        assert text.startswith(told.text), cut
        assert told.text == text or not told.is_whole, cut
        assert told.is_whole or seen.record.broke, cut


@pytest.mark.parametrize("kind", SIMULATORS)
@pytest.mark.parametrize("name", CLIENTS)
async def test_with_another_that_continues_it_is_always_whole(upstreams, name, kind):
    client, first, known = CLIENTS[name], upstreams[kind, "first"], trusted(upstreams)
    total, text = await whole(client, first, known)
    others = [upstreams[other, "second"] for other in SIMULATORS]
    for cut in range(total + 1):
        second = others[cut % len(others)]
        seen = await run(client, [first, second], cut, cleanly=not cut % 2, continues=known, settings=Settings())

        told = read(client, seen.body)
        assert told.is_whole, (cut, told, seen.record.trace())
        assert len(tokens_of(told.text)) == TOKENS, (cut, told)
        assert not seen.record.broke
        resumed = [attempt.resumed for attempt in seen.record.attempts if attempt.resumed]
        assert resumed in ([], ["continued"])
        if resumed:
            begun = _common(told.text, text)
            assert begun, cut


def _common(one, other):
    return [a for a, b in zip(tokens_of(one), tokens_of(other), strict=False) if a == b]
