"""A listening socket that can go away and come back at once, and connections that can be reset.

Why not `loop.create_server`: closing such a server leaves the moment at which the kernel refuses connections to the
event loop, and opening one has to be awaited. A fault must hold when its command returns, so the socket is our own.
"""

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable

from aiohttp import StreamReader, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http import RawRequestMessage

RESET_ON_CLOSE = struct.pack("ii", 1, 0)
STOP_S = 5.0
KEEP_ALIVE_S = 600.0
MAX_BODY_BYTES = 64 * 1024**2


class Listener:
    """One address, served by `handler`; a client that leaves cancels what answers it."""

    def __init__(self, handler: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]) -> None:
        self.host = ""
        self.port = 0
        self._handler = handler
        self._web: web.Server | None = None
        self._socket: socket.socket | None = None
        self._accepting: set[asyncio.Task[object]] = set()
        self.busy: set[asyncio.BaseTransport] = set()
        """Connections in the middle of an answer."""

    @property
    def is_open(self) -> bool:
        """Whether connections are accepted."""
        return self._socket is not None

    def start(self, host: str, port: int) -> None:
        """Listen; port 0 is any free one, and after a stop the same as before. Raises OSError."""
        self.host = host
        self.port = port or self.port
        self._web = web.Server(
            self._handler,
            request_factory=_request,
            handler_cancellation=True,
            access_log=None,
            keepalive_timeout=KEEP_ALIVE_S,
        )
        self.open()

    def open(self) -> None:
        """Accept connections from now on. Raises OSError when the port is taken."""
        if self._socket is not None:
            return
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        self._socket = socket.create_server((self.host, self.port), family=family, backlog=512)
        self._socket.settimeout(0)
        self.port = self._socket.getsockname()[1]
        asyncio.get_running_loop().add_reader(self._socket, self._accept, self._socket)

    def refuse(self) -> None:
        """Refuse connections from now on, and end those in which nothing is being answered."""
        if self._socket is None:
            return
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()
        self._socket = None
        for transport in self._transports():
            if transport not in self.busy:
                transport.close()

    async def stop(self) -> None:
        """Go off as a machine does: refuse, and reset every connection. Waits until all handlers have ended."""
        self.refuse()
        for transport in self._transports():
            reset(transport)
        for task in self._accepting:
            task.cancel()
        if self._web is not None:
            await self._web.shutdown(STOP_S)
            self._web = None

    def _accept(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while self._web is not None:
            try:
                connection, _ = listening.accept()
            except OSError:  # nothing is waiting, or who waited has left
                return
            connection.settimeout(0)
            task: asyncio.Task[object] = loop.create_task(loop.connect_accepted_socket(self._web, sock=connection))
            self._accepting.add(task)
            task.add_done_callback(self._accepting.discard)

    def _transports(self) -> list[asyncio.Transport]:
        connections = self._web.connections if self._web is not None else []
        return [one.transport for one in connections if one.transport is not None]


def _request(
    message: RawRequestMessage,
    payload: StreamReader,
    protocol: web.RequestHandler,
    writer: AbstractStreamWriter,
    task: "asyncio.Task[None]",
) -> web.BaseRequest:
    """Make a request as aiohttp does, but for the size that its body may have: images are large."""
    loop = asyncio.get_running_loop()
    return web.BaseRequest(message, payload, protocol, writer, task, loop, client_max_size=MAX_BODY_BYTES)


def reset(transport: asyncio.Transport) -> None:
    """End a connection with RST instead of FIN; what was not sent yet is lost."""
    connection = transport.get_extra_info("socket")
    if connection is not None and not transport.is_closing():
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
    transport.abort()
