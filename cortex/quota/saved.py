"""A bucket's state as JSON, and back. Pure.

Times are those of the wall clock. Each scope is read by itself, and what is not as it was written is left out: a damaged
state must cost some counts and never the start of a key.
"""

from collections.abc import Iterable
from math import ceil
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Raw, Struct

from cortex.messages import Counts, Period
from cortex.quota.counters import Entry, absorb
from cortex.quota.rests import resting
from cortex.quota.scope import Claim, Scope
from cortex.quota.scopes import MODELS_KEPT
from cortex.quota.sizes import Size
from cortex.quota.terms import Key, Now, Source

_VERSION = 1

_Wall = Annotated[float, Meta(ge=0, le=1e12)]
_Amount = Annotated[int, Meta(ge=0, le=10**15)]
_MAX_ROWS = 1_000


class SavedWindow(Struct, frozen=True, array_like=True):
    """What one window holds."""

    counts: Counts
    period: Period
    entries: Annotated[list[tuple[_Wall, _Amount]], Meta(max_length=_MAX_ROWS)]


class SavedSize(Struct, frozen=True, array_like=True):
    """A size that the upstream told."""

    counts: Counts
    period: Period
    limit: Annotated[int, Meta(ge=1, le=10**15)]
    source: Source


class SavedClaim(Struct, frozen=True, array_like=True):
    """What the upstream said was used."""

    counts: Counts
    period: Period
    amount: _Amount
    until: _Wall


class SavedRest(Struct, frozen=True, array_like=True):
    """A rest that was under way."""

    name: str
    until: _Wall
    ends: float
    why: str


class SavedScope(Struct, frozen=True, omit_defaults=True):
    """What is kept of a model, or of the key where `model` is empty."""

    model: str = ""
    windows: list[SavedWindow] = []
    learned: list[SavedSize] = []
    claims: list[SavedClaim] = []
    rests: list[SavedRest] = []


class _Saved(Struct, frozen=True):
    version: Literal[1]
    scopes: list[Raw]


def state(scopes: Iterable[Scope], now: Now) -> bytes:
    """Return everything that still counts."""
    kept = [saved for scope in scopes if (saved := _saved(scope, now)) != SavedScope(model=scope.model)]
    return msgspec.json.encode({"version": _VERSION, "scopes": kept})


def read(state: bytes) -> tuple[list[SavedScope], bool]:
    """Return the scopes that can be read, and whether that is all."""
    try:
        rows = msgspec.json.decode(state, type=_Saved).scopes
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return [], False
    scopes: list[SavedScope] = []
    for row in rows:
        try:
            scopes.append(msgspec.json.decode(row, type=SavedScope))
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            continue
    return scopes[: MODELS_KEPT + 1], len(scopes) == len(rows)


def learned(saved: SavedScope) -> dict[Key, Size]:
    """Return the sizes that the upstream told; a scope must be fitted to them before `put_back`."""
    return {Key(size.counts, size.period): Size(size.limit, size.source) for size in saved.learned}


def put_back(saved: SavedScope, scope: Scope, now: Now) -> None:
    """Count on in `scope`; windows that it no longer has are left out. A rest is never longer than a new one can be."""
    for window in saved.windows:
        counter = scope.counters.get(Key(window.counts, window.period))
        if counter is not None:
            absorb(counter, [Entry(at, amount) for at, amount in window.entries], now)
    for claim in saved.claims:
        until = resting(claim.until - now.wall, "", now).until
        scope.claims[Key(claim.counts, claim.period)] = Claim(claim.amount, until)
    for rest in saved.rests:
        until = resting(rest.until - now.wall, "", now).until
        scope.rest(rest.name, resting(rest.ends - now.wall, rest.why, now)._replace(until=until))


def _saved(scope: Scope, now: Now) -> SavedScope:
    return SavedScope(
        model=scope.model,
        windows=[window for key in scope.counters if (window := _window(scope, key, now)).entries],
        learned=[SavedSize(*key, *size) for key, size in scope.learned.items()],
        claims=[
            SavedClaim(*key, claim.amount, now.moved(claim.until).wall)
            for key, claim in scope.claims.items()
            if now.mono < claim.until
        ],
        rests=[
            SavedRest(name, now.moved(rest.until).wall, rest.ends, rest.why)
            for name, rest in scope.rests.items()
            if now.mono < rest.until
        ],
    )


def _window(scope: Scope, key: Key, now: Now) -> SavedWindow:
    """Return what was used, and what is under way as used now."""
    entries = [(at, ceil(amount)) for at, amount in scope.counters[key].entries(now)]
    reserved = scope.reserved_of(key)
    return SavedWindow(key.counts, key.period, [*entries, (now.wall, reserved)] if reserved else entries)
