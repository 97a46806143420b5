"""How an answer goes out: at the pace of a model, and broken in the way that a fault asks for.

A dialect writes a `Reply`; everything about time, sockets and faults in the body is here, once for all dialects.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, cast

from aiohttp import web
from msgspec import Struct

from cortex.simulate.fault import IN_THE_BODY, Fault
from cortex.simulate.refusal import JSON
from cortex.simulate.reply import Reply

GARBAGE = "<<< this is not an answer >>>"
BROKE_OFF = "simulated failure in the middle of the answer"


class Received:
    """One request as it came, and how it ended: for assertions."""

    def __init__(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        headers: dict[str, str],
        body: bytes,
        json: Any,
        model: str,
    ) -> None:
        self.method = method
        self.path = path
        self.query = query
        self.headers = headers
        """Names in lower case."""
        self.body = body
        self.json = json
        """The parsed body; None where it is no JSON."""
        self.model = model
        """The model asked for, as it was named."""
        self.fault: Fault | None = None
        """What it met."""
        self.tokens_sent = 0
        self.ended = ""
        """`answered`, `fault` (it ended it), `client_gone`, `stopped` (the machine went off); empty while it runs."""

    def __repr__(self) -> str:
        fault = f" {self.fault.kind}" if self.fault else ""
        return f"<Received {self.method} {self.path}{fault} {self.ended or 'running'}>"


class Pace(Struct, frozen=True):
    """How long things take."""

    first_token_s: float
    tokens_per_s: float
    sleep: Callable[[float], Awaitable[None]]


async def deliver(
    request: web.BaseRequest, received: Received, reply: Reply, pace: Pace, sent: Callable[[], None]
) -> web.StreamResponse:
    """Send `reply`, calling `sent` after each token of a stream."""
    delivery = _Delivery(request, received, reply, pace, sent)
    if received.fault is not None and received.fault.kind == "empty":
        return delivery.nothing()
    return await (delivery.stream() if reply.stream else delivery.whole())


async def hang() -> None:
    """Say nothing until the client leaves (which cancels this)."""
    await asyncio.Event().wait()


class _Delivery:
    """One reply on its way to one client."""

    def __init__(
        self, request: web.BaseRequest, received: Received, reply: Reply, pace: Pace, sent: Callable[[], None]
    ) -> None:
        self._request = request
        self._received = received
        self._reply = reply
        self._pace = pace
        self._sent = sent
        fault = received.fault
        self._fault = fault if fault is not None and fault.kind in IN_THE_BODY else None

    def nothing(self) -> web.Response:
        self._received.ended = "fault"
        kind = self._reply.content_type if self._reply.stream else JSON
        flavour = self._received.fault.flavour if self._received.fault is not None else ""
        body = self._reply.nothing(flavour) if flavour else b""
        return web.Response(body=body, headers=self._reply.headers, content_type=kind)

    async def stream(self) -> web.StreamResponse:
        reply, pace, fault = self._reply, self._pace, self._fault
        response = web.StreamResponse(headers={"Content-Type": reply.content_type, **reply.headers})
        response.enable_chunked_encoding()
        await pace.sleep(pace.first_token_s)
        await response.prepare(self._request)
        if fault is not None and fault.after_bytes is not None:
            return await self._bytes(response, fault.after_bytes)
        if reply.opening:
            await response.write(reply.opening)
        breaks_at = min(fault.after_tokens, len(reply.tokens)) if fault is not None else -1
        for index, token in enumerate((*reply.tokens, b"")):  # the empty one is the place behind the last
            if fault is not None and index == breaks_at and await self._breaks(response, fault):
                return response
            if not token:
                break
            if index:
                await pace.sleep(1 / pace.tokens_per_s)
            await response.write(token)
            self._received.tokens_sent += 1
            self._sent()
        await response.write(b"".join(self._ending()))
        await response.write_eof()
        return response

    async def _bytes(self, response: web.StreamResponse, count: int) -> web.StreamResponse:
        """Send so many bytes of a stream, and break off."""
        reply = self._reply
        self._received.ended = "fault"
        data = b"".join((reply.opening, *reply.tokens, *reply.closing))[:count]
        if data:
            await response.write(data)
        if self._fault is not None and self._fault.kind == "cut":
            await self._cut()
        await response.write_eof()
        return response

    def _ending(self) -> tuple[bytes, ...]:
        if self._fault is None or self._fault.kind != "no_done":
            return self._reply.closing
        self._received.ended = "fault"
        return self._reply.closing[:-1] if self._fault.flavour == "mark_only" else ()

    async def _breaks(self, response: web.StreamResponse, fault: Fault) -> bool:
        """Let `fault` happen in a stream; return whether that was its end."""
        if fault.kind == "no_done":
            return False
        if fault.kind == "stall":
            await self._stall(fault)
            return False
        self._received.ended = "fault"
        if fault.kind == "cut":
            await self._cut()
        elif fault.kind == "garbage":
            await response.write(self._reply.garbage(fault.body or GARBAGE))
        elif fault.kind == "error_in_stream":
            await response.write(self._reply.error(fault.body or BROKE_OFF))
        await response.write_eof()
        return True

    async def whole(self) -> web.StreamResponse:
        reply, pace, fault = self._reply, self._pace, self._fault
        await pace.sleep(pace.first_token_s + len(reply.tokens) / pace.tokens_per_s)
        self._received.tokens_sent = len(reply.tokens)
        self._sent()
        if fault is None:
            return self._json(reply.whole)
        share = reply.whole[: len(reply.whole) * fault.after_tokens // max(1, len(reply.tokens))]
        if fault.kind in {"cut", "stall"}:
            return await self._half(fault, share)
        self._received.ended = "fault"
        if fault.kind == "error_in_stream":
            status, body = reply.whole_error(fault.body or BROKE_OFF)
            return self._json(body, status)
        garbage = (fault.body or GARBAGE).encode()
        return self._json({"cut_clean": share, "garbage": garbage, "no_done": reply.unfinished}[fault.kind])

    async def _half(self, fault: Fault, share: bytes) -> web.StreamResponse:
        """Promise the whole length, send a share, and then cut the connection or fall silent."""
        whole = self._reply.whole
        headers = {"Content-Type": JSON, "Content-Length": str(len(whole)), **self._reply.headers}
        response = web.StreamResponse(headers=headers)
        await response.prepare(self._request)
        if share:
            await response.write(share)
        if fault.kind == "cut":
            self._received.ended = "fault"
            await self._cut()
        await self._stall(fault)
        await response.write(whole[len(share) :])
        await response.write_eof()
        return response

    async def _stall(self, fault: Fault) -> None:
        await (self._pace.sleep(fault.delay_s) if fault.delay_s else hang())

    async def _cut(self) -> None:
        """Close the connection after what was written; never returns, since its end cancels the handler."""
        cast("asyncio.Transport", self._request.transport).close()
        await hang()

    def _json(self, body: bytes, status: int = 200) -> web.Response:
        return web.Response(status=status, body=body, content_type=JSON, headers=self._reply.headers)
