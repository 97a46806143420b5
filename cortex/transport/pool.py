"""The connections to all upstreams, kept by origin.

`shelf` decides who gets which connection, `http1` moves the bytes of one, `connect` makes one; here they meet, and here
time passes: one coarse sweep, every 100 ms while something is in use, ends what is over its budget and closes what has
been idle for too long. No timer is armed for a request or an event.

A kept connection may have been closed by the upstream in the instant it was taken. When it brings nothing at all, the
request is sent once more on another; the idle ones, which are older still, are closed first.
"""

import asyncio
import ssl
import time
from collections.abc import Callable, Mapping

from cortex.transport.connect import client_context, connect
from cortex.transport.dns import Resolver
from cortex.transport.failures import TransportError, timed_out, unreachable
from cortex.transport.http1 import Budgets, Connection
from cortex.transport.origin import Origin
from cortex.transport.response import Response
from cortex.transport.shelf import Occupancy, Shelf

SWEEP_S = 0.1
CLOSE_S = 2.0
"""How long `close` waits for the sockets to be closed."""

_Place = asyncio.Future[Connection | None]
"""A place in the line: resolved with a connection, or with None for the right to make one."""


class Pool:
    """Send requests to upstreams over kept connections. Belongs to the event loop that first uses it."""

    def __init__(
        self,
        *,
        max_per_origin: int = 256,
        idle_s: float = 30.0,
        max_head: int = 64 << 10,
        tls: ssl.SSLContext | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._max_per_origin = max_per_origin
        self._idle_s = idle_s
        self._max_head = max_head
        self._tls = tls
        self._clock = clock
        self._resolver = Resolver(clock)
        self._shelves: dict[Origin, Shelf[Connection, _Place]] = {}
        self._connections: set[Connection] = set()  # until their sockets are closed
        self._timer: asyncio.TimerHandle | None = None
        self._sweeping = False  # the timer fires within SWEEP_S
        self._closed = False
        self._all_gone: asyncio.Event | None = None

    def __repr__(self) -> str:
        origins = "; ".join(f"{origin}: {occupancy}" for origin, occupancy in self.stats.items())
        return f"<Pool {'closed' if self._closed else origins or 'empty'}>"

    @property
    def stats(self) -> Mapping[Origin, Occupancy]:
        """What the connections of each origin are doing."""
        return {origin: shelf.occupancy for origin, shelf in self._shelves.items()}

    async def send(self, origin: Origin, head: bytes, body: bytes, budgets: Budgets) -> Response:
        """Send a request, whose `head` came from `request_head`; return its answer once its head is here.

        Raises TransportError: unreachable, timeout (with its phase) or malformed. A status of 400 and above is an
        answer like any other. Cancelled at any point, it leaves neither a connection in use nor a place in the line.
        The answer must be read to its end or closed.
        """
        connection = await self._obtain(origin, budgets.connect_s)
        try:
            return await connection.exchange(head, body, budgets)
        except TransportError as error:
            if not error.stale:
                raise
        self.retire(origin)
        connection = await self._obtain(origin, budgets.connect_s)
        return await connection.exchange(head, body, budgets)

    def retire(self, origin: Origin) -> None:
        """Close the idle connections of `origin`; those in use go on, and are closed when they have been idle."""
        shelf = self._shelves.get(origin)
        for connection in shelf.idle if shelf else ():
            connection.abort()

    async def close(self) -> None:
        """Close everything: running answers end as unreachable, who waits for a place hears the same."""
        self._closed = True
        self._resolver.close()
        self._disarm()
        for origin, shelf in self._shelves.items():
            for place in shelf.drain():
                place.set_exception(self._closed_error(origin))
        self._all_gone = asyncio.Event()
        for connection in tuple(self._connections):
            connection.fail(self._closed_error(connection.origin).failure)
        if self._connections:
            async with asyncio.timeout(CLOSE_S):
                await self._all_gone.wait()

    def sweep(self) -> None:
        """End what is over its budget and close what was idle too long. Runs by itself."""
        now = self._clock()
        for connection in tuple(self._connections):
            if connection.deadline_s <= now:
                connection.expire(now)
        self._shelves = {origin: shelf for origin, shelf in self._shelves.items() if shelf.occupancy != (0, 0, 0, 0)}

    # What the connections tell

    def freed(self, connection: Connection) -> None:
        """Keep a connection for the next request, or give it to who waits for one."""
        connection.deadline_s = self._clock() + self._idle_s
        place = self._shelf(connection.origin).give_back(connection)
        if place is not None:
            place.set_result(connection)

    def lost(self, connection: Connection) -> None:
        """Give the place of a connection that is no more to who waits for one."""
        if connection in self._connections:
            self._grant(self._shelf(connection.origin).lose(connection))

    def gone(self, connection: Connection) -> None:
        """Forget a connection whose socket is closed."""
        self._connections.discard(connection)
        if self._all_gone is not None and not self._connections:
            self._all_gone.set()

    # Inside

    async def _obtain(self, origin: Origin, connect_s: float) -> Connection:
        """Return a connection that is this request's own now. Raises TransportError."""
        if self._closed:
            raise self._closed_error(origin)
        if not self._sweeping:
            self._arm(SWEEP_S)
        connection = self._shelf(origin).take(self._clock())
        if connection is not None:
            return connection
        try:
            return await self._connected(origin, connect_s)
        except TransportError as error:
            error.sent = False
            raise

    async def _connected(self, origin: Origin, connect_s: float) -> Connection:
        """Open a connection, or wait for one where there may be no more. Raises TransportError."""
        try:
            async with asyncio.timeout(connect_s):
                while not (shelf := self._shelf(origin)).reserve():  # the sweep may have dropped an empty one
                    connection = await self._line_up(shelf)
                    if connection is None:
                        break
                    if not connection.closed:
                        return connection
                return await self._open(origin, shelf)
        except TimeoutError:
            cause = f"no connection within {connect_s:g} s ({self._shelf(origin).occupancy})"
            raise TransportError(timed_out(origin, "connect", cause)) from None

    async def _line_up(self, shelf: Shelf[Connection, _Place]) -> Connection | None:
        """Wait for a place. Returns a connection, or None for a place to connect in."""
        place: _Place = asyncio.get_running_loop().create_future()
        shelf.wait(place)
        try:
            return await place
        except asyncio.CancelledError:
            shelf.leave(place)
            if place.done() and not place.cancelled() and place.exception() is None:
                self._pass_on(shelf, place.result())
            raise

    def _pass_on(self, shelf: Shelf[Connection, _Place], connection: Connection | None) -> None:
        """Give on what was granted to a request that is no more."""
        if connection is None:
            self._grant(shelf.vacate())
        elif not connection.closed:
            self.freed(connection)

    async def _open(self, origin: Origin, shelf: Shelf[Connection, _Place]) -> Connection:
        """Connect, in a place that is taken already; the place is the connection's from then on."""
        try:
            connection = await connect(origin, self._resolver, self._context(origin), lambda: self._new(origin))
        except BaseException:
            self._grant(shelf.vacate())
            raise
        if connection.closed:  # lost before it was the pool's to hear of
            self._grant(shelf.vacate())
            raise TransportError(unreachable(origin, "closed as soon as it was open"))
        self._connections.add(connection)
        if self._closed:
            connection.fail(self._closed_error(origin).failure)
        return connection

    def _new(self, origin: Origin) -> Connection:
        return Connection(origin, self, self._clock, self._max_head)

    def _context(self, origin: Origin) -> ssl.SSLContext | None:
        if not origin.tls:
            return None
        if self._tls is None:
            self._tls = client_context()
        return self._tls

    def _shelf(self, origin: Origin) -> Shelf[Connection, _Place]:
        shelf = self._shelves.get(origin)
        if shelf is None:
            shelf = self._shelves[origin] = Shelf(self._max_per_origin)
        return shelf

    def _grant(self, place: _Place | None) -> None:
        if place is not None:
            place.set_result(None)

    def _closed_error(self, origin: Origin) -> TransportError:
        return TransportError(unreachable(origin, "the connections were closed"))

    def _arm(self, delay_s: float) -> None:
        """Have the sweep run in `delay_s`."""
        self._disarm()
        self._sweeping = delay_s <= SWEEP_S
        self._timer = asyncio.get_running_loop().call_later(delay_s, self._tick)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._sweeping = None, False

    def _tick(self) -> None:
        self._disarm()
        self.sweep()
        if any(occupancy.in_use for occupancy in self.stats.values()):
            self._arm(SWEEP_S)
        elif self._connections:
            earliest = min(connection.deadline_s for connection in self._connections)
            self._arm(max(SWEEP_S, min(earliest - self._clock(), self._idle_s)))
