"""No failure before the first content reaches a client while another worker could answer; after it, none is hidden."""

import json

import pytest
from house import until, worker

from cortex.simulate.fault import Fault

BEFORE_CONTENT = [
    Fault("refuse"),
    Fault("reset"),
    Fault("hang"),
    Fault("html"),
    Fault("error_status", status=500),
    Fault("error_status", status=503),
    Fault("rate_limited"),
    Fault("busy"),
    Fault("model_missing"),
    Fault("unauthorized"),
    Fault("empty"),
    Fault("cut"),
    Fault("cut_clean"),
    Fault("stall"),
    Fault("garbage"),
    Fault("error_in_stream"),
]
IMPATIENT = """
[routing]
first_token_timeout = "300ms"
stall_timeout = "300ms"
connect_timeout = "500ms"
deadline = "10s"
"""


@pytest.mark.parametrize("kind", ["ollama", "openai"])
@pytest.mark.parametrize("fault", BEFORE_CONTENT, ids=lambda fault: f"{fault.kind}-{fault.status}")
async def test_a_failure_before_the_first_content_is_never_seen(build, desk, cloud, rack, kind, fault):
    bad, name = (desk, "desk") if kind == "ollama" else (cloud, "cloud")
    alias = '[models]\nany = ["desk:llama3.2:3b", "cloud:cloud-70b", "rack:llama3.2:3b"]\n'
    home = await build(worker(desk), worker(cloud), worker(rack), IMPATIENT, alias)
    for other in ("desk", "cloud"):
        if other != name:
            await home.act(other, "drain")
    for _ in range(2):  # the model is loaded: a cold one is given all the time it needs
        assert (await home.chat(model="any", stream=True)).status == 200
    bad.always(fault)

    seen = await home.chat("Still there?", model="any", stream=True)

    assert seen.status == 200
    assert "You said: Still there?" in seen.text
    assert seen.worker == "rack"
    assert b"error" not in seen.body
    await until(home.is_quiet)


@pytest.mark.parametrize("dialect", ["openai", "ollama"])
@pytest.mark.parametrize("model", ["llama3.2:3b", "cloud-70b"])
@pytest.mark.parametrize("kind", ["cut", "cut_clean", "stall", "garbage", "error_in_stream"])
async def test_a_break_after_the_first_content_ends_the_stream_as_an_error(build, desk, cloud, kind, model, dialect):
    home = await build(worker(desk), worker(cloud), IMPATIENT)
    for upstream in (desk, cloud):
        upstream.always(Fault(kind, after_tokens=4))

    ask = home.chat if dialect == "openai" else home.ollama_chat
    seen = await ask("Go on", model=model, stream=True)

    assert seen.status == 200
    last = seen.body.strip().split(b"\n")[-1].removeprefix(b"data: ")
    assert "broke off" in str(json.loads(last)["error"])
    assert b"[DONE]" not in seen.body
    assert b'"done":true' not in seen.body
    assert seen.body.count(b'"error"') == 1
    await until(home.is_quiet)
    record = home.daemon.journal.latest(1)[0]
    assert record.outcome not in {"", "ok"}


async def test_what_went_wrong_is_counted_where_it_went_wrong(build, desk, rack):
    home = await build(worker(desk), worker(rack))
    desk.fault(Fault("error_status", status=500))

    seen = await home.chat(model="llama3.2:3b", stream=True)

    assert seen.headers["X-Cortex-Attempts"] == "2"
    assert "desk server error" in seen.headers["X-Cortex-Why"]
    assert home.standing("desk").failed == 1
    await until(lambda: home.daemon.metrics.failovers.values)
    assert home.daemon.metrics.failovers.values == {("desk", "server_error"): 1}


async def test_nothing_can_answer_and_every_candidate_is_explained(build, desk, rack, cloud):
    home = await build(worker(desk), worker(rack), worker(cloud))
    for upstream in (desk, rack):
        upstream.always(Fault("error_status", status=500))

    seen = await home.chat(model="llama3.2:3b")

    assert seen.status == 503
    assert int(seen.headers["Retry-After"]) >= 1
    message = seen.json["error"]["message"]
    assert "desk: server_error" in message
    assert "rack: server_error" in message
    assert "cloud: does not have the model" in message


async def test_only_spent_quotas_are_told_as_a_rate_limit(build, cloud):
    home = await build(worker(cloud))
    cloud.always(Fault("rate_limited", retry_after=120))

    seen = await home.chat(model="cloud-70b")

    assert seen.status == 429
    assert 100 <= int(seen.headers["Retry-After"]) <= 120


async def test_a_bad_request_goes_straight_back_and_is_tried_nowhere_else(build, desk, rack):
    home = await build(worker(desk), worker(rack))
    desk.always(Fault("error_status", status=400, body='{"error":"invalid options: nonsense"}'))
    rack.always(Fault("error_status", status=400, body='{"error":"invalid options: nonsense"}'))

    seen = await home.chat(model="llama3.2:3b")

    assert seen.status == 400
    assert "nonsense" in seen.json["error"]["message"]
    assert len(desk.requests) + len(rack.requests) - _probes(desk) - _probes(rack) == 1


async def test_a_retired_key_is_loud_and_comes_back_by_resume(build, cloud, desk):
    home = await build(worker(cloud, models=["cloud-70b"]), worker(desk))
    cloud.fault(Fault("unauthorized"))

    seen = await home.chat(model="cloud-70b")

    assert seen.status == 503
    assert "key retired" in (await home.chat(model="cloud-70b")).json["error"]["message"]
    await home.act("cloud", "resume")
    assert (await home.chat(model="cloud-70b")).status == 200


async def test_the_breaker_opens_and_a_trial_closes_it(build, desk):
    home = await build(
        worker(desk), '[breaker]\nfailures = 3\nopen_for = "50ms"\n', '[routing]\nmax_attempts = 1\ndeadline = "5s"\n'
    )
    desk.fault(Fault("error_status", status=500), times=3)
    for _ in range(3):
        assert (await home.chat(model="llama3.2:3b")).status == 503
    breaker = home.standing("desk").breaker

    assert breaker.state == "open"
    assert (await home.chat(model="llama3.2:3b")).status == 200
    assert breaker.state == "closed"


async def test_an_upstream_that_comes_back_is_used_within_a_probe_interval(build, desk):
    home = await build(worker(desk))
    await desk.stop()
    await until(lambda: home.standing("desk").reachable is False)
    assert (await home.get("/health")).status == 503

    await desk.start()
    await until(lambda: home.standing("desk").reachable, bound_s=1.0)

    assert (await home.chat(model="llama3.2:3b")).status == 200
    assert (await home.get("/health")).json["status"] == "healthy"


async def test_a_request_waits_for_an_upstream_that_is_away_for_a_moment(build, desk):
    home = await build(worker(desk))
    desk.fault(Fault("refuse", delay_s=0.4))

    seen = await home.chat(model="llama3.2:3b")

    assert seen.status == 200


def _probes(sim):
    return sum(received.path not in {"/api/chat", "/api/generate"} for received in sim.requests)
