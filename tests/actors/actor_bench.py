"""An event loop whose time is the test's own, and small actors to supervise."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pykka

from cortex.actors.actor import STARTING, LoopActor, handles
from cortex.actors.names import Names
from cortex.actors.reason import SHUTDOWN, Reason
from cortex.actors.report import Report
from cortex.actors.spec import ChildSpec
from cortex.actors.supervisor import ChildInfo, Supervisor, WhichChildren


class FakeClockLoop(asyncio.SelectorEventLoop):
    """A real loop that never waits: its time moves only by `advance`."""

    def __init__(self) -> None:
        super().__init__()
        self._now = 1000.0

    def time(self) -> float:
        return self._now

    def settle(self) -> None:
        """Run until nothing is ready, at this moment of its time."""
        for _ in range(10_000):
            self.run_until_complete(asyncio.sleep(0))
            is_due = any(not timer.cancelled() and timer.when() <= self._now for timer in self._scheduled)
            if not self._ready and not is_due:
                return
        raise AssertionError("the loop does not come to rest")

    def advance(self, seconds: float) -> None:
        """Let time pass, timer by timer."""
        end = self._now + seconds
        self.settle()
        while due := [t.when() for t in self._scheduled if not t.cancelled() and t.when() <= end]:
            self._now = max(self._now, min(due))
            self.settle()
        self._now = end
        self.settle()

    def call(self, function: Callable[[], Any]) -> Any:
        """Call a function on the loop, then run until nothing is ready."""

        async def run() -> Any:
            return function()

        result = self.run_until_complete(run())
        self.settle()
        return result


@dataclass(frozen=True)
class Note:
    """Something to be remembered."""

    text: str


@dataclass(frozen=True)
class Crash:
    """Raise this."""

    error: BaseException


@dataclass(frozen=True)
class End:
    """End by itself, with this reason."""

    reason: Reason


class Probe(LoopActor):
    """Writes its life into a journal that outlives it; its behaviour is set through `script`."""

    def __init__(self, journal: list, script: dict | None = None) -> None:
        super().__init__()
        self.journal = journal
        self.script = script if script is not None else {}

    def on_start(self) -> Any:
        self.journal.append(("start", self.name))
        mode = self.script.get(self.name, "good")
        if mode == "bad start":
            raise ValueError("cannot start")
        return STARTING if mode == "silent start" else None

    def on_stop_asked(self, reason: Reason) -> None:
        self.journal.append(("asked", self.name))
        if self.script.get(self.name) != "deaf":
            self.stop_with(reason)

    def on_terminate(self, reason: Reason) -> None:
        self.journal.append(("end", self.name, reason.kind))

    @handles(Note)
    def note(self, note: Note) -> str:
        self.journal.append(("note", self.name, note.text))
        return f"{self.name} noted {note.text}"

    @handles(Crash)
    def crash(self, crash: Crash) -> None:
        self.journal.append(("crash", self.name))
        raise crash.error

    @handles(End)
    def end(self, end: End) -> None:
        self.journal.append(("ordered end", self.name))
        self.stop_with(end.reason)


class Bench:
    """A supervisor on a fake clock, with all that it reports."""

    def __init__(self, loop: FakeClockLoop) -> None:
        self.loop = loop
        self.names = Names()
        self.journal: list = []
        self.script: dict[str, str] = {}
        self.reports: list[Report] = []
        self.ends: list[Reason] = []
        self.ref: Any = None

    def spec(self, name: str, **settings: Any) -> ChildSpec:
        return ChildSpec(name, lambda: Probe.start(self.journal, self.script), **settings)

    def begin(self, *specs: ChildSpec, **settings: Any) -> None:
        settings = {"specs": specs, "names": self.names, "report": self.reports.append, **settings}
        settings |= {"clock": self.loop.time, "on_end": self.ends.append}
        self.ref = self.loop.call(lambda: Supervisor.start(**settings))

    def order(self, message: Any, ref: Any = None) -> Any:
        """Ask the supervisor, let the loop run, and return the future."""
        return self.loop.call(lambda: (ref or self.ref).ask(message))

    def children(self) -> list[ChildInfo]:
        return self.order(WhichChildren()).get()

    def states(self) -> dict[str, str]:
        return {child.name: child.state for child in self.children()}

    def tell(self, name: str, message: Any) -> bool:
        return self.loop.call(lambda: self.names.tell(name, message))

    def crash(self, name: str) -> bool:
        return self.tell(name, Crash(RuntimeError("boom")))

    def contexts(self) -> list[str]:
        return [report.context for report in self.reports if report.context != "progress"]

    def starts(self) -> list[str]:
        return [entry[1] for entry in self.journal if entry[0] == "start"]

    def ended(self) -> list[str]:
        return [entry[1] for entry in self.journal if entry[0] == "end"]

    def close(self) -> None:
        self.script.clear()
        if self.ref is not None and self.ref.is_alive():
            self.loop.call(lambda: self.ref.kill(SHUTDOWN))


def living() -> list[str]:
    """Return the names of all actors of this process that are alive."""
    return sorted(ref.actor_inbox.actor.name for ref in pykka.ActorRegistry.get_all())
