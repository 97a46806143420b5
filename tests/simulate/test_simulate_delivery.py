"""What a client sees of each fault, in both dialects."""

import asyncio
import errno
import json

import aiohttp
import pytest
from simulate_client import KEY, Client, Gate

from cortex.simulate import KINDS, Fault, SimulatedOllama, SimulatedOpenAI

DIALECTS = ("ollama", "openai")
SEEN_HERE = {"refuse", "reset", "hang", "slow_head", "html", "error_status", "rate_limited", "busy", "model_missing"}
SEEN_HERE |= {"unauthorized", "empty", "cut", "cut_clean", "stall", "garbage", "error_in_stream", "no_done"}
both = pytest.mark.parametrize("sim", DIALECTS, indirect=True)
both_ways = pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])


@pytest.fixture
async def sim(request, start):
    if request.param == "ollama":
        return await start(SimulatedOllama(name="desk", instant=True))
    return await start(SimulatedOpenAI(name="cloud", instant=True, api_key=KEY))


def events(body):
    """The events of either dialect; `[DONE]` stays what it is."""
    lines = [line.removeprefix(b"data: ") for line in body.splitlines() if line]
    return [line if line == b"[DONE]" else json.loads(line) for line in lines]


def text_of(event):
    if "message" in event:
        return event["message"]["content"]
    return event["choices"][0]["delta"].get("content", "") if event["choices"] else ""


def tokens_in(body):
    return sum(bool(text_of(event)) for event in events(body) if isinstance(event, dict) and "error" not in event)


def is_whole(body):
    """Whether a stream has its terminal event."""
    last = events(body)[-1]
    return last == b"[DONE]" or last.get("done") is True


def test_every_kind_of_fault_is_seen_in_this_module():
    assert SEEN_HERE == KINDS


@both
async def test_without_a_fault_a_stream_is_whole(sim, client):
    seen = await client.ask(sim)

    assert (seen.status, seen.error, is_whole(seen.body)) == (200, None, True)
    assert sim.requests[-1].ended == "answered"
    assert sim.requests[-1].tokens_sent == tokens_in(seen.body) == 32


@both
async def test_refuse_closes_the_port_until_clear(sim, client):
    await client.ask(sim)
    sim.fault(Fault("refuse"))
    refused = await client.ask(sim)
    sim.clear()
    answered = await client.ask(sim)

    assert isinstance(refused.error, aiohttp.ClientConnectorError)
    assert answered.status == 200
    assert len(sim.requests) == 2


@both
async def test_refuse_ends_connections_that_are_kept_alive(sim):
    reader, writer = await asyncio.open_connection("127.0.0.1", int(sim.origin.rpartition(":")[2]))
    writer.write(b"GET /simulate HTTP/1.1\r\nHost: x\r\n\r\n")
    await reader.readuntil(b"\r\n\r\n")
    sim.always(Fault("refuse"))
    await asyncio.wait_for(reader.read(), 5)

    assert reader.at_eof()
    writer.close()


async def test_refuse_lets_a_running_answer_end_and_then_its_connection(start, client):
    gate = Gate(1 / 7)
    sim = await start(SimulatedOllama(tokens_per_s=7, sleep=gate))
    asking = asyncio.create_task(client.ask(sim))
    await sim.until(lambda: gate.held == 1)
    sim.always(Fault("refuse"))
    gate.open()
    seen = await asking

    assert (seen.error, is_whole(seen.body)) == (None, True)
    assert isinstance((await client.ask(sim)).error, aiohttp.ClientConnectorError)


async def test_refuse_for_a_time_ends_by_itself(start, client):
    gate = Gate(3.0)
    sim = await start(SimulatedOpenAI(sleep=gate))
    sim.fault(Fault("refuse", delay_s=3.0))
    refused = await client.ask(sim)
    gate.open()
    await sim.until(lambda: sim._listener.is_open)
    answered = await client.ask(sim)

    assert isinstance(refused.error, aiohttp.ClientConnectorError)
    assert answered.status == 200


@both
@both_ways
async def test_reset_ends_the_connection_before_an_answer(sim, client, stream):
    sim.fault(Fault("reset"))
    seen = await client.ask(sim, stream=stream)

    assert isinstance(seen.error, aiohttp.ClientOSError)
    assert seen.error.errno == errno.ECONNRESET
    assert (seen.status, sim.requests[-1].ended, sim.cancelled) == (0, "fault", 0)


@both
async def test_hang_reads_the_request_and_says_nothing(sim, client):
    sim.fault(Fault("hang"))
    seen = await client.ask(sim, timeout_s=0.05)
    await sim.until(lambda: sim.in_flight == 0)

    assert isinstance(seen.error, TimeoutError)
    assert (seen.status, sim.requests[-1].ended, sim.cancelled) == (0, "client_gone", 1)


