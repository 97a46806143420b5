"""What a running Córtex tells of itself: the promised metrics under traffic, and what became of each request for a day."""

import pytest
from house import NO_CACHE, house, until, worker
from prometheus_client.parser import text_string_to_metric_families

from cortex.actors.signals import Kill
from cortex.simulate.fault import Fault
from cortex.telemetry.labels import ACTORS

LABELS = {
    "requests_total": "dialect worker model outcome",
    "request_seconds": "dialect worker",
    "first_token_seconds": "worker model",
    "overhead_seconds": "",
    "tokens_total": "worker model direction",
    "cost_usd_total": "worker",
    "saved_usd_total": "",
    "failovers_total": "worker word",
    "attempts_total": "worker outcome",
    "breaker_state": "worker",
    "worker_state": "worker state",
    "in_flight": "worker",
    "slots": "worker",
    "queue_length": "",
    "queue_seconds": "",
    "quota_remaining": "worker model window",
    "cache_requests_total": "result",
    "cache_bytes": "tier",
    "actor_restarts_total": "actor",
    "mailbox_length": "actor",
    "config_reloads_total": "result",
    "probe_seconds": "worker",
    "client_gone_total": "",
    "build_info": "version",
}
"""What is promised, and with which labels."""

LIMITED = '[workers.rack.limits."*"]\nrequests_per_minute = 900\n'


async def scraped(house):
    """Return the families of /metrics, by name."""
    answer = await house.get("/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    return {family.name: family for family in text_string_to_metric_families(answer.body.decode())}


def count_of(families):
    return sum(len(family.samples) for family in families.values())


@pytest.fixture
async def busy(build, desk, rack):
    """One that has answered, failed over, cached and refused."""
    house = await build(worker(desk), worker(rack), LIMITED)
    desk.fault(Fault("error_status", status=500))
    for text in ("a", "b", "c"):
        await house.chat(text, model="llama3.2:3b", stream=True)
        await house.ollama_chat(text, model="qwen3:4b")
    for _ in range(2):
        await house.chat("kept", model="llama3.2:3b", temperature=0)
    assert (await house.chat(model="nobody-has-this")).status == 404
    await until(lambda: all(standing.probed_at for standing in house.board))
    return house


async def test_every_promised_metric_is_there_under_traffic_with_the_promised_labels(busy):
    families = await scraped(busy)

    for name, labels in LABELS.items():
        family = families["cortex_" + name.removesuffix("_total")]
        assert family.samples, name
        assert all(sample.labels.keys() - {"le"} == set(labels.split()) for sample in family.samples), name
        if name.endswith("_total"):
            assert {sample.name for sample in family.samples} == {f"cortex_{name}"}
        if name.endswith("_seconds") and family.type == "histogram":
            assert {sample.name for sample in family.samples} == {
                f"cortex_{name}_{part}" for part in ("bucket", "count", "sum")
            }


async def test_times_are_told_in_buckets_from_a_millisecond_to_ten_minutes(busy):
    families = await scraped(busy)
    for name in ("request_seconds", "first_token_seconds", "queue_seconds", "probe_seconds"):
        samples = [sample for sample in families[f"cortex_{name}"].samples if sample.name.endswith("_bucket")]
        bounds = [float(sample.labels["le"]) for sample in samples if sample.labels["le"] != "+Inf"]
        assert (min(bounds), max(bounds)) == (0.001, 600.0), name


async def test_nothing_that_clients_send_makes_more_series(busy):
    for number in range(3):  # the ways to fail, once each, make theirs
        await mischief(busy, number)
    before = count_of(await scraped(busy))
    for number in range(3, 40):
        await mischief(busy, number)

    after = await busy.get("/metrics")
    assert count_of(await scraped(busy)) == before
    assert b"mischief" not in after.body


async def mischief(house, number):
    name = f"mischief-{number}"
    await house.chat(name, model=name)
    await house.chat(name, model=f"desk:{name}", headers={})
    await house.ollama_chat(name, model=name, options={name: 1})
    await house.post("/v1/messages", {"model": name, "max_tokens": 5, "messages": [{"role": "user", "content": name}]})
    await house.get(f"/v1/{name}?{name}")
    await house.get(f"/cortex/v1/workers/{name}")
    await house.post(f"/v1/{name}", {"model": name}, headers={"X-Cortex-Strategy": name, "Cache-Control": name})
    await house.post("/v1/chat/completions", data=name.encode())


async def test_an_actor_that_dies_is_counted_and_brings_its_supervisor_nearer_to_giving_up(busy):
    busy.daemon.names.tell("dispatcher", Kill("test"))
    await until(lambda: busy.daemon.metrics.restarts.values.get(("dispatcher",)))
    families = await scraped(busy)
    restarts = {sample.labels["actor"]: sample.value for sample in families["cortex_actor_restarts"].samples}
    intensity = {sample.labels["supervisor"]: sample.value for sample in families["cortex_restart_intensity"].samples}

    assert (restarts["dispatcher"], restarts["desk"]) == (1.0, 0.0)
    assert intensity == {"root": pytest.approx(1 / 1000), "workers": 0.0}


async def test_every_actor_of_the_tree_is_one_that_metrics_know(busy):
    tree = (await busy.get("/cortex/v1/tree")).json["tree"]

    assert {child["name"] for child in tree["children"]} == set(ACTORS)


SECRET = "the-words-of-a-prompt"


async def test_what_became_of_a_request_is_told_by_the_id_in_its_answer_after_memory_forgot_it(
    build, desk, monkeypatch, tmp_path
):
    monkeypatch.setattr("cortex.telemetry.journal.REQUESTS_KEPT", 2)
    house = await build(worker(desk), NO_CACHE)
    answer = await house.chat(SECRET, model="llama3.2:3b")
    request_id = answer.headers["X-Cortex-Request"]
    fresh = (await house.get(f"/cortex/v1/requests/{request_id}")).json
    for text in ("a", "b"):
        await house.chat(text, model="llama3.2:3b")
    assert house.daemon.journal.find(request_id) is None
    await until(lambda: any((tmp_path / ".cortex/stories").glob("*.jsonl")))
    late = await house.get(f"/cortex/v1/requests/{request_id}")

    assert late.json == fresh
    assert late.json["attempts_made"][0]["worker"] == "desk"


async def test_what_became_of_a_request_is_told_after_a_restart_and_no_prompt_is_on_disk(desk, tmp_path):
    async with house(tmp_path, worker(desk)) as first:
        answer = await first.chat(SECRET, model="llama3.2:3b")
        request_id = answer.headers["X-Cortex-Request"]
    async with house(tmp_path, worker(desk)) as second:
        told = await second.get(f"/cortex/v1/requests/{request_id}")

        assert (told.status, told.json["id"], told.json["outcome"]) == (200, request_id, "ok")
        assert (await second.get("/cortex/v1/requests/0a-1")).status == 404
    written = b"".join(path.read_bytes() for path in (tmp_path / ".cortex/stories").iterdir())
    assert SECRET.encode() not in written
