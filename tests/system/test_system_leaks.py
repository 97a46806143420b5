"""No key is ever told: not to clients, upstreams of others, people, logs, metrics, the disk, nor by any `repr`.

Every key holds a mark. A daemon of its own process, with its log in either form, and one in the test's process, whose objects
can be walked, live through everything that can go wrong, most of all upstreams that tell a key back. Then all that came out
of them anywhere is searched for the mark, also in the forms in which it may hide: JSON's escapes, percent signs, base64.
"""

import asyncio
import base64
import gc
import json
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from house import BOUND_S, QUICK, House, until, worker

from cortex.config.model import Settings
from cortex.config.secret import Secret
from cortex.messages import Failure
from cortex.quota.quota import Quota
from cortex.simulate import SimulatedGemini, SimulatedGroq
from cortex.simulate.cohere import SimulatedCohere
from cortex.simulate.fault import Fault
from cortex.telemetry.record import Record
from cortex.transport.pool import Pool
from cortex.workers.books import Account
from cortex.workers.lease import Link
from cortex.workers.standing import Standing

MARK = "MaRkEd"
KEYS = {name: f"{name}-{MARK}-0123456789-{name}" for name in ("gemini", "cohere", "groq", "raw", "client", "moved")}
FORMS = (MARK.encode(), base64.b64encode(MARK.encode()))
"""The mark as it is, and in base64 where it begins a group."""

CALL = {"model": "m", "messages": [{"role": "user", "content": "Hello"}]}

RAW = (
    # status line, more headers, body; {auth} is the header that came with the request
    ("401 Unauthorized", "", '{{"error":{{"message":"Incorrect API key provided: {key}.","code":"invalid_api_key"}}}}'),
    ("401 Unauthorized", "WWW-Authenticate: Bearer {key}\r\n", "no such key: {key}"),
    ("400 Bad Request", "", '{{"error":{{"message":"cannot read {auth}","type":"invalid_request_error"}}}}'),
    ("403 Forbidden", "", '{{"error":"{auth} is not allowed"}}'),
    ("404 Not Found", "", '{{"error":{{"message":"model m not found for {key}","code":"model_not_found"}}}}'),
    ("429 Too Many Requests", "Retry-After: 1\r\nX-Key: {key}\r\n", '{{"error":{{"message":"{key} is too fast"}}}}'),
    ("302 Found", "Location: http://elsewhere.example/?key={key}\r\n", "moved to ?key={key}"),
    ("500 Internal Server Error", "", "Traceback: headers={{'Authorization': '{auth}'}}"),
    ("503 Service Unavailable", "", '{{"error":{{"message":"busy, {key}"}}}}'),
    ("200 OK", "", "{auth}"),
    ("200 OK", "", '{{"error":{{"message":"{auth}"}}}}'),
    ("200 OK", "Content-Type: text/event-stream\r\n", 'data: {{"error":{{"message":"{auth}"}}}}\n\n'),
    ("200 OK", "X-Ratelimit-Remaining-Requests: {key}\r\n", '{{"choices": "{key}"}}'),
    ("999 {auth}", "", "{auth}"),
    ("{auth}", "", ""),
)
"""What an ill-bred upstream says, one thing to each request."""


class Raw:
    """An upstream of the OpenAI dialect that tells back what it was sent."""

    def __init__(self) -> None:
        self.turn = 0
        self.lists = True
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()

    @property
    def url(self) -> str:
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/v1"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            fields = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if line)
            await reader.readexactly(int(fields.get("Content-Length", 0)))
            writer.write(self._answer(head.startswith("GET"), fields.get("Authorization", "")))
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    def _answer(self, is_probe: bool, auth: str) -> bytes:
        if is_probe and self.lists:
            status, more, body = "200 OK", "", '{{"object":"list","data":[{{"id":"m","object":"model"}}]}}'
        else:
            status, more, body = RAW[self.turn % len(RAW)]
            self.turn += not is_probe
        said = [part.format(auth=auth, key=auth.removeprefix("Bearer ")) for part in (status, more, body)]
        return f"HTTP/1.1 {said[0]}\r\n{said[1]}Content-Length: {len(said[2])}\r\nConnection: close\r\n\r\n{said[2]}".encode()