async def test_slow_head_keeps_the_status_line_back(start, client):
    gate = Gate(9.0)
    sim = await start(SimulatedOllama(sleep=gate))
    sim.fault(Fault("slow_head", delay_s=9.0))
    asking = asyncio.create_task(client.ask(sim))
    await sim.until(lambda: sim.in_flight == 1)

    assert not asking.done()

    gate.open()

    assert is_whole((await asking).body)


@both
async def test_html_is_a_proxys_page(sim, client):
    sim.fault(Fault("html"))
    seen = await client.ask(sim)

    assert (seen.status, seen.headers["Content-Type"]) == (502, "text/html")
    assert seen.body.startswith(b"<html>")


@both
async def test_error_status_has_the_dialects_shape(sim, client):
    sim.fault(Fault("error_status", status=500, retry_after=2.5))
    seen = await client.ask(sim)
    error = json.loads(seen.body)["error"]

    assert (seen.status, seen.headers["Retry-After"]) == (500, "2.5")
    assert "simulated error 500" in (error if isinstance(error, str) else error["message"])


@both
async def test_error_status_sends_the_body_that_was_given(sim, client):
    sim.fault(Fault("error_status", status=418, body="I am a teapot"))
    seen = await client.ask(sim)

    assert (seen.status, seen.body, seen.headers["Content-Type"]) == (418, b"I am a teapot", "text/plain")


@pytest.mark.parametrize(
    ("flavour", "kind", "retry_after", "words"),
    [
        ("", "requests", "20", "requests per min (RPM)"),
        ("day", "requests", "432", "requests per day (RPD)"),
        ("tokens", "tokens", "2", "tokens per min (TPM)"),
        ("quota", "insufficient_quota", None, "exceeded your current quota"),
        ("groq_minute", "tokens", "6", "tokens per minute (TPM)"),
        ("groq_day", "tokens", "108", "tokens per day (TPD)"),
    ],
)
async def test_rate_limited_has_the_body_and_headers_of_its_flavour(cloud, client, flavour, kind, retry_after, words):
    cloud.fault(Fault("rate_limited", flavour=flavour))
    seen = await client.ask(cloud)
    error = json.loads(seen.body)["error"]

    assert (seen.status, error["type"], seen.headers.get("Retry-After")) == (429, kind, retry_after)
    assert words in error["message"]
    assert ("x-ratelimit-limit-requests" in seen.headers or "x-ratelimit-limit-tokens" in seen.headers) == (
        flavour != "quota"
    )


async def test_rate_limited_says_the_retry_after_that_was_asked_for(cloud, client):
    cloud.fault(Fault("rate_limited", retry_after=3600))

    assert (await client.ask(cloud)).headers["Retry-After"] == "3600"


@pytest.mark.parametrize(("flavour", "words"), [("", b"session usage limit"), ("week", b"weekly usage limit")])
async def test_ollamas_cloud_sends_no_retry_after_with_its_429(desk, client, flavour, words):
    desk.fault(Fault("rate_limited", flavour=flavour))
    seen = await client.ask(desk)

    assert (seen.status, "Retry-After" in seen.headers) == (429, False)
    assert words in seen.body


@pytest.mark.parametrize(
    ("sim", "flavour", "words"),
    [
        ("ollama", "", b"server busy, please try again.  maximum pending requests exceeded"),
        ("ollama", "hosted", b"Server overloaded"),
        ("openai", "", b"server_is_overloaded"),
        ("openai", "loading", b'{"error":{"message":"Loading model","type":"unavailable_error","code":503}}'),
    ],
    indirect=["sim"],
)
async def test_busy_is_503_in_the_words_of_its_flavour(sim, client, flavour, words):
    sim.fault(Fault("busy", flavour=flavour))
    seen = await client.ask(sim)

    assert seen.status == 503
    assert words in seen.body


@both
@pytest.mark.parametrize(("kind", "status"), [("model_missing", 404), ("unauthorized", 401)])
async def test_refusals_have_their_status_and_an_error(sim, client, kind, status):
    sim.fault(Fault(kind))
    seen = await client.ask(sim)

    assert (seen.status, "error" in json.loads(seen.body)) == (status, True)
    assert sim.requests[-1].ended == "fault"


@both
@both_ways
async def test_empty_is_200_without_a_byte(sim, client, stream):
    sim.fault(Fault("empty"))
    seen = await client.ask(sim, stream=stream)

    assert (seen.status, seen.body, seen.error) == (200, b"", None)


@both
@pytest.mark.parametrize("count", [0, 3, 32, 99])
async def test_cut_ends_the_connection_after_so_many_tokens(sim, client, count):
    sim.fault(Fault("cut", after_tokens=count))
    seen = await client.ask(sim)

    assert seen.status == 200
    assert isinstance(seen.error, aiohttp.ClientPayloadError)
    assert tokens_in(seen.body) == min(count, 32)
    assert (sim.requests[-1].ended, sim.in_flight, sim.cancelled) == ("fault", 0, 0)


