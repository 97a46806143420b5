"""A daemon that says what a test wants it to say: real HTTP on a real port, nothing behind it."""

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple, Self


class Asked(NamedTuple):
    """One request that came."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any


class Said(NamedTuple):
    """One answer to give."""

    status: int
    body: bytes
    headers: dict[str, str]


def says(value: Any, status: int = 200, **headers: str) -> Said:
    """An answer; what is no bytes goes as JSON."""
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    return Said(status, body, {name.replace("_", "-"): text for name, text in headers.items()})


def refuses(status: int, message: str) -> Said:
    return says({"error": {"message": message, "type": "x", "param": None, "code": None}}, status)


def streams(*events: Any, done: bool = True, comment: str = "", **headers: str) -> Said:
    """A stream of events in the OpenAI dialect."""
    lines = [f": {comment}"] if comment else []
    lines += [f"data: {event if isinstance(event, str) else json.dumps(event)}" for event in events]
    lines += ["data: [DONE]"] if done else []
    return says("".join(f"{line}\n\n" for line in lines).encode(), **headers)


def delta(text: str = "", *, thought: str = "", finish: str | None = None) -> dict[str, Any]:
    content = {"content": text} if text else {}
    thoughts = {"reasoning_content": thought, "reasoning": thought} if thought else {}
    return {"model": "qwen3:4b", "choices": [{"index": 0, "delta": content | thoughts, "finish_reason": finish}]}


def usage(tokens: int) -> dict[str, Any]:
    return {"model": "qwen3:4b", "choices": [], "usage": {"completion_tokens": tokens}}


class ScriptedDaemon:
    """See the module's docstring. `answers` maps "GET /path" to what is said; `asked` is what came."""

    def __init__(self, port: int = 0) -> None:
        self.answers: dict[str, Said | Callable[[BaseHTTPRequestHandler], None]] = {}
        self.asked: list[Asked] = []
        self.let_go = threading.Event()
        """Set at the end, for an answer that waits for it."""
        self._server = ThreadingHTTPServer(("127.0.0.1", port), self._handler())
        self._server.daemon_threads = False
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    @property
    def port(self) -> int:
        return self._server.server_port

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.let_go.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        daemon = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                body = json.loads(self.rfile.read(length)) if length else None
                daemon.asked.append(Asked(self.command, self.path, dict(self.headers), body))
                said = daemon.answers.get(f"{self.command} {self.path}") or refuses(404, "not found")
                if callable(said):
                    said(self)
                    return
                self.send_response(said.status)
                for name, value in said.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(said.body)))
                self.end_headers()
                self.wfile.write(said.body)

            do_GET = do_POST = answer  # noqa: N815  http.server's names

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        return Handler


def worker(name: str, **facts: Any) -> dict[str, Any]:
    """A worker as the daemon lists it."""
    return {
        "name": name,
        "state": "ready",
        "why": "",
        "provider": "ollama",
        "slots": 1,
        "in_flight": 0,
        "breaker": "closed",
        "models": 2,
        "loaded": [],
        "answered": 0,
        "failed": 0,
        **facts,
    }


def actor(name: str, **facts: Any) -> dict[str, Any]:
    """An actor as the tree has it."""
    return {"name": name, "kind": "worker", "state": "running", "restarts": 0, "mailbox": 0, **facts}


def tree(*workers: dict[str, Any], **facts: Any) -> dict[str, Any]:
    """What /cortex/v1/tree says of a daemon with these workers."""
    below = [{**actor(each["name"]), **each} for each in workers]
    pool = {**actor("workers"), "kind": "supervisor", "children": below}
    root = {"name": "root", "kind": "supervisor", "children": [actor("telemetry"), pool, actor("dispatcher")]}
    return {
        "status": "healthy",
        "version": "0.1.0",
        "uptime_s": 65.2,
        "in_flight": 0,
        "queue": 0,
        "problems": [],
        "tree": root,
        **facts,
    }


def row(name: str, parent: str = "root", depth: int = 1, **facts: Any) -> dict[str, Any]:
    """An actor as /cortex/v1/snapshot has it."""
    whereabouts = {"parent": parent, "depth": depth, "mailbox_limit": 10_000}
    return {**actor(name), **whereabouts, **facts}


def worker_row(name: str, **facts: Any) -> dict[str, Any]:
    """A worker as /cortex/v1/snapshot has it."""
    speed = {"per_s": 0.0, "spark": [0] * 30, "first_token_s": None}
    return {**row(name, "workers", 2), **worker(name), **speed, **facts}


def snapshot(*workers: dict[str, Any], events: Any = (), **summary: Any) -> dict[str, Any]:
    """What /cortex/v1/snapshot says of a daemon with these workers."""
    rows = [
        row("root", "", 0, kind="supervisor"),
        row("telemetry"),
        row("workers", kind="supervisor"),
        *workers,
        row("dispatcher"),
    ]
    figures = {
        "status": "healthy",
        "uptime_s": 65.2,
        "requests_per_s": 0.4,
        "p50_s": 0.31,
        "p95_s": 1.25,
        "free_share": 0.934,
        "saved_usd": 0.0123,
        "cost_usd": 0.0,
        "in_flight": 2,
        "slots": 16,
        "queue": 0,
        "failovers": 7,
        "failovers_seen": 0,
        "restarts": 1,
        "max_restarts": 3,
        "max_seconds": 5.0,
        "cache_ratio": None,
        "clients": 0,
        "problems": [],
    }
    return {
        "version": "0.1.0",
        "pid": 1,
        "started_at": 1_700_000_000.0,
        "at": 1_700_000_065.0,
        "summary": {**figures, **summary},
        "rows": {each["name"]: each for each in rows},
        "order": [each["name"] for each in rows],
        "events": list(events),
    }