class Stage:
    """The upstreams, and everything that was heard of a daemon in front of them."""

    def __init__(self) -> None:
        self.raw = Raw()
        self.clouds = [
            SimulatedGemini(keys=KEYS["gemini"], instant=True, name="gemini"),
            SimulatedCohere(keys=KEYS["cohere"], instant=True, name="cohere"),
            SimulatedGroq(keys=KEYS["groq"], instant=True, name="groq"),
        ]
        self.heard: list[tuple[str, bytes]] = []

    def toml(self, *, log: str, raw_key: str = "raw") -> str:
        tables = [
            QUICK.replace("port = 0", f'port = 0\napi_keys = ["{KEYS["client"]}"]'),
            f'[telemetry]\nlog = "{log}"\n',
            '[routing]\ndeadline = "500ms"\n',
            f'[workers.raw]\nprovider = "openai"\nurl = "{self.raw.url}"\nkey = "{KEYS[raw_key]}"\nmodels = ["m"]\n',
        ]
        tables += [worker(sim, key=f"${sim.name.upper()}_SECRET") for sim in self.clouds]
        return "\n".join(tables)

    @property
    def env(self) -> str:
        return "".join(f"{sim.name.upper()}_SECRET={KEYS[sim.name]}\n" for sim in self.clouds)

    async def tell(self, http: aiohttp.ClientSession, url: str, method: str, path: str, body: Any = None, **more: Any):
        """Send a request as a client with a key, and keep all that comes back."""
        headers = {"Authorization": f"Bearer {KEYS['client']}", "X-Cortex": "1", **more.pop("headers", {})}
        async with http.request(method, url + path, json=body, headers=headers, **more) as answer:
            content = await answer.read()
            self.heard.append((f"{method} {path}", repr(dict(answer.headers)).encode() + content))
            return answer.status, content

    async def live(self, http: aiohttp.ClientSession, url: str, rewrite: Any) -> None:
        """Let everything happen."""
        for sim in self.clouds:
            await self._cloud(http, url, sim)
        for number in range(2 * len(RAW)):
            await self.tell(http, url, "POST", "/v1/chat/completions", {**CALL, "stream": number >= len(RAW)})
            await self.tell(http, url, "POST", "/api/chat", {**CALL, "stream": False})
            if not number % 5:
                await self.look(http, url)
            await self.tell(http, url, "POST", "/cortex/v1/workers/raw/resume", {})
            await self.tell(http, url, "POST", "/cortex/v1/workers/raw/probe", {})
        await self.tell(
            http, url, "POST", "/v1/chat/completions", CALL, headers={"Authorization": f"Bearer {KEYS['moved']}"}
        )
        await self.tell(http, url, "POST", "/v1/messages", CALL, headers={"x-api-key": KEYS["moved"]})
        self.raw.lists = False
        for _ in range(3):
            await self.tell(http, url, "POST", "/cortex/v1/workers/raw/probe", {})
            self.raw.turn += 1
        await rewrite()
        await self.look(http, url)

    async def _cloud(self, http: aiohttp.ClientSession, url: str, sim: Any) -> None:
        name, key = sim.name, KEYS[sim.name]
        model = f"{name}:{sim.models[0].name}"
        faults = [
            None,
            Fault("unauthorized"),
            Fault("rate_limited", retry_after=1),
            Fault("busy"),
            Fault("html"),
            Fault("garbage", body=key),
            Fault("error_in_stream", body=f"no: {key}"),
            Fault("cut"),
            Fault("reset"),
            *(Fault("error_status", status=status, body=body) for status in (400, 401, 429, 500) for body in told(key)),
        ]
        for fault in faults:
            for stream in (False, True):
                if fault is not None:
                    sim.fault(fault)
                await self.tell(http, url, "POST", "/v1/chat/completions", {**CALL, "model": model, "stream": stream})
                await self.tell(http, url, "GET", f"/cortex/v1/workers/{name}")
                await self.tell(http, url, "POST", f"/cortex/v1/workers/{name}/resume", {})
        sim.clear()
        sim.always(Fault("error_status", status=401, body=told(key)[0], path="*"))
        await self.tell(http, url, "POST", f"/cortex/v1/workers/{name}/probe", {})
        sim.clear()

    async def look(self, http: aiohttp.ClientSession, url: str) -> None:
        """Open every page."""
        for path in ("/", "/livez", "/readyz", "/health", "/metrics", "/v1/models", "/api/tags", "/api/ps", "/nowhere"):
            await self.tell(http, url, "GET", path)
        for path in (
            "/dashboard/",
            *(f"/cortex/v1/{name}" for name in ("keys", "models", "history", "log-level", "live")),
        ):
            await self.tell(http, url, "GET", path)
        for path in ("tree", "workers", "workers/raw", "requests", "config", "usage"):
            _, content = await self.tell(http, url, "GET", f"/cortex/v1/{path}")
            if path == "requests":
                for record in json.loads(content)["requests"]:
                    await self.tell(http, url, "GET", f"/cortex/v1/requests/{record['id']}")
        await self._events(http, url)
        await self._live(http, url)

    async def _live(self, http: aiohttp.ClientSession, url: str) -> None:
        """Look at the live page: everything, once."""
        headers = {"Authorization": f"Bearer {KEYS['client']}"}
        async with http.ws_connect(f"{url}/cortex/v1/live", headers=headers, max_msg_size=0) as ws:
            await ws.send_str('{"want": ["rows", "requests", "events", "logs"]}')
            for _ in range(2):
                self.heard.append(("the live page", (await ws.receive(timeout=10)).data.encode()))

    async def _events(self, http: aiohttp.ClientSession, url: str) -> None:
        headers = {"Authorization": f"Bearer {KEYS['client']}"}
        seen = b""
        try:
            async with http.get(url + "/cortex/v1/events", headers=headers) as answer, asyncio.timeout(0.3):
                while True:
                    seen += await answer.content.readany()
        except TimeoutError:
            self.heard.append(("GET /cortex/v1/events", seen))

    def check_upstreams(self) -> None:
        """No key stands in a URL, and nobody was sent another's."""
        for sim in self.clouds:
            assert sim.requests
            for received in sim.requests:
                assert MARK not in received.path + repr(received.query)
                others = [value for name, value in KEYS.items() if name != sim.name]
                assert not any(other in value for other in others for value in received.headers.values())
                assert MARK.encode() not in received.body


