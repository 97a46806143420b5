"""One HTTP/1.1 connection to an upstream: a request out, its answer in, then the next.

Theory of operation: the protocol is its own parser's listener. `exchange` writes a request and awaits one future, which
the end of the answer's head resolves; body bytes go straight into the `Response`. Nothing here arms a timer:
`deadline_s` says when the pool's sweep must have a look, and `expire` says what that means.

Whatever ends badly ends in `abort`: the connection is then unusable, the pool hears of it in the same instant, and the
socket is closed. So there is no half-used connection that could give one request the answer of another. What llhttp,
the parser in httptools, lets through is refused here: an upgrade, a second answer nobody asked for, a transfer encoding
that leaves the end of the body to the close. It refuses by itself two lengths, a length beside chunks, folded lines and
bare LFs.
"""

import asyncio
import contextlib
import os
from collections.abc import Callable
from math import inf
from typing import Final, NamedTuple, Protocol, cast

import httptools

from cortex.messages import Failure
from cortex.transport.failures import TransportError, malformed, refused, timed_out, unreachable
from cortex.transport.origin import Origin
from cortex.transport.response import Response

HIGH_WATER = 256 << 10
"""Unread bytes of a body above which the connection stops reading; a reader takes all, so it starts again at none."""

SLICE = 256 << 10
"""Bytes of a request's body handed to the socket at once; a larger body waits for it to drain in between."""

MAX_FIELDS = 256
"""Header fields of an answer."""


class Budgets(NamedTuple):
    """Seconds that the phases of a request may take; the whole is the caller's to bound."""

    connect_s: float
    """For a free place, the look-up of the name, the connection and TLS together."""
    first_byte_s: float
    """From the request's last byte to the end of the answer's head, however it trickles in."""
    stall_s: float
    """Between two pieces of a body, of the answer or of a large request."""


class Keeper(Protocol):
    """What a connection tells its pool."""

    def freed(self, connection: "Connection") -> None:
        """Hear that its answer is whole and it may serve the next request."""
        ...

    def lost(self, connection: "Connection") -> None:
        """Hear, once, that it serves no more."""
        ...

    def gone(self, connection: "Connection") -> None:
        """Hear, last of all, that its socket is closed."""
        ...


class _StopParsingError(Exception):
    """Nothing behind this point belongs to the answer; raised through the parser to make it stop."""


