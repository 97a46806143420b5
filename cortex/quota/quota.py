"""What one key, or several that share, may still use. Pure; the clock is an argument.

Theory of operation: every upstream limits something else (requests, tokens), over something else (a rolling minute, a
Pacific day, a bucket that refills), for someone else (a key, a model). Here each limit is a window, a window is data,
and one set of rules serves them all: `spent` asks whether a request fits every window of its model and of its key; `reserve`
holds one request and its estimated tokens in all of them, so that two requests never both take the last one; `settle` puts
what was really used in its place. What the upstream says beside that (headers, a 429) only ever takes away: see `scope`.

Almost every question is asked again before anything has changed, and time alone never makes less of what is left, save at the
borders of days. So the least that was left (`Room`) is remembered by model, and most questions are three comparisons.
"""

from collections.abc import Mapping, Sequence
from math import inf
from typing import Literal

from cortex.config.model import Limits, Plan
from cortex.messages import Allowance, Estimate, Failure
from cortex.quota import saved
from cortex.quota.rests import is_silent, rest_s, resting, whole_in_s
from cortex.quota.scope import Amounts, Scope
from cortex.quota.scopes import MODELS_KEPT, Scopes
from cortex.quota.sizes import key_of
from cortex.quota.terms import Key, Now, Rest, Source, Spent, Used, Window
from cortex.quota.words import limited

_FULL_S = 60.0
_SHARE_KEPT_S = 1.0
"""How long a share, which only orders keys, is good enough."""


class Reservation:
    """What `reserve` kept for one request; to be settled or released once, which a second time does nothing."""

    __slots__ = ("amounts", "is_open", "model", "scopes", "when")

    def __init__(self, model: str, amounts: Amounts, when: Now, scopes: tuple[Scope, Scope]) -> None:
        self.model = model
        self.amounts = amounts
        self.when = when
        self.scopes = scopes
        self.is_open = True

    def __repr__(self) -> str:
        state = "under way" if self.is_open else "ended"
        return f"<Reservation {self.model!r} {self.amounts.tokens} tokens, {state}>"


class Room:
    """The least that is left of any window for one model, remembered."""

    __slots__ = ("input_tokens", "requests", "share", "share_until", "since", "tokens", "until")

    def __init__(self) -> None:
        self.requests = self.tokens = self.input_tokens = inf
        self.since, self.until = -inf, inf
        """Wall-clock seconds between which it holds."""
        self.share, self.share_until = 1.0, -inf


