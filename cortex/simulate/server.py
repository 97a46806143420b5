"""What every simulated upstream has in common: a port, a record of what came, faults on command.

Time and pace are injectable: `clock` gives monotonic seconds, `wall` those of the calendar, `sleep` waits; `instant=True`
lets nothing take time, but still gives every token a turn of the event loop, so that a month of a quota passes as fast as
a test moves its clocks. Tests wait for what they need with `until`, not with a sleep.

    POST /simulate/fault {"kind": "cut", "after_tokens": 3, "times": 2}    order a fault (or `"always": true`)
    POST /simulate/clear                                                   forget all orders
    GET  /simulate                                                         what it is doing
"""

import asyncio
import contextlib
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, ClassVar, TypedDict, cast

import msgspec
from aiohttp import web
from msgspec import Struct

from cortex.simulate.delivery import Pace, Received, deliver, hang
from cortex.simulate.fault import Fault, Faults
from cortex.simulate.listener import Listener, reset
from cortex.simulate.model import SimulatedModel, models_of
from cortex.simulate.refusal import JSON, Refused
from cortex.simulate.reply import Reply

KEPT_REQUESTS = 10_000
ASK_AGAIN_S = 0.05
REFUSALS = frozenset({"rate_limited", "busy", "model_missing", "unauthorized"})
"""The kinds of fault that each dialect has true bodies for."""
HTML_502 = b"""<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r
<center><h1>502 Bad Gateway</h1></center>\r\n<hr><center>nginx/1.29.3</center>\r\n</body>\r\n</html>\r\n"""


class Order(Struct, frozen=True):
    """How often a fault commanded over HTTP happens; the rest of that body is the fault."""

    times: int = 1
    always: bool = False


class Settings(TypedDict, total=False):
    """What every simulated upstream can be told; see SimulatedServer for the defaults."""

    tokens_per_s: float
    first_token_s: float
    answer_tokens: int
    clock: Callable[[], float]
    wall: Callable[[], float]
    sleep: Callable[[float], Awaitable[None]]
    instant: bool
    seed: int
    name: str


