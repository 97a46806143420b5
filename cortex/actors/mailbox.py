"""Bounded mailboxes, one for each kind of actor; both are pykka inboxes.

A mailbox holds its actor strongly, and is held by every reference: this, and pykka's registry of references, is what
keeps an idle event-loop actor alive (pykka's reference holds its actor weakly, which is enough for a thread only). The
knot is untied when the actor ends.

`put` is what senders use; it raises at once when the mailbox is full or its actor has ended. `put_signal` has no bound.
Nothing is forgotten: what was not handled when the mailbox closes is handed to whoever closes it, once, and what
another thread manages to add just after that is given to the actor's supervisor as `Late`.
"""

import threading
from asyncio import AbstractEventLoop
from collections import deque
from collections.abc import Callable
from threading import get_ident
from typing import TYPE_CHECKING, Any

from pykka import ActorDeadError
from pykka._envelope import Envelope  # pykka has no public name for what its inboxes carry

from cortex.actors.errors import MailboxFull

if TYPE_CHECKING:
    from cortex.actors.actor import LoopActor
    from cortex.actors.behaviour import Behaviour

Letters = tuple[Envelope[Any], ...]


class LoopMailbox:
    """The inbox of an actor on an event loop: the first message schedules a drain, later ones join it.

    Deque appends, pops and the flag are atomic under the interpreter's lock. The order matters: a sender appends and
    then reads the flag; the drain clears the flag and then looks once more. So no message lies unseen, without a lock.
    """

    __slots__ = ("_drain", "_is_scheduled", "_letters", "_loop", "_thread", "actor", "limit")

    def __init__(self) -> None:
        self._letters: deque[Envelope[Any]] = deque()
        self._is_scheduled = True  # until the actor has begun
        self.limit = 0
        self.actor: LoopActor | None = None

    def bind(self, actor: "LoopActor", loop: AbstractEventLoop, drain: Callable[[], None]) -> None:
        """Give the mailbox its actor, and what empties it."""
        self.actor = actor
        self.limit = actor.mailbox_limit
        self._loop = loop
        self._thread = get_ident()  # compared at each message: asking for the running loop costs 0.2 µs more
        self._drain = drain

    def put(self, envelope: Envelope[Any], /) -> None:
        """Add a message, from any thread. Raises MailboxFull, or ActorDeadError when the actor has ended."""
        if self.actor is None:
            raise ActorDeadError("the actor has ended")
        if len(self._letters) >= self.limit:
            raise MailboxFull(f"{self.actor.name} has {self.limit} messages waiting")
        self._letters.append(envelope)
        if not self._is_scheduled:
            self.schedule()

    def put_signal(self, envelope: Envelope[Any]) -> None:
        """Add a message without regard to the bound. Raises ActorDeadError."""
        if self.actor is None:
            raise ActorDeadError("the actor has ended")
        self._letters.append(envelope)
        if not self._is_scheduled:
            self.schedule()

    def schedule(self) -> None:
        """Have the mailbox drained in a later turn of the loop."""
        self._is_scheduled = True
        if get_ident() == self._thread:
            self._loop.call_soon(self._drain)
            return
        try:
            self._loop.call_soon_threadsafe(self._drain)
        except RuntimeError as error:
            raise ActorDeadError("the actor's event loop is closed") from error

    def rest(self) -> None:
        """End a drain: from now on the next message schedules one."""
        self._is_scheduled = False
        if self._letters:
            self.schedule()

    def get(self) -> Envelope[Any]:
        """Take the first message; IndexError when there is none."""
        return self._letters.popleft()

    def empty(self) -> bool:
        """Tell whether nothing waits."""
        return not self._letters

    def withdraw(self, kind: type) -> list[Any]:
        """Take out the messages of one kind, in order."""
        taken = [letter.message for letter in self._letters if isinstance(letter.message, kind)]
        kept = [letter for letter in self._letters if not isinstance(letter.message, kind)]
        self._letters.clear()
        self._letters.extend(kept)
        return taken

    def close(self) -> Letters:
        """Refuse all further messages and return those that were not handled."""
        self.actor = None
        return self.take_all()

    def take_all(self) -> Letters:
        """Take out every message."""
        self._is_scheduled = (
            False  # first, so that a letter which another thread adds meanwhile is seen by a late drain
        )
        taken = []
        while self._letters:
            taken.append(self._letters.popleft())
        return tuple(taken)

    def __len__(self) -> int:
        return len(self._letters)


class ThreadMailbox:
    """The inbox of an actor in a thread of its own; closing it from outside abandons that thread."""

    def __init__(self) -> None:
        self._letters: deque[Envelope[Any]] = deque()
        self._changed = threading.Condition(threading.Lock())
        self._is_closed = False
        self.limit = 0
        self.actor: Behaviour | None = None
        self.turn = 0
        """Rises by one when a message is begun and when it is done: odd while the actor is busy."""

    def bind(self, actor: "Behaviour") -> None:
        """Give the mailbox its actor."""
        self.actor = actor
        self.limit = actor.mailbox_limit

    def put(self, envelope: Envelope[Any], /) -> None:
        """Add a message, from any thread. Raises MailboxFull, or ActorDeadError when the actor has ended."""
        with self._changed:
            if len(self._letters) >= self.limit and not self._is_closed:
                raise MailboxFull(f"{self.limit} messages are waiting")
            self._append(envelope)

    def put_signal(self, envelope: Envelope[Any]) -> None:
        """Add a message without regard to the bound. Raises ActorDeadError."""
        with self._changed:
            self._append(envelope)

    def _append(self, envelope: Envelope[Any]) -> None:
        if self._is_closed:
            raise ActorDeadError("the actor has ended")
        self._letters.append(envelope)
        self._changed.notify()

    def get(self) -> Envelope[Any]:
        """Wait for the first message and take it. Raises ActorDeadError once the mailbox is closed."""
        with self._changed:
            while not self._letters and not self._is_closed:
                self._changed.wait()
            if self._is_closed:
                raise ActorDeadError("closed from outside")
            return self._letters.popleft()

    def empty(self) -> bool:
        """Tell whether nothing waits."""
        return not self._letters

    def close(self) -> Letters | None:
        """Refuse all further messages and return those that were not handled; None when it was closed before."""
        with self._changed:
            if self._is_closed:
                return None
            self._is_closed = True
            self.actor = None
            letters = tuple(self._letters)
            self._letters.clear()
            self._changed.notify_all()
            return letters

    def __len__(self) -> int:
        return len(self._letters)