class Quota:
    """One bucket of quota. See the module's docstring; `name` is for people."""

    def __init__(self, name: str, plan: Plan, limits: Mapping[str, Limits], key_limits: Limits) -> None:
        """Raise `zoneinfo.ZoneInfoNotFoundError` where the plan's zone is none."""
        self.name = name
        self.changed = False
        """Set by whatever moves a count or a rest; whoever saves the state clears it."""
        self._scopes = Scopes(plan, limits, key_limits)
        self._rooms: dict[str, Room] = {}

    def __repr__(self) -> str:
        return f"<Quota {self.name} {list(self._scopes)!r}>"

    def configure(self, plan: Plan, limits: Mapping[str, Limits], key_limits: Limits) -> None:
        """Take new settings. What is used stays; a window that is new to a model counts from here on."""
        self._scopes.configure(plan, limits, key_limits)
        self._rooms.clear()

    # Before a request

    def spent(self, model: str, estimate: Estimate, now: Now) -> Spent | None:
        """Return what keeps a request for `model` from being sent, of several what lasts longest; asking changes nothing."""
        room = self._rooms.get(model)
        if (
            room is not None
            and room.requests >= estimate[2]
            and room.input_tokens >= estimate[0]
            and room.tokens >= estimate[0] + estimate[1]
            and room.since <= now[1] < room.until
        ):
            return None
        return self._look(model, _amounts(estimate), now)

    def share_left(self, model: str, now: Now) -> float:
        """Return how much is left, to rank keys: 0 for nothing, 1 for everything or where no limit is known.

        It is the least share of any window; of two equal ones that counts for more which is whole again sooner, since
        what is left of it is lost then.
        """
        room = self._rooms.get(model)
        if room is not None and now[0] < room.share_until and room.since <= now[1] < room.until:
            return room.share
        scope, key = self._scopes.of(model, now)
        share = min(scope.share(now), key.share(now))
        if room is not None and room.since <= now[1] < room.until:
            room.share, room.share_until = share, now[0] + _SHARE_KEPT_S
        return share

    def reserve(self, model: str, estimate: Estimate, now: Now) -> Reservation:
        """Keep one request and its tokens in every window; only after `spent` said None."""
        amounts = _amounts(estimate)
        scopes = self._scopes.of(model, now)
        room = self._rooms.get(model)
        for scope in scopes:
            scope.reserve(amounts)
            scope.last_used = now.mono
        if scopes[1].gauges:
            self._rooms.clear()
        if room is not None:
            self._rooms[model] = room
            room.requests -= amounts.requests
            room.tokens -= amounts.tokens
            room.input_tokens -= amounts.input_tokens
            room.share_until = -inf
        self.changed = True
        return Reservation(model, amounts, now, scopes)

    def _look(self, model: str, amounts: Amounts, now: Now) -> Spent | None:
        if not self._scopes.has_place(model, now):
            return Spent(f"more than {MODELS_KEPT} models in use", now.mono + _FULL_S, "")
        scopes = self._scopes.of(model, now)
        self._rooms.pop(model, None)
        found = [spent for scope in scopes if (spent := scope.obstacle(amounts, now, self._scopes.dates)) is not None]
        if found:
            return max(found, key=lambda spent: spent.until)
        if len(self._rooms) > MODELS_KEPT:
            self._rooms.clear()
        self._rooms[model] = _room(scopes, now)
        return None

    # After it

    def settle(self, reservation: Reservation, used: Used | None, now: Now, *, began: float | None = None) -> None:
        """End a reservation whose request the upstream may have counted.

        `used` None: what it used is not known, so the estimate counts. `began`: monotonic seconds at which the upstream had
        certainly received it (the first byte of its answer); None: now.
        """
        if not reservation.is_open:
            return
        reservation.is_open = False
        self._scopes.refresh(now)
        amounts = reservation.amounts if used is None else self._amounts_of(used)
        sent = reservation.when
        seen = now if began is None else now.moved(min(max(began, sent.mono), now.mono))
        for scope in reservation.scopes:
            scope.give_back(reservation.amounts)
            scope.count(amounts, sent, seen)
            scope.last_used = now.mono
            if used is not None:
                scope.row = 0
        self._moved(reservation, shrank=not _within(amounts, reservation.amounts))

    def release(self, reservation: Reservation, now: Now) -> None:
        """End a reservation whose request never reached the upstream."""
        if not reservation.is_open:
            return
        reservation.is_open = False
        for scope in reservation.scopes:
            scope.give_back(reservation.amounts)
        self._moved(reservation, shrank=False)

    def _moved(self, reservation: Reservation, *, shrank: bool) -> None:
        self.changed = True
        if shrank:
            self._rooms.clear()
            return
        room = self._rooms.get(reservation.model)
        if room is not None:
            room.share_until = -inf

    def _amounts_of(self, used: Used) -> Amounts:
        cached = 0 if self._scopes.plan.counts_cached else used.cached_tokens
        input_tokens = max(0, used.input_tokens - cached)
        return Amounts(used.requests, input_tokens + used.output_tokens, input_tokens)

    # What the upstream says

    def heard(self, model: str, allowances: Sequence[Allowance], now: Now) -> None:
        """Believe an answer's headers where they leave less than our own count; `now`: when they came, if that is known."""
        if not allowances:
            return
        scope = self._scope(self._scopes.plan.scope, model, now)
        self._learn(scope, allowances, "headers", now)
        for said in allowances:
            if said.remaining is not None:
                self._lower(scope, key_of(said, self._scopes.plan), said.remaining, said.reset_s, now)
        self._rooms.clear()
        self.changed = True

    def _lower(self, scope: Scope, key: Key, remaining: int, reset_s: float | None, now: Now) -> None:
        if reset_s is None:
            reset_s = whole_in_s(self._scopes.plan, key.period, scope.limit_of(key), now)
        rest = resting(reset_s, f"no {key.counts.replace('_', ' ')} left for the {key.period}", now)
        if self._scopes.plan.refills:
            scope.drain(key, remaining, now)
        else:
            scope.lower(key, remaining, rest.until, now)
        if remaining <= 0:
            scope.rest(f"{key.counts} {key.period}", rest)

    def limited(self, model: str, failure: Failure, now: Now) -> Rest:
        """Believe a 429: what it is about rests, and the windows that it names are full until then."""
        scope = self._scope(failure.scope or self._scopes.plan.scope, model, now)
        if is_silent(failure) and not scope.is_resting("", now):
            scope.row += 1  # while it rests, what comes in was sent before
        rest = resting(rest_s(failure, self._scopes.plan, scope.row, now), limited(failure.window), now)
        self._learn(scope, failure.allowances, "error", now)
        if self._scopes.plan.refills:
            for said in failure.allowances:
                if said.remaining is not None:  # what fills again stays told after the rest
                    scope.drain(key_of(said, self._scopes.plan), said.remaining, now)
        for key in self._named(scope, failure):
            scope.lower(key, 0, rest.until, now)
        rest = scope.rest(failure.window, rest)
        self._rooms.clear()
        self.changed = True
        return Rest(scope.model, rest.until, rest.text(now, self._scopes.dates))

    def _named(self, scope: Scope, failure: Failure) -> set[Key]:
        """Return the windows that are full: those it names, or the only one of its period."""
        if failure.allowances:
            return {key_of(said, self._scopes.plan) for said in failure.allowances}
        of_period = {gauge.key for gauge in scope.gauges if gauge.key.period == failure.window}
        return of_period if len(of_period) == 1 else set()

    def _learn(self, scope: Scope, said: Sequence[Allowance], source: Source, now: Now) -> None:
        before = dict(scope.learned)
        for allowance in said:
            scope.learn(key_of(allowance, self._scopes.plan), allowance.limit, source)
        if scope.learned != before:
            self._scopes.fit(scope, now)

    def resume(self) -> None:
        """Forget the rests, and whatever else the upstream said of when: a person knows better. Counts stay."""
        for scope in self._scopes:
            scope.forget_rests()
        self._rooms.clear()
        self.changed = True

    # For people, and for the disk

    def windows(self, now: Now) -> list[Window]:
        """Return every window whose limit is known: those of the key first, then by model."""
        self._scopes.refresh(now)
        return [window for scope in self._scopes for window in scope.windows(now)]

    def rests(self, now: Now) -> list[Rest]:
        """Return every rest that is under way."""
        return [
            Rest(scope.model, rest.until, rest.text(now, self._scopes.dates))
            for scope in self._scopes
            for rest in scope.rests.values()
            if now.mono < rest.until
        ]

    def state(self, now: Now) -> bytes:
        """Return what must survive a restart, as JSON; what is under way counts as used."""
        return saved.state(self._scopes, now)

    def restore(self, state: bytes, now: Now) -> bool:
        """Count on from a state. Whatever bytes it gets, it raises nothing; False: some or all could not be read."""
        scopes, whole = saved.read(state)
        for kept in scopes:
            scope = self._scope("model" if kept.model else "key", kept.model, now)
            scope.learned.update(saved.learned(kept))
            self._scopes.fit(scope, now)
            saved.put_back(kept, scope, now)
        self._rooms.clear()
        return whole

    def _scope(self, whose: Literal["model", "key"], model: str, now: Now) -> Scope:
        return self._scopes.key(now) if whose == "key" else self._scopes.model(model, now)


def _amounts(estimate: Estimate) -> Amounts:
    return Amounts(estimate.requests, estimate.input_tokens + estimate.output_tokens, estimate.input_tokens)


def _within(amounts: Amounts, bound: Amounts) -> bool:
    return amounts[0] <= bound[0] and amounts[1] <= bound[1] and amounts[2] <= bound[2]


def _room(scopes: tuple[Scope, Scope], now: Now) -> Room:
    room = Room()
    for scope in scopes:
        for gauge in scope.gauges:
            left, name = scope.left(gauge, now), gauge.key.counts
            setattr(room, name, min(left, getattr(room, name)))
            steady = gauge.counter.steady(now)
            room.since, room.until = max(room.since, steady.start), min(room.until, steady.end)
    return room