class SimulatedServer(ABC):
    """A simulated upstream; see the module's docstring."""

    dialect: ClassVar[str]
    generating: frozenset[str]
    """The paths that generate, and so meet the faults that name no path."""
    silences: ClassVar[frozenset[str]] = frozenset()
    """Why an answer may be empty in this dialect: the flavours of `empty`."""

    def __init__(  # noqa: PLR0913  each is one thing that a test may want to set, and all have a default
        self,
        *,
        models: Iterable[str | SimulatedModel],
        tokens_per_s: float = 50.0,
        first_token_s: float = 0.15,
        answer_tokens: int = 32,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        instant: bool = False,
        seed: int = 0,
        name: str = "",
    ) -> None:
        self.name = name or self.dialect
        self.models = models_of(models)
        self.seed = seed
        self.answer_tokens = answer_tokens
        self.clock = clock
        self.wall = wall
        self.sleep = _yield if instant else sleep
        self.pace = Pace(first_token_s, tokens_per_s, self.sleep)
        self.faults = Faults()
        self.requests: list[Received] = []
        """What was received, the latest last; the control paths are not in it. Bounded by KEPT_REQUESTS."""
        self.in_flight = 0
        """Requests that are being answered."""
        self.cancelled = 0
        """Requests whose client left before the end."""
        self._listener = Listener(self._handle)
        self._is_stopping = False
        self._happened = asyncio.Event()
        self._timers: set[asyncio.Task[None]] = set()

    def __repr__(self) -> str:
        where = f"{self._listener.host}:{self._listener.port}" if self._listener.is_open else "off"
        return f"<{type(self).__name__} {self.name} {where} in_flight={self.in_flight} cancelled={self.cancelled}>"

    @property
    def origin(self) -> str:
        """Scheme, host and port; raises RuntimeError before the first start."""
        if not self._listener.port:
            raise RuntimeError(f"{self.name} was never started")
        host = f"[{self._listener.host}]" if ":" in self._listener.host else self._listener.host
        return f"http://{host}:{self._listener.port}"

    @property
    def url(self) -> str:
        """What a worker's `url` is set to."""
        return self.origin

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Listen; port 0 is any free one, and after a stop the same as before. Raises OSError when it is taken."""
        self._is_stopping = False
        self._listener.start(host, port)

    async def stop(self) -> None:
        """Go off as a machine does: connections are reset, new ones refused; what was in memory is gone."""
        self._is_stopping = True
        for timer in self._timers:
            timer.cancel()
        await self._listener.stop()
        self.note()

    def fault(self, fault: Fault, times: int = 1) -> None:
        """Let the next `times` requests that it concerns meet `fault`; a `refuse` holds at once, and is not counted.

        Raises ValueError for a flavour that this dialect does not have.
        """
        self._check(fault)
        if fault.kind == "refuse":
            self._refuse(fault)
        else:
            self.faults.order(fault, times)

    def always(self, fault: Fault) -> None:
        """Let every request that it concerns meet `fault`, until `clear`. Raises ValueError as `fault` does."""
        self._check(fault)
        if fault.kind == "refuse":
            self._refuse(fault)
        else:
            self.faults.order_always(fault)

    def clear(self) -> None:
        """Forget every fault; a machine that refuses connections takes them again."""
        self.faults.clear()
        for timer in self._timers:
            timer.cancel()
        if self._listener.port and not self._is_stopping:
            self._listener.open()

    async def until(self, condition: Callable[[], bool], timeout_s: float = 10.0) -> None:
        """Wait until `condition()`, asked after each thing that happens here, and now and then for what does elsewhere.

        Raises TimeoutError.
        """
        async with asyncio.timeout(timeout_s):
            while not condition():
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._happened.wait(), ASK_AGAIN_S)

    def note(self) -> None:
        """Let those who wait in `until` ask again."""
        happened, self._happened = self._happened, asyncio.Event()
        happened.set()

    def state(self) -> dict[str, Any]:
        """Return what it is doing, for people."""
        return {
            "name": self.name,
            "dialect": self.dialect,
            "models": [model.name for model in self.models],
            "requests": len(self.requests),
            "in_flight": self.in_flight,
            "cancelled": self.cancelled,
            "faults": self.faults.pending(),
        }

    @abstractmethod
    async def respond(self, request: web.BaseRequest, received: Received) -> web.StreamResponse:
        """Answer one request in the dialect. Raises Refused."""

    @abstractmethod
    def refused(self, kind: str, fault: Fault, model: str) -> Refused:
        """Return the dialect's own refusal of that kind. Raises KeyError for a flavour it does not have."""

    @abstractmethod
    def failed(self, status: int, message: str) -> Refused:
        """Return any other error in the dialect's shape."""

    def asked_model(self, _path: str, json: Any) -> str:
        """Return the model that a request names, empty where it names none."""
        return str(json.get("model", "")) if isinstance(json, dict) else ""

    async def deliver(self, request: web.BaseRequest, received: Received, reply: Reply) -> web.StreamResponse:
        """Send an answer at this server's pace, broken as its fault asks for."""
        return await deliver(request, received, reply, self.pace, self.note)

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.path.split("/", 2)[1] == "simulate":
            return await self._control(request)
        body = await request.read()
        headers = {name.lower(): value for name, value in request.headers.items()}
        json = _parsed(body)
        model = self.asked_model(request.path, json)
        received = Received(request.method, request.path, request.query, headers, body, json, model)
        generates = request.method == "POST" and request.path in self.generating
        received.fault = self.faults.take(request.path, received.model, generates=generates)
        return await self._recorded(request, received)

    async def _recorded(self, request: web.BaseRequest, received: Received) -> web.StreamResponse:
        transport = cast("asyncio.Transport", request.transport)
        self.requests.append(received)
        del self.requests[:-KEPT_REQUESTS]
        self.in_flight += 1
        self._listener.busy.add(transport)
        self.note()
        try:
            response = await self._answered(request, received)
            await response.prepare(request)
            await response.write_eof()
        except (asyncio.CancelledError, ConnectionResetError):
            if not received.ended:
                received.ended = "stopped" if self._is_stopping else "client_gone"
                self.cancelled += not self._is_stopping
            raise
        else:
            received.ended = received.ended or "answered"
            return response
        finally:
            self.in_flight -= 1
            self._listener.busy.discard(transport)
            if not self._listener.is_open and request.transport is not None:
                request.transport.close()  # it refuses, and that answer was the last of this connection
            self.note()

    async def _answered(self, request: web.BaseRequest, received: Received) -> web.StreamResponse:
        try:
            if received.fault is not None:
                await self._before(request, received, received.fault)
            return await self.respond(request, received)
        except Refused as no:
            return web.Response(status=no.status, body=no.body, headers=no.headers, content_type=no.content_type)

    async def _before(self, request: web.BaseRequest, received: Received, fault: Fault) -> None:
        """Let a fault happen that comes before the answer; return where there is to be one all the same."""
        if fault.kind == "hang":
            await hang()
        elif fault.kind == "slow_head":
            await self.sleep(fault.delay_s)
        elif fault.kind == "reset":
            received.ended = "fault"
            reset(cast("asyncio.Transport", request.transport))
            await hang()
        elif fault.kind == "html":
            received.ended = "fault"
            raise Refused(502, HTML_502, content_type="text/html")
        elif fault.kind == "error_status":
            received.ended = "fault"
            raise self._error_status(fault, received.model)
        elif fault.kind in REFUSALS:
            received.ended = "fault"
            raise self.refused(fault.kind, fault, received.model)

    def _error_status(self, fault: Fault, model: str) -> Refused:
        if fault.flavour:
            return self.refused(fault.kind, fault, model)
        if fault.body is None:
            no = self.failed(fault.status, f"simulated error {fault.status}")
        else:
            kind = JSON if fault.body.startswith(("{", "[")) else "text/plain"
            no = Refused(fault.status, fault.body.encode(), content_type=kind)
        if fault.retry_after is not None:
            no.headers["Retry-After"] = f"{fault.retry_after:g}"
        return no

    def _check(self, fault: Fault) -> None:
        is_known = fault.kind != "empty" or fault.flavour in {"", *self.silences}
        try:
            if fault.kind in REFUSALS or (fault.kind == "error_status" and fault.flavour):
                self.refused(fault.kind, fault, "")
        except KeyError:
            is_known = False
        if not is_known:
            raise ValueError(f"{self.dialect} has no {fault.kind} of flavour {fault.flavour!r}")

    def _refuse(self, fault: Fault) -> None:
        self._listener.refuse()
        if fault.delay_s:
            timer = asyncio.create_task(self._back_after(fault.delay_s))
            self._timers.add(timer)
            timer.add_done_callback(self._timers.discard)

    async def _back_after(self, delay_s: float) -> None:
        await self.sleep(delay_s)
        self._listener.open()
        self.note()

    async def _control(self, request: web.BaseRequest) -> web.Response:
        body = await request.read()
        if (request.method, request.path) == ("GET", "/simulate"):
            return _json(200, self.state())
        if (request.method, request.path) == ("POST", "/simulate/clear"):
            self.clear()
            return _json(200, self.state())
        if (request.method, request.path) == ("POST", "/simulate/fault"):
            return self._commanded(body)
        return _json(404, {"error": "GET /simulate, POST /simulate/fault or POST /simulate/clear"})

    def _commanded(self, body: bytes) -> web.Response:
        try:
            order = msgspec.json.decode(body, type=Order)
            asked = msgspec.json.decode(body, type=dict[str, Any])
            fault = msgspec.convert({key: asked[key] for key in asked.keys() - {"times", "always"}}, Fault)
            self._check(fault)
        except (msgspec.MsgspecError, ValueError) as error:
            return _json(400, {"error": str(error)})
        if fault.kind == "refuse" and not fault.delay_s:
            return _json(400, {"error": "refuse needs delay_s: without an end, /simulate could never be reached again"})
        if order.always:
            self.always(fault)
        else:
            self.fault(fault, order.times)
        return _json(200, self.state())


def _parsed(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except msgspec.DecodeError:
        return None


def _json(status: int, value: Any) -> web.Response:
    return web.Response(status=status, body=msgspec.json.encode(value), content_type=JSON)


async def _yield(_delay_s: float) -> None:
    await asyncio.sleep(0)
