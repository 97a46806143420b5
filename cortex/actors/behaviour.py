"""What both kinds of actors share: handlers, replies, crashes and ends.

pykka's own loop has traps for "let it crash" (an exception on `ask` leaves the actor alive, a BaseException stops every
actor of the process, leftovers vanish), so neither kind runs it. Here

- any exception in a handler, BaseException too, ends the actor, for `ask` and `tell` alike;
- whichever way it ends, `on_terminate` is called once, then its supervisor gets one `Down` with what was not handled;
- whoever had asked and got no answer yet is told: HandlerCrashed for the message that was being handled (asking again
  would crash again), ActorDeadError for replies that were deferred (asking again is right).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from enum import Enum
from typing import Any, ClassVar, Final, Self, TypeVar, cast

import pykka
import structlog
from pykka._envelope import Envelope  # pykka has no public name for what its inboxes carry
from pykka.messages import _ActorStop  # what pykka's own registry and proxies send

from cortex.actors.errors import ActorDeadError, HandlerCrashed
from cortex.actors.future import Answer, new_future
from cortex.actors.mailbox import Letters
from cortex.actors.reason import NORMAL, Reason, crashed, trace_of
from cortex.actors.ref import Ref
from cortex.actors.signals import Down, FromSelf, Kill, Late, Signal, Started, Stop

Handler = Callable[[Any, Any], Any]
F = TypeVar("F", bound=Callable[..., Any])

log = structlog.get_logger()


class NoReply(Enum):
    """See NO_REPLY."""

    NO_REPLY = "no reply"


class Starting(Enum):
    """See STARTING."""

    STARTING = "starting"


NO_REPLY: Final = NoReply.NO_REPLY
"""What a handler returns that has deferred or forwarded its answer."""
STARTING: Final = Starting.STARTING
"""What `on_start` returns when the actor will acknowledge its start later, with `ready()`."""


def handles(message_type: type) -> Callable[[F], F]:
    """Declare that the decorated method handles messages of exactly `message_type` (subclasses need their own)."""

    def mark(method: F) -> F:
        method.__dict__["_handles"] = (*getattr(method, "_handles", ()), message_type)
        return method

    return mark


def _table_of(actor_class: type) -> dict[type, Handler]:
    """Collect the handlers of a class; an override needs no decorator of its own. TypeError when two claim one type."""
    names: dict[type, str] = {}
    for klass in reversed(actor_class.__mro__):
        own: dict[type, str] = {}
        for name, method in vars(klass).items():
            for message_type in getattr(method, "_handles", ()):
                if message_type in own:
                    raise TypeError(f"{klass.__name__}: {own[message_type]} and {name} handle {message_type.__name__}")
                own[message_type] = name
        names |= own
    return {message_type: getattr(actor_class, name) for message_type, name in names.items()}


@dataclass(slots=True)
class Birth:
    """What a supervisor gives the actor that is started under one of its specs, and what it gets back."""

    supervisor: Ref[Any]
    name: str
    ref: Ref[Any] | None = None
    """Filled in once the actor was started."""

    def check(self, made: object, holder: Ref[Any] | None) -> None:
        """Raise unless exactly this child was started, and its name is free."""
        if self.ref is None or self.ref is not made:
            raise TypeError(f"start of {self.name!r} returned {made!r}, and not the actor that it started")
        if holder is not None:
            raise ValueError(f"the name {self.name!r} is taken by {holder}")


_BIRTH: ContextVar[Birth | None] = ContextVar("birth", default=None)


@contextmanager
def birth(supervisor: Ref[Any], name: str) -> Iterator[Birth]:
    """Make the first actor that is created inside the block the supervisor's child, under `name`."""
    new = Birth(supervisor, name)
    token = _BIRTH.set(new)
    try:
        yield new
    finally:
        _BIRTH.reset(token)