def told(key: str) -> list[str]:
    return [
        json.dumps({"error": {"message": f"Bearer {key}", "status": key, "code": key}}),
        json.dumps({"message": key}),
        "x" * 480 + key,
    ]


def assert_clean(what: str, data: bytes) -> None:
    for form in FORMS:
        at = data.find(form)
        assert at < 0, f"{what} holds a key: …{data[max(0, at - 300) : at + 60]!r}…"


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    made = Stage()
    await made.raw.start()
    for sim in made.clouds:
        await sim.start()
    yield made
    for sim in made.clouds:
        await sim.stop()
    await made.raw.stop()


MISTAKES = (
    '[workers.bad]\nprovider = "openai"\nurl = "http://user:{key}@127.0.0.1:1/v1"\nkey = "x"\n',
    '[workers.bad]\nprovider = "openai"\nkyes = ["{key}"]\n',
    '[workers.bad]\nprovider = "openai"\nkeys = "{key}"\n',
    '[workers.bad]\nprovider = "openai"\nkeys = ["{key}", "{key}"]\n',
    '[workers.bad]\nprovider = "openai"\nkey = "{key}\\n"\n',
    '[workers.bad]\nprovider = "openai"\nkey = ["{key}"]\n',
    '[workers.bad]\nprovider = "openai"\nkey = "{key}"\nheaders = {{ Authorization = 1 }}\n',
    '[workers.bad]\nprovider = "openai"\nkey = "{key}\n',
    '[workers."{key}"]\nprovider = "gemini"\nkey = $\n',
)
"""Edits that are refused, with a key where it must not stand or the mistake is."""


