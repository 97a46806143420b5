"""The upstream of the streams, run as a process of its own: `stream_server.py PORT`.

Theory of operation: it shares a core with the load, so it does next to nothing: requests are told apart by the model's
name in their bytes, events are framed once, and each is one write, as an engine that flushes after each token makes it.
A burst is 32 such writes in a row, straight to the socket: collected in one write, it would measure how a gateway
copies one block. A paced stream keeps to its own clock from its first event on, so what is late does not add up.
"""

import asyncio
import os
import re
import sys
from typing import cast

import uvloop
from answers import EVENTS, PACES_S, events, listing

HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nCache-Control: no-cache\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n"
)
END = b"0\r\n\r\n"
LISTING = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (
    len(listing()),
    listing(),
)


def frames(model: str) -> list[bytes]:
    """Return what is written for each event: a chunk; the first has the head before it, the last the end after it."""
    chunks = [b"%x\r\n%b\r\n" % (len(event), event) for event in events(model)]
    return [HEAD + chunks[0], *chunks[1:-1], chunks[-1] + END]


FRAMES = {model: frames(model) for model in PACES_S}
MODEL = re.compile(rb'"model": ?"(\w+)"')


class Upstream(asyncio.Protocol):
    """One connection of a gateway; a request on it is answered before the next one comes."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._request = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep where to write."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is no instance of it
        self._fd = transport.get_extra_info("socket").fileno()

    def data_received(self, data: bytes) -> None:
        """Answer a request once its body is whole."""
        self._request += data
        head, split, body = self._request.partition(b"\r\n\r\n")
        if not split:
            return
        if head.startswith(b"GET "):
            self._request = b""
            self._transport.write(LISTING)
            return
        length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
        if len(body) < int(length or 0):
            return
        self._request = b""
        asked = MODEL.search(body)
        assert asked is not None
        model = asked[1].decode()
        if PACES_S[model]:
            self._event(FRAMES[model], 0, self._loop.time(), PACES_S[model])
        else:
            for frame in FRAMES[model]:
                os.write(self._fd, frame)

    def _event(self, sequence: list[bytes], index: int, began_s: float, pace_s: float) -> None:
        """Write one event of a paced stream and arm the next."""
        if self._transport.is_closing():
            return
        self._transport.write(sequence[index])
        if index + 1 < EVENTS:
            next_s = began_s + (index + 1) * pace_s
            self._loop.call_at(next_s, self._event, sequence, index + 1, began_s, pace_s)


async def serve(port: int) -> None:
    """Serve until the process is ended."""
    server = await asyncio.get_running_loop().create_server(Upstream, "127.0.0.1", port, backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
