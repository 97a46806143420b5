"""Clients that send nonsense, stall or leave: the right error in their dialect's shape, and nobody else notices."""

import asyncio
import json

import pytest
from house import until, worker

from cortex.simulate import SimulatedOllama
from cortex.simulate.fault import Fault


@pytest.fixture
async def home(build, desk, cloud):
    return await build(worker(desk), worker(cloud), '[routing]\ndeadline = "5s"\n')


BAD = [
    (b"{not json", 400),
    (b"[]", 400),
    (b'"text"', 400),
    (b"", 400),
    (b'{"model":"llama3.2:3b","messages":"hi"}', 400),
    (b'{"model":"llama3.2:3b","messages":[{"role":"wizard","content":"hi"}]}', 400),
    (b'{"model":7,"messages":[{"role":"user","content":"hi"}]}', 400),
    (b'{"model":"nobody","messages":[{"role":"user","content":"hi"}]}', 404),
]


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/api/chat"])
@pytest.mark.parametrize(("body", "status"), BAD, ids=range(len(BAD)))
async def test_bad_input_gets_the_right_status_in_its_dialects_shape(home, path, body, status):
    seen = await home.post(path, data=body)

    assert seen.status == status
    error = seen.json["error"]
    if path.startswith("/v1"):
        assert set(error) == {"message", "type", "param", "code"}
        assert error["message"]
    else:
        assert isinstance(error, str)
        assert error


async def test_a_body_that_is_too_large_is_refused_before_it_is_read(build, desk):
    home = await build(worker(desk), base="[server]\nport = 0\nmax_body = '10KB'\n")
    seen = await home.post("/v1/chat/completions", data=b"x" * 20_000)

    assert seen.status == 413
    assert "10000 bytes" in seen.json["error"]["message"]


async def test_a_body_of_unknown_length_is_bounded_too(build, desk):
    home = await build(worker(desk), base="[server]\nport = 0\nmax_body = '10KB'\n")
    reader, writer = await asyncio.open_connection("127.0.0.1", home.daemon.port)
    writer.write(b"POST /api/chat HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
    for _ in range(20):
        writer.write(b"400\r\n" + b"x" * 1024 + b"\r\n")
    head = await reader.readuntil(b"\r\n\r\n")

    assert b" 413 " in head
    writer.close()


async def test_a_body_that_does_not_come_is_not_waited_for(home, monkeypatch):
    monkeypatch.setattr("cortex.endpoint.exchange.BODY_TIMEOUT_S", 0.1)
    head, body = await _raw(home, "POST /api/chat HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")

    assert b" 408 " in head.splitlines()[0]
    assert json.loads(body)["error"]
    await until(home.is_quiet)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/chat/completions", 405),
        ("DELETE", "/api/chat", 405),
        ("GET", "/nowhere", 404),
        ("POST", "/v1/nowhere", 404),
        ("POST", "/health", 405),
        ("POST", "/api/pull", 501),
        ("DELETE", "/api/delete", 501),
        ("POST", "/cortex/v1/workers/desk/drain", 403),
        ("GET", "/cortex/v1/workers/nobody", 404),
        ("GET", "/cortex/v1/requests/nothing", 404),
        ("GET", "/v1/models/nothing", 404),
    ],
)
async def test_unknown_paths_and_methods_say_what_is_there(home, method, path, status):
    async with home.http.request(method, home.url + path) as answer:
        body = await answer.read()

    assert answer.status == status
    assert json.loads(body)["error"]
    assert ("Allow" in answer.headers) == (status == 405)


async def test_a_flood_of_headers_is_refused_with_json(home):
    flood = "".join(f"X-{number}: y\r\n" for number in range(500))
    head, body = await _raw(home, f"GET /health HTTP/1.1\r\nHost: x\r\n{flood}\r\n")

    assert b" 400 " in head.splitlines()[0]
    assert json.loads(body)["error"]["message"]


async def test_a_header_without_end_is_refused_with_json(home):
    head, body = await _raw(home, f"GET /health HTTP/1.1\r\nHost: x\r\nX-Long: {'y' * 100_000}\r\n\r\n")

    assert b" 400 " in head.splitlines()[0]
    assert json.loads(body)["error"]["message"]


async def test_what_is_no_http_is_refused(home):
    head, _ = await _raw(home, "\x16\x03\x01 this is no HTTP\r\n\r\n")

    assert b" 400 " in head.splitlines()[0]


async def test_a_client_that_leaves_cancels_its_upstream_within_a_second(build, start):
    slow = await start(SimulatedOllama(name="slow", tokens_per_s=5, load_s=0, first_token_s=0))
    home = await build(worker(slow))
    async with home.http.post(home.url + "/api/chat", json=_ask("Tell me more")) as answer:
        await answer.content.readline()

    await until(lambda: slow.cancelled == 1, bound_s=1.0)
    await until(home.is_quiet, bound_s=1.0)
    record = home.daemon.journal.latest(1)[0]
    assert record.outcome == "client_gone"
    assert home.standing("slow").failed == 0