class Outside:
    """A daemon as a process of its own."""

    def __init__(self, folder: Path, stage: Stage, log: str) -> None:
        self.folder, self.stage, self.log = folder, stage, log
        self.url = ""

    @property
    def lines(self) -> list[bytes]:
        """What the daemon has written so far."""
        return (self.folder / "log").read_bytes().splitlines(keepends=True)

    def write(self, more: str = "") -> None:
        (self.folder / "supervision.toml").write_text(self.stage.toml(log=self.log, raw_key="raw") + more)

    async def command(self, *words: str) -> bytes:
        command = [sys.executable, "-m", "cortex", *words]
        environ = {**self.environ, "CORTEX_URL": self.url, "CORTEX_API_KEY": KEYS["client"]}
        ended = await asyncio.to_thread(
            subprocess.run,
            command,
            cwd=self.folder,
            env=environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=BOUND_S,
            check=False,
        )
        return ended.stdout

    @property
    def environ(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.endswith(("_KEY", "_KEYS", "_URLS"))}
        return {**kept, "NO_COLOR": "1"}

    async def run(self) -> None:
        (self.folder / ".env").write_text(self.stage.env)
        self.write()
        with (self.folder / "log").open("wb") as file:
            command = [sys.executable, "-m", "cortex", "run"]
            process = subprocess.Popen(command, cwd=self.folder, env=self.environ, stdout=file, stderr=file)  # noqa: ASYNC220  it is started, not waited for
        try:
            async with asyncio.timeout(50):
                while not self.url:
                    await asyncio.sleep(0.01)
                    assert process.poll() is None, self.lines
                    self._find_url()
                async with aiohttp.ClientSession() as http:
                    await self.stage.live(http, self.url, self._rewrite)
                for words in (("status",), ("status", "--json"), ("status", "raw"), ("check",), ("check", "--probe")):
                    self.stage.heard.append((f"cortex {' '.join(words)}", await self.command(*words)))
                for mistake in MISTAKES:
                    self.write("\n" + mistake.format(key=KEYS["moved"]))
                    self.stage.heard.append((f"cortex check of {mistake}", await self.command("check")))
        finally:
            process.terminate()
            try:
                await asyncio.to_thread(process.wait, BOUND_S)
            finally:
                process.kill()

    async def _rewrite(self) -> None:
        for mistake in MISTAKES:
            refused = sum(b"configuration refused" in line for line in self.lines)
            self.write("\n" + mistake.format(key=KEYS["moved"]))
            await until(lambda before=refused: sum(b"configuration refused" in line for line in self.lines) > before)
        self.write(
            '\n[workers.late]\nprovider = "openai"\nurl = "http://127.0.0.1:9/v1"\nkey = "' + KEYS["moved"] + '"\n'
        )
        await until(lambda: any(b"configuration applied" in line for line in self.lines))

    def _find_url(self) -> None:
        for line in self.lines:
            found = re.search(rb"ready.*(http://127\.0\.0\.1:\d+)", line)
            if found:
                self.url = found[1].decode()


@pytest.mark.parametrize("log", ["json", "console"])
async def test_a_daemon_that_lives_through_everything_tells_no_key(stage, tmp_path, log):
    daemon = Outside(tmp_path, stage, log)
    await daemon.run()

    assert len(daemon.lines) > 100
    for line in daemon.lines:
        assert_clean("the log", line)
    assert len(stage.heard) > 200
    for what, data in stage.heard:
        assert_clean(what, data)
    files = [path for path in (tmp_path / ".cortex").rglob("*") if path.is_file()]
    assert files
    for path in files:
        assert_clean(str(path), path.read_bytes())
    stage.check_upstreams()


async def test_no_object_shows_a_key(stage, build):
    house: House = await build(
        stage.toml(log="json"), base="", environ=dict(line.split("=") for line in stage.env.split())
    )

    async def nothing() -> None:
        """Leave the settings as they are."""

    async with aiohttp.ClientSession() as http:
        await stage.live(http, house.url, nothing)
    seen = ours()

    assert {Link, Secret, Settings, Standing, Account, Quota, Pool, Record, Failure} <= {type(each) for each in seen}
    for each in seen:
        what = type(each).__qualname__
        for text in (repr(each), str(each), f"{each}"):
            assert_clean(f"the text of a {what}", text.encode(errors="replace"))
    for what, data in stage.heard:
        assert_clean(what, data)
    stage.check_upstreams()


def ours() -> list[Any]:
    """Return every object of one of Córtex's classes that is alive, but for the simulators, which may know what they were sent."""
    found = []
    for each in gc.get_objects():
        module = str(type(each).__module__)
        if module.startswith("cortex.") and not module.startswith("cortex.simulate"):
            found.append(each)
    return found
