"""One answer of an upstream, as its reader sees it.

The connection pushes body bytes in as they come and the reader takes out all there are at once: events that arrived
together leave together. An answer owns the bytes it holds, so its connection is free for the next request as soon as
the last byte has come, read or not. `close` before that breaks the connection off, which is how an upstream learns that
nobody listens any more.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Protocol

from cortex.messages import Failure
from cortex.transport.failures import TransportError, malformed
from cortex.transport.headers import fold
from cortex.transport.origin import Origin

READ_LIMIT = 64 << 20
"""Bytes of a body that `read` takes by default."""


class Source(Protocol):
    """What an answer needs of its connection."""

    @property
    def origin(self) -> Origin:
        """Where it leads."""
        ...

    def resume(self) -> None:
        """Let more body bytes come: all that came so far have been taken."""
        ...

    def abort(self) -> None:
        """Break the connection off."""
        ...


class Response:
    """The head of an answer, and its body as it comes. One reader at a time."""

    __slots__ = (
        "_bodyless", "_failure", "_headers", "_origin", "_pieces", "_source", "_waiter", "held", "paused", "raw",
        "received", "status",
    )  # fmt: skip

    def __init__(self, status: int, raw: list[tuple[bytes, bytes]], source: Source, *, bodyless: bool = False) -> None:
        self.status = status
        self.raw: Sequence[tuple[bytes, bytes]] = raw
        """Header fields as they came."""
        self.held = 0
        """Bytes of the body that came and were not yet taken."""
        self.received = 0
        """Bytes of the body that came so far."""
        self.paused = False
        """Written by the connection: it has stopped reading until `resume`."""
        self._bodyless = bodyless
        self._origin = source.origin
        self._source: Source | None = source  # None once the body is at its end, well or not
        self._headers: Mapping[str, str] | None = None
        self._failure: Failure | None = None
        self._pieces: list[bytes] = []
        self._waiter: asyncio.Future[None] | None = None

    def __repr__(self) -> str:
        state = "whole" if self._source is None and self._failure is None else self._failure or "running"
        return f"<Response {self.status} from {self._origin}, {self.received:,} bytes, {state}>"

    @property
    def headers(self) -> Mapping[str, str]:
        """The header fields by lower-case name; repeated ones joined by a comma and a space."""
        if self._headers is None:
            self._headers = fold(self.raw)
        return self._headers

    @property
    def delimited(self) -> bool:
        """Whether the end of the body can be told from a cut; without a length or chunks the two look alike."""
        return self._bodyless or "content-length" in self.headers or "transfer-encoding" in self.headers

    async def chunk(self) -> bytes:
        """Return all body bytes that came since the last call; wait if there are none; b"" once the body has ended.

        Raises TransportError when it ended badly, after all that came before has been returned. Cancelled, it breaks
        the connection off.
        """
        while not self._pieces:
            if self._source is None:
                if self._failure is not None:
                    raise TransportError(self._failure)
                return b""
            await self._wait()
        return self._take()

    async def read(self, limit: int = READ_LIMIT) -> bytes:
        """Return the rest of the body. Raises TransportError when it ends badly or has more than `limit` bytes."""
        pieces: list[bytes] = []
        size = 0
        while piece := await self.chunk():
            size += len(piece)
            if size > limit:
                self.close()
                raise TransportError(malformed(self._origin, f"a body of more than {limit:,} bytes"))
            pieces.append(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def close(self) -> None:
        """Have done with it: break the connection off unless the body is at its end. May be called again."""
        source = self._source
        if source is not None:
            self.end(malformed(self._origin, "the answer was given up before its end"))
            source.abort()
        self._pieces.clear()
        self.held = 0

    def push(self, data: bytes) -> None:
        """Take more of the body from the connection; `wake` tells the reader."""
        self._pieces.append(data)
        size = len(data)
        self.held += size
        self.received += size

    def wake(self) -> None:
        """Tell a waiting reader that something came."""
        waiter = self._waiter
        if waiter is not None:
            self._waiter = None
            if not waiter.done():
                waiter.set_result(None)

    def end(self, failure: Failure | None = None) -> None:
        """Say that the body is at its end, well or with `failure`; the connection is no longer this answer's."""
        self._source = None
        self._failure = failure
        self.wake()

    async def _wait(self) -> None:
        if self._waiter is not None:
            raise RuntimeError("two readers of one answer")
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        except asyncio.CancelledError:
            self.close()
            raise
        finally:
            self._waiter = None

    def _take(self) -> bytes:
        pieces = self._pieces
        data = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        pieces.clear()
        self.held = 0
        if self.paused and self._source is not None:
            self._source.resume()
        return data
