"""The health actor: what a round of free probes finds, and who is told."""

import asyncio

import pytest
from fleet import NOW, Post, board, settings, settle, standing

from cortex.actors.names import Names
from cortex.config.model import Health as HealthSettings
from cortex.config.model import Settings
from cortex.config.watcher import Current
from cortex.messages import Failure
from cortex.providers.base import Findings
from cortex.transport.failures import TransportError
from cortex.workers.health import CLOUD_EVERY_S, Health, is_due, probe
from cortex.workers.messages import Probed, ProbeNow
from cortex.workers.worker import link_of

TAGS = b'{"models":[{"name":"llama3.2:3b","model":"llama3.2:3b","digest":"aa","size":1}]}'
PS = b'{"models":[]}'
VERSION = b'{"version":"0.30.0"}'
GOOD = {"/api/tags": (200, TAGS), "/api/ps": (200, PS), "/api/version": (200, VERSION)}


class Answer:
    """An upstream's answer; remembers whether it was closed."""

    def __init__(self, status, body):
        self.status, self.body, self.headers, self.closed = status, body, {}, False

    async def read(self, limit):
        return self.body

    def close(self):
        self.closed = True


class Upstreams:
    """What is sent, and a script of answers by path; `hold` keeps every answer back."""

    def __init__(self, script=GOOD):
        self.script = script
        self.paths = []
        self.ports = []
        self.given = []
        self.hold = asyncio.Event()
        self.hold.set()

    async def send(self, origin, head, body, budgets):
        path = head.split(b" ", 2)[1].decode()
        assert head.startswith(b"GET ")
        self.paths.append(path)
        self.ports.append(origin.port)
        await self.hold.wait()
        found = self.script.get(path, (404, b""))
        if isinstance(found, Exception):
            raise found
        self.given.append(Answer(*found))
        return self.given[-1]


async def look(script, timeout_s=5.0):
    upstreams = Upstreams(script)
    result = await probe(upstreams, standing().link, timeout_s)

    assert all(answer.closed for answer in upstreams.given)
    return result


async def test_a_good_round_finds_models_and_version():
    found = await look(GOOD)

    assert isinstance(found, Findings)
    assert [model.name for model in found.models] == ["llama3.2:3b"]
    assert found.version == "0.30.0"


@pytest.mark.parametrize("status", [401, 403])
async def test_a_refused_key_is_found_by_a_probe(status):
    found = await look({"/api/tags": (status, b'{"error":"unauthorized"}')} | {"/api/version": (status, b"")})

    assert isinstance(found, Failure)


async def test_an_upstream_out_of_reach_is_a_failure_in_the_transports_words():
    gone = TransportError(Failure("unreachable", "connection refused"))

    assert await look(dict.fromkeys(GOOD, gone)) == gone.failure


@pytest.mark.parametrize("body", [b"", b"no JSON", b"[]", b'{"models":7}'])
async def test_an_answer_that_is_none_is_a_failure_and_no_crash(body):
    assert isinstance(await look({"/api/tags": (200, body)}), Failure)


async def test_a_server_that_only_has_errors_is_a_failure():
    assert isinstance(await look(dict.fromkeys(GOOD, (500, b"boom"))), Failure)


async def test_a_probe_that_hangs_ends_in_time():
    upstreams = Upstreams()
    upstreams.hold.clear()
    found = await probe(upstreams, standing().link, 0.01)

    assert (found.word, found.phase) == ("timeout", "deadline")


class Bench:
    """The health actor between scripted upstreams and workers' mailboxes."""

    def __init__(self, *names, interval_s=3600.0):
        self.board = board(*(standing(name) for name in names))
        self.names = Names()
        self.posts = {name: Post() for name in names}
        for name, post in self.posts.items():
            self.names.register(f"workers/{name}", post)
        self.upstreams = Upstreams()
        self.probes = []
        self.ref = Health.start(
            board=self.board,
            names=self.names,
            pool=self.upstreams,
            current=Current(Settings(health=HealthSettings(interval_s=interval_s, timeout_s=5.0))),
            on_probe=lambda name, took_s: self.probes.append(name),
        )

    async def until_told(self, name, count=1):
        while len(self.posts[name].letters) < count:
            await settle()
        return self.posts[name].take(Probed)


