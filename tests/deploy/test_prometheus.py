"""A real Prometheus scrapes a Córtex under load, and every expression of the board and of the rules is asked of it."""

import asyncio
import contextlib

from house import house, until, worker
from prometheus_tools import board_expressions, needs_prometheus, prometheus, rules

from cortex.actors.signals import Kill
from cortex.simulate import SimulatedOllama, SimulatedOpenAI
from cortex.simulate.fault import Fault

pytestmark = needs_prometheus

SCRAPES = 8
SETTINGS = """
[workers.cloud.limits."*"]
requests_per_day = 100_000

[prices."cloud-70b"]
input = 100.0
output = 500.0
"""


class Load:
    """Requests of every kind, and trouble of every kind that the board shows, until it is told to end."""

    def __init__(self, home, desk, tight):
        self.home, self.desk, self.tight = home, desk, tight
        self.rounds = 0

    async def run(self):
        while True:
            await self.round()
            self.rounds += 1

    async def round(self):
        home = self.home
        self.desk.fault(Fault("error_status", status=500))
        await home.chat("one", model="shared", stream=True)
        await home.chat("two", model="cloud-70b")
        await home.ollama_chat("three", model="shared")
        await home.chat(f"kept {self.rounds % 3}", model="shared", temperature=0)
        await home.chat("four", model="nobody-has-this")
        self.tight.fault(Fault("rate_limited"))
        ask = {"model": "tight-70b", "messages": [{"role": "user", "content": "five"}]}
        await home.post("/v1/chat/completions", ask, headers={"X-Cortex-Deadline": "50ms"})
        with contextlib.suppress(TimeoutError):
            self.desk.fault(Fault("hang"))
            async with asyncio.timeout(0.1):
                await home.chat("leaves", model="desk:shared", stream=True)
        if self.rounds % 5 == 4:
            home.daemon.names.tell("dispatcher", Kill("test"))


async def test_every_expression_of_the_board_and_the_rules_is_answered_under_load(tmp_path):
    async with contextlib.AsyncExitStack() as stack:
        desk = SimulatedOllama(name="desk", models=("shared",), instant=True)
        rack = SimulatedOllama(name="rack", models=("shared",), instant=True)
        cloud = SimulatedOpenAI(name="cloud", models=("cloud-70b",), instant=True)
        tight = SimulatedOpenAI(name="tight", models=("tight-70b",), instant=True)
        for upstream in (desk, rack, cloud, tight):
            await upstream.start()
            stack.push_async_callback(upstream.stop)
        tables = worker(desk, slots=4) + worker(rack, slots=4) + worker(cloud, models=["cloud-70b"], free=False)
        tables += worker(tight, models=["tight-70b"])
        home = await stack.enter_async_context(house(tmp_path, tables + SETTINGS))
        load = Load(home, desk, tight)
        loading = asyncio.create_task(load.run())
        target = f"127.0.0.1:{home.daemon.port}"
        (tmp_path / "prometheus").mkdir()
        scraper = await stack.enter_async_context(prometheus(tmp_path / "prometheus", target))
        await holds(scraper.is_ready)
        await holds(lambda: has_scraped(scraper), loading)
        await trouble_in_prometheus(scraper, board_expressions())
        asked = [(rule.get("alert") or rule["record"], rule["expr"]) for rule in rules()]
        await trouble_in_prometheus(scraper, asked, must_have_data=False)
        await every_rule_is_evaluated(scraper)
        targets = (await scraper.get("/api/v1/targets"))["activeTargets"]
        loading.cancel()
        await asyncio.gather(loading, return_exceptions=True)
        await until(lambda: not home.daemon.front.exchanges)

    assert [(each["health"], each["lastError"]) for each in targets] == [("up", "")]
    assert load.rounds > 5


async def holds(ask, task=None, bound_s=40.0):
    """Wait until it is so, asking ten times a second; what `task` raises ends it."""
    async with asyncio.timeout(bound_s):
        while not await ask():
            assert task is None or not task.done(), task.exception()
            await asyncio.sleep(0.1)


async def has_scraped(scraper):
    """Whether it has scraped often enough after each kind of trouble was there."""
    needed = ("cortex_failovers_total", "cortex_cache_requests_total", 'cortex_attempts_total{outcome="rate_limited"}')
    found = [await scraper.query(f"min(count_over_time({name}[1m]))") for name in needed]
    restarted = await scraper.query('cortex_actor_restarts_total{actor="dispatcher"} > 0')
    recorded = await scraper.query("cortex:errors:ratio_rate5m")
    return restarted and recorded and all(one and float(one[0]["value"][1]) >= SCRAPES for one in found)


async def trouble_in_prometheus(scraper, asked, *, must_have_data=True):
    """Fail with every expression that has an error, or no data where there must be some."""
    trouble = []
    for where, expression in asked:
        found = await scraper.query(expression)
        if isinstance(found, str):
            trouble.append(f"{where}: {found}\n    {expression}")
        elif must_have_data and not found and where not in WITHOUT_DATA:
            trouble.append(f"{where}: no data\n    {expression}")

    assert not trouble, "\n".join(trouble)


WITHOUT_DATA = {"Edits"}
"""Nothing was edited."""


async def every_rule_is_evaluated(scraper):
    groups = (await scraper.get("/api/v1/rules"))["groups"]
    states = {rule["name"]: (rule["health"], rule.get("lastError", "")) for group in groups for rule in group["rules"]}

    assert states.keys() == {rule.get("alert") or rule["record"] for rule in rules()}
    assert set(states.values()) == {("ok", "")}
