"""One sandbox: simulated upstreams, a Córtex of its own in front of them, and a client. Nothing real is ever contacted.

Theory of operation: of the user's settings those are taken that say how Córtex behaves (`TAKEN`); workers, models, keys, ports
and paths are the sandbox's own. Córtex runs whole, in this process, on a free port, with its files in a folder that is deleted
afterwards. Several sandboxes run side by side without knowing of each other.
"""

import asyncio
import contextlib
import json
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import aiohttp

from cortex.config import sources
from cortex.config.model import Settings
from cortex.config.sources import Sources, Texts
from cortex.daemon import Daemon
from cortex.gameday.seen import Seen, read
from cortex.simulate import SimulatedOllama, SimulatedOpenAI, SimulatedServer
from cortex.simulate.model import SimulatedModel

TAKEN = ("supervision", "routing", "breaker", "streams")
"""Sections of the user's file that hold here as well."""

MODEL = "llama3.2:3b"
CLOUD_MODEL = "sim-cloud-70b"
WALL = "wall"
"""The alias that is asked for: the upstream that fails is its first place."""

TOKENS = 24
"""Of every whole answer."""

BOUND_S = 400.0
"""After which a client gives up: longer than any deadline that is usual."""

Tables = Mapping[str, Mapping[str, object]]


class SandboxError(Exception):
    """The sandbox could not be built; says why."""


class Arena:
    """See the module's docstring."""

    def __init__(self, tables: Tables, folder: Path) -> None:
        self._tables = tables
        self._folder = folder
        self._stack = contextlib.AsyncExitStack()
        self.upstreams: dict[str, SimulatedServer] = {}
        self.daemon: Daemon
        self._http: aiohttp.ClientSession

    @property
    def settings(self) -> Settings:
        """What is in force in the sandbox."""
        return self.daemon.current.settings

    async def ollama(self, name: str, *, restarts: bool = False, **more: Any) -> SimulatedOllama:
        """Start a machine that has the model in memory."""
        model = SimulatedModel(MODEL, restarts=restarts)
        pace: dict[str, Any] = {"tokens_per_s": 200.0, "first_token_s": 0.05, "answer_tokens": TOKENS}
        machine = SimulatedOllama(name=name, models=(model,), load_s=0.0, **pace, **more)
        await self._start(machine)
        return machine

    async def cloud(self, name: str, **more: Any) -> SimulatedOpenAI:
        """Start a cloud."""
        abilities = ("completion", "tools", "vision")
        pace: dict[str, Any] = {"tokens_per_s": 200.0, "first_token_s": 0.05, "answer_tokens": TOKENS}
        cloud = SimulatedOpenAI(name=name, models=(SimulatedModel(CLOUD_MODEL, abilities),), **pace, **more)
        await self._start(cloud)
        return cloud

    async def _start(self, upstream: SimulatedServer) -> None:
        await upstream.start()
        self._stack.push_async_callback(upstream.stop)
        self.upstreams[upstream.name] = upstream

    async def run(self, *names: str, overrides: Tables | None = None, also: str = "") -> None:
        """Run Córtex in front of these upstreams, the first the one that is asked first. Raises SandboxError."""
        tables = {section: dict(values) for section, values in self._tables.items()}
        for section, values in (overrides or {}).items():
            tables.setdefault(section, {}).update(values)
        text = _toml(tables) + self._workers() + also + _toml({"models": {WALL: [self._meant(name) for name in names]}})
        config = self._folder / "supervision.toml"
        config.write_text(text)
        files = Sources(config, self._folder / ".env", {})
        texts = sources.read(files)
        settings = sources.settings(texts, files) if isinstance(texts, Texts) else texts
        if isinstance(settings, list):
            raise SandboxError("; ".join(str(problem) for problem in settings))
        self.daemon = Daemon(settings, files, texts=texts if isinstance(texts, Texts) else None, home=self._folder)
        self._stack.push_async_callback(self.daemon.stop)  # also where the start is cut short
        await self.daemon.start()
        connector = aiohttp.TCPConnector(force_close=True, limit=0)
        self._http = await self._stack.enter_async_context(aiohttp.ClientSession(connector=connector))

    def _meant(self, name: str) -> str:
        return f"{name}:{CLOUD_MODEL if isinstance(self.upstreams.get(name), SimulatedOpenAI) else MODEL}"

    def _workers(self) -> str:
        tables = {}
        for name, upstream in self.upstreams.items():
            table: dict[str, object] = {"provider": upstream.dialect, "url": upstream.url, "slots": 8}
            if isinstance(upstream, SimulatedOpenAI):
                table |= {"keys": [f"sk-{name}-0000001", f"sk-{name}-0000002"], "models": [CLOUD_MODEL], "free": True}
            tables[f"workers.{name}"] = table
        return _toml(tables)

    async def ask(self, text: str = "Tell me something.", *, stream: bool = True, **more: Any) -> Seen:
        """Ask for `wall`, and return what the client sees."""
        body = {"model": WALL, "messages": [{"role": "user", "content": text}], "stream": stream, **more}
        began_s = time.monotonic()
        url = f"http://127.0.0.1:{self.daemon.port}/v1/chat/completions"
        parts: list[bytes] = []
        first_s: float | None = None
        status, headers, cut = 0, {}, ""
        try:
            async with asyncio.timeout(BOUND_S), self._http.post(url, json=body) as answer:
                status, headers = answer.status, dict(answer.headers)
                async for part in answer.content.iter_any():
                    first_s = first_s if first_s is not None or part.startswith(b":") else time.monotonic() - began_s
                    parts.append(part)
        except (aiohttp.ClientError, TimeoutError) as error:
            cut = f"the connection broke ({type(error).__name__})"
        seen = read(status, headers, b"".join(parts))
        seen.error = seen.error or cut
        seen.first_s, seen.total_s = first_s, time.monotonic() - began_s
        record = self.daemon.journal.find(headers.get("X-Cortex-Request", ""))
        if record is not None and record.answered_by is not None:
            seen.attempts, seen.worker = len(record.attempts), record.answered_by.worker
        return seen

    async def warm_up(self) -> None:
        """Ask each machine once, so that nothing is cold and every pace is known."""
        for name, upstream in self.upstreams.items():
            if isinstance(upstream, SimulatedOllama):
                await self.ask("Warm up.", model=self._meant(name))

    def asked(self, name: str) -> int:
        """Return how many requests for an answer an upstream has seen."""
        upstream = self.upstreams[name]
        return sum(request.path in upstream.generating for request in upstream.requests)


@contextlib.asynccontextmanager
async def arena(tables: Tables) -> AsyncIterator[Arena]:
    """Open a sandbox that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="cortex-gameday-", ignore_cleanup_errors=True) as folder:
        made = Arena({"server": {"port": 0}, "cache": {"enabled": False}, **tables}, Path(folder))
        async with made._stack:  # noqa: SLF001  it is this function's own
            yield made


def _toml(tables: Tables) -> str:
    """Write flat tables; strings, numbers, booleans and arrays of them are in TOML as in JSON."""
    text = ""
    for section, values in tables.items():
        text += f"[{section}]\n"
        text += "".join(f"{key} = {json.dumps(value, ensure_ascii=False)}\n" for key, value in values.items())
    return text