@both
async def test_cut_gives_a_share_of_a_whole_answer(sim, client):
    whole = await client.ask(sim, stream=False)
    sim.fault(Fault("cut", after_tokens=16))
    seen = await client.ask(sim, stream=False)

    assert isinstance(seen.error, aiohttp.ClientPayloadError)
    assert len(seen.body) == pytest.approx(len(whole.body) / 2, rel=0.1)


@both
async def test_cut_clean_ends_the_body_properly_without_a_terminal_event(sim, client):
    sim.fault(Fault("cut_clean", after_tokens=3))
    seen = await client.ask(sim)

    assert (seen.error, tokens_in(seen.body), is_whole(seen.body)) == (None, 3, False)


@both
async def test_cut_clean_makes_a_whole_answer_half_a_json(sim, client):
    sim.fault(Fault("cut_clean", after_tokens=3))
    seen = await client.ask(sim, stream=False)

    assert (seen.status, seen.error) == (200, None)
    with pytest.raises(json.JSONDecodeError):
        json.loads(seen.body)


@both
@both_ways
@pytest.mark.parametrize("count", [0, 3])
async def test_stall_falls_silent_until_the_client_leaves(sim, client, stream, count):
    sim.fault(Fault("stall", after_tokens=count))
    seen = await client.ask(sim, stream=stream, timeout_s=0.1)
    await sim.until(lambda: sim.in_flight == 0)

    assert (seen.status, type(seen.error)) == (200, TimeoutError)
    assert (sim.requests[-1].ended, sim.cancelled) == ("client_gone", 1)
    if stream:
        assert tokens_in(seen.body) == count


@both
@both_ways
async def test_stall_for_a_time_goes_on_afterwards(sim, client, stream):
    whole = await client.ask(sim, stream=stream)
    sim.fault(Fault("stall", after_tokens=3, delay_s=60))
    seen = await client.ask(sim, stream=stream)

    assert (seen.error, sim.requests[-1].ended) == (None, "answered")
    if stream:
        assert tokens_in(seen.body) == tokens_in(whole.body)
    else:
        assert len(seen.body) == pytest.approx(len(whole.body), abs=40)  # times and ids differ


@both
async def test_garbage_comes_after_so_many_tokens(sim, client):
    sim.fault(Fault("garbage", after_tokens=2))
    seen = await client.ask(sim)
    *good, bad = [line for line in seen.body.splitlines() if line]

    assert tokens_in(b"\n".join(good)) == 2
    with pytest.raises(json.JSONDecodeError):
        events(bad)


@both
async def test_garbage_can_be_chosen_and_replaces_a_whole_answer(sim, client):
    sim.fault(Fault("garbage", body="{}"))
    seen = await client.ask(sim, stream=False)

    assert (seen.status, seen.body) == (200, b"{}")


@both
async def test_error_in_stream_is_the_last_event(sim, client):
    sim.fault(Fault("error_in_stream", after_tokens=2, body="out of memory"))
    seen = await client.ask(sim)
    *_, last = events(seen.body)

    assert (seen.status, seen.error, tokens_in(seen.body)) == (200, None, 2)
    assert "out of memory" in str(last["error"])


@pytest.mark.parametrize(("sim", "status"), [("ollama", 500), ("openai", 200)], indirect=["sim"])
async def test_error_in_a_whole_answer_has_the_status_that_its_dialect_gives_it(sim, client, status):
    sim.fault(Fault("error_in_stream", body="out of memory"))
    seen = await client.ask(sim, stream=False)

    assert seen.status == status
    assert "out of memory" in str(json.loads(seen.body)["error"])


@both
async def test_no_done_sends_every_token_and_no_terminal_event(sim, client):
    sim.fault(Fault("no_done"))
    seen = await client.ask(sim)

    assert (seen.error, tokens_in(seen.body), is_whole(seen.body)) == (None, 32, False)


async def test_no_done_can_leave_out_the_mark_alone(cloud, client):
    cloud.fault(Fault("no_done", flavour="mark_only"))
    seen = await client.ask(cloud)

    assert events(seen.body)[-1]["choices"][0]["finish_reason"] == "stop"


async def test_no_done_makes_a_whole_answer_say_that_it_is_not_finished(desk, cloud, client):
    for sim in (desk, cloud):
        sim.fault(Fault("no_done"))
    ollama, openai = [json.loads((await client.ask(sim, stream=False)).body) for sim in (desk, cloud)]

    assert ollama["done"] is False
    assert openai["choices"][0]["finish_reason"] is None


@both
async def test_a_client_that_leaves_in_the_middle_is_noticed(sim, client: Client):
    sim.always(Fault("stall", after_tokens=5))
    asking = asyncio.create_task(client.ask(sim))
    await sim.until(lambda: bool(sim.requests) and sim.requests[-1].tokens_sent == 5)
    asking.cancel()
    await sim.until(lambda: sim.cancelled == 1)

    assert (sim.in_flight, sim.requests[-1].ended) == (0, "client_gone")
