"""A scripted upstream: a real server on a real port that plays, on each connection, what a test tells it to."""

import asyncio
import contextlib
import os
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable
from pathlib import Path

from cortex.transport import Budgets, Origin, Pool, Response, request_head

BUDGETS = Budgets(connect_s=5.0, first_byte_s=5.0, stall_s=5.0)


class Clock:
    """Monotonic seconds that move when told to."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


class Peer:
    """The upstream's end of one connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter):
        self.reader, self.writer = reader, writer
        self.requests: list[bytes] = []
        self.over = asyncio.Event()
        """Its script has come to an end, most often because the client left."""

    async def request(self) -> bytes:
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = next((int(x[15:]) for x in head.lower().split(b"\r\n") if x.startswith(b"content-length:")), 0)
        self.requests.append(head + await self.reader.readexactly(length))
        return self.requests[-1]

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def answer(self, body: bytes = b"ok", head: bytes = b"HTTP/1.1 200 OK\r\n") -> None:
        await self.send(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)

    async def ended(self) -> None:
        """Wait until the client has closed or reset the connection."""
        with contextlib.suppress(ConnectionError):
            while await self.reader.read(1 << 16):
                pass

    def reset(self) -> None:
        """Close with a reset instead of an end."""
        linger = struct.pack("ii", 1, 0)
        fd = self.writer.get_extra_info("socket").fileno()
        with socket.socket(fileno=os.dup(fd)) as duplicate:
            duplicate.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.writer.transport.abort()


Script = Callable[[Peer], Awaitable[None]]


class Upstream:
    """A server that plays one script for each connection it gets; the last script is played for all further ones."""

    def __init__(self):
        self.peers: list[Peer] = []
        self.scripts: list[Script] = []
        self.origin = Origin(tls=False, host="127.0.0.1", port=0)
        self.problems: list[BaseException] = []
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task] = set()

    async def start(self, host="127.0.0.1", tls: ssl.SSLContext | None = None, name: str | None = None) -> None:
        self._server = await asyncio.start_server(self._accept, host, 0, ssl=tls)
        port = self._server.sockets[0].getsockname()[1]
        self.origin = Origin(tls=tls is not None, host=name or host, port=port)

    def play(self, *scripts: Script) -> None:
        self.scripts = list(scripts)

    async def _accept(self, reader, writer):
        task = asyncio.current_task()
        self._tasks.add(task)
        peer = Peer(reader, writer)
        script = self.scripts[min(len(self.peers), len(self.scripts) - 1)]
        self.peers.append(peer)
        try:
            await script(peer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client broke it off, which the test looks at from the other side
        except Exception as error:  # noqa: BLE001  shown by the fixture
            self.problems.append(error)
        finally:
            self._tasks.discard(task)
            peer.over.set()
            writer.close()
            with contextlib.suppress(ConnectionError, ssl.SSLError):
                await writer.wait_closed()

    async def stop(self) -> None:
        self._server.close()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()
        assert not self.problems


def open_sockets() -> set[str]:
    links = set()
    for fd in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            links.add(str(fd.readlink()))
    return {link for link in links if link.startswith("socket:")}


async def turns(n: int = 10) -> None:
    """Let everything that is ready run."""
    for _ in range(n):
        await asyncio.sleep(0)


async def get(pool: Pool, origin: Origin, path: str = "/", budgets: Budgets = BUDGETS, method="GET") -> Response:
    return await pool.send(origin, request_head(method, path, origin, (), 0), b"", budgets)


async def post(pool: Pool, origin: Origin, body: bytes, budgets: Budgets = BUDGETS) -> Response:
    return await pool.send(origin, request_head("POST", "/", origin, (), len(body)), body, budgets)
