"""The front behind a real server: who is let in, in whose shape errors come, and how a request ends from outside."""

import asyncio
import json

import pytest
from fleet import settle

from cortex.cache.answers import Answers
from cortex.config.model import Server as ServerSettings
from cortex.config.model import Settings
from cortex.config.secret import Secret
from cortex.config.watcher import Current
from cortex.endpoint.cached import Cached
from cortex.endpoint.dialect import Problem
from cortex.endpoint.front import Front
from cortex.endpoint.relay import Relay
from cortex.endpoint.server import Door, Server, listen
from cortex.telemetry.journal import Journal

KEY = "sk-house-0123456789abcdef"
ADMIN = "sk-house-of-the-owner-0123"
CHAT = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}


class Script(Relay):
    """Answers as told, or never."""

    def __init__(self):
        self.behaviour = None
        self.entered = asyncio.Event()

    async def answer(self, exchange, request, *, or_else=""):
        self.entered.set()
        if self.behaviour is None:
            await asyncio.Event().wait()
        return await self.behaviour(exchange)


class House:
    """A front with a scripted relay, on a real port."""

    def __init__(self, **server):
        self.relay, self.journal = Script(), Journal()
        current = Current(Settings(server=ServerSettings(**server)))
        answers = Answers(lambda: current.settings.cache)
        self.front = Front(
            current=current,
            relay=self.relay,
            cached=Cached(answers=answers, relay=self.relay, current=current, cost=lambda *_: 0),
            journal=self.journal,
            due=lambda: None,
            pages=lambda method, path: Problem(404, f"nothing at {path}", "not_found"),
        )
        self.door = Door(Server(self.front.handle, handler_cancellation=True))
        self.door.sockets = listen("127.0.0.1", 0)

    @property
    def records(self):
        """Those of requests that ended, the newest first."""
        return [record for record in self.journal.latest(100) if record.outcome]

    async def send(self, data):
        reader, writer = await asyncio.open_connection(*self.door.sockets[0].getsockname()[:2])
        writer.write(data)
        return reader, writer

    async def ask(self, path, *, method="GET", headers=b"", body=b""):
        """Return status, headers and body of the answer."""
        head = b"%b %b HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n%b\r\n"
        reader, writer = await self.send(head % (method.encode(), path, len(body), headers) + body)
        answer = await reader.read()
        writer.close()
        return parse(answer)

    async def chat(self, path=b"/v1/chat/completions", **more):
        return await self.ask(path, method="POST", body=json.dumps(CHAT | more).encode())


def parse(answer):
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    return int(first.split()[1]), dict(line.split(": ", 1) for line in lines), body


@pytest.fixture
async def make():
    made = []

    async def build(**server):
        made.append(House(**server))
        await made[-1].door.open()
        return made[-1]

    yield build
    for house in made:
        await house.door.clear()


async def begun(house):
    await asyncio.wait_for(house.relay.entered.wait(), 10)
    (exchange,) = house.front.exchanges
    return exchange


@pytest.mark.parametrize("path", [b"/\xff\xfe", b"/v1/models/\xff", b"/api/\xc3\xa4"])
async def test_a_path_that_is_not_ascii_is_refused_in_json(make, path):
    status, _, body = await (await make()).ask(path)

    assert status == 400
    assert json.loads(body)["error"]


@pytest.mark.parametrize("key", [b"\xff\xfe", b"", b"sk-other"])
async def test_a_key_of_any_bytes_is_only_a_wrong_one(make, key):
    house = await make(api_keys=(Secret(KEY),))

    assert (await house.ask(b"/x", headers=b"x-api-key: " + key + b"\r\n"))[0] == 401
    assert (await house.ask(b"/x", headers=b"x-api-key: " + KEY.encode() + b"\r\n"))[0] == 404
    assert (await house.ask(b"/livez"))[0] == 404


def presenting(key):
    return b"x-api-key: " + key.encode() + b"\r\n"


@pytest.mark.parametrize("path", [b"/cortex/v1/workers", b"/cortex/v1/workers/desk/drain", b"/cortex/v1/log-level"])
@pytest.mark.parametrize("method", ["POST", "DELETE", "PUT"])
async def test_where_there_are_admin_keys_a_clients_key_does_not_act(make, method, path):
    house = await make(api_keys=(Secret(KEY),), admin_keys=(Secret(ADMIN),))

    assert (await house.ask(path, method=method))[0] == 401
    status, _, body = await house.ask(path, method=method, headers=presenting(KEY))
    assert (status, b"server.admin_keys" in body) == (401, True)
    assert (await house.ask(path, method=method, headers=presenting(ADMIN)))[0] == 404  # let in


