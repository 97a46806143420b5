"""The circuit breaker of one worker: closed, open, half-open. Pure; the clock is an argument.

Theory of operation: a worker that fails often is left alone for a while, so that requests do not pay for finding out again
and the upstream can recover. *Often* is a count and a rate over the last outcomes: one failure among many successes says
nothing, and five in a row on a quiet worker say enough. After its rest one single request is the trial: whole, and the
breaker closes and forgets; failed, and the next rest is twice as long, up to a bound. A probe that finds an unreachable
upstream back ends the rest early, but only into half-open: a server that answers probes may still fail every request.
"""

from collections import deque
from typing import Literal

from cortex.config.model import Breaker as BreakerSettings

State = Literal["closed", "open", "half_open"]
Event = Literal["success", "strike", "trial", "trial_given_up", "rest_over"]

STEPS: dict[tuple[State, Event], State] = {
    ("closed", "success"): "closed",
    ("closed", "strike"): "closed",  # or open, when the window says so: see `record`
    ("open", "success"): "open",  # a late answer of a request from before it opened
    ("open", "strike"): "open",
    ("open", "rest_over"): "half_open",
    ("half_open", "trial"): "half_open",
    ("half_open", "trial_given_up"): "half_open",
    ("half_open", "success"): "closed",
    ("half_open", "strike"): "open",
}
"""Every legal step; `IllegalStep` is raised for any other."""


class IllegalStep(Exception):  # noqa: N818  a bug's name, not an error's
    """An event that cannot happen in that state; a bug of the caller."""


class Breaker:
    """See the module's docstring. `now` is monotonic seconds everywhere."""

    __slots__ = ("_outcomes", "_settings", "_trial_running", "open_until", "opened_times", "state")

    def __init__(self, settings: BreakerSettings) -> None:
        self._settings = settings
        self._outcomes: deque[bool] = deque(maxlen=settings.window)
        self._trial_running = False
        self.state: State = "closed"
        self.open_until = 0.0
        self.opened_times = 0
        """How often in a row it opened without closing between; the rest doubles with each."""

    def __repr__(self) -> str:
        strikes = self._outcomes.count(False)
        tail = f" until {self.open_until:.1f}" if self.state == "open" else ""
        return f"<Breaker {self.state}{tail}, {strikes} of the last {len(self._outcomes)} failed>"

    def configure(self, settings: BreakerSettings) -> None:
        """Take new settings; what was counted stays, as far as the new window holds it."""
        self._settings = settings
        self._outcomes = deque(self._outcomes, maxlen=settings.window)

    def allows(self, now: float) -> bool:
        """Whether a request may go now; asking changes nothing."""
        if self.state == "closed":
            return True
        if self.state == "open":
            return now >= self.open_until
        return not self._trial_running

    def begin(self, now: float) -> bool:
        """Take leave for one request that `allows` said may go; True when it is the trial, to be given back to `record`."""
        if self.state == "open" and now >= self.open_until:
            self._step("rest_over")
        if self.state == "half_open":
            self._step("trial")
            self._trial_running = True
            return True
        return False

    def record(self, *, ok: bool, now: float, trial: bool = False) -> None:
        """Count a request that ended; `trial` is what `begin` returned for it.

        In half-open only the trial decides: an old request that ends meanwhile is not evidence of recovery.
        """
        if self.state == "half_open" and not trial:
            return
        if trial:
            self._trial_running = False
        if self.state == "half_open" and ok:
            self._step("success")
            self._outcomes.clear()
            self.opened_times = 0
            return
        if self.state == "closed":
            self._outcomes.append(ok)
        if ok:
            self._step("success")
            return
        self._step("strike")
        if self.state == "open" and trial:
            self._rest(now)
        elif self.state == "closed" and self._too_often():
            self.state = "open"
            self._rest(now)

    def give_up_trial(self, *, trial: bool) -> None:
        """Say that a request ended with no verdict (the client left); the next one may be the trial."""
        if trial and self.state == "half_open":
            self._trial_running = False
            self._step("trial_given_up")

    def reachable_again(self) -> None:
        """End the rest of an open breaker early: a probe found the upstream back."""
        if self.state == "open":
            self._step("rest_over")

    def _too_often(self) -> bool:
        strikes = self._outcomes.count(False)
        return strikes >= self._settings.failures and strikes >= self._settings.min_error_rate * len(self._outcomes)

    def _rest(self, now: float) -> None:
        rest_s = min(self._settings.open_for_s * 2.0 ** min(self.opened_times, 30), self._settings.open_for_max_s)
        self.opened_times += 1
        self.open_until = now + rest_s

    def _step(self, event: Event) -> None:
        step = (self.state, event)
        if step not in STEPS:
            raise IllegalStep(f"{event} while {self!r}")
        self.state = STEPS[step]
