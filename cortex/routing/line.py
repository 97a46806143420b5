"""The one line in which requests wait for a slot. Pure; the clock is an argument.

Bound late: a request is not given to a worker until that worker can take it, so nothing waits behind a busy machine while
another idles. Fair: clients take turns, and each client's own requests keep their order, so one that sends a hundred at
once delays itself, not the others. Bounded in number and in bytes.
"""

from collections import deque
from collections.abc import Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class Line(Generic[T]):
    """Items that wait, by client."""

    __slots__ = ("_by_client", "_bytes", "_count", "limit", "limit_bytes")

    def __init__(self, *, limit: int, limit_bytes: int) -> None:
        self.limit = limit
        self.limit_bytes = limit_bytes
        self._by_client: dict[str, deque[tuple[T, int]]] = {}
        self._count = 0
        self._bytes = 0

    def __len__(self) -> int:
        return self._count

    def __repr__(self) -> str:
        return f"<Line {self._count}/{self.limit}, {self._bytes} bytes, {len(self._by_client)} clients>"

    def __iter__(self) -> Iterator[T]:
        """Go through the items in the order in which they are to be served: a turn for each client, then the next turn."""
        queues = [iter(queue) for queue in self._by_client.values()]
        while queues:
            still = []
            for queue in queues:
                item = next(queue, None)
                if item is not None:
                    yield item[0]
                    still.append(queue)
            queues = still

    def join(self, client: str, item: T, size_bytes: int) -> bool:
        """Append an item; False, and nothing changes, when the line is full."""
        if self._count >= self.limit or (self._count and self._bytes + size_bytes > self.limit_bytes):
            return False
        self._by_client.setdefault(client, deque()).append((item, size_bytes))
        self._count += 1
        self._bytes += size_bytes
        return True

    def leave(self, client: str, item: T, *, served: bool) -> None:
        """Take an item out; a client that was served goes behind the others. Nothing happens when it is not there."""
        queue = self._by_client.get(client)
        if queue is None:
            return
        for waiting in queue:
            if waiting[0] is item:
                queue.remove(waiting)
                self._count -= 1
                self._bytes -= waiting[1]
                break
        else:
            return
        if not queue:
            del self._by_client[client]
        elif served:
            self._by_client[client] = self._by_client.pop(client)
