"""References to actors: pykka's, but they never block unless asked to, and tell a full mailbox from a dead actor."""

from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast, overload

import pykka
from pykka._envelope import Envelope  # pykka has no public name for what its inboxes carry

from cortex.actors.errors import ActorDeadError, MailboxFull
from cortex.actors.future import Answer, LoopFuture, new_future
from cortex.actors.reason import NORMAL, Reason
from cortex.actors.signals import Stop

if TYPE_CHECKING:
    from cortex.actors.behaviour import Behaviour

A = TypeVar("A", bound=pykka.Actor)


class Ref(pykka.ActorRef[A]):
    """Where to send messages to one incarnation of an actor. Others keep its name, not this."""

    def tell(self, message: Any) -> None:
        """Send a message and expect no answer. Raises ActorDeadError or MailboxFull, at once."""
        self.actor_inbox.put(Envelope(message))

    @overload  # type: ignore[override]  # pykka blocks by default, which would stop an event loop for ever
    def ask(self, message: Any, *, block: Literal[False] = False, timeout: float | None = None) -> LoopFuture: ...

    @overload
    def ask(self, message: Any, *, block: Literal[True], timeout: float | None = None) -> Any: ...

    @overload
    def ask(self, message: Any, *, block: bool, timeout: float | None = None) -> Any: ...

    def ask(self, message: Any, *, block: bool = False, timeout: float | None = None) -> Any:
        """Send a message and return the future of its answer; never raises, the future fails instead.

        Inside an event loop it is a LoopFuture, to be awaited; in any other thread a ThreadFuture, with the same face
        but for `await`. With `block`, which only such a thread may use, wait `timeout` seconds and return the answer.
        """
        future = new_future()
        try:
            self.actor_inbox.put(Envelope(message, future))
        except (ActorDeadError, MailboxFull) as error:
            future.fail(error)
        return _wait(future, timeout) if block else future

    def stop(self, *, block: bool = False, timeout: float | None = None, reason: Reason = NORMAL) -> Any:
        """Ask the actor to end after what is in its mailbox; the future gives True, or False when it had ended.

        It is settled when the actor has ended. `block` and `timeout` are as in `ask`.
        """
        future = new_future()
        try:
            self.signal(Stop(reason), future)
        except ActorDeadError:
            future.set(False)
        return _wait(future, timeout) if block else future

    def signal(self, message: Any, reply_to: pykka.Future[Any] | None = None) -> None:
        """Send a message without regard to the mailbox's bound. Raises ActorDeadError."""
        self._behaviour_inbox.put_signal(Envelope(message, reply_to))

    def kill(self, reason: Reason) -> None:
        """End the actor now, not after its mailbox; a thread is abandoned. Only for its supervisor, on its loop."""
        actor: Behaviour | None = self._behaviour_inbox.actor
        if actor is not None:
            actor.kill(reason)

    @property
    def waiting(self) -> int:
        """How many messages are in its mailbox."""
        return len(self._behaviour_inbox)

    @property
    def mailbox_limit(self) -> int:
        """How many may be."""
        return int(self._behaviour_inbox.limit)

    @property
    def _behaviour_inbox(self) -> Any:
        return cast("Any", self.actor_inbox)  # a LoopMailbox or ThreadMailbox; pykka's protocol knows less


def _wait(future: Answer, timeout: float | None) -> Any:
    try:
        return future.get(timeout=timeout)
    except pykka.Timeout:
        future.cancel()
        raise
