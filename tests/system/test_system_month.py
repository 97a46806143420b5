"""A month of free keys: what Córtex makes of three providers' quotas, judged by the simulated upstreams' own windows.

Three Gemini keys of one project, two Groq keys of two organisations, one Cohere trial key, behind one alias, under the demand
of some people and their programs: quiet nights, two peaks a day, bursts, prompts of a sentence and of many pages, clients
that leave, upstreams that fail. The month begins in the middle of one and holds the Pacific day of 25 hours. Córtex is
restarted twice and killed once in the middle of a burst, when its last second of books is lost; its monotonic clock
begins anew each time.

Nothing here waits and no socket is used: see the module `month` for what is true and what stands in something's place.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from random import Random
from typing import NamedTuple

import msgspec
from month import Clock, Cortex, Heard, SkippingLoop, Watched, Wire, day_of, utc

from cortex.messages import Request
from cortex.simulate.cloud import SimulatedCloud
from cortex.simulate.cohere import COHERE_TRIAL, SimulatedCohere
from cortex.simulate.gemini import GEMINI_FREE, SimulatedGemini
from cortex.simulate.groq import GROQ_FREE, SimulatedGroq
from cortex.simulate.window import DAY_S

GEMINI, GROQ, COHERE = "gemini-3.5-flash", "openai/gpt-oss-120b", "command-a-03-2025"
TOML = f"""
[workers.gemini]
provider = "gemini"
keys = ["gemini-key-of-one", "gemini-key-of-two", "gemini-key-of-three"]
bucket = "shared"
models = ["{GEMINI}"]

[workers.groq]
provider = "groq"
keys = ["groq-key-of-home", "groq-key-of-work"]
models = ["{GROQ}"]

[workers.cohere]
provider = "cohere"
keys = ["cohere-key-for-trial"]
models = ["{COHERE}"]

[models]
any = ["{GEMINI}", "{GROQ}", "{COHERE}"]
"""
DAYS = 31
BEGINS = utc(2026, 10, 10, 7)
"""Midnight of a Pacific day; on 1 November clocks there go back an hour, and Cohere's month begins."""

HOURS = (1, 1, 1, 1, 1, 2, 4, 8, 20, 34, 30, 20, 12, 16, 20, 18, 14, 16, 24, 30, 22, 12, 6, 3)
FACTOR = 1.7
"""Requests of a working day by hour (UTC), before bursts, and how many times as many there are."""

KILLED_AT = 19 * DAY_S + 600.0
"""Soon after a Pacific day began, so that of what is asked in the last second much goes to Gemini, and is forgotten."""

IN_THE_LAST_SECOND = 4

TEXT = "and so on to its end "
SETS_A_BOUND = 0.4
FAILS_ONE_IN, LEAVES_ONE_IN, STREAMS_ONE_IN = 60, 25, 12
UPSTREAM_REFUSALS = 0.01


class Demand(NamedTuple):
    """One request that somebody will make."""

    at: float
    body: bytes
    leaves_after_s: float | None