async def test_a_load_that_a_client_began_ends_though_it_left(build, start):
    held = asyncio.Event()

    async def sleep(delay_s):
        if delay_s == 7:
            await held.wait()
        else:
            await asyncio.sleep(0)

    slow = await start(SimulatedOllama(name="slow", load_s=7, sleep=sleep))
    home = await build(worker(slow))
    asking = asyncio.ensure_future(home.ollama_chat(model="llama3.2:latest", stream=True))
    await until(lambda: slow.loads.started == 1)
    asking.cancel()
    await until(lambda: not home.daemon.front.exchanges, bound_s=1.0)
    held.set()
    await until(lambda: slow.loads.finished == 1)

    assert slow.loads.started == 1
    assert slow.loaded


async def test_a_client_that_stalls_does_not_hold_up_others(build, desk, start):
    talker = await start(SimulatedOllama(name="talker", models=("long:1b",), instant=True, answer_tokens=400_000))
    home = await build(worker(desk), worker(talker))
    reader, writer = await asyncio.open_connection("127.0.0.1", home.daemon.port, limit=1024)
    body = json.dumps(_ask("Talk", model="long:1b")).encode()
    writer.write(b"POST /api/chat HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
    await reader.readuntil(b"\r\n\r\n")
    await until(lambda: any(exchange.reply.paused_at for exchange in home.daemon.front.exchanges))

    assert (await home.chat(model="llama3.2:3b")).status == 200
    writer.close()
    await until(home.is_quiet)


async def test_the_deadline_ends_a_request_whatever_it_is_at(build, desk):
    home = await build(worker(desk))
    desk.always(Fault("hang", path="/api/chat"))  # the load that the request began may end
    seen = await home.post(
        "/v1/chat/completions", _ask("Hello", model="llama3.2:3b", stream=False), headers={"X-Cortex-Deadline": "400ms"}
    )

    assert seen.status == 504
    assert "desk" in seen.json["error"]["message"]
    await until(home.is_quiet)


async def test_a_long_silence_is_bridged_by_comments(build, desk, monkeypatch):
    home = await build(worker(desk), '[streams]\nkeepalive = "100ms"\n')
    monkeypatch.setattr(desk, "sleep", asyncio.sleep)
    desk.fault(Fault("slow_head", delay_s=0.8))

    seen = await home.chat(model="llama3.2:3b", stream=True)

    assert seen.body.startswith(b": waiting for desk")
    assert "You said" in seen.text
    assert seen.body.rstrip().endswith(b"data: [DONE]")


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/responses", "/v1/messages", "/api/chat"])
async def test_a_silence_in_the_middle_is_bridged_where_the_dialect_can(build, start, path):
    slow = SimulatedOllama(name="desk", models=("llama3.2:3b",), tokens_per_s=5000, first_token_s=0.0, load_s=0.0)
    desk = await start(slow)
    home = await build(worker(desk), '[streams]\nkeepalive = "100ms"\n')
    body = {"model": "llama3.2:3b", "stream": True, "max_tokens": 500}
    asked = {"input": "Hi"} if path == "/v1/responses" else {"messages": [{"role": "user", "content": "Hi"}]}
    assert (await home.chat(model="llama3.2:3b")).status == 200
    desk.fault(Fault("stall", after_tokens=4, delay_s=0.8))

    seen = await home.post(path, body | asked)

    middle = seen.body[seen.body.index(b"simulated") :]
    bridge = {"/v1/messages": b"event: ping", "/api/chat": b"\n"}.get(path, b": waiting for desk")
    assert bridge in middle
    assert b"broke off" not in seen.body


async def test_requests_beyond_max_clients_are_refused_at_once(build, desk):
    home = await build(worker(desk), base="[server]\nport = 0\nmax_clients = 1\n")
    desk.always(Fault("hang"))
    first = asyncio.ensure_future(home.chat(model="llama3.2:3b"))
    await until(lambda: home.daemon.front.exchanges)
    second = await home.chat(model="llama3.2:3b")
    first.cancel()

    assert second.status == 503
    assert second.headers["Retry-After"]


async def test_a_key_is_asked_for_where_one_is_set(build, desk):
    home = await build(
        worker(desk), base='[server]\nport = 0\napi_keys = ["$KEY"]\n', environ={"KEY": "sk-house-0123456789abcdef"}
    )

    assert (await home.chat(model="llama3.2:3b")).status == 401
    assert (await home.get("/cortex/v1/workers")).status == 401
    assert (await home.get("/livez")).status == 200
    good = {"Authorization": "Bearer sk-house-0123456789abcdef"}
    assert (await home.post("/v1/chat/completions", _ask("Hi", stream=False), headers=good)).status == 200
    assert (await home.get("/api/tags", headers={"x-api-key": "sk-house-0123456789abcdef"})).status == 200
    bad = {"Authorization": "Bearer sk-house-0123456789abcdee"}
    assert (await home.post("/v1/chat/completions", _ask("Hi"), headers=bad)).status == 401
    assert b"0123456789" not in (await home.get("/cortex/v1/config", headers=good)).body


def _ask(text, *, model="", stream=True):
    return {"model": model, "messages": [{"role": "user", "content": text}], "stream": stream}


async def _raw(home, text):
    reader, writer = await asyncio.open_connection("127.0.0.1", home.daemon.port)
    writer.write(text.encode("latin-1"))
    answer = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    return head, body