@pytest.fixture
async def make():
    made = []

    def build(*names, **more):
        made.append(Bench(*names, **more))
        return made[-1]

    yield build
    for bench in made:
        bench.upstreams.hold.set()
        await bench.ref.stop()


async def test_everybody_is_looked_at_at_the_start(make):
    bench = make("desk", "rack")
    for name in ("desk", "rack"):
        (probed,) = await bench.until_told(name)

        assert isinstance(probed.result, Findings)
    assert sorted(bench.probes) == ["desk", "rack"]


async def test_everybody_is_looked_at_again_after_the_interval(make):
    bench = make("desk", interval_s=0.001)

    assert len(await bench.until_told("desk", 3)) == 3


async def test_all_who_ask_for_a_look_share_one_and_hear_when_it_is_done(make):
    bench = make("desk")
    bench.upstreams.hold.clear()
    asked = [bench.ref.ask(ProbeNow("desk")) for _ in range(3)]
    await settle()
    assert not any(answer.settled for answer in asked)
    bench.upstreams.hold.set()

    assert [await answer for answer in asked] == [True] * 3
    assert bench.probes == ["desk"]


async def test_a_worker_that_is_not_there_is_not_looked_at(make):
    bench = make("desk")

    assert await bench.ref.ask(ProbeNow("nobody")) is False


async def test_a_worker_that_went_meanwhile_leaves_nobody_waiting(make):
    bench = make("desk")
    bench.upstreams.hold.clear()
    asked = bench.ref.ask(ProbeNow("desk"))
    await settle()
    bench.board.remove("desk")
    bench.upstreams.hold.set()

    assert await asked is True
    assert bench.posts["desk"].letters == []


async def test_what_an_old_address_said_is_not_believed_of_the_new_one(make):
    """An edit of the address while a probe runs: whoever waits hears of the new upstream, not of the old one."""
    bench = make("desk")
    bench.upstreams.hold.clear()
    asked = bench.ref.ask(ProbeNow("desk"))
    await settle()
    stands = bench.board.get("desk")
    old = stands.link.origin.port
    stands.link = link_of(standing("desk", url="http://127.0.0.1:9").settings)
    bench.upstreams.hold.set()
    await asked

    assert {old, 9} == set(bench.upstreams.ports)
    assert bench.upstreams.ports[-1] == 9
    assert len(bench.posts["desk"].take(Probed)) == 1


async def test_gemini_refuses_a_key_with_400():
    details = b'[{"reason":"API_KEY_INVALID"}]'
    body = b'{"error":{"code":400,"status":"INVALID_ARGUMENT","message":"API key not valid.","details":%b}}' % details
    link = link_of(settings("g", local=False, provider="gemini", url="https://g.example/v1beta"))
    found = await probe(Upstreams({"/v1beta/models?pageSize=1000": (400, body)}), link, 1.0)

    assert (type(found), found.word) == (Failure, "unauthorized")


@pytest.mark.parametrize(
    ("facts", "due"),
    [
        ({}, False),
        ({"probed_at": NOW - CLOUD_EVERY_S}, True),
        ({"local": True}, True),
        ({"reachable": False}, True),
        ({"reachable": None}, True),
        ({"retired_why": "unauthorized"}, True),
    ],
)
def test_a_cloud_that_is_well_is_seldom_looked_at(facts, due):
    cloud = standing("cloud", local=False)
    cloud.probed_at = NOW - 10.0
    for name, value in facts.items():
        setattr(cloud, name, value)

    assert is_due(cloud, NOW) is due