class Connection(asyncio.Protocol):
    """See the module's docstring."""

    def __init__(self, origin: Origin, keeper: Keeper, clock: Callable[[], float], max_head: int) -> None:
        self.origin: Final = origin
        self.deadline_s = inf
        """When the sweep must call `expire`; the pool sets it while the connection is idle."""
        self.closed = False
        self.exchanges = 0
        self._keeper = keeper
        self._clock = clock
        self._max_head = max_head
        self._transport: asyncio.Transport | None = None
        self._parser: httptools.HttpResponseParser | None = None
        self._answer: asyncio.Future[Response] | None = None  # None while idle
        self._response: Response | None = None
        self._drain: asyncio.Future[None] | None = None
        self._write_paused = False
        self._uploading = False
        self._budgets = Budgets(inf, inf, inf)
        self._sent_s = 0.0
        self._head_only = False
        self._raw: list[tuple[bytes, bytes]] = []
        self._fed = 0  # bytes since the request, or since the body last grew
        self._size = 0  # of the body when it last grew
        self._complete = False
        self._keep = True

    def __repr__(self) -> str:
        state = "closed" if self.closed else "idle" if self._answer is None else self._response or "waiting"
        return f"<Connection {self.origin} {state}, {self.exchanges} exchanges>"

    # What the pool asks for

    async def exchange(self, head: bytes, body: bytes, budgets: Budgets) -> Response:
        """Send a request and return its answer once its head is here. Raises TransportError. Cancelled, it aborts."""
        transport = self._transport
        if self.closed or transport is None:
            raise TransportError(unreachable(self.origin, "the connection was closed"))
        self._begin(budgets, head_only=head.startswith(b"HEAD "))
        self.exchanges += 1
        answer: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
        self._answer = answer
        try:
            if len(body) <= SLICE:
                transport.write(head + body if body else head)
            else:
                await self._upload(transport, head, body, answer)
            return await answer
        except BaseException:
            self._give_up(answer)
            raise

    def expire(self, now: float) -> None:
        """End what is over its budget at `now`; an idle connection is closed."""
        if now < self.deadline_s or self.closed:
            return
        budgets, response = self._budgets, self._response
        if self._answer is None:
            self.abort()
        elif response is not None:
            cause = f"silent for {budgets.stall_s:g} s after {response.received:,} bytes of the body"
            self.fail(timed_out(self.origin, "stall", cause))
        elif self._uploading:
            self.fail(timed_out(self.origin, "stall", f"took nothing of the request for {budgets.stall_s:g} s"))
        else:
            self.fail(timed_out(self.origin, "first_byte", f"no first byte within {budgets.first_byte_s:g} s"))

    def fail(self, failure: Failure, *, stale: bool = False) -> None:
        """Give whoever waits for this connection `failure`, and abort it."""
        answer, response = self._answer, self._response
        if response is not None:
            response.end(failure)
        if answer is not None and not answer.done():
            answer.set_exception(TransportError(failure, stale=stale))
        self.abort()

    def abort(self) -> None:
        """Close at once, whatever is under way; its response, if there is one, has been told."""
        if self.closed:
            return
        self.closed = True
        self._answer = self._response = None
        self._wake_upload()
        if self._transport is not None:
            self._transport.abort()
        self._keeper.lost(self)

    def resume(self) -> None:
        """Read on: the reader has taken all that came."""
        response = self._response
        if response is not None and self._transport is not None:
            response.paused = False
            self.deadline_s = self._clock() + self._budgets.stall_s
            self._transport.resume_reading()

    # What the event loop tells

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin (asyncio)."""
        self._transport = cast("asyncio.Transport", transport)
        self._parser = httptools.HttpResponseParser(self)

    def data_received(self, data: bytes) -> None:
        """Parse what came (asyncio); all callbacks of the parser run inside."""
        answer = self._answer
        if answer is None or self._parser is None:
            self.abort()  # nobody asked: never to be taken for the next answer
            return
        self._fed += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            if not self._complete:
                self.fail(malformed(self.origin, f"no HTTP answer: {error.__context__ or error}"))
                return
            self._keep = False
        response = self._response
        if response is None:
            if self._fed > self._max_head:
                self._refuse_head()
        elif answer.done() or self._admit(answer, response):
            self._progress(response)

    def eof_received(self) -> None:
        """Hear that the upstream sends no more (asyncio); the transport then closes by itself."""
        if self._answer is None:
            self.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Hear that the socket is closing (asyncio)."""
        if self._answer is not None and isinstance(exc, OSError):
            self._salvage()
        response = self._response
        if response is not None and exc is None and not response.delimited:
            self._keep = False
            self._finish(response)
        elif response is not None:
            self.fail(malformed(self.origin, f"the connection was cut after {response.received:,} bytes of the body"))
        elif self._answer is not None:
            self._lose_answer(exc)
        else:
            self.abort()
        self._parser = None  # it holds this object, and this object it
        self._keeper.gone(self)

    def pause_writing(self) -> None:
        """Hear that the socket takes no more for now (asyncio)."""
        self._write_paused = True

    def resume_writing(self) -> None:
        """Hear that the socket takes more (asyncio)."""
        self._write_paused = False
        self._wake_upload()

    # What the parser tells, inside data_received

    def on_message_begin(self) -> None:
        """Refuse a second answer behind the one that was asked for."""
        if self._complete:
            raise _StopParsingError("another answer behind the first")

    def on_header(self, name: bytes, value: bytes) -> None:
        """Collect a header field; those of a trailer are dropped."""
        if self._response is None:
            self._raw.append((name, value))

    def on_headers_complete(self) -> None:
        """Make the response of a final head; an interim one (1xx) is passed over."""
        parser = self._parser
        if parser is None:
            return
        status: int = parser.get_status_code()
        if status == 101:
            raise _StopParsingError("it switches to another protocol")
        if status < 200:
            self._raw = []
            return
        self._keep = parser.should_keep_alive()
        self._response = Response(status, self._raw, self, bodyless=self._head_only or status in {204, 304})
        if not self._keep:
            self._check_end_by_close(parser, self._response)
        if self._head_only:  # the parser cannot be told that no body follows, so its connection ends here
            self._complete, self._keep = True, False
            raise _StopParsingError

    def on_body(self, data: bytes) -> None:
        """Pass on a piece of the body."""
        if self._response is not None:
            self._response.push(data)

    def on_message_complete(self) -> None:
        """Note that the answer is whole, unless it was an interim one."""
        self._complete = self._response is not None

    # Inside

    def _begin(self, budgets: Budgets, *, head_only: bool) -> None:
        self._budgets = budgets
        self._head_only = head_only
        self._raw = []
        self._fed = 0
        self._size = -1  # so that the head alone is progress
        self._complete = False
        self._keep = True
        self._sent_s = self._clock()
        self.deadline_s = self._sent_s + budgets.first_byte_s

    async def _upload(
        self, transport: asyncio.Transport, head: bytes, body: bytes, answer: asyncio.Future[Response]
    ) -> None:
        """Write a large request as fast as the socket takes it; stop early when its answer is here already."""
        self._uploading = True
        transport.write(head)
        view = memoryview(body)
        for start in range(0, len(body), SLICE):
            self.deadline_s = self._clock() + self._budgets.stall_s
            if not answer.done():
                transport.write(view[start : start + SLICE])
            if self._write_paused and not answer.done():
                self._drain = asyncio.get_running_loop().create_future()
                await self._drain
            if answer.done():
                return
        self._uploading = False
        self._sent_s = self._clock()
        self.deadline_s = self._sent_s + self._budgets.first_byte_s

    def _wake_upload(self) -> None:
        drain, self._drain = self._drain, None
        if drain is not None and not drain.done():
            drain.set_result(None)

    def _give_up(self, answer: asyncio.Future[Response]) -> None:
        """Leave nothing of an exchange that nobody awaits any more. Its answer may be here, or just have failed."""
        if not answer.done() or answer.cancelled():
            # A whole answer may have come between the cancellation and now; then the connection is another's already.
            if self._answer is answer:
                self.abort()
        elif answer.exception() is None:
            answer.result().close()

    def _admit(self, answer: asyncio.Future[Response], response: Response) -> bool:
        """Resolve the exchange with an answer whose head has just come."""
        if len(self._raw) > MAX_FIELDS or (
            self._fed - response.received > self._max_head
            and sum(len(name) + len(value) + 4 for name, value in self._raw) > self._max_head
        ):
            self._response = None
            self._refuse_head()
            return False
        answer.set_result(response)
        self._wake_upload()
        return True

    def _refuse_head(self) -> None:
        cause = f"a head of more than {self._max_head:,} bytes or {MAX_FIELDS} fields"
        self.fail(malformed(self.origin, cause))

    def _check_end_by_close(self, parser: httptools.HttpResponseParser, response: Response) -> None:
        if parser.get_http_version() not in {"1.0", "1.1"}:
            raise _StopParsingError("not HTTP/1.0 or HTTP/1.1")
        encoding = response.headers.get("transfer-encoding", "")
        if encoding and encoding.rpartition(",")[2].strip().lower() != "chunked":
            raise _StopParsingError("a transfer encoding that is not chunked")

    def _progress(self, response: Response) -> None:
        """Account for one read of a body and tell its reader."""
        if self._complete:
            self._finish(response)
            return
        if response.received > self._size:
            self._size = response.received
            self._fed = 0
            self.deadline_s = self._clock() + self._budgets.stall_s
        elif self._fed > self._max_head:  # a trailer or chunk extensions without end
            self.fail(malformed(self.origin, f"more than {self._max_head:,} bytes without any of the body"))
            return
        if response.held > HIGH_WATER and not response.paused and self._transport is not None:
            response.paused = True
            self.deadline_s = inf  # the silence is ours
            self._transport.pause_reading()
        response.wake()

    def _finish(self, response: Response) -> None:
        """Let go of an answer that is whole."""
        self._answer = self._response = None
        response.end()
        if self._keep and not self._uploading:
            if response.paused and self._transport is not None:
                self._transport.resume_reading()
            self._keeper.freed(self)
        else:
            self.abort()

    def _lose_answer(self, exc: Exception | None) -> None:
        """End an exchange whose connection closed before its head was whole."""
        if self._fed:
            self.fail(malformed(self.origin, f"the connection was cut after {self._fed:,} bytes of the head"))
            return
        failure = refused(self.origin, exc) if exc else unreachable(self.origin, "closed before an answer")
        # A stale connection shows within a round trip; one that breaks later had a server at work behind it.
        at_once = self._clock() - self._sent_s <= self._budgets.connect_s
        self.fail(failure, stale=self.exchanges > 1 and at_once)

    def _salvage(self) -> None:
        """Read an early answer (401, 413) that lies in the kernel's buffer behind a reset that broke the writing."""
        transport = self._transport
        if transport is None or transport.get_extra_info("sslcontext") is not None:
            return
        with contextlib.suppress(OSError):
            while not self.closed and (data := os.read(transport.get_extra_info("socket").fileno(), SLICE)):
                self.data_received(data)
