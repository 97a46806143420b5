"""The endpoint actor: opens and closes the door in front of the `Front`, and runs the sweep inside.

The door itself, and whoever is inside, outlive it: a door that closed and opened again within a crash would reset the
connections that were just coming in. So an incarnation that finds the door open leaves it open, and only an end that was
asked for closes it.
"""

import asyncio
import socket
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from cortex.actors.actor import STARTING, LoopActor, handles
from cortex.actors.reason import Reason
from cortex.endpoint.dialect import Problem
from cortex.endpoint.exchange import SWEEP_S, sweep
from cortex.endpoint.front import Front
from cortex.endpoint.openai_shape import error_of

KEEP_ALIVE_S = 75.0
"""How long an idle connection is kept, and a request head may take: nginx's default."""

MAX_HEADERS = 100
MAX_HEADER_BYTES = 16_384
"""Of one header; keys and cookies are long, nothing else is."""


class Connection(RequestHandler):
    """One client connection; what aiohttp itself refuses (a head it cannot parse) is told in JSON, as clients expect."""

    def handle_error(
        self, request: web.BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        """Answer a request whose head is wrong; the connection ends."""
        what = (message or HTTPStatus(status).phrase).splitlines()[0][:200]
        problem = Problem(status, f"this is not an HTTP request that Córtex can read: {what}", code="bad_request")
        response = web.json_response(error_of(problem), status=status)
        response.force_close()
        return response


class Server(web.Server):
    """aiohttp's server over our `Connection`."""

    def __call__(self) -> RequestHandler:
        """Make the protocol of one new connection."""
        return Connection(
            self,
            loop=asyncio.get_running_loop(),
            keepalive_timeout=KEEP_ALIVE_S,
            access_log=None,  # type: ignore[arg-type]  # None is how aiohttp is told to keep none
            max_headers=MAX_HEADERS,
            max_field_size=MAX_HEADER_BYTES,
            max_line_size=MAX_HEADER_BYTES,
            auto_decompress=True,
            lingering_time=2.0,
        )


class Sweep:
    """Message to itself."""


class StopAccepting:
    """Asked when the daemon ends: let nobody in any more. Answered at once."""


class Door:
    """The listening sockets and who accepts on them."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.sockets: list[socket.socket] = []
        """Bound before the tree starts, so that a taken port is told in one line."""
        self._accepting: list[asyncio.Server] = []

    @property
    def is_open(self) -> bool:
        """Whether connections are let in."""
        return bool(self._accepting)

    async def open(self) -> None:
        """Let connections in."""
        loop = asyncio.get_running_loop()
        for listener in self.sockets:
            self._accepting.append(await loop.create_server(self.server, sock=listener, backlog=1024))

    def close(self) -> None:
        """Let nobody in any more; whoever is inside stays."""
        for accepting in self._accepting:
            accepting.close()
        self._accepting.clear()

    async def clear(self) -> None:
        """Close it, and end every connection that is still there."""
        self.close()
        await self.server.shutdown(0.2)
        for listener in self.sockets:
            listener.close()


class Endpoint(LoopActor):
    """See the module's docstring."""

    def __init__(self, *, front: Front, door: Door, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._front = front
        self._door = door
        self._clock = clock

    def on_start(self) -> Any:
        """Open the door, unless it is open."""
        self.sweep(Sweep())
        if self._door.is_open:
            return None
        self.own(self._door.open(), then=lambda _: self.ready())
        return STARTING

    def on_terminate(self, reason: Reason) -> None:
        """Close the door, if this end was asked for."""
        if reason.is_expected:
            self._door.close()

    @handles(Sweep)
    def sweep(self, _: Sweep) -> None:
        """Bound what goes on inside."""
        sweep(tuple(self._front.exchanges), self._clock(), self._front.keepalive_s)
        self.after(SWEEP_S, Sweep())

    @handles(StopAccepting)
    def stop_accepting(self, _: StopAccepting) -> Any:
        """Close the doors and tell idle connections to go."""
        self._front.is_closing = True
        self._door.close()
        self._door.server.pre_shutdown()
        return True


def listen(host: str, port: int) -> list[socket.socket]:
    """Open the listening sockets for `host` (each of its addresses). Raises OSError when one cannot be had."""
    opened: list[socket.socket] = []
    try:
        for family, kind, protocol, _, address in socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        ):
            listener = socket.socket(family, kind, protocol)
            opened.append(listener)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            listener.setblocking(False)  # noqa: FBT003  its name says what it sets
            # Port 0 is any free one, but the same for each address.
            listener.bind(
                address if port or len(opened) == 1 else (address[0], opened[0].getsockname()[1], *address[2:])
            )
            listener.listen(1024)
    except OSError:
        for listener in opened:
            listener.close()
        raise
    return opened
