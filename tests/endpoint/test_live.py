"""The live page's sockets: groups, outboxes, and a ticker that runs only while somebody looks."""

import asyncio
import json
from types import SimpleNamespace

import pytest
from house import until
from looking import Rig

from cortex.actors.names import Names
from cortex.endpoint import live as module
from cortex.endpoint.live import OUTBOX, Client, Live


class Socket:
    """A WebSocket whose reader may stop reading."""

    def __init__(self):
        self.said = []
        self.reads = asyncio.Event()
        self.reads.set()
        self.writer_aborted = False
        self._writer = self
        self.transport = self

    async def send_frame(self, message, _):
        await self.reads.wait()
        self.said.append(json.loads(message))

    def abort(self):
        self.writer_aborted = True


class Open:
    """A page that is open."""

    def __init__(self, live):
        self.live = live
        self.ws = Socket()
        self.client = Client(self.ws)
        live._clients.add(self.client)
        self.sending = asyncio.ensure_future(live._send(self.client))

    def want(self, *sections):
        assert self.live._heard(self.client, json.dumps({"want": sections}))

    @property
    def said(self):
        return self.ws.said

    def close(self):
        self.live._clients.discard(self.client)
        self.live._regroup(self.client, frozenset())
        self.sending.cancel()


@pytest.fixture
async def rig(monkeypatch):
    monkeypatch.setattr(module, "LOOK_S", 0.01)
    monkeypatch.setattr(module, "SOONEST_S", 0.001)
    made = Rig("desk")
    made.live = Live(view=made.view, names=Names(), assets="", pid=1, clock=made.clock, wall=made.wall)
    made.live._nodes = made.nodes
    made.pages = []

    def opened():
        page = Open(made.live)
        made.pages.append(page)
        return page

    made.opened = opened
    yield made
    for page in made.pages:
        page.close()
    await made.live.close()


async def test_who_wants_something_gets_all_of_it_at_once_and_then_what_changes(rig):
    page = rig.opened()
    page.want("rows")
    await until(lambda: page.said)
    assert set(page.said[0]["full"]) == {"summary", "rows", "order"}

    rig.board.get("desk").answered += 1
    await until(lambda: len(page.said) > 1)

    assert page.said[1]["delta"] == {"rows": {"desk": {"answered": 1}}}
    assert page.said[1]["seq"] == page.said[0]["seq"] + 1


async def test_nobody_is_told_what_was_not_wanted(rig):
    page, other = rig.opened(), rig.opened()
    page.want("events")
    other.want("rows")
    await until(lambda: page.said and other.said)

    rig.board.get("desk").answered += 1
    await until(lambda: len(other.said) > 1)

    assert all("delta" not in said for said in page.said)


async def test_while_nothing_changes_there_is_a_heartbeat(rig):
    page = rig.opened()
    page.want("rows")
    await until(lambda: page.said)

    rig.clock.advance(1.0)
    await until(lambda: len(page.said) > 1)

    assert set(page.said[1]) == {"seq", "at"}
    assert page.said[1]["seq"] == page.said[0]["seq"]


async def test_nothing_looks_while_nobody_wants_anything(rig):
    page = rig.opened()
    assert not rig.live.is_looking
    page.want("rows")
    assert rig.live.is_looking

    page.want()
    await until(lambda: not rig.live.is_looking)
    told = len(page.said)
    rig.board.get("desk").answered += 1
    await asyncio.sleep(0)
    assert len(page.said) == told

    page.want("rows")
    await until(lambda: len(page.said) > told)
    assert page.said[-1]["full"]["rows"]["desk"]["answered"] == 1


async def test_the_work_is_done_once_for_all_who_want_the_same(rig, monkeypatch):
    encoded = []
    encode = module._encoder.encode
    encoder = type("Encoder", (), {"encode": staticmethod(lambda value: encoded.append(value) or encode(value))})
    monkeypatch.setattr(module, "_encoder", encoder)
    pages = [rig.opened() for _ in range(8)]
    for page in pages:
        page.want("rows")
    await until(lambda: all(page.said for page in pages))

    rig.board.get("desk").answered += 1
    await until(lambda: all(len(page.said) > 1 for page in pages))

    assert len([value for value in encoded if "delta" in value]) == 1
    assert {json.dumps(page.said[-1]) for page in pages} == {json.dumps(pages[0].said[-1])}


async def test_who_does_not_read_gets_a_whole_picture_in_place_of_a_backlog(rig):
    page, other = rig.opened(), rig.opened()
    page.want("rows")
    other.want("rows")
    await until(lambda: page.said and other.said)
    page.ws.reads.clear()

    for number in range(OUTBOX * 3):
        rig.board.get("desk").answered += 1
        await until(lambda number=number: _answered(other.said) == number + 1)
    assert len(page.client._outbox) <= OUTBOX

    page.ws.reads.set()
    await until(lambda: _answered(page.said) == OUTBOX * 3)
    assert sum("full" in said for said in page.said) == 2
    assert len(page.said) < OUTBOX * 3


async def snapshot(rig):
    answers = []
    reply = SimpleNamespace(whole=lambda status, kind, body: answers.append(json.loads(body)))
    await rig.live.snapshot(None, reply)
    return answers[0]


async def test_a_snapshot_is_the_whole_picture_of_this_moment_without_a_socket(rig):
    rig.board.get("desk").answered = 7

    picture = await snapshot(rig)

    assert picture["rows"]["desk"]["answered"] == 7
    assert set(picture) == {"version", "pid", "started_at", "at", "summary", "rows", "order", "events"}
    assert not rig.live.is_looking


async def test_a_snapshot_has_what_an_open_page_has(rig):
    rig.end(rig.request())
    page = rig.opened()
    page.want("rows", "events")
    await until(lambda: page.said)

    picture = await snapshot(rig)

    assert {name: picture[name] for name in page.said[0]["full"]} == page.said[0]["full"]


async def test_a_snapshot_takes_no_change_away_from_the_pages_that_are_open(rig):
    page = rig.opened()
    page.want("rows")
    await until(lambda: page.said)

    for number in range(1, 20):
        rig.board.get("desk").answered = number
        await snapshot(rig)
        await until(lambda number=number: _answered(page.said) == number)

    numbers = [said["seq"] for said in page.said]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))


async def test_what_is_no_wish_is_refused(rig):
    page = rig.opened()
    for said in ("", "[]", '{"want": 3}', '{"want": ["everything"]}', '{"want": [1]}', "nonsense"):
        assert not rig.live._heard(page.client, said)
    assert not rig.live.is_looking


async def test_when_a_look_fails_every_page_is_let_go_and_the_next_look_is_a_new_one(rig, monkeypatch):
    page = rig.opened()
    with monkeypatch.context() as broken:
        broken.setattr(rig.view, "look", lambda *_: 1 / 0)
        page.want("rows")
        await until(lambda: page.ws.writer_aborted)
    page.close()

    again = rig.opened()
    again.want("rows")
    await until(lambda: again.said)
    assert "full" in again.said[0]


async def test_who_takes_nothing_for_long_is_cut_off(rig, monkeypatch):
    monkeypatch.setattr(module, "SEND_TIMEOUT_S", 0.01)
    page = rig.opened()
    page.ws.reads.clear()
    page.want("rows")

    await until(lambda: page.ws.writer_aborted)


def _answered(said):
    rows = [(each.get("full") or each.get("delta") or {}).get("rows", {}) for each in said]
    return next((row["desk"]["answered"] for row in reversed(rows) if "answered" in (row.get("desk") or {})), 0)