class World:
    """The clouds, the clients, and what became of them."""

    def __init__(self, clock: Clock, folder: Path, random: Random, *, gives_back: bool) -> None:
        self.clock = clock
        self.folder = folder
        at = {"clock": clock, "wall": clock.wall, "answer_tokens": 150, "tokens_per_s": 80.0}
        self.gemini = SimulatedGemini(keys=dict.fromkeys(keys_of("gemini"), "project"), **at)
        self.groq = SimulatedGroq(keys={key: key.rpartition("-")[2] for key in keys_of("groq")}, **at)
        self.cohere = SimulatedCohere(keys=dict.fromkeys(keys_of("cohere"), "trial"), **at)
        self.gemini.quota, self.groq.quota, self.cohere.quota = (
            Watched(GEMINI_FREE),
            Watched(GROQ_FREE, gives_back=gives_back),
            Watched(COHERE_TRIAL),
        )
        self.buckets = [
            (self.gemini, "project", GEMINI),
            (self.groq, "home", GROQ),
            (self.groq, "work", GROQ),
            (self.cohere, "trial", COHERE),
        ]
        hosts = {
            "generativelanguage.googleapis.com": self.gemini,
            "api.groq.com": self.groq,
            "api.cohere.com": self.cohere,
        }
        self.wire = Wire(hosts, random, FAILS_ONE_IN)
        self.answers: Counter[int] = Counter()
        self.wrong: list[str] = []
        """Those who were told 429 while a bucket had room for what they asked."""
        self.short_days: set[str] = set()
        """Pacific days on which somebody was told 429."""
        self.running: set[asyncio.Task[None]] = set()
        self.lost = 0
        """Clients whose Córtex ended under them."""
        self.cortex = self.boot()

    def boot(self) -> Cortex:
        return Cortex(TOML, clock=self.clock, wire=self.wire, folder=self.folder)

    async def client(self, demand: Demand) -> None:
        cortex = self.cortex
        request, heard, task = cortex.begin(demand.body)
        timer = None
        if demand.leaves_after_s is not None:
            timer = asyncio.get_running_loop().call_later(demand.leaves_after_s, task.cancel)
        try:
            await task
        except asyncio.CancelledError:
            self.answers[499] += 1
        else:
            self.answers[heard.status_sent] += 1
            self.judge(request, heard)
        finally:
            task.cancel()
            if timer is not None:
                timer.cancel()

    def judge(self, request: Request, heard: Heard) -> None:
        """Ask the upstreams whether a 429 was true; what the request needs is not known before it is sent, so estimated."""
        if heard.status_sent == 200:
            return
        if heard.status_sent != 429:
            if b"server_error" not in heard.body:
                self.wrong.append(f"{heard.status_sent}: {heard.body!r}")
            return
        self.short_days.add(day_of(self.clock.wall()))
        for sim, account, model in self.buckets:
            needs = request.tokens.input_tokens + (request.tokens.output_tokens if sim is self.groq else 0)
            if sim.quota.has_room(account, model, sim.now, needs):
                self.wrong.append(f"{sim.name}/{account} at {self.clock.wall():.1f} for {needs}: {heard.body!r}")

    async def live(self, demands: Iterable[Demand], breaks: dict[float, Callable[[], None]]) -> None:
        loop = asyncio.get_running_loop()
        for at, what in breaks.items():
            loop.call_at(at, what)
        for demand in demands:
            await asyncio.sleep(demand.at - self.clock.now)
            task = loop.create_task(self.client(demand))
            self.running.add(task)
            task.add_done_callback(self.running.discard)
        while self.running:
            await asyncio.wait(self.running)

    def restart(self) -> None:
        """End in good order, and begin again."""
        self.lose_clients()
        self.cortex.save()
        self.cortex.end()
        self.cortex = self.boot()

    def save(self) -> None:
        self.cortex.save()

    def kill(self) -> None:
        """End with no word, and begin again with what was saved last."""
        self.lose_clients()
        self.cortex.end()
        self.cortex = self.boot()

    def lose_clients(self) -> None:
        self.lost += len(self.running)
        for task in self.running:
            task.cancel()

    @property
    def asked(self) -> int:
        return sum(sim.quota.granted + sim.quota.refused for sim in (self.gemini, self.groq, self.cohere))

    @property
    def refused(self) -> int:
        return sum(sim.quota.refused for sim in (self.gemini, self.groq, self.cohere))

    def share(self, sim: SimulatedCloud, account: str, what: str, a_day: int) -> float:
        """Return how much of what a day gives was used on the days on which somebody was told 429."""
        return (
            sum(sim.quota.amounts[account, what, day] for day in self.short_days) / a_day / max(1, len(self.short_days))
        )

    def report(self, days: int) -> str:
        """Tell what was made of the quotas."""
        lines = [
            f"{days} days; clients: {dict(self.answers)}; {len(self.short_days)} days with demand for more than there was",
            f"upstream calls: {self.asked}, {self.refused / self.asked:.2%} answered with 429, {self.wire.failed} with 500",
        ]
        for sim, account, _ in self.buckets:
            for what, window, a_day, once, months in ALLOWED[sim.name]:
                granted, allowed = sim.quota.amounts[account, what, ""], a_day * days + once + months
                short = f", {self.share(sim, account, what, a_day):.1%} on days with demand for more" if a_day else ""
                lines.append(
                    f"{sim.name}/{account}: {granted:,} of {allowed:,} {what} by the {window} "
                    f"({granted / allowed:.1%}{short})"
                )
            refusals = {" ".join(key[1:]): n for key, n in sim.quota.refusals.items() if key[0] == account}
            lines.append(f"{sim.name}/{account}: refused {refusals or 'none'}")
        return "\n".join(lines)


