"""Where every client request comes in: admission, key, body, dialect, and the end of its record.

One `Front` serves all connections for as long as the process lives; the endpoint actor only opens and closes the door in
front of it. So when that actor is restarted, connections and running answers do not notice.
"""

import asyncio
import hmac
import time
from collections.abc import Awaitable, Callable
from hashlib import blake2b
from itertools import count
from typing import Any

import structlog
from aiohttp import web

from cortex.cache.policy import SAYS_NOTHING, read_control
from cortex.chat import Ask, Embed
from cortex.config.model import Server
from cortex.config.plugins import OWN_STRATEGIES, strategy_names
from cortex.config.units import seconds
from cortex.config.watcher import Current
from cortex.endpoint.anthropic import Anthropic
from cortex.endpoint.cached import Cached
from cortex.endpoint.conversation import conversation_of
from cortex.endpoint.dashboard_files import wants_html
from cortex.endpoint.dialect import BadRequest, Dialect, Problem, neutral_of
from cortex.endpoint.exchange import Exchange
from cortex.endpoint.ollama import Ollama
from cortex.endpoint.openai import OpenAI
from cortex.endpoint.refusals import of_deadline
from cortex.endpoint.relay import Relay
from cortex.endpoint.reply import ClientGoneError, Reply
from cortex.endpoint.tokens import estimated_tokens
from cortex.endpoint.visitors import acts, is_own, presented, refusal
from cortex.messages import Request
from cortex.telemetry.journal import Journal
from cortex.telemetry.record import Record

Page = Callable[[web.BaseRequest, Reply], Awaitable[web.StreamResponse | None]]
"""Answers a request that is not for a model, by the reply or by a response of its own; see pages.py."""

MODEL_PATHS = {
    "/v1/chat/completions": ("openai", "chat"),
    "/v1/completions": ("openai", "complete"),
    "/v1/embeddings": ("openai", "embed"),
    "/v1/responses": ("openai", "respond"),
    "/api/chat": ("ollama", "chat"),
    "/api/generate": ("ollama", "generate"),
    "/api/embed": ("ollama", "embed"),
    "/api/embeddings": ("ollama", "embed_one"),
    "/v1/messages": ("anthropic", "chat"),
    "/v1/messages/count_tokens": ("anthropic", "count"),
}
"""POST path → client dialect and operation."""

OPEN_PATHS = frozenset({"/livez", "/readyz", "/health"})
"""Answered without a key: a process supervisor has none."""

OPEN_FILES = "/dashboard"
"""What begins so holds no data: the page asks for the key itself."""

log: Any = structlog.get_logger()