async def test_an_admin_key_opens_what_a_clients_key_opens(make):
    house = await make(api_keys=(Secret(KEY),), admin_keys=(Secret(ADMIN),))

    for key in (KEY, ADMIN):
        assert (await house.ask(b"/cortex/v1/tree", headers=presenting(key)))[0] == 404
        assert (await house.ask(b"/cortex/v1/requests/1/feedback", method="POST", headers=presenting(key)))[0] == 404
    assert (await house.ask(b"/cortex/v1/tree"))[0] == 401


async def test_admin_keys_alone_ask_nobody_for_a_key_who_does_not_act(make):
    house = await make(admin_keys=(Secret(ADMIN),))

    assert (await house.ask(b"/cortex/v1/tree"))[0] == 404
    assert (await house.ask(b"/cortex/v1/workers", method="POST"))[0] == 401
    assert (await house.ask(b"/cortex/v1/workers", method="POST", headers=presenting(ADMIN)))[0] == 404


async def test_without_admin_keys_a_clients_key_acts(make):
    house = await make(api_keys=(Secret(KEY),))

    assert (await house.ask(b"/cortex/v1/workers", method="POST", headers=presenting(KEY)))[0] == 404


async def test_an_error_has_the_shape_of_the_paths_dialect(make):
    house = await make()

    assert isinstance(json.loads((await house.ask(b"/api/x"))[2])["error"], str)
    assert isinstance(json.loads((await house.ask(b"/v1/x"))[2])["error"], dict)


async def test_while_shutting_down_nothing_new_begins(make):
    house = await make()
    house.front.is_closing = True
    status, headers, _ = await house.chat()

    assert (status, headers["Retry-After"]) == (503, "5")
    assert not house.relay.entered.is_set()


async def test_a_wrong_method_ends_the_connection(make):
    status, headers, _ = await (await make()).ask(b"/api/chat", method="PUT")

    assert (status, headers["Connection"]) == (405, "close")


@pytest.mark.parametrize(
    ("by", "status", "outcome", "says"),
    [
        ("deadline", 504, "deadline", "deadline"),
        ("shutdown", 503, "shutdown", "shut down"),
        ("body", 408, "client_error", "body"),
    ],
)
async def test_a_request_that_is_ended_from_outside_is_told_why(make, by, status, outcome, says):
    house = await make()
    asked = asyncio.ensure_future(house.chat())
    (await begun(house)).end(by)
    seen, headers, body = await asked

    assert (seen, headers["Connection"]) == (status, "close")
    assert says in json.loads(body)["error"]["message"]
    assert (house.records[0].outcome, house.records[0].status) == (outcome, status)


async def test_a_stream_that_is_ended_from_outside_ends_as_an_error_and_not_as_whole(make):
    house = await make()

    async def begin(exchange):
        exchange.reply.begin("text/event-stream", "", b"data: {}\n\n")
        exchange.end("deadline")
        await asyncio.Event().wait()

    house.relay.behaviour = begin
    status, _, body = await house.chat(stream=True)

    assert status == 200
    assert b'"error"' in body
    assert b"[DONE]" not in body
    assert body.endswith(b"0\r\n\r\n")


async def test_a_client_that_stopped_reading_is_cut_off(make):
    house = await make()

    async def begin(exchange):
        exchange.reply.begin("text/event-stream", "", b"data: {}\n\n")
        exchange.end("stall")
        await asyncio.Event().wait()

    house.relay.behaviour = begin
    try:
        _, _, body = await house.chat(stream=True)
    except ConnectionResetError:
        body = b""

    assert not body.endswith(b"0\r\n\r\n")
    assert (house.records[0].outcome, house.records[0].detail) == ("client_gone", "the client stopped reading")


async def test_a_client_that_leaves_ends_its_request(make):
    house = await make()
    body = json.dumps(CHAT).encode()
    _, writer = await house.send(
        b"POST /api/chat HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    )
    await begun(house)
    writer.close()
    while house.front.exchanges:
        await settle()

    assert (house.records[0].outcome, house.records[0].status) == ("client_gone", 499)
    assert not house.journal.running


async def test_what_goes_wrong_inside_is_told_without_its_details(make):
    house = await make()

    async def fail(exchange):
        raise ZeroDivisionError("a secret")

    house.relay.behaviour = fail
    status, headers, body = await house.chat()

    assert (status, headers["X-Cortex-Attempts"]) == (500, "0")
    assert b"ZeroDivisionError" in body
    assert b"a secret" not in body
    assert house.records[0].outcome == "internal_error"


async def test_every_request_has_its_own_id_and_one_record(make):
    house = await make()

    async def answer(exchange):
        exchange.record.outcome = "ok"
        exchange.reply.whole(200, "application/json", b"{}", exchange.head())

    house.relay.behaviour = answer
    ids = {(await house.chat(path))[1]["X-Cortex-Request"] for path in (b"/api/chat", b"/v1/chat/completions") * 3}

    assert len(ids) == len(house.records) == 6
    assert ids == {record.id for record in house.records}
    assert all(house.journal.find(each) for each in ids)
