"""A whole Córtex in the test's own process, in front of simulated upstreams on real ports."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

import aiohttp

from cortex.config import sources
from cortex.config.sources import Sources, Texts
from cortex.daemon import Daemon
from cortex.simulate import SimulatedServer

BOUND_S = 20.0
QUICK = """
[server]
port = 0

[supervision]
max_restarts = 1000
max_seconds = 1

[health]
interval = "200ms"
timeout = "1s"
"""

NO_CACHE = """
[cache]
enabled = false
"""


class House:
    """The daemon, what it was made from, and a client."""

    def __init__(self, daemon: Daemon, http: aiohttp.ClientSession, config: Path) -> None:
        self.daemon = daemon
        self.http = http
        self.config = config

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.daemon.port}"

    @property
    def board(self):
        return self.daemon.board

    def standing(self, name: str):
        standing = self.board.get(name)
        assert standing is not None, f"no worker {name}"
        return standing

    async def chat(self, text: str = "Hello", *, model: str = "", stream: bool = False, **more: Any):
        body = {"model": model, "messages": [{"role": "user", "content": text}], "stream": stream}
        return await self.post("/v1/chat/completions", body | more)

    async def ollama_chat(self, text: str = "Hello", *, model: str = "", stream: bool = False, **more: Any):
        body = {"model": model, "messages": [{"role": "user", "content": text}], "stream": stream}
        return await self.post("/api/chat", body | more)

    async def post(self, path: str, body: Any = None, *, headers: Mapping[str, str] | None = None, data: Any = None):
        given: dict[str, Any] = {"json": body} if data is None else {"data": data}
        return await self._seen(self.http.post(self.url + path, headers=headers, **given))

    async def get(self, path: str, *, headers: Mapping[str, str] | None = None):
        return await self._seen(self.http.get(self.url + path, headers=headers))

    async def act(self, worker: str, action: str, query: str = ""):
        return await self.post(f"/cortex/v1/workers/{worker}/{action}{query}", {}, headers={"X-Cortex": "1"})

    async def _seen(self, request) -> "Seen":
        async with request as answer:
            return Seen(answer.status, dict(answer.headers), await answer.read())

    async def edit(self, toml: str) -> None:
        """Save other settings, and wait until they are in force or refused."""
        before = self.daemon.current.digest
        await asyncio.to_thread(self.config.write_text, toml)
        await until(lambda: self.daemon.current.digest != before)

    def is_quiet(self) -> bool:
        """Whether nothing is left of any request."""
        pools = self.daemon.pool.stats.values()
        return (
            not self.daemon.front.exchanges
            and not self.daemon.journal.running
            and all(standing.in_flight == 0 and standing.promised == 0 for standing in self.board)
            and self.board.waiting == 0
            and all(stats.in_use == 0 for stats in pools)
        )


class Seen:
    """What a client saw."""

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status, self.headers, self.body = status, headers, body

    def __repr__(self) -> str:
        return f"<Seen {self.status} {self.headers} {self.body[:2000]!r}>"

    @property
    def worker(self) -> str:
        return self.headers.get("X-Cortex-Worker", "")

    @property
    def json(self) -> Any:
        import json  # noqa: PLC0415  the property has its name

        return json.loads(self.body)

    @property
    def text_of_error(self) -> str:
        """What an error says, in the OpenAI dialect."""
        return self.json["error"]["message"]

    @property
    def text(self) -> str:
        """The answer's text, whatever dialect and form it has."""
        import json  # noqa: PLC0415  as above

        if self.body.startswith((b"data:", b":")):
            lines = [line[5:].strip() for line in self.body.decode().split("\n") if line.startswith("data:")]
            events = [json.loads(line) for line in lines if line != "[DONE]"]
            return "".join(c["delta"].get("content") or "" for e in events for c in e.get("choices", ()))
        events = [json.loads(line) for line in self.body.splitlines()]
        if "choices" in events[0]:
            return events[0]["choices"][0]["message"]["content"]
        return "".join(event.get("message", {}).get("content", "") or event.get("response", "") for event in events)


@contextlib.asynccontextmanager
async def house(
    folder: Path, toml: str, *, environ: Mapping[str, str] | None = None, base: str = QUICK
) -> AsyncIterator[House]:
    """Run Córtex with these settings until the block ends."""
    config = folder / "supervision.toml"
    config.write_text(base + toml)
    files = Sources(config, folder / ".env", environ or {})
    texts = sources.read(files)
    assert isinstance(texts, Texts), texts
    settings = sources.settings(texts, files)
    assert not isinstance(settings, list), [str(problem) for problem in settings]
    daemon = Daemon(settings, files, texts=texts, home=folder, seed=0)
    await daemon.start()
    connector = aiohttp.TCPConnector(force_close=True, limit=0)
    async with aiohttp.ClientSession(connector=connector) as http:
        try:
            yield House(daemon, http, config)
        finally:
            await daemon.stop()


def worker(sim: SimulatedServer, *, name: str = "", **more: Any) -> str:
    """Return the settings table of a worker in front of `sim`."""
    lines = [f"[workers.{name or sim.name}]", f'provider = "{sim.dialect}"', f'url = "{sim.url}"']
    lines += [f"{key} = {_toml(value)}" for key, value in more.items()]
    return "\n".join(lines) + "\n\n"


def _toml(value: Any) -> str:
    import json  # noqa: PLC0415  TOML's strings, numbers, booleans and lists are JSON's

    return json.dumps(value)


async def until(holds: Callable[[], Any], bound_s: float = BOUND_S) -> None:
    """Wait until something holds, a turn of the loop at a time; fails after `bound_s`."""
    end = time.monotonic() + bound_s
    while not holds():
        assert time.monotonic() < end, "waited too long"
        await asyncio.sleep(0.005)
