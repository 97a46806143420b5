"""Asking one upstream under a lease: the request out, the head of its answer in, and what a refusal says."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from msgspec import structs

from cortex.actors.names import Names
from cortex.chat import Ask, Chat
from cortex.messages import Failure
from cortex.providers.base import Wire
from cortex.transport.failures import TransportError
from cortex.transport.pool import Pool
from cortex.transport.response import Response
from cortex.workers.lease import Lease
from cortex.workers.messages import KeepLoading

ERROR_BODY_LIMIT = 65_536
ANSWER_LIMIT = 64_000_000
"""Bytes of a whole answer; a model that talks for an hour writes about 1 MB."""


class Upstreams:
    """See the module's docstring. All of them, by whoever has a lease."""

    def __init__(self, *, names: Names, pool: Pool, clock: Callable[[], float]) -> None:
        self._names = names
        self._pool = pool
        self._clock = clock

    def send(self, lease: Lease, wire: Wire) -> Coroutine[Any, Any, Response]:
        """Send a request; the head of its answer is what is awaited. Raises TransportError."""
        link = lease.link
        head = link.head(wire.method, wire.path, len(wire.body))
        sending = self._pool.send(link.origin, head, wire.body, lease.budgets)
        return self._send_cold(lease, sending) if lease.cold else sending

    async def _send_cold(self, lease: Lease, sending: Coroutine[Any, Any, Response]) -> Response:
        """Send a request that makes its upstream load a model; the load goes on though the client leaves."""
        pending = asyncio.get_running_loop().create_task(sending)
        try:
            return await asyncio.shield(pending)
        except asyncio.CancelledError:
            if not self._names.tell(lease.standing.actor, KeepLoading(lease.model, pending)):
                pending.cancel()
            raise

    async def body(self, lease: Lease, wire: Wire) -> bytes | Failure:
        """Ask and return what a good answer holds."""
        response = await self.send(lease, wire)
        try:
            if response.status != 200:
                return await refused(lease, response)
            lease.took(response, self._clock())
            return await response.read(ANSWER_LIMIT)
        finally:
            response.close()


async def refused(lease: Lease, response: Response) -> Failure:
    """Read an HTTP error of an upstream, as far as it is worth reading."""
    try:
        body = await response.read(ERROR_BODY_LIMIT)
    except TransportError:
        body = b""  # the status is what counts
    return lease.link.provider.classify(response.status, response.headers, body)


def fitted(ask: Ask, lease: Lease) -> Ask:
    """Leave thinking out of what a model is asked that is known not to think: agents ask for it whatever answers."""
    if isinstance(ask, Chat) and ask.reasoning is not None and not lease.standing.may_think(lease.model):
        return structs.replace(ask, reasoning=None)
    return ask


def is_one_call(ask: Ask) -> bool:
    """Whether the client has room for one tool call only."""
    return isinstance(ask, Chat) and ask.parallel_tool_calls is False
