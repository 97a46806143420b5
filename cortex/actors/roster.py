"""A supervisor's memory of its children, and its plans for them. Decides in which order; does nothing itself.

A supervisor never waits, so what OTP's does in one go is a `Plan` here: children to stop, then children to start, which
the supervisor takes a step further with each message about one of them. `Child.is_wanted` is what should be,
`Child.state` is what is; a plan closes the gap between them.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from cortex.actors.spec import ChildSpec

if TYPE_CHECKING:
    from asyncio import TimerHandle

    from pykka._envelope import Envelope

    from cortex.actors.future import Answer
    from cortex.actors.ref import Ref

State = Literal["stopped", "starting", "running", "stopping"]
Verb = Literal["stop", "start"]


@dataclass(slots=True, eq=False)
class Child:
    """One child spec, and what has become of it."""

    spec: ChildSpec
    state: State = "stopped"
    ref: "Ref[Any] | None" = None
    is_wanted: bool = True
    """Whether it should run; a stopped child that is wanted is about to be started."""
    is_dropped: bool = False
    """Whether its spec goes too, once it has stopped for good."""
    has_run: bool = False
    restarts: int = 0
    leftovers: "deque[Envelope[Any]]" = field(default_factory=deque)
    """What its last incarnation had not handled; the next one's first messages."""
    timer: "TimerHandle | None" = None
    """Bounds its start, or its end."""
    plan: "Plan | None" = None
    awaiting_start: "list[Answer]" = field(default_factory=list)
    awaiting_stop: "list[Answer]" = field(default_factory=list)

    def __post_init__(self) -> None:
        self.is_dropped = self.spec.restart == "temporary"

    @property
    def name(self) -> str:
        """Its spec's name."""
        return self.spec.name

    def stop_timer(self) -> None:
        """Forget the bound of its start or end."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None


@dataclass(slots=True, eq=False)
class Plan:
    """Children to stop, the last first; when all have, children to start, the first first."""

    stopping: list[Child]
    starting: deque[Child]


class Roster:
    """The children in the order of their start, and the plans under way; a child is in at most one."""

    def __init__(self, specs: Iterable[ChildSpec]) -> None:
        self._children = {spec.name: Child(spec) for spec in specs}
        self._plans: list[Plan] = []

    @property
    def is_settled(self) -> bool:
        """Whether no plan is under way."""
        return not self._plans

    def find(self, name: str) -> Child | None:
        """Return the child of that name."""
        return self._children.get(name)

    def names(self) -> list[str]:
        """Return all names in order."""
        return list(self._children)

    def add(self, child: Child) -> None:
        """Add a child, the last in order."""
        self._children[child.name] = child

    def drop(self, child: Child) -> None:
        """Remove a child."""
        self._children.pop(child.name, None)

    def arrange(self, group: Iterable[Child]) -> Plan:
        """Plan to stop those of `group` that live, then to start those that are wanted.

        Plans that have a child in common with it are taken over whole.
        """
        group = set(group)
        stopping, members = set(group), set(group)
        for plan in {child.plan for child in group if child.plan is not None}:
            self._plans.remove(plan)
            stopping.update(plan.stopping)
            members.update(plan.stopping, plan.starting)
        for child in members:
            child.plan = None  # one that is stopped, and not wanted, is in the new plan no more
        order = [child for child in self if child in members]
        return self._add_plan(
            [child for child in order if child in stopping and child.state != "stopped"],
            (child for child in order if child.is_wanted),
        )

    def start_all(self) -> Plan:
        """Plan to start every child."""
        return self._add_plan([], self)

    def stop_all(self) -> Plan:
        """Drop all plans for one: to stop every child, for good."""
        self._plans.clear()
        for child in self:
            child.is_wanted = False
        return self._add_plan(list(self), ())

    def next_step(self, plan: Plan | None) -> tuple[Verb, Child] | None:
        """Return what is to be done next, or waited for; None when the plan is done, or was taken over by another.

        "stop" means a child that lives, stopping ones included; "start" one that does not run, starting ones included.
        """
        if plan is None or plan not in self._plans:
            return None
        while plan.stopping:
            child = plan.stopping[-1]
            if child.state != "stopped":
                return "stop", child
            plan.stopping.pop()
            if child not in plan.starting:
                child.plan = None
        while plan.starting:
            child = plan.starting[0]
            if child.is_wanted and child.state != "running":
                return "start", child
            plan.starting.popleft()
            child.plan = None
        self._plans.remove(plan)
        return None

    def _add_plan(self, stopping: list[Child], starting: Iterable[Child]) -> Plan:
        plan = Plan(stopping, deque(starting))
        for child in (*plan.stopping, *plan.starting):
            child.plan = plan
        self._plans.append(plan)
        return plan

    def __iter__(self) -> Iterator[Child]:
        return iter(self._children.values())

    def __reversed__(self) -> Iterator[Child]:
        return reversed(self._children.values())

    def __len__(self) -> int:
        return len(self._children)

    def __repr__(self) -> str:
        return "<Roster " + ", ".join(f"{child.name} {child.state}" for child in self) + ">"
