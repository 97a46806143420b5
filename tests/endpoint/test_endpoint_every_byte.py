"""An upstream may die after any byte: its client gets a prefix of an answer and an error, or one whole answer."""

import aiohttp
import pytest
import pytest_asyncio
from broken_streams import CLIENTS, SIMULATORS, TOKENS, Upstream, read, run

from cortex.config.model import Settings, Streams
from cortex.simulate.answer import tokens_of
from cortex.workers.continues import Continues


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def upstreams():
    """Two of each kind."""
    async with aiohttp.ClientSession() as http:
        made = {(kind, name): Upstream(kind, name, http) for kind in SIMULATORS for name in ("first", "second")}
        made |= {(kind, "thinks"): Upstream(kind, "first", http, "thinking") for kind in SIMULATORS}
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


@pytest.mark.parametrize("kind", SIMULATORS)
@pytest.mark.parametrize("name", CLIENTS)
async def test_with_another_of_which_nothing_is_known_it_is_a_prefix_or_the_whole(upstreams, name, kind):
    client, first = CLIENTS[name], upstreams[kind, "first"]
    total, text = await whole(client, first, trusted(upstreams))
    others = [upstreams[other, "second"] for other in SIMULATORS]
    for cut in range(0, total + 1, 3):
        second, nothing = others[cut % len(others)], Continues(wall=lambda: 0.0)
        seen = await run(client, [first, second], cut, cleanly=bool(cut % 2), continues=nothing, settings=Settings())

        told = read(client, seen.body)
        assert told.is_whole is not bool(told.error), cut
        size = len(tokens_of(told.text))
        assert size == TOKENS if told.is_whole else text.startswith(told.text), (cut, told)


TOOL = {"name": "weather", "description": "Tells it", "parameters": {"type": "object", "properties": {}}}
CALLERS = {
    "openai": {"tools": [{"type": "function", "function": TOOL}]},
    "ollama": {"tools": [{"type": "function", "function": TOOL}]},
    "anthropic": {"tools": [{"name": "weather", "input_schema": TOOL["parameters"]}]},
}


@pytest.mark.parametrize("kind", SIMULATORS)
@pytest.mark.parametrize("name", CALLERS)
async def test_a_call_is_there_once_and_with_its_end_or_not_at_all(upstreams, name, kind):
    asked = {"messages": [{"role": "user", "content": "use tool weather"}], **CALLERS[name]}
    client, first, known = CLIENTS[name], upstreams[kind, "first"], trusted(upstreams)
    client = client._replace(body={**client.body, **asked})
    alone = await run(client, [first], 10**9, cleanly=True, continues=known, settings=Settings())
    assert alone.body.count(b'"weather"') == 1
    for cut in range(alone.total + 1):
        second = upstreams[list(SIMULATORS)[cut % len(SIMULATORS)], "second"]
        for answering in ([first], [first, second]):
            seen = await run(client, answering, cut, cleanly=bool(cut % 2), continues=known, settings=Settings())
            if not seen.reply.is_stream:
                assert (len(answering), seen.reply.status_sent) == (1, 503)
                continue
            told = read(client, seen.body)
            assert told.is_whole or len(answering) == 1, cut  # Cohere thinks before it calls
            assert seen.body.count(b'"weather"') == int(told.is_whole), cut


@pytest.mark.parametrize("kind", SIMULATORS)
async def test_without_holding_a_call_may_be_out_before_its_end_and_no_second_follows(upstreams, kind):
    settings = Settings(streams=Streams(hold_tools=False))
    asked = {"messages": [{"role": "user", "content": "use tool weather"}], **CALLERS["openai"]}
    first, known = upstreams[kind, "first"], trusted(upstreams)
    client = CLIENTS["openai"]._replace(body={**CLIENTS["openai"].body, **asked})
    alone = await run(client, [first], 10**9, cleanly=True, continues=known, settings=settings)
    for cut in range(alone.total + 1):
        answering = [first, upstreams["ollama", "second"]]
        seen = await run(client, answering, cut, cleanly=bool(cut % 2), continues=known, settings=settings)

        assert seen.body.count(b'"weather"') == 1, cut
        read(client, seen.body)


THINKERS = {
    "openai": {"reasoning_effort": "high"},
    "responses": {"reasoning": {"effort": "high", "summary": "auto"}},
    "ollama": {"think": True},
    "anthropic": {"thinking": {"type": "enabled", "budget_tokens": 1024}, "max_tokens": 4000},
}


@pytest.mark.parametrize("kind", SIMULATORS)
@pytest.mark.parametrize("name", THINKERS)
async def test_an_answer_that_breaks_off_in_its_thoughts_is_whole_all_the_same(upstreams, name, kind):
    client, first, known = CLIENTS[name], upstreams[kind, "thinks"], trusted(upstreams)
    client = client._replace(body={**client.body, **THINKERS[name]})
    total, _ = await whole(client, first, known)
    others = [upstreams["ollama", "thinks"], upstreams["openai", "second"]]
    seen_of = set()
    for cut in range(0, total + 1, 2):
        second = others[cut // 2 % 2]
        seen = await run(client, [first, second], cut, cleanly=not cut % 4, continues=known, settings=Settings())

        told = read(client, seen.body)
        assert told.is_whole, (cut, told)
        assert len(tokens_of(told.text)) == TOKENS, (cut, told)
        seen_of |= {attempt.resumed for attempt in seen.record.attempts}
    assert "continued" in seen_of


def _common(one, other):
    return [a for a, b in zip(tokens_of(one), tokens_of(other), strict=False) if a == b]