class Front:
    """See the module's docstring. Its `handle` is the handler of aiohttp's server."""

    def __init__(
        self,
        *,
        current: Current,
        relay: Relay,
        cached: Cached,
        journal: Journal,
        due: Callable[[], object],
        pages: Callable[[str, str], Page | Problem],
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._current = current
        self._relay = relay
        self._cached = cached
        self._journal = journal
        self._due = due
        self._pages = pages
        self._clock = clock
        self._wall = wall
        self._anthropic = Anthropic(wall)
        self._dialects: dict[str, Dialect] = {
            "openai": OpenAI(wall),
            "ollama": Ollama(wall),
            "anthropic": self._anthropic,
        }
        self._ids = count(1)
        self._prefix = f"{int(wall() * 1000) & 0xFFFFFFFF:08x}"
        self._loop = asyncio.get_running_loop()
        self.exchanges: set[Exchange] = set()
        self.is_closing = False
        """SIGTERM came: running answers end, nothing new begins."""

    @property
    def keepalive_s(self) -> float:
        """How long a streaming client may hear nothing."""
        return self._current.settings.streams.keepalive_s

    async def handle(self, http: web.BaseRequest) -> web.StreamResponse:
        """Answer one HTTP request."""
        reply = Reply(http)
        raw = http.raw_path
        path = raw if "?" not in raw else raw.partition("?")[0]
        model_path = MODEL_PATHS.get(path)
        problem = self._admit(http, path, is_model=model_path is not None)
        if problem is not None:
            return _told(reply, problem, self._dialect_of(http, path))
        if model_path is not None and http.method == "POST":
            await self._model(http, reply, self._dialects[model_path[0]], model_path[1])
            return reply
        if http.method == "OPTIONS" or (
            model_path is not None and http.method == "HEAD"
        ):  # clients probe what is there
            reply.whole(
                200, "text/plain; charset=utf-8", b"", f"Allow: {'POST' if model_path else 'GET, HEAD, POST'}\r\n"
            )
            return reply
        dialect = self._dialect_of(http, path)
        page = self._pages(http.method, path)
        if isinstance(page, Problem):
            return _told(reply, page, dialect)
        try:
            return await page(http, reply) or reply
        except BadRequest as bad:
            return _told(reply, bad.problem, dialect)

    def _dialect_of(self, http: web.BaseRequest, path: str) -> Dialect:
        """Return the dialect whose shape errors on `path` take; OpenAI and Anthropic share the listing of models."""
        if path.startswith("/api/") or path == "/":
            return self._dialects["ollama"]
        is_anthropic = "/messages" in path or "anthropic-version" in http.headers
        return self._dialects["anthropic" if is_anthropic else "openai"]

    def _admit(self, http: web.BaseRequest, path: str, *, is_model: bool) -> Problem | None:
        server = self._current.settings.server
        if not is_model and is_own(path):
            names = (server.host,)
            refused = refusal(http.method, http.headers, names, asks_key=bool(server.api_keys))
            if refused is not None:
                return refused
        wanted = _wanted_key(http, path, server)
        if wanted:
            how = "as 'Authorization: Bearer …' or 'x-api-key'"
            return Problem(401, f"this Córtex wants {wanted} {how}", code="invalid_api_key")
        if is_model:
            if self.is_closing:
                return Problem(503, "Córtex is shutting down", code="shutting_down", retry_after_s=5.0)
            if len(self.exchanges) >= server.max_clients:
                return Problem(
                    503,
                    f"{server.max_clients} requests are open (server.max_clients)",
                    code="overloaded",
                    retry_after_s=2.0,
                )
            if http.method not in {"POST", "HEAD", "OPTIONS"}:
                return Problem(
                    405, f"{http.method} is not for {path}: use POST", code="method_not_allowed", allow="POST"
                )
        return None

    async def _model(self, http: web.BaseRequest, reply: Reply, dialect: Dialect, operation: str) -> None:
        task = asyncio.current_task(self._loop)
        assert task is not None  # noqa: S101  a handler runs in a task
        record = Record(
            id=f"{self._prefix}-{next(self._ids)}",
            client=http.remote or "",
            dialect=dialect.name,
            arrived_s=self._clock(),
            arrived_at=self._wall(),
        )
        if self._current.settings.telemetry.traces:
            record.traceparent = http.headers.get("traceparent", "")
        exchange = Exchange(dialect=dialect, reply=reply, record=record, task=task)
        self.exchanges.add(exchange)
        self._journal.begun(record)
        try:
            await self._answer(http, exchange, operation)
        except BadRequest as bad:
            self._relay.tell(exchange, bad.problem, outcome="client_error")
        except ClientGoneError:
            record.outcome = "client_gone"
        except asyncio.CancelledError:
            self._ended_from_outside(exchange, task)
        except Exception as error:  # the request ends here; whatever it was must not take the connection's loop along
            log.exception("a request failed inside Córtex", id=record.id)
            self._failed(exchange, error)
        finally:
            self._close(exchange)

    async def _answer(self, http: web.BaseRequest, exchange: Exchange, operation: str) -> None:
        record, settings = exchange.record, self._current.settings
        body = await read_body(http, settings.server.max_body_bytes)
        request = exchange.dialect.read(operation, body)
        record.describe(request)
        request.id = record.id
        request.client = record.client
        request.arrived_s = record.arrived_s
        _headers(http, request)
        if not request.deadline_s:
            request.deadline_s = record.arrived_s + settings.routing.deadline_s
        if "images" in request.needs or "embeddings" in request.needs:
            _measure(request, neutral_of(exchange.dialect, request))
        request.conversation = conversation_of(request.parsed)
        exchange.deadline_s = request.deadline_s
        exchange.request = request
        if request.operation == "count":
            record.outcome, record.detail = "ok", "estimated by Córtex"
            exchange.reply.whole(200, "application/json", self._anthropic.counted(request), exchange.head())
        elif request.is_load:
            await self._load(exchange, request)
        elif self._cached.concerns(request):
            said = http.headers.get("Cache-Control")
            await self._cached.answer(
                exchange, request, read_control(said) if said else SAYS_NOTHING, self._tenant(http)
            )
        else:
            self._cached.answers.counted("bypass")
            await self._relay.answer(exchange, request)

    def _tenant(self, http: web.BaseRequest) -> bytes:
        """Return what keeps one client's answers from another's: a digest of its key, where there are several."""
        keys = self._current.settings.server.keys
        return blake2b(presented(http.headers), digest_size=16).digest() if len(keys) > 1 else b""

    async def _load(self, exchange: Exchange, request: Request) -> None:
        """Have an Ollama load the model; where none is needed, say that it is there.

        An unload is answered as done and nothing is done: when models leave memory is each worker's own setting.
        """
        if not request.parsed.unloads and await self._relay.answer(exchange, request, or_else="unsupported"):
            return
        dialect = self._dialects["ollama"]
        assert isinstance(dialect, Ollama)  # noqa: S101  only its requests load
        exchange.record.outcome = "ok"
        exchange.reply.whole(200, "application/json", dialect.load_answer(request, request.model), exchange.head())

    def _ended_from_outside(self, exchange: Exchange, task: "asyncio.Task[Any]") -> None:
        record, ended_by = exchange.record, exchange.ended_by
        if not ended_by or exchange.reply.is_ended:
            record.outcome = record.outcome or "client_gone"
            raise asyncio.CancelledError
        task.uncancel()
        if ended_by == "stall":
            record.outcome, record.detail = "client_gone", "the client stopped reading"
            exchange.reply.abort()
            return
        problem = {
            "deadline": of_deadline(record, exchange.deadline_s - record.arrived_s),
            "body": Problem(408, "the request's body did not come in time", code="timeout"),
            "shutdown": Problem(
                503, "Córtex was shut down before the answer was whole", code="shutting_down", retry_after_s=5.0
            ),
        }[ended_by]
        try:
            exchange.reply.close_after()
            self._relay.tell(exchange, problem, outcome={"body": "client_error"}.get(ended_by, ended_by))
        except ClientGoneError:
            record.outcome = "client_gone"

    def _failed(self, exchange: Exchange, error: Exception) -> None:
        problem = Problem(
            500, f"Córtex failed at this request ({type(error).__name__}); its log has more", code="internal_error"
        )
        try:
            self._relay.tell(exchange, problem, outcome="internal_error")
        except ClientGoneError:
            exchange.record.outcome = "client_gone"

    def _close(self, exchange: Exchange) -> None:
        record = exchange.record
        record.total_s = self._clock() - record.arrived_s
        record.status = exchange.reply.status_sent or 499
        self.exchanges.discard(exchange)
        if self._journal.ended(record):
            self._due()


async def read_body(http: web.BaseRequest, limit: int) -> bytes:
    """Read a request's body. Raises BadRequest above `limit` bytes, before more than that is held."""
    length = http.content_length
    if length is not None and length > limit:
        raise _too_large(length, limit)
    content = http.content
    parts: list[bytes] = []
    size = 0
    while True:
        part = await content.readany()
        size += len(part)
        if size > limit:
            raise _too_large(size, limit)
        if content.at_eof():
            return b"".join((*parts, part)) if parts else part
        parts.append(part)


def _measure(request: Request, ask: Ask) -> None:
    """Write down what the length of the body does not tell: tokens of images, and how many texts there are."""
    if isinstance(ask, Embed):
        request.texts = len(ask.inputs) or len(ask.token_inputs)
    else:
        request.input_tokens = estimated_tokens(ask)


def _too_large(size: int, limit: int) -> BadRequest:
    return BadRequest(
        Problem(
            413,
            f"expected a body of at most {limit} bytes (server.max_body), found {size} or more",
            code="body_too_large",
        )
    )


def _headers(http: web.BaseRequest, request: Request) -> None:
    """Take over what the request's own headers ask for. Raises BadRequest."""
    strategy = http.headers.get("X-Cortex-Strategy")
    if strategy is not None:
        names = OWN_STRATEGIES if strategy in OWN_STRATEGIES else strategy_names()
        if strategy not in names:
            found = f"expected one of {', '.join(names)}, found {strategy[:40]!r}"
            raise BadRequest(
                Problem(400, f"X-Cortex-Strategy: {found}", code="invalid_value", param="X-Cortex-Strategy")
            )
        request.strategy = strategy
    deadline = http.headers.get("X-Cortex-Deadline")
    if deadline is not None:
        try:
            request.deadline_s = request.arrived_s + seconds(deadline)
        except ValueError:
            found = f"expected a duration such as 30s or 2m, found {deadline[:40]!r}"
            raise BadRequest(
                Problem(400, f"X-Cortex-Deadline: {found}", code="invalid_value", param="X-Cortex-Deadline")
            ) from None


def _is_open(http: web.BaseRequest, path: str) -> bool:
    """Whether a path is answered without a key."""
    return path in OPEN_PATHS or path.startswith(OPEN_FILES) or (path == "/" and wants_html(http))


def _wanted_key(http: web.BaseRequest, path: str, server: Server) -> str:
    """Return which key a request lacks, in words; nothing where it may come in.

    A client that would act is answered as if it had no key: so the page asks for another.
    """
    if server.keys and not _is_open(http, path) and not _knows(http, server.keys):
        return "a key: send one of server.api_keys"
    if server.admin_keys and acts(http.method, path) and not _knows(http, server.admin_keys):
        return "another key of who acts: send one of server.admin_keys"
    return ""


def _knows(http: web.BaseRequest, keys: Any) -> bool:
    """Whether the request presents one of the keys; the comparison takes as long whatever it presents."""
    key = presented(http.headers)
    return any([hmac.compare_digest(key, one.reveal().encode()) for one in keys])  # noqa: C419  no short cut


def _told(reply: Reply, problem: Problem, dialect: Dialect) -> Reply:
    headers = f"Retry-After: {round(problem.retry_after_s)}\r\n" if problem.retry_after_s else ""
    headers += f"Allow: {problem.allow}\r\n" if problem.allow else ""
    if problem.status in {401, 405, 413}:
        reply.close_after()  # its body is not worth reading
    reply.whole(problem.status, "application/json", dialect.error(problem), headers)
    return reply