class Behaviour(pykka.Actor):
    """An actor's contract; see LoopActor and ThreadActor."""

    mailbox_limit: ClassVar[int] = 10_000
    """Messages that may wait; a sender is refused beyond it."""
    hang_budget_s: ClassVar[float] = 10.0
    """Seconds that one message may take before the actor counts as hung."""

    _handlers: ClassVar[dict[type, Handler]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls._handlers = _table_of(cls)

    @classmethod
    def start(cls, *args: Any, **kwargs: Any) -> Ref[Self]:
        """Create the actor, let it begin, and return its reference. What `__init__` raises comes out here."""
        return cast("Ref[Self]", super().start(*args, **kwargs))

    def __init__(self) -> None:
        super().__init__()
        self._birth = _BIRTH.get()
        _BIRTH.set(None)
        self.name: str = self._birth.name if self._birth else type(self).__name__
        """The name it was started under; its class's when it has no supervisor."""
        self._actor_ref: Ref[Any] = Ref(self)
        self._envelope: Envelope[Any] | None = None
        self._deferred: dict[Answer, Envelope[Any] | None] = {}
        self._sweep_at = 64
        self._ending: Reason | None = None
        self._is_acknowledged = False
        self._waiting_for_end: list[Answer] = []

    @property
    def actor_ref(self) -> Ref[Self]:
        """Its own reference."""
        return self._actor_ref

    @property
    def is_supervised(self) -> bool:
        """Whether a supervisor started it."""
        return self._birth is not None

    # What an actor may define

    def on_start(self) -> Any:
        """Prepare; an exception is a failed start. Return STARTING to acknowledge later, by `ready()`."""

    def on_terminate(self, reason: Reason) -> None:
        """Clean up, without waiting; called once, however the actor ends."""

    # What an actor may use

    def ready(self) -> None:
        """Acknowledge the start, after STARTING: from now on it is found by its name."""
        if not self._is_acknowledged:
            self._is_acknowledged = True
            self._to_supervisor(Started(self.name, self.actor_ref))

    def defer(self) -> Answer:
        """Take the answer to the current message over: `set` or `fail` it later, and return NO_REPLY now.

        For a message that was told, what comes back is abandoned already.
        """
        future = self._take_reply()
        if future is None:
            future = new_future()
            future.cancel()
            return future
        if len(self._deferred) >= self._sweep_at:
            self._deferred = {kept: where for kept, where in self._deferred.items() if not kept.settled}
            self._sweep_at = 2 * len(self._deferred) + 64
        self._deferred[future] = self._envelope
        return future

    def forward(self, ref: pykka.ActorRef[Any], message: Any) -> NoReply:
        """Hand the current message's asker on to another actor: `return self.forward(ref, other)`.

        When that actor cannot take it, its asker is told; for a message that was told, ActorDeadError or MailboxFull is
        raised here.
        """
        future = self._take_reply()
        try:
            ref.actor_inbox.put(Envelope(message, future))
        except Exception as error:
            if future is None:
                raise
            future.fail(error)
        return NO_REPLY

    def hand_on(self, future: Answer, ref: pykka.ActorRef[Any], message: Any) -> None:
        """Hand an asker whose answer was deferred on to another actor; it is told when that one cannot take it."""
        self._deferred.pop(future, None)
        try:
            ref.actor_inbox.put(Envelope(message, future))
        except Exception as error:  # noqa: BLE001  dead, or full: the asker's to know
            future.close(error)

    @property
    def asker_gone(self) -> bool:
        """Whether nobody waits for the answer to the current message any more; what is granted would be lost."""
        envelope = self._envelope
        return envelope is not None and envelope.reply_to is not None and cast("Answer", envelope.reply_to).settled

    def stop_with(self, reason: Reason = NORMAL) -> None:
        """End with `reason` when the current handler has returned, before any other message."""
        self._ending = self._ending or reason

    def on_stop_asked(self, reason: Reason) -> None:
        """Begin to end, as told; may be extended by who needs more than one message for it, `stop_with` at the end."""
        self.stop_with(reason)

    def stop(self) -> None:
        """End after what is in the mailbox."""
        self.actor_ref.signal(Stop(NORMAL))

    @handles(FromSelf)
    def _on_from_self(self, note: FromSelf) -> Any:
        return self._handler_of(note.message)(self, note.message)

    @handles(Stop)
    def _on_stop(self, stop: Stop) -> NoReply:
        future = self._take_reply()
        if future is not None:
            self._waiting_for_end.append(future)
        self.on_stop_asked(stop.reason)
        return NO_REPLY

    @handles(_ActorStop)
    def _on_pykka_stop(self, _: _ActorStop) -> NoReply:
        return self._on_stop(Stop(NORMAL))

    @handles(Kill)
    def _on_kill(self, kill: Kill) -> None:
        raise RuntimeError(f"killed: {kill.reason}")

    # What runs it

    def kill(self, reason: Reason) -> None:
        """End now. For the supervisor, through `Ref.kill`."""
        raise NotImplementedError

    def _handler_of(self, message: Any) -> Handler:
        try:
            return self._handlers[type(message)]
        except KeyError:
            raise TypeError(f"{type(self).__name__} has no handler for {type(message).__name__}") from None

    def _begin(self) -> None:
        """Run on_start, and acknowledge unless that is put off."""
        try:
            if self.on_start() is not STARTING:
                self.ready()
        except BaseException as error:  # noqa: BLE001  an actor ends here: no exception may reach the loop below
            self._ending = crashed(error, "on_start")

    def _handle(self, envelope: Envelope[Any]) -> None:
        """Handle one message; sets `_ending` when the actor has to end."""
        self._envelope = envelope
        message = envelope.message
        try:
            answer = (self._handlers.get(type(message)) or self._handler_of(message))(self, message)
        except BaseException as error:  # noqa: BLE001  an actor ends here: no exception may reach the loop below
            self._crash(envelope, error)
            return
        if answer is not NO_REPLY:
            reply_to = envelope.reply_to
            if reply_to is not None:
                reply_to.set(answer)

    def _crash(self, envelope: Envelope[Any], error: BaseException) -> None:
        what = type(envelope.message).__name__
        self._ending = crashed(error, what)
        poison = HandlerCrashed(f"{self.name} crashed while handling {what}: {error!r}")
        poison.__cause__ = error
        if envelope.reply_to is not None:
            cast("Answer", envelope.reply_to).close(poison)
        for future in [future for future, where in self._deferred.items() if where is envelope]:
            future.close(poison)

    def _take_reply(self) -> Answer | None:
        """Take the asker off the current message, so that the handler's return does not answer it."""
        if self._envelope is None:
            raise RuntimeError("there is a message to answer only inside a handler")
        future, self._envelope.reply_to = self._envelope.reply_to, None
        return cast("Answer | None", future)

    def _call_on_terminate(self, reason: Reason) -> BaseException | None:
        try:
            self.on_terminate(reason)
        except BaseException as error:  # noqa: BLE001  reported with the Down; others must not suffer from it
            return error
        return None

    def _depart(self, reason: Reason, letters: Letters, trouble: BaseException | None) -> None:
        """Leave nothing behind: each open question is settled, or goes to the supervisor with the mailbox."""
        pykka.ActorRegistry.unregister(self.actor_ref)
        self._close_deferred(reason)
        leftovers = self._sort_out(letters)
        self._to_supervisor(Down(self.name, self.actor_ref, reason, leftovers, trouble))
        for future in self._waiting_for_end:
            future.set(True)

    def _close_deferred(self, reason: Reason) -> None:
        died = ActorDeadError(f"{self.name} ended ({reason}) before it answered")
        for future in tuple(self._deferred):
            future.close(died)
        self._deferred.clear()

    def _sort_out(self, letters: Letters) -> Letters:
        """Return what another incarnation could handle; signals were for this one only."""
        for letter in letters:
            if isinstance(letter.message, Stop | _ActorStop) and letter.reply_to is not None:
                self._waiting_for_end.append(cast("Answer", letter.reply_to))
            elif isinstance(letter.message, Down | Late):  # of a thread that ended in the same moment as its supervisor
                self._give_up_on(letter.message.leftovers)
        return tuple(letter for letter in letters if not isinstance(letter.message, Signal | _ActorStop))

    def _send_late(self, letters: Letters) -> None:
        if letters:
            self._to_supervisor(Late(self.name, self._sort_out(letters)))

    def _to_supervisor(self, signal: Started | Down | Late) -> None:
        try:
            if self._birth is not None:
                self._birth.supervisor.signal(signal)
                return
        except ActorDeadError:
            pass  # it went down in the same moment; then this actor speaks for itself
        if isinstance(signal, Down):
            self._report_unsupervised(signal)
        if isinstance(signal, Down | Late):
            self._give_up_on(signal.leftovers)

    def _give_up_on(self, letters: Letters) -> None:
        lost = lose(letters, f"{self.name} has ended")
        if lost:
            log.warning("actor.messages_lost", actor=self.name, lost=lost)

    def _report_unsupervised(self, down: Down) -> None:
        if not down.reason.is_expected:
            log.error("actor.ended", actor=self.name, reason=str(down.reason), trace=trace_of(down.reason.cause))
        if down.trouble is not None:
            log.error("actor.on_terminate_failed", actor=self.name, trace=trace_of(down.trouble))

    def __repr__(self) -> str:
        state = f"ending ({self._ending})" if self._ending else f"{self.actor_ref.waiting} waiting"
        return f"<{type(self).__name__} {self.name}: {state}>"

    __str__ = __repr__


def lose(letters: Letters, why: str) -> int:
    """Tell every asker among `letters` that nobody will answer; return how many were told and are lost."""
    for letter in letters:
        if letter.reply_to is not None:
            cast("Answer", letter.reply_to).close(ActorDeadError(why))
    return sum(letter.reply_to is None for letter in letters)
