"""An answer on its way to one client: head and body in as few writes as there can be.

Theory of operation: aiohttp's `Response` and `StreamResponse` build a case-insensitive multidict of headers, negotiate,
compress and prepare hooks; for a daemon whose every answer has five known headers this is half of a small request's cost.
`Reply` is what aiohttp's server asks of a response (`prepare`, `write_eof`, `keep_alive`) and writes bytes that were made in
one piece straight to the connection. The server, its parser, its limits and its life cycle are aiohttp's.

A stream is written synchronously, event by event; `drained` is awaited only when the client reads too slowly, and the
upstream then is not read from either.
"""

import asyncio
import time
from http import HTTPStatus
from typing import Final

from aiohttp import ClientError, HttpVersion11, hdrs, web

REASONS: Final = {status.value: status.phrase for status in HTTPStatus}
CONNECTION: Final = {True: "Connection: keep-alive\r\n", False: "Connection: close\r\n"}

TAKES_NOTHING_S = 60.0
"""How long a client may take in nothing of what is left, where no sweep looks: nginx's `send_timeout`."""


class ClientGoneError(ConnectionError):
    """The client closed its connection."""


class Reply(web.StreamResponse):
    """See the module's docstring. Made from the request it answers; whole or streamed, once."""

    def __init__(self, request: web.BaseRequest) -> None:  # its parent's would build what is not used
        self._http = request
        self._transport = request.transport
        self._chunked = request.version >= HttpVersion11
        self._alive = request.keep_alive
        self._is_head = request.method == hdrs.METH_HEAD
        self.status_sent = 0
        """The HTTP status that went out; 0 while none did."""
        self.is_stream = False
        self.is_ended = False
        self.written = 0
        """How often something was written."""
        self.paused_at: float | None = None
        """Monotonic seconds since which the client has not been reading."""

    def __repr__(self) -> str:
        return f"<Reply {self.status_sent or 'not begun'}{' stream' * self.is_stream}{' ended' * self.is_ended}>"

    @property
    def keep_alive(self) -> bool:
        """Whether the connection may serve another request; read by aiohttp."""
        return self._alive

    def close_after(self) -> None:
        """Let the connection end with this answer."""
        self._alive = False

    async def prepare(self, request: web.BaseRequest) -> None:
        """Do nothing: what there is to say was written; called by aiohttp."""

    async def write_eof(self, data: bytes = b"") -> None:
        """Wait until the client has taken in most of what was written; called by aiohttp when the handler has returned."""
        await self.taken_in()

    async def taken_in(self) -> None:
        """Wait until the client has taken in most of what was written; one that takes nothing for a while is cut off."""
        transport = self._transport
        while transport is not None and self._http.protocol.writing_paused:
            before = transport.get_write_buffer_size()
            try:
                async with asyncio.timeout(TAKES_NOTHING_S):
                    await self.drained()
            except TimeoutError:
                if transport.get_write_buffer_size() >= before:
                    self.abort()
                    return

    def whole(self, status: int, content_type: str, body: bytes, headers: str = "") -> None:
        """Write a whole answer. `headers` are lines that end in CRLF, made by `header_lines`."""
        self.status_sent = status
        self.is_ended = True
        head = (
            f"HTTP/1.1 {status} {REASONS.get(status, '')}\r\nContent-Type: {content_type}\r\n"
            f"Content-Length: {len(body)}\r\n{headers}{'' if self._alive and self._chunked else CONNECTION[self._alive]}\r\n"
        ).encode("latin-1", "replace")
        self._send(head if self._is_head else head + body)

    def begin(self, content_type: str, headers: str, first: bytes = b"") -> None:
        """Begin a stream with status 200, in one write with its first event."""
        self.status_sent = 200
        self.is_stream = True
        if not self._chunked:
            self._alive = False
        head = (
            f"HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nCache-Control: no-cache\r\nX-Accel-Buffering: no\r\n"
            f"{'Transfer-Encoding: chunked' if self._chunked else 'Connection: close'}\r\n{headers}\r\n"
        ).encode("latin-1", "replace")
        self._send(head + self._framed(first) if first else head)

    def write(self, data: bytes) -> None:  # type: ignore[override]  # the parent's is a coroutine; this one never waits
        """Write more of a stream. Raises ClientGoneError when nobody is there any more."""
        if data:  # an empty chunk would end the stream
            self._send(self._framed(data))

    def end(self) -> None:
        """End a stream that is whole, or ended in an error that was told."""
        self.is_ended = True
        if self._chunked:
            self._send(b"0\r\n\r\n")

    def abort(self) -> None:
        """Cut the connection: an end that no client can take for a whole answer."""
        self._alive = False
        self.is_ended = True
        if self._transport is not None:
            self._transport.abort()

    @property
    def is_paused(self) -> bool:
        """Whether the client reads too slowly for more to be written now."""
        return self._http.protocol.writing_paused

    async def drained(self) -> None:
        """Wait until the client reads again; the endpoint's sweep bounds it. Raises ClientGoneError."""
        self.paused_at = time.monotonic()
        try:
            await self._http.writer.drain()
        except (ConnectionError, ClientError) as error:
            raise ClientGoneError("the client closed its connection") from error
        finally:
            self.paused_at = None

    def _framed(self, data: bytes) -> bytes:
        return b"%x\r\n%b\r\n" % (len(data), data) if self._chunked else data

    def _send(self, data: bytes) -> None:
        transport = self._transport
        if transport is None or transport.is_closing():
            raise ClientGoneError("the client closed its connection")
        self.written += 1
        transport.write(data)


def header_lines(**values: str) -> str:
    r"""Write header lines from `X_Cortex_Worker="desk"`-like arguments; what cannot stand in a header becomes `?`.

    >>> header_lines(X_A="one", X_B="two\r\nX-Evil: 1")
    'X-A: one\r\nX-B: two??X-Evil: 1\r\n'
    """
    return "".join(f"{name.replace('_', '-')}: {clean(value)}\r\n" for name, value in values.items() if value)


def clean(value: str) -> str:
    """Return `value` as a header may carry it: printable Latin-1, at most 400 characters."""
    if len(value) <= 400 and value.isascii() and value.isprintable():
        return value
    return "".join(letter if letter.isprintable() and ord(letter) < 256 else "?" for letter in value[:400])
