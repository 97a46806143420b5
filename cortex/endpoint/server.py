"""The endpoint actor: the door. It lets connections in to the `Front` and runs the sweep; what is inside is not its own."""

import asyncio
import socket
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from cortex.actors.actor import STARTING, LoopActor, handles
from cortex.actors.behaviour import Starting
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


class Endpoint(LoopActor):
    """See the module's docstring. The listening sockets are the daemon's; each incarnation accepts on copies of them."""

    def __init__(
        self,
        *,
        front: Front,
        server: Server,
        sockets: list[socket.socket],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self._front = front
        self._web = server
        self._sockets = sockets
        self._clock = clock
        self._doors: list[asyncio.Server] = []

    def on_start(self) -> Starting | None:
        """Open the doors."""
        self.own(self._open(), then=self._opened)
        return STARTING

    async def _open(self) -> list[asyncio.Server]:
        loop = asyncio.get_running_loop()
        return [await loop.create_server(self._web, sock=opened.dup(), backlog=1024) for opened in self._sockets]

    def _opened(self, doors: list[asyncio.Server]) -> None:
        self._doors = doors
        self.ready()
        self.sweep(Sweep())

    def on_terminate(self, reason: Reason) -> None:
        """Close the doors; whoever is inside stays."""
        for door in self._doors:
            door.close()

    @handles(Sweep)
    def sweep(self, _: Sweep) -> None:
        """Bound what goes on inside."""
        sweep(tuple(self._front.exchanges), self._clock())
        self.after(SWEEP_S, Sweep())

    @handles(StopAccepting)
    def stop_accepting(self, _: StopAccepting) -> Any:
        """Close the doors and tell idle connections to go."""
        self._front.is_closing = True
        for door in self._doors:
            door.close()
        self._doors = []
        self._web.pre_shutdown()
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
            listener.bind(address if port or len(opened) == 1 else (address[0], opened[0].getsockname()[1], *address[2:]))
            listener.listen(1024)
    except OSError:
        for listener in opened:
            listener.close()
        raise
    return opened
