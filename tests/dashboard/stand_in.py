"""Stands in for a daemon in front of the page: serves its files and speaks its protocol, with facts that a test decides.

For what a real daemon does not do on command: five hundred workers, a silence, a gap in the numbers, every state at once.
"""

import asyncio
import contextlib
import json
import time
from pathlib import Path
from typing import Any

from aiohttp import web
from stand_in_facts import (
    DIFF,
    cache_page,
    config_page,
    event_list,
    history_page,
    key_facts,
    log_list,
    models_page,
    request_line,
    request_trace,
    tree_rows,
    usage_rows,
    worker_page,
)

import cortex.endpoint

FILES = Path(cortex.endpoint.__file__).parent / "dashboard"
CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class StandIn:
    """See the module's docstring."""

    def __init__(self, workers: int = 8) -> None:
        self.now = time.time()
        self.started_at = self.now - 7384
        self.assets = "hash"
        self.key = ""
        self.is_silent = False
        self.asked: list[tuple[str, str, Any]] = []
        """Method, path and body of what the page asked for, reads apart."""
        self.wants: list[list[str]] = []
        self.sent = 0
        self.refuses = ""
        self.rows, self.order = tree_rows(workers)
        self.requests = [request_line(self.now, number) for number in range(60)]
        self.events = event_list(self.now)
        self.logs = log_list(self.now)
        self.level = "info"
        self.problems: list[str] = []
        self._sockets: dict[web.WebSocketResponse, list[str]] = {}
        self._seqs: dict[web.WebSocketResponse, int] = {}
        self._runner: web.AppRunner | None = None
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/dashboard/"

    @property
    def summary(self) -> dict[str, Any]:
        return {
            "status": "degraded",
            "uptime_s": 7384.0,
            "requests_per_s": 42.13,
            "p50_s": 1.23,
            "p95_s": 4.71,
            "free_share": 0.934,
            "saved_usd": 12.34,
            "cost_usd": 0.0213,
            "in_flight": 11,
            "slots": 16,
            "queue": 2,
            "failovers": 7,
            "failovers_seen": 0,
            "restarts": 1,
            "max_restarts": 5,
            "max_seconds": 5.0,
            "cache_ratio": 0.21,
            "clients": 13,
            "problems": self.problems,
        }

    async def start(self, port: int = 0) -> None:
        app = web.Application()
        app.router.add_get("/dashboard/", self._index)
        app.router.add_get("/dashboard/{hash}/{name}", self._file)
        app.router.add_get("/cortex/v1/live", self._live)
        app.router.add_route("*", "/{path:.*}", self._page)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", port, reuse_address=True)
        await site.start()
        self.port = site._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        for socket in list(self._sockets):
            with contextlib.suppress(Exception):
                await socket.close(code=1001)
        await self._runner.cleanup()

    async def tell(self, *, skip: bool = False, **delta: Any) -> None:
        """Send what changed to every page that wants it; `skip` loses a number before."""
        for section in ("events", "logs"):
            getattr(self, section).extend(delta.get(section, []))
        for name, facts in delta.get("rows", {}).items():
            self.rows[name].update(facts) if facts is not None else self.rows.pop(name)
        for socket, wanted in list(self._sockets.items()):
            if not wanted or self.is_silent:
                continue
            self._seqs[socket] += 1 + skip
            mine = {key: value for key, value in delta.items() if key in {"summary", "order", *wanted}}
            await self._send(socket, {"seq": self._seqs[socket], "at": time.time(), "delta": mine})

    async def _send(self, socket: web.WebSocketResponse, message: Any) -> None:
        if not self.is_silent:
            self.sent += 1
            with contextlib.suppress(ConnectionError, RuntimeError):
                await socket.send_str(json.dumps(message))

    async def _index(self, _: web.Request) -> web.Response:
        text = (FILES / "index.html").read_text().replace("@HASH@", self.assets)
        return web.Response(
            text=text, content_type="text/html", headers={"Content-Security-Policy": CSP, "Cache-Control": "no-cache"}
        )

    async def _file(self, request: web.Request) -> web.Response:
        file = FILES / request.match_info["name"]
        kind = {".js": "text/javascript", ".css": "text/css"}[file.suffix]
        return web.Response(text=file.read_text(), content_type=kind, headers={"Content-Security-Policy": CSP})

    def _admits(self, request: web.Request) -> bool:
        import base64  # noqa: PLC0415  only where there is a key

        offered = request.headers.get("Sec-WebSocket-Protocol", "")
        token = base64.urlsafe_b64encode(self.key.encode()).decode().rstrip("=")
        return not self.key or request.headers.get("Authorization") == f"Bearer {self.key}" or f"key.{token}" in offered

    async def _live(self, request: web.Request) -> web.StreamResponse:
        if not self._admits(request):
            return web.json_response({"error": {"message": "this Córtex wants a key"}}, status=401)
        socket = web.WebSocketResponse(protocols=("cortex.v1",))
        await socket.prepare(request)
        self._sockets[socket] = []
        self._seqs[socket] = 0
        hello = {"version": "0.1.0", "assets": self.assets, "pid": 1, "started_at": self.started_at}
        await self._send(socket, {"hello": hello, "seq": 0, "at": time.time(), "full": {"summary": self.summary}})
        beat = asyncio.get_running_loop().create_task(self._beat(socket))
        try:
            async for message in socket:
                wanted = json.loads(message.data)["want"]
                self.wants.append(wanted)
                self._sockets[socket] = wanted
                if wanted:
                    await self._whole(socket, wanted)
        finally:
            beat.cancel()
            self._sockets.pop(socket, None)
        return socket

    async def _whole(self, socket: web.WebSocketResponse, wanted: list[str]) -> None:
        full: dict[str, Any] = {name: getattr(self, name) for name in wanted}
        if "rows" in wanted:
            full["order"] = self.order
        self._seqs[socket] += 1
        await self._send(
            socket, {"seq": self._seqs[socket], "at": time.time(), "full": {"summary": self.summary, **full}}
        )

    async def _beat(self, socket: web.WebSocketResponse) -> None:
        while True:
            await asyncio.sleep(1)
            if self._sockets.get(socket):
                await self._send(socket, {"seq": self._seqs[socket], "at": time.time()})

    async def _page(self, request: web.Request) -> web.StreamResponse:
        path = "/" + request.match_info["path"]
        if not self._admits(request):
            return web.json_response({"error": {"message": "this Córtex wants a key"}}, status=401)
        body = await request.text()
        if request.method != "GET":
            assert request.headers.get("X-Cortex") == "1", "an action without its header"
            self.asked.append((request.method, request.path_qs, json.loads(body) if body else None))
            if self.refuses:
                return web.json_response({"error": {"message": self.refuses}}, status=409)
        if path == "/v1/chat/completions":
            return await self._chat(request)
        value = self._value(request, path, json.loads(body) if body else {})
        if value is None:
            return web.json_response({"error": {"message": f"there is nothing at {path}"}}, status=404)
        return web.json_response(value)

    def _value(self, request: web.Request, path: str, body: dict[str, Any]) -> Any:  # noqa: PLR0911  a table would hide it
        name = path.removeprefix("/cortex/v1/")
        if name == "workers" or (request.method == "DELETE" and name.startswith("workers/")):
            problems = (
                ["table: 'desk' is taken by an Ollama at http://127.0.0.1:11434"]
                if body.get("table") == "taken"
                else []
            )
            effect = {"started": ["gemini/1"], "stopped": [], "changed": []}
            if request.method == "DELETE":
                effect = {"started": [], "stopped": [name.removeprefix("workers/")], "changed": []}
            return {"diff": DIFF, "effect": effect, "problems": problems, "digest": "d1"}
        if name.startswith("workers/") and request.method == "POST":
            return {"name": name.split("/")[1], "state": "ready"}
        if name.startswith("workers/"):
            return worker_page(self.rows.get(name.removeprefix("workers/")), self.now)
        if name.startswith("requests/"):
            return request_trace(
                next((line for line in self.requests if line["id"] == name.removeprefix("requests/")), None)
            )
        if name == "log-level":
            self.level = body.get("level", self.level)
            return {"level": self.level}
        if name == "cache/clear":
            return {"cleared": 132}
        if name == "history":
            return history_page(request.query["span"], self.now)
        if path == "/v1/models":
            return {"data": [{"id": "fast"}, {"id": "llama3.2:3b"}]}
        return {
            "keys": {"keys": [key_facts(row, self.now) for row in self.rows.values() if "slots" in row][:60]},
            "usage": {"usage": usage_rows(self.now)},
            "models": models_page([row["name"] for row in self.rows.values() if "slots" in row]),
            "cache": cache_page(),
            "config": config_page(self.now, self.problems),
        }.get(name)

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(
            headers={
                "Content-Type": "text/event-stream",
                "X-Cortex-Worker": "desk",
                "X-Cortex-Model": "llama3.2:3b",
                "X-Cortex-Why": "choice 1, local",
                "X-Cortex-Attempts": "1",
                "X-Cortex-Request": "r-059",
            }
        )
        await response.prepare(request)
        for word in ["Córtex", "answers", "<b>plainly</b>,", "word", "by", "word."]:
            await response.write(
                b"data: " + json.dumps({"choices": [{"delta": {"content": word + " "}}]}).encode() + b"\n\n"
            )
            await asyncio.sleep(0.02)
        await response.write(b'data: {"choices": [], "usage": {"completion_tokens": 9}}\n\ndata: [DONE]\n\n')
        return response
