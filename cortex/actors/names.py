"""Names for living actors: a reference is looked up at every send, so a restart is invisible to senders.

A supervisor registers a child when it has acknowledged its start, and takes the name back when it has ended. Whoever
asks by name and can wait uses `ask_until`: it asks again when the actor dies before it answers, or is not there because
a restart is going on. It does not ask again what made the actor crash.
"""

import asyncio
from collections.abc import Callable
from typing import Any, cast

from pykka._envelope import Envelope  # pykka has no public name for what its inboxes carry

from cortex.actors.errors import ActorDeadError, MailboxFull, NoSuchActor
from cortex.actors.future import LoopFuture, new_future
from cortex.actors.ref import Ref


class Names:
    """The names of one tree. `tell`, `ask` and `lookup` are for any thread, the others for the tree's event loop."""

    def __init__(self) -> None:
        self._refs: dict[str, Ref[Any]] = {}
        self._awaited: dict[str, set[asyncio.Future[None]]] = {}

    def register(self, name: str, ref: Ref[Any]) -> None:
        """Let `name` mean `ref`. Raises ValueError when a living actor has it."""
        holder = self._refs.get(name)
        if holder is not None and holder is not ref and holder.is_alive():
            raise ValueError(f"{name!r} is the name of {holder}")
        self._refs[name] = ref
        for waiter in self._awaited.pop(name, ()):
            if not waiter.done():
                waiter.set_result(None)

    def unregister(self, name: str, ref: Ref[Any]) -> None:
        """Take `name` back from `ref`; nothing happens when it means another incarnation."""
        if self._refs.get(name) is ref:
            del self._refs[name]

    def lookup(self, name: str) -> Ref[Any] | None:
        """Return who has `name` now. Send at once and do not keep it."""
        return self._refs.get(name)

    def tell(self, name: str, message: Any) -> bool:
        """Send a message; False when nobody has the name, or the mailbox is full."""
        ref = self._refs.get(name)
        if ref is None:
            return False
        try:
            ref.actor_inbox.put(Envelope(message))  # what ref.tell does
        except (ActorDeadError, MailboxFull):
            return False
        return True

    def ask(self, name: str, message: Any) -> LoopFuture:
        """Send a message and return the future of its answer, which may fail with NoSuchActor or as Ref.ask's."""
        ref = self._refs.get(name)
        if ref is not None:
            return ref.ask(message)
        future = new_future()
        future.fail(NoSuchActor(f"no actor is named {name!r} now"))
        return cast("LoopFuture", future)  # a ThreadFuture outside a loop, as in Ref.ask

    async def ask_until(
        self, name: str, message: Any, timeout_s: float, *, unclaimed: Callable[[Any], object] | None = None
    ) -> Any:
        """Return the answer of whoever has `name`, through restarts, within `timeout_s` seconds (else TimeoutError).

        HandlerCrashed (this message made it crash) and MailboxFull are raised at once. When the caller is cancelled
        after the answer came and before it could be returned, `unclaimed` gets the answer, to give back what it grants.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_s
        while True:
            ref = self._refs.get(name)
            if ref is not None:
                future = ref.ask(message)
                timer = loop.call_at(deadline, future.expire)
                try:
                    return await future
                except ActorDeadError:
                    pass
                except asyncio.CancelledError:
                    _give_back(future, unclaimed)
                    raise
                finally:
                    timer.cancel()
            await self._until_another_has(name, ref, deadline)

    async def _until_another_has(self, name: str, stale: Ref[Any] | None, deadline: float) -> None:
        while (ref := self._refs.get(name)) is None or ref is stale:
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            waiters = self._awaited.setdefault(name, set())
            waiters.add(waiter)
            try:
                async with asyncio.timeout_at(deadline):
                    await waiter
            except TimeoutError:
                raise TimeoutError(f"no actor was named {name!r} in time") from None
            finally:
                waiters.discard(waiter)
                if not waiters and self._awaited.get(name) is waiters:
                    del self._awaited[name]

    def __len__(self) -> int:
        return len(self._refs)

    def __repr__(self) -> str:
        return f"<Names {', '.join(sorted(self._refs))}>"


def _give_back(future: LoopFuture, unclaimed: Callable[[Any], object] | None) -> None:
    if unclaimed is None or future.abandoned or not future.settled:
        return
    try:
        answer = future.get()
    except Exception:  # noqa: BLE001  it failed: nothing was granted
        return
    unclaimed(answer)
