"""The port, the record and the commands that every simulated upstream has."""

import asyncio
import io
import json

import aiohttp
import pytest
from simulate_client import KEY, Clock

from cortex.simulate import Fault, SimulatedOllama, SimulatedOpenAI
from cortex.simulate.server import KEPT_REQUESTS


async def test_what_was_received_is_recorded(cloud, client):
    await client.ask(cloud, text="Hi", stream=False)
    (received,) = cloud.requests

    assert (received.method, received.path, received.model) == ("POST", "/v1/chat/completions", "sim-small")
    assert received.headers["authorization"] == f"Bearer {KEY}"
    assert json.loads(received.body) == received.json
    assert received.json["messages"][0]["content"] == "Hi"
    assert repr(received) == "<Received POST /v1/chat/completions answered>"


async def test_the_record_is_bounded(desk, client):
    desk.requests.extend([None] * KEPT_REQUESTS)
    await client.get(desk, "/")

    assert len(desk.requests) == KEPT_REQUESTS


async def test_a_body_that_is_no_json_is_recorded_all_the_same(desk, client):
    seen = await client.post(desk, "/api/chat", None, data=b"{")

    assert (seen.status, desk.requests[-1].json, desk.requests[-1].body) == (400, None, b"{")


async def test_after_a_stop_it_comes_back_on_the_same_port(desk, client):
    url = desk.url
    await desk.stop()
    off = await client.ask(desk)
    await desk.start()

    assert isinstance(off.error, aiohttp.ClientConnectorError)
    assert (await client.ask(desk)).status == 200
    assert desk.url == url


async def test_stop_resets_running_answers(desk, client):
    desk.always(Fault("stall", after_tokens=1))
    asking = asyncio.create_task(client.ask(desk))
    await desk.until(lambda: bool(desk.requests) and desk.requests[-1].tokens_sent == 1)
    await desk.stop()
    seen = await asking

    assert isinstance(seen.error, aiohttp.ClientPayloadError | aiohttp.ClientOSError)
    assert (desk.requests[-1].ended, desk.in_flight, desk.cancelled) == ("stopped", 0, 0)


async def test_a_taken_port_is_an_error_at_the_start(desk):
    other = SimulatedOllama()
    with pytest.raises(OSError, match="in use"):
        await other.start(port=int(desk.url.rpartition(":")[2]))


async def test_an_upstream_that_was_never_started_has_no_url():
    with pytest.raises(RuntimeError, match="rack was never started"):
        _ = SimulatedOllama(name="rack").url


async def test_its_repr_says_where_and_how_busy_it_is(desk):
    assert repr(desk) == f"<SimulatedOllama desk {desk.url.removeprefix('http://')} in_flight=0 cancelled=0>"

    await desk.stop()

    assert repr(desk) == "<SimulatedOllama desk off in_flight=0 cancelled=0>"


async def test_clear_does_not_bring_back_what_was_stopped(desk):
    await desk.stop()
    desk.clear()

    assert not desk._listener.is_open


async def test_waiting_for_what_never_happens_ends(desk):
    with pytest.raises(TimeoutError):
        await desk.until(lambda: False, timeout_s=0.01)


async def test_it_serves_ipv6(client):
    sim = SimulatedOllama(instant=True)
    try:
        await sim.start(host="::1")
    except OSError:
        pytest.skip("no IPv6 on this machine")
    assert sim.url.startswith("http://[::1]:")
    assert (await client.ask(sim)).status == 200
    await sim.stop()


async def test_pace_is_the_sleep_of_first_token_and_tokens(start, client):
    slept = []

    async def sleep(delay_s):
        slept.append(delay_s)

    sim = await start(SimulatedOpenAI(first_token_s=0.4, tokens_per_s=20, answer_tokens=11, sleep=sleep, clock=Clock()))
    await client.ask(sim)
    streamed = list(slept)
    slept.clear()
    await client.ask(sim, stream=False)

    assert streamed == [0.4] + [0.05] * 10
    assert slept == [pytest.approx(0.4 + 11 * 0.05)]


async def test_a_fault_can_be_ordered_over_http(desk, client):
    ordered = await client.post(desk, "/simulate/fault", {"kind": "cut", "after_tokens": 2, "times": 2})

    assert json.loads(ordered.body)["faults"] == {"queued": ["cut", "cut"], "always": []}
    assert [(await client.ask(desk)).error is None for _ in range(3)] == [False, False, True]


async def test_a_fault_for_always_can_be_ordered_and_cleared_over_http(desk, client):
    await client.post(desk, "/simulate/fault", {"kind": "busy", "always": True})
    busy = [(await client.ask(desk)).status for _ in range(2)]
    await client.post(desk, "/simulate/clear", {})

    assert busy == [503, 503]
    assert (await client.ask(desk)).status == 200


@pytest.mark.parametrize(
    ("order", "words"),
    [
        ({"kind": "explode"}, "explode"),
        ({"kind": "cut", "after": 3}, "after"),
        ({"kind": "rate_limited", "flavour": "vanilla"}, "vanilla"),
        ({"kind": "refuse"}, "delay_s"),
    ],
)
async def test_a_wrong_order_is_refused_with_its_reason(desk, client, order, words):
    seen = await client.post(desk, "/simulate/fault", order)

    assert (seen.status, words in json.loads(seen.body)["error"]) == (400, True)
    assert desk.faults.pending() == {"queued": [], "always": []}


async def test_its_state_can_be_read_over_http(desk, client):
    await client.ask(desk)
    state = json.loads((await client.get(desk, "/simulate")).body)

    assert (state["name"], state["dialect"], state["requests"], state["in_flight"]) == ("desk", "ollama", 1, 0)
    assert (state["loaded"], state["loads"]["finished"]) == (["llama3.2:latest"], 1)


async def test_another_path_below_simulate_is_not_found(desk, client):
    assert (await client.get(desk, "/simulate/nothing")).status == 404


async def test_commands_are_not_in_the_record(desk, client):
    await client.get(desk, "/simulate")

    assert desk.requests == []


async def test_a_large_body_is_read(desk, client):
    body = {"model": "llama3.2", "messages": [{"role": "user", "content": "x" * 3_000_000}]}
    seen = await client.post(desk, "/api/chat", None, data=io.BytesIO(json.dumps(body).encode()))

    assert (seen.status, desk.requests[0].json) == (200, body)


async def test_an_unknown_kind_or_flavour_is_refused_when_it_is_ordered(desk):
    with pytest.raises(ValueError, match="no such fault: 'explode'"):
        Fault("explode")
    with pytest.raises(ValueError, match="ollama has no busy of flavour 'vanilla'"):
        desk.fault(Fault("busy", flavour="vanilla"))
    with pytest.raises(ValueError, match="ollama has no rate_limited of flavour 'day'"):
        desk.always(Fault("rate_limited", flavour="day"))