ALLOWED = {
    "gemini": [("requests", "Pacific day", 20, 0, 0)],
    "groq": [
        ("requests", "day's bucket", 1_000, 1_000, 0),
        ("tokens", "day's bucket", 200_000, 200_000, 0),
    ],
    "cohere": [("requests", "month", 0, 0, 2_000)],
}
"""By provider: what, by which window, how much of it a day, once (a bucket is full at the beginning), in two months."""


def keys_of(provider: str) -> list[str]:
    return [word.strip('",[]') for word in TOML.split() if word.strip('",[]').startswith(f"{provider}-key-")]


def demands(random: Random, days: int) -> Iterator[Demand]:
    """Make up who asks for what and when, in the order of time."""
    for day in range(days):
        share = 0.35 if (BEGINS.weekday() + day) % 7 >= 5 else 1.0
        times: list[float] = []
        for hour in range(24):
            expected = HOURS[(BEGINS.hour + hour) % 24] * share * FACTOR
            for _ in range(int(expected + random.random())):
                at = day * DAY_S + (hour + random.random()) * 3600.0
                burst = random.randrange(3, 9) if not random.randrange(40) else 1
                times += [at + number * random.random() for number in range(burst)]
        if day == KILLED_AT // DAY_S:
            times += [KILLED_AT - 0.7] * IN_THE_LAST_SECOND
        for at in sorted(times):
            yield Demand(
                at, body_of(random), random.uniform(0.05, 3.0) if not random.randrange(LEAVES_ONE_IN) else None
            )


def body_of(random: Random) -> bytes:
    words = random.choices((80, 500, 1900, 4000), (30, 35, 25, 10))[0] * random.uniform(0.5, 1.5)
    chat = {"model": "any", "messages": [{"role": "user", "content": TEXT * int(words / 6 + 1)}]}
    if random.random() < SETS_A_BOUND:
        chat["max_tokens"] = random.choice((200, 500, 1000))
    return msgspec.json.encode(chat | ({"stream": True} if not random.randrange(STREAMS_ONE_IN) else {}))


def live(folder: Path, days: int, *, gives_back: bool) -> tuple[World, str]:
    """Live through so many days; return what became of them, and the report."""
    clock, random = Clock(BEGINS), Random(4)
    loop = SkippingLoop(clock)
    began = time.process_time()

    async def month() -> World:
        world = World(clock, folder, random, gives_back=gives_back)
        breaks = {
            6 * DAY_S + 12.3 * 3600.0: world.restart,
            KILLED_AT - 1.0: world.save,
            KILLED_AT: world.kill,
            25 * DAY_S + 2.7 * 3600.0: world.restart,
        }
        await world.live(demands(random, days), {at: what for at, what in breaks.items() if at < days * DAY_S})
        world.cortex.end()
        return world

    try:
        world = loop.run_until_complete(month())
        loop.run_until_complete(asyncio.sleep(1.0))  # what was cancelled ends
    finally:
        loop.close()
    assert not world.wire.errors
    return world, f"{world.report(days)}\n{time.process_time() - began:.1f} s of CPU"


def test_a_month_of_free_keys_is_used_to_the_end_and_never_overdrawn(tmp_path):
    """No 429 while there was room, at most 1 % of upstream calls refused, and what people wanted was there to the last."""
    world, report = live(tmp_path / "ledger", DAYS, gives_back=False)
    print(report)

    assert not world.wrong, f"{len(world.wrong)} were refused in vain, as {world.wrong[:3]}\n{report}"
    assert world.refused <= UPSTREAM_REFUSALS * world.asked, report
    assert world.lost >= IN_THE_LAST_SECOND, report
    assert world.gemini.quota.refused <= 1, report  # what a kill forgot is found out by one call
    assert world.cohere.quota.refused == 0, report
    assert len(world.short_days) >= 3, report
    assert world.share(world.gemini, "project", "requests", 20) == 1.0, report
    assert world.share(world.groq, "home", "tokens", 200_000) >= 0.9, report
    assert world.share(world.groq, "work", "tokens", 200_000) >= 0.9, report
    assert world.cohere.quota.amounts["trial", "requests", ""] > 1_000, report


def test_an_upstream_that_counts_less_than_it_says_is_never_overdrawn(tmp_path):
    """Where Groq gave back what a client allowed for an answer and did not get, of which it says nothing anywhere."""
    world, report = live(tmp_path / "ledger", 5, gives_back=True)
    print(report)

    assert world.refused <= UPSTREAM_REFUSALS * world.asked, report
