"""The places that one origin's connections take: who gets one, and in which order. Pure.

Every decision of the pool about an origin is one call here, and what comes back is what to do. A *place* is taken by a
request that connects, by a connection in use, and by an idle one; there are `cap` of them. A place that becomes free
goes to whoever has waited longest, so nobody overtakes.
"""

from collections import deque
from typing import Generic, NamedTuple, Protocol, TypeVar


class Kept(Protocol):
    """A connection, as far as a shelf knows one."""

    deadline_s: float


class Waiter(Protocol):
    """Someone in the line, as far as a shelf knows one (an asyncio.Future)."""

    def done(self) -> bool:
        """Say whether it was served or has left."""
        ...


class Occupancy(NamedTuple):
    """What an origin's connections are doing."""

    open: int
    idle: int
    in_use: int
    """Those that connect are counted as well."""
    waiting: int

    def __str__(self) -> str:
        return f"{self.in_use} in use, {self.idle} idle" + f", {self.waiting} waiting" * bool(self.waiting)


C = TypeVar("C", bound=Kept)
W = TypeVar("W", bound=Waiter)


class Shelf(Generic[C, W]):
    """One origin's places."""

    def __init__(self, cap: int) -> None:
        self._cap = cap
        self._in_use = 0
        self._idle: list[C] = []  # the last one is the last used
        self._line: deque[W] = deque()

    @property
    def occupancy(self) -> Occupancy:
        """How many are open, idle, in use, waiting."""
        waiting = sum(not waiter.done() for waiter in self._line)
        return Occupancy(len(self._idle) + self._in_use, len(self._idle), self._in_use, waiting)

    @property
    def idle(self) -> tuple[C, ...]:
        """The idle connections, the longest idle first."""
        return tuple(self._idle)

    def take(self, now: float) -> C | None:
        """Take the idle connection that was used last: the others may so grow old and be closed."""
        if not self._idle or self._idle[-1].deadline_s <= now:
            return None
        self._in_use += 1
        return self._idle.pop()

    def reserve(self) -> bool:
        """Take a place for a new connection, if one is free."""
        if self._in_use + len(self._idle) >= self._cap:
            return False
        self._in_use += 1
        return True

    def wait(self, waiter: W) -> None:
        """Join the line."""
        self._line.append(waiter)

    def leave(self, waiter: W) -> None:
        """Leave the line, served or not."""
        if waiter in self._line:
            self._line.remove(waiter)

    def give_back(self, connection: C) -> W | None:
        """Free a connection in use; returns who gets it now, None when it has become idle."""
        waiter = self._next()
        if waiter is None:
            self._in_use -= 1
            self._idle.append(connection)
        return waiter

    def lose(self, connection: C) -> W | None:
        """Forget a connection, idle or in use; returns who gets its place, to connect anew."""
        if connection in self._idle:
            self._idle.remove(connection)
            self._in_use += 1
        return self.vacate()

    def vacate(self) -> W | None:
        """Free a place in use; returns who gets it now."""
        waiter = self._next()
        if waiter is None:
            self._in_use -= 1
        return waiter

    def drain(self) -> list[W]:
        """Empty the line; returns who stood in it."""
        line = [waiter for waiter in self._line if not waiter.done()]
        self._line.clear()
        return line

    def _next(self) -> W | None:
        while self._line:
            waiter = self._line.popleft()
            if not waiter.done():
                return waiter
        return None
