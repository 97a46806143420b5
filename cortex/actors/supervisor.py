"""The supervisor: starts children in order, stops them in reverse, starts again what ends, and knows when to give up.

It follows Erlang/OTP's `supervisor` (lib/stdlib/src/supervisor.erl), with one difference that goes through everything:
OTP's blocks while a child starts or stops, this one never does. It answers questions and can be told to stop at any
time, and one slow child does not hold up its siblings' restarts. So all it does is reconciling: the roster knows what
each child is and should be, and in which order to get there; each message about a child takes its plan as far as it
goes (`_advance`). A failed restart is heard of through the mailbox too, then tried again if the intensity allows.

Nothing lives on alone: when the supervisor itself crashes or is killed, it kills its children, the last first, before
its own supervisor hears of it. Nothing is forgotten: what a dead child had in its mailbox comes first in the mailbox of
its next incarnation; where there is none, askers are told and the rest is reported.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

from cortex.actors.actor import LoopActor
from cortex.actors.behaviour import NO_REPLY, STARTING, NoReply, birth, handles, lose
from cortex.actors.errors import ActorDeadError, ChildExists, NoSuchChild, StartFailed
from cortex.actors.hangs import HangWatch, next_look_s
from cortex.actors.mailbox import Letters, ThreadMailbox
from cortex.actors.names import Names
from cortex.actors.orders import (
    ChildInfo,
    CountChildren,
    Counts,
    DeleteChild,
    RestartChild,
    StartChild,
    TerminateChild,
    WhichChildren,
)
from cortex.actors.reason import SHUTDOWN, Reason, crashed
from cortex.actors.ref import Ref
from cortex.actors.report import Offender, Report, Reporter, log_report, offender_of
from cortex.actors.roster import Child, Plan, Roster
from cortex.actors.signals import Down, Late, Signal, Started
from cortex.actors.spec import ChildSpec, RestartWindow, SpecError, Strategy, affected, check_specs, should_restart

__all__ = [
    "ChildInfo",
    "CountChildren",
    "Counts",
    "DeleteChild",
    "Offender",
    "Report",
    "RestartChild",
    "StartChild",
    "Supervisor",
    "TerminateChild",
    "WhichChildren",
]


@dataclass(frozen=True, slots=True)
class _Expired(Signal):
    """A child has not acknowledged its start, or not ended, in time."""

    name: str
    ref: Ref[Any]
    reason: Reason


@dataclass(frozen=True, slots=True)
class _LookForHangs(Signal):
    """Look whether every thread has come on since the last time."""


class Supervisor(LoopActor):
    """Keeps its children as their specs want them.

    `specs` is a list, or a callable that is evaluated at each start of the supervisor, so that children which were
    added later come back from the current configuration. `on_end` is called once, with the reason, when the supervisor
    has ended; the root's owner needs it, since nobody supervises the root.
    """

    def __init__(  # noqa: PLR0913  each is one setting with OTP's own name, or a seam for tests
        self,
        *,
        names: Names,
        specs: Iterable[ChildSpec] | Callable[[], Iterable[ChildSpec]],
        name: str = "supervisor",
        strategy: Strategy = "one_for_one",
        max_restarts: int = 3,
        max_seconds: float = 5.0,
        report: Callable[[Report], None] = log_report,
        clock: Callable[[], float] = time.monotonic,
        on_end: Callable[[Reason], object] | None = None,
    ) -> None:
        specs = check_specs(specs() if callable(specs) else specs)  # a mistake is the starter's to see
        super().__init__()
        if not self.is_supervised:
            self.name = name
        self._names, self._strategy, self._clock, self._on_end = names, strategy, clock, on_end
        self._roster = Roster(specs)
        self._phase: Literal["starting", "running", "stopping"] = "starting"
        self._final = SHUTDOWN
        self._window = RestartWindow(max_restarts, max_seconds)
        self._report = Reporter(self.name, report)
        self._hangs = HangWatch()
        self._is_watching = False

    def on_start(self) -> Any:
        """Start the children in order; acknowledge when the last one has."""
        self._advance(self._roster.start_all())
        return STARTING

    def on_stop_asked(self, reason: Reason) -> None:
        """Stop the children, the last first, and end then."""
        self._wind_down(reason)

    def on_terminate(self, reason: Reason) -> None:
        """Leave no orphan: what still lives is killed, and its mailbox seen to."""
        for child in reversed(self._roster):
            if child.ref is not None:
                self._names.unregister(child.name, child.ref)
                child.ref.kill(Reason("killed", f"its supervisor {self.name} ended ({reason})"))
        for down in self.actor_inbox.withdraw(Down):
            self._lose(down.name, down.leftovers)
        for child in self._roster:
            self._refuse(child, ActorDeadError(f"{self.name} ended ({reason})"))
            self._forget_leftovers(child)
        if self._on_end is not None:
            self._on_end(reason)

    # Questions and orders

    @handles(WhichChildren)
    def which_children(self, _: WhichChildren) -> list[ChildInfo]:
        """List the children."""
        return [
            ChildInfo(child.name, child.spec.kind, child.spec.restart, child.state, child.restarts, child.ref)
            for child in self._roster
        ]

    @handles(CountChildren)
    def count_children(self, _: CountChildren) -> Counts:
        """Count the children."""
        supervisors = sum(child.spec.kind == "supervisor" for child in self._roster)
        active = sum(child.state != "stopped" for child in self._roster)
        return Counts(len(self._roster), active, supervisors, len(self._roster) - supervisors)

    @handles(StartChild)
    def start_child(self, order: StartChild) -> NoReply:
        """Add a child."""
        reply = self.defer()
        try:
            (spec,) = check_specs([order.spec])
        except SpecError as error:
            reply.fail(error)
            return NO_REPLY
        if self._phase == "stopping":
            reply.fail(ActorDeadError(f"{self.name} is stopping"))
        elif self._roster.find(spec.name) is not None:
            reply.fail(ChildExists(f"{self.name} has a child named {spec.name!r}"))
        else:
            child = Child(spec, awaiting_start=[reply])
            self._roster.add(child)
            self._advance(self._roster.arrange([child]))
        return NO_REPLY

    @handles(RestartChild)
    def restart_child(self, order: RestartChild) -> NoReply:
        """Stop a child and start it."""
        reply = self.defer()
        child = self._roster.find(order.name)
        if self._phase == "stopping":
            reply.fail(ActorDeadError(f"{self.name} is stopping"))
        elif child is None or (child.is_dropped and not child.is_wanted):
            reply.fail(NoSuchChild(f"{self.name} has no child named {order.name!r}"))
        else:
            child.is_wanted = True
            child.awaiting_start.append(reply)
            self._advance(self._roster.arrange([child]))
        return NO_REPLY

    @handles(TerminateChild)
    @handles(DeleteChild)
    def terminate_child(self, order: TerminateChild | DeleteChild) -> NoReply:
        """Stop a child, for good."""
        reply = self.defer()
        child = self._roster.find(order.name)
        if child is None:
            reply.fail(NoSuchChild(f"{self.name} has no child named {order.name!r}"))
            return NO_REPLY
        child.awaiting_stop.append(reply)
        child.is_wanted = False
        child.is_dropped |= isinstance(order, DeleteChild)
        self._refuse(child, StartFailed(child.name, SHUTDOWN))
        if child.state == "stopped":
            self._lay_to_rest(child)
        elif self._phase != "stopping":
            self._advance(self._roster.arrange([child]))
        return NO_REPLY

    # Plans

    def _advance(self, plan: Plan | None) -> None:
        """Take a plan as far as it goes without waiting."""
        step = self._roster.next_step(plan)
        if step is not None:
            verb, child = step
            if verb == "stop":
                self._stop_child(child)
            else:
                self._start_child(child)
        elif self._roster.is_settled:
            self._settle()

    def _settle(self) -> None:
        if self._phase == "starting":
            self._phase = "running"
            self.ready()
        elif self._phase == "stopping":
            self.stop_with(self._final)

    def _wind_down(self, final: Reason) -> None:
        """Stop all children, the last first, then end with `final`."""
        if self._phase == "stopping":
            return
        self._phase, self._final = "stopping", final
        plan = self._roster.stop_all()
        for child in tuple(self._roster):
            self._refuse(child, ActorDeadError(f"{self.name} is stopping"))
            if child.state == "stopped":
                self._lay_to_rest(child)
        self._advance(plan)

    # The start and the end of one child

    def _start_child(self, child: Child) -> None:
        if child.state != "stopped":
            return
        child.state = "starting"
        failure: Reason | None = None
        with birth(self.actor_ref, child.name) as born:
            try:
                born.check(child.spec.start(), self._names.lookup(child.name))
            except BaseException as error:  # noqa: BLE001  a child's failure, whatever its start raised
                failure = crashed(error, "start")
        child.ref = born.ref
        if born.ref is None:
            self._note(Down(child.name, None, failure or Reason("crashed", "no actor was started")))
        elif failure is not None:
            born.ref.kill(failure)
        else:
            reason = Reason("start_timeout", f"not acknowledged in {child.spec.start_timeout_s:g} s")
            child.timer = self.after(child.spec.start_timeout_s, _Expired(child.name, born.ref, reason))

    def _stop_child(self, child: Child) -> None:
        if child.state == "stopping":
            return
        child.state = "stopping"
        child.stop_timer()
        ref, shutdown_s = child.ref, child.spec.shutdown_s
        if ref is None:
            return  # its start failed, and the word of it is in the mailbox
        if shutdown_s == 0:
            ref.kill(Reason("killed", "as its spec wants"))
            return
        ref.stop(reason=SHUTDOWN)
        if shutdown_s is not None:
            reason = Reason("killed", f"had not ended {shutdown_s:g} s after it was told to")
            child.timer = self.after(shutdown_s, _Expired(child.name, ref, reason))

    @handles(_Expired)
    def _on_expired(self, expired: _Expired) -> None:
        child = self._roster.find(expired.name)
        if child is not None and child.ref is expired.ref and child.timer is not None:
            expired.ref.kill(expired.reason)

    @handles(Started)
    def _on_started(self, started: Started) -> None:
        child = self._roster.find(started.name)
        if child is None or child.ref is not started.ref or child.state != "starting":
            return  # it was told to stop meanwhile, or has ended
        child.stop_timer()
        self._redeliver(child, started.ref)
        try:
            self._names.register(child.name, started.ref)
        except ValueError as error:
            started.ref.kill(crashed(error, "start"))
            return
        child.state = "running"
        child.restarts += child.has_run
        child.has_run = True
        self._report("progress", None, offender_of(child))
        for reply in child.awaiting_start:
            reply.set(started.ref)
        child.awaiting_start.clear()
        self._watch(started.ref)
        self._advance(child.plan)

    @handles(Down)
    def _on_down(self, down: Down) -> None:
        child = self._roster.find(down.name)
        if child is None or child.ref is not down.ref:
            self._on_late(Late(down.name, down.leftovers))
            return
        was, offender = child.state, offender_of(child)
        child.state, child.ref = "stopped", None
        child.stop_timer()
        child.leftovers.extend(down.leftovers)
        if down.ref is not None:
            self._names.unregister(child.name, down.ref)
        if down.trouble is not None:
            self._report("shutdown_error", crashed(down.trouble, "on_terminate"), offender)
        if was == "stopping":
            self._on_stopped(child, down.reason, offender)
        elif was == "starting":
            self._on_start_failed(child, down.reason, offender)
        else:
            self._on_ended(child, down.reason, offender)

    def _on_stopped(self, child: Child, reason: Reason, offender: Offender) -> None:
        """See to a child that was told to end."""
        if not reason.is_expected and child.spec.shutdown_s != 0:
            self._report("shutdown_error", reason, offender)
        if child.is_wanted:
            self._advance(child.plan)
        else:
            self._lay_to_rest(child)

    def _on_start_failed(self, child: Child, reason: Reason, offender: Offender) -> None:
        self._report("start_error", reason, offender)
        self._refuse(child, StartFailed(child.name, reason))
        if not child.is_wanted:
            self._lay_to_rest(child)
        elif child.has_run:
            self._try_again(child, f"its last start failed: {reason}")
        elif self._phase == "starting":
            self._give_up(child, Reason("start_failed", f"{child.name}: {reason}", reason.cause))
        else:
            child.is_wanted, child.is_dropped = False, True
            self._lay_to_rest(child)

    def _try_again(self, child: Child, why: str) -> None:
        """Start it again when the intensity allows; the mailbox has its turn before the next failure is heard of."""
        if self._window.allow(self._clock()):
            self._advance(child.plan)
        else:
            self._give_up(child, self._past_intensity(why))

    def _on_ended(self, child: Child, reason: Reason, offender: Offender) -> None:
        """See to a child that ended by itself: the two tables of `spec`."""
        restart = should_restart(child.spec.restart, reason)
        if restart or not reason.is_expected:
            self._report("child_terminated", reason, offender)
        if not (restart and child.is_wanted):
            child.is_wanted = False
            self._lay_to_rest(child)
        elif self._window.allow(self._clock()):
            self._restart_affected(child)
        else:
            self._give_up(child, self._past_intensity(str(reason)))

    def _restart_affected(self, failed: Child) -> None:
        names = affected(self._strategy, self._roster.names(), failed.name)
        group = [child for child in self._roster if child.name in names]
        for sibling in group:
            if sibling.spec.restart == "temporary":
                sibling.is_wanted = False
        self._advance(self._roster.arrange(group))

    def _past_intensity(self, why: str) -> Reason:
        return Reason(
            "shutdown", f"more than {self._window.max_restarts} restarts in {self._window.max_seconds:g} s; {why}"
        )

    def _give_up(self, child: Child, final: Reason) -> None:
        self._report("shutdown", final, offender_of(child))
        self._wind_down(final)

    # What is left behind

    def _redeliver(self, child: Child, ref: Ref[Any]) -> None:
        """Put what the last incarnation left before anything that comes by name."""
        while child.leftovers:
            letter = child.leftovers[0]
            try:
                ref.signal(letter.message, letter.reply_to)
            except ActorDeadError:  # a thread may have ended already; its Down is on the way
                return
            child.leftovers.popleft()

    @handles(Late)
    def _on_late(self, late: Late) -> None:
        child = self._roster.find(late.name)
        if child is None or not child.is_wanted:
            self._lose(late.name, late.leftovers)
            return
        child.leftovers.extend(late.leftovers)
        if child.state == "running" and child.ref is not None:
            self._redeliver(child, child.ref)

    def _lay_to_rest(self, child: Child) -> None:
        """See to a child that has stopped and is not started again."""
        self._forget_leftovers(child)
        if child.is_dropped:
            self._roster.drop(child)
        for reply in child.awaiting_stop:
            reply.set(True)
        child.awaiting_stop.clear()
        self._advance(child.plan)

    def _refuse(self, child: Child, error: Exception) -> None:
        """Tell those who wait for its start that it will not be."""
        for reply in child.awaiting_start:
            reply.fail(error)
        child.awaiting_start.clear()

    def _forget_leftovers(self, child: Child) -> None:
        self._lose(child.name, tuple(child.leftovers))
        child.leftovers.clear()

    def _lose(self, name: str, letters: Letters) -> None:
        lost = lose(letters, f"{name} ended and is not started again")
        if lost:
            child = self._roster.find(name)
            offender = offender_of(child, lost) if child else Offender(name, None, lost=lost)
            self._report("messages_lost", None, offender)

    # Hangs

    def _watch(self, ref: Ref[Any]) -> None:
        """Begin to look after a child that can hang by itself: a thread."""
        if isinstance(ref.actor_inbox, ThreadMailbox) and not self._is_watching:
            self._is_watching = True
            self.after(next_look_s([ref.actor_class.hang_budget_s]), _LookForHangs())

    @handles(_LookForHangs)
    def _on_look_for_hangs(self, _: _LookForHangs) -> None:
        threads = [
            (child, child.ref, child.ref.actor_inbox.turn)
            for child in self._roster
            if child.state == "running" and child.ref and isinstance(child.ref.actor_inbox, ThreadMailbox)
        ]
        self._hangs.keep({ref.actor_urn for _, ref, _ in threads})
        self._is_watching = bool(threads)
        if threads:
            self.after(next_look_s([ref.actor_class.hang_budget_s for _, ref, _ in threads]), _LookForHangs())
        for child, ref, turn in threads:
            budget_s = ref.actor_class.hang_budget_s
            if self._hangs.is_hung(ref.actor_urn, turn, budget_s, self._clock()):
                hung = Reason("hung", f"has not come back from a message in {budget_s:g} s")
                self._report("hung", hung, offender_of(child))
                ref.kill(hung)
