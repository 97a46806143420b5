"""What a client of Gemini, Cohere or Groq sees of each fault."""

import asyncio

import aiohttp
import pytest
from simulate_client import KEY, Gate

from cortex.simulate import KINDS, Fault, SimulatedCohere, SimulatedGemini, SimulatedGroq
from cortex.simulate.fault import IN_THE_BODY

CLOUDS = {"gemini": SimulatedGemini, "cohere": SimulatedCohere, "groq": SimulatedGroq}
ENDS = {"gemini": b'"finishReason":"STOP"', "cohere": b'"finish_reason":"COMPLETE"', "groq": b"data: [DONE]\n\n"}
"""What a whole stream has and a broken one has not."""
STATUS = {
    "gemini": {"rate_limited": 429, "busy": 503, "model_missing": 404, "unauthorized": 400, "html": 502},
    "cohere": {"rate_limited": 429, "busy": 503, "model_missing": 404, "unauthorized": 401, "html": 502},
    "groq": {"rate_limited": 429, "busy": 503, "model_missing": 404, "unauthorized": 401, "html": 502},
}
both_ways = pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
BROKEN = sorted(IN_THE_BODY - {"stall"})
SEEN_HERE = {*BROKEN, *STATUS["gemini"], "stall", "hang", "slow_head", "reset", "refuse", "error_status"}


@pytest.fixture(params=CLOUDS)
async def sim(request, start):
    return await start(CLOUDS[request.param](keys=KEY, instant=True))


def is_whole(sim, body):
    return ENDS[sim.dialect] in body


def test_every_kind_of_fault_is_seen_in_this_module():
    assert SEEN_HERE == KINDS


@both_ways
async def test_without_a_fault_an_answer_is_whole(sim, client, stream):
    seen = await client.ask(sim, stream=stream)

    assert (seen.status, seen.error, sim.requests[-1].ended) == (200, None, "answered")
    assert sim.requests[-1].tokens_sent >= 32
    assert not stream or is_whole(sim, seen.body)


@both_ways
@pytest.mark.parametrize("kind", BROKEN)
async def test_an_answer_that_breaks_is_not_whole_and_the_next_is(sim, client, kind, stream):
    good = await client.ask(sim, stream=stream)
    sim.fault(Fault(kind, after_tokens=3))
    broken = await client.ask(sim, stream=stream)

    assert sim.requests[-1].ended == "fault"
    assert broken.body != good.body
    assert not stream or not is_whole(sim, broken.body)
    assert (broken.error is not None) == (kind == "cut")
    assert (await client.ask(sim, stream=stream)).status == 200


@pytest.mark.parametrize("kind", ["cut", "cut_clean", "garbage", "error_in_stream"])
async def test_a_stream_breaks_after_the_tokens_that_were_ordered(sim, client, kind):
    sim.fault(Fault(kind, after_tokens=3))
    await client.ask(sim)

    assert sim.requests[-1].tokens_sent == 3


@both_ways
@pytest.mark.parametrize("kind", STATUS["gemini"])
async def test_a_refusal_has_its_status_whatever_was_asked_for(sim, client, kind, stream):
    sim.fault(Fault(kind))
    seen = await client.ask(sim, stream=stream)

    assert (seen.status, sim.requests[-1].ended) == (STATUS[sim.dialect][kind], "fault")
    assert KEY.encode() not in seen.body


async def test_any_status_and_any_body_can_be_ordered(sim, client):
    sim.fault(Fault("error_status", status=418, retry_after=7))
    own = await client.ask(sim)
    sim.fault(Fault("error_status", status=200, body='{"a":1}'))
    given = await client.ask(sim)

    assert (own.status, own.headers["Retry-After"], b"simulated error 418" in own.body) == (418, "7", True)
    assert (given.status, given.body) == (200, b'{"a":1}')


async def test_a_retry_after_is_sent_where_it_is_asked_for(sim, client):
    sim.fault(Fault("rate_limited", retry_after=90))

    assert (await client.ask(sim)).headers["Retry-After"] == "90"


async def test_a_hanging_request_ends_when_the_client_leaves(sim, client):
    sim.fault(Fault("hang"))
    asking = asyncio.create_task(client.ask(sim))
    await sim.until(lambda: sim.in_flight == 1)
    asking.cancel()
    await sim.until(lambda: sim.cancelled == 1)

    assert sim.requests[-1].ended == "client_gone"


async def test_a_stall_lasts_as_long_as_it_was_ordered_and_the_answer_goes_on(start, client, sim):
    gate = Gate(77.0)
    slow = await start(type(sim)(keys=KEY, sleep=gate, tokens_per_s=1e9, first_token_s=0.0))
    slow.fault(Fault("stall", after_tokens=2, delay_s=77.0))
    asking = asyncio.create_task(client.ask(slow))
    await slow.until(lambda: gate.held == 1)

    assert slow.requests[-1].tokens_sent == 2

    gate.open()

    assert is_whole(slow, (await asking).body)


async def test_a_slow_head_comes_after_its_delay(start, client, sim):
    gate = Gate(77.0)
    slow = await start(type(sim)(keys=KEY, sleep=gate, tokens_per_s=1e9, first_token_s=0.0))
    slow.fault(Fault("slow_head", delay_s=77.0))
    asking = asyncio.create_task(client.ask(slow))
    await slow.until(lambda: gate.held == 1)
    gate.open()

    assert (await asking).status == 200


async def test_a_reset_and_a_refusal_to_connect_are_errors_of_the_connection(sim, client):
    sim.fault(Fault("reset"))
    reset = await client.ask(sim)
    sim.fault(Fault("refuse"))
    refused = await client.ask(sim)
    sim.clear()

    assert isinstance(reset.error, aiohttp.ClientConnectionError)
    assert isinstance(refused.error, aiohttp.ClientConnectorError)
    assert (await client.ask(sim)).status == 200


async def test_a_fault_for_a_model_spares_the_others(sim, client):
    sim.fault(Fault("busy", model=sim.models[1].name))
    statuses = [(await client.ask(sim, model=model.name)).status for model in sim.models[:2]]

    assert statuses == [200, 503]


async def test_a_probe_meets_no_fault_that_names_no_path(sim, client):
    sim.always(Fault("busy"))
    path = {"gemini": "/v1beta/models", "cohere": "/v1/models", "groq": "/openai/v1/models"}[sim.dialect]

    assert (await client.get(sim, path)).status == 200


async def test_beyond_its_slots_requests_wait(start, client, sim):
    narrow = await start(type(sim)(keys=KEY, slots=1, instant=True))
    narrow.fault(Fault("stall", after_tokens=1))
    first = asyncio.create_task(client.ask(narrow))
    await narrow.until(lambda: bool(narrow.requests) and narrow.requests[0].tokens_sent == 1)
    second = asyncio.create_task(client.ask(narrow))
    await narrow.until(lambda: narrow.in_flight == 2)

    assert narrow.requests[1].tokens_sent == 0

    first.cancel()

    assert (await second).status == 200
