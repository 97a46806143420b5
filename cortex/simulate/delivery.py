"""How an answer goes out: at the pace of a model, and broken in the way that a fault asks for.

A dialect writes a `Reply`: all bytes of an answer, cut into what opens it, its tokens and what closes it. Everything
about time, sockets and faults is here, once for all dialects.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, cast

from aiohttp import web
from msgspec import Struct

from cortex.simulate.fault import IN_THE_BODY, Fault

GARBAGE = "<<< this is not an answer >>>"


class Reply(Struct, frozen=True, kw_only=True):
    """One answer, written both ways; which one is sent is the client's choice."""

    stream: bool
    content_type: str
    """Of a stream; a whole answer is JSON."""
    opening: bytes = b""
    tokens: tuple[bytes, ...]
    """The events of a stream, one a token."""
    closing: tuple[bytes, ...]
    """What ends a stream truly, the terminal event last."""
    whole: bytes
    unfinished: bytes
    """A whole answer that says of itself that it is not complete."""
    error: Callable[[str], bytes]
    """Writes the in-band error of a stream."""
    whole_error: Callable[[str], tuple[int, bytes]]
    """Status and body with which a whole answer breaks off."""
    garbage: Callable[[str], bytes]
    """Frames what is no event."""
    headers: Mapping[str, str] = {}


class Received:
    """One request as it came, and how it ended: for assertions."""

    def __init__(self, method: str, path: str, headers: dict[str, str], body: bytes, json: Any) -> None:
        self.method = method
        self.path = path
        self.headers = headers
        """Names in lower case."""
        self.body = body
        self.json = json
        """The parsed body; None where it is no JSON."""
        self.fault: Fault | None = None
        """What it met."""
        self.tokens_sent = 0
        self.ended = ""
        """`answered`, `fault` (it ended it), `client_gone`, `stopped` (the machine went off); empty while it runs."""

    def __repr__(self) -> str:
        fault = f" {self.fault.kind}" if self.fault else ""
        return f"<Received {self.method} {self.path}{fault} {self.ended or 'running'}>"

    @property
    def model(self) -> str:
        """The model asked for, as it was named."""
        return str(self.json.get("model", "")) if isinstance(self.json, dict) else ""


class Pace(Struct, frozen=True):
    """How long things take."""

    first_token_s: float
    tokens_per_s: float
    sleep: Callable[[float], Awaitable[None]]


async def deliver(
    request: web.BaseRequest, received: Received, reply: Reply, pace: Pace, sent: Callable[[], None]
) -> web.StreamResponse:
    """Send `reply`, calling `sent` after each token of a stream."""
    fault = received.fault if received.fault is not None and received.fault.kind in IN_THE_BODY else None
    if fault is not None and fault.kind == "empty":
        received.ended = "fault"
        kind = reply.content_type if reply.stream else "application/json"
        return web.Response(body=b"", headers=reply.headers, content_type=kind)
    send = _stream if reply.stream else _whole
    return await send(request, received, reply, pace, sent, fault)


async def hang() -> None:
    """Say nothing until the client leaves (which cancels this)."""
    await asyncio.Event().wait()


async def _stream(
    request: web.BaseRequest,
    received: Received,
    reply: Reply,
    pace: Pace,
    sent: Callable[[], None],
    fault: Fault | None,
) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": reply.content_type, **reply.headers})
    response.enable_chunked_encoding()
    await pace.sleep(pace.first_token_s)
    await response.prepare(request)
    if reply.opening:
        await response.write(reply.opening)
    breaks_at = min(fault.after_tokens, len(reply.tokens)) if fault is not None else -1
    for index, token in enumerate((*reply.tokens, b"")):  # the empty one is the place behind the last
        if index == breaks_at and fault is not None and await _breaks(request, response, received, reply, pace, fault):
            return response
        if not token:
            break
        if index:
            await pace.sleep(1 / pace.tokens_per_s)
        await response.write(token)
        received.tokens_sent += 1
        sent()
    await response.write(b"".join(_ending(received, reply, fault)))
    await response.write_eof()
    return response


def _ending(received: Received, reply: Reply, fault: Fault | None) -> tuple[bytes, ...]:
    if fault is None or fault.kind != "no_done":
        return reply.closing
    received.ended = "fault"
    return reply.closing[:-1] if fault.flavour == "mark_only" else ()


async def _breaks(
    request: web.BaseRequest,
    response: web.StreamResponse,
    received: Received,
    reply: Reply,
    pace: Pace,
    fault: Fault,
) -> bool:
    """Let `fault` happen in a stream; return whether that was its end."""
    if fault.kind == "no_done":
        return False
    if fault.kind == "stall":
        await (pace.sleep(fault.delay_s) if fault.delay_s else hang())
        return False
    received.ended = "fault"
    if fault.kind == "cut":
        await _cut(request)
    elif fault.kind == "garbage":
        await response.write(reply.garbage(fault.body or GARBAGE))
    elif fault.kind == "error_in_stream":
        await response.write(reply.error(fault.body or "simulated failure in the middle of the answer"))
    await response.write_eof()
    return True


async def _whole(
    request: web.BaseRequest,
    received: Received,
    reply: Reply,
    pace: Pace,
    sent: Callable[[], None],
    fault: Fault | None,
) -> web.StreamResponse:
    await pace.sleep(pace.first_token_s + len(reply.tokens) / pace.tokens_per_s)
    received.tokens_sent = len(reply.tokens)
    sent()
    if fault is None:
        return _json(reply, reply.whole)
    share = reply.whole[: len(reply.whole) * fault.after_tokens // max(1, len(reply.tokens))]
    if fault.kind in {"cut", "stall"}:
        return await _half(request, received, reply, pace, fault, share)
    received.ended = "fault"
    if fault.kind == "error_in_stream":
        status, body = reply.whole_error(fault.body or "simulated failure in the middle of the answer")
        return _json(reply, body, status)
    bodies = {
        "cut_clean": share,
        "garbage": (fault.body or GARBAGE).encode(),
        "no_done": reply.unfinished,
    }
    return _json(reply, bodies[fault.kind])


async def _half(
    request: web.BaseRequest, received: Received, reply: Reply, pace: Pace, fault: Fault, share: bytes
) -> web.StreamResponse:
    """Promise the whole length, send a share, and then cut the connection or fall silent."""
    length = str(len(reply.whole))
    headers = {"Content-Type": "application/json", "Content-Length": length, **reply.headers}
    response = web.StreamResponse(headers=headers)
    await response.prepare(request)
    if share:
        await response.write(share)
    if fault.kind == "cut":
        received.ended = "fault"
        await _cut(request)
    await (pace.sleep(fault.delay_s) if fault.delay_s else hang())
    await response.write(reply.whole[len(share) :])
    await response.write_eof()
    return response


def _json(reply: Reply, body: bytes, status: int = 200) -> web.Response:
    return web.Response(status=status, body=body, content_type="application/json", headers=reply.headers)


async def _cut(request: web.BaseRequest) -> None:
    """Close the connection after what was written; never returns, since its end cancels the handler."""
    cast("asyncio.Transport", request.transport).close()
    await hang()
