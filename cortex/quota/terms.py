"""The words of quotas: what goes into one and what comes out of it. Pure."""

from typing import Literal, NamedTuple

from msgspec import Struct

from cortex.messages import Counts, Period

Source = Literal["file", "preset", "headers", "error"]
"""Who said how large a window is: the settings, the built-in sizes, an answer's headers, the text of a 429."""

LENGTH_S: dict[Period, float] = {
    "second": 1.0,
    "minute": 60.0,
    "hour": 3_600.0,
    "day": 86_400.0,
    "month": 31 * 86_400.0,
}
"""Seconds of a period; of a month the longest."""


class Now(NamedTuple):
    """One moment on both clocks."""

    mono: float
    """Monotonic seconds: for lengths of time."""
    wall: float
    """Seconds since 1970: for days, months, people and the disk."""

    def moved(self, mono: float) -> "Now":
        """Return the moment at which the monotonic clock showed, or will show, `mono`."""
        return Now(mono, self.wall + mono - self.mono)


class Used(NamedTuple):
    """What it turned out to have used."""

    requests: int
    input_tokens: int
    """All of the prompt, the cached part included."""
    output_tokens: int
    cached_tokens: int


class Spent(NamedTuple):
    """What keeps a model from being asked."""

    why: str
    """A few words for people: `20 of 20 requests a day used, back in 7 h`."""
    until: float
    """Monotonic seconds; infinite where waiting does not help."""
    window: str
    """Its period; empty where none was named."""


class Rest(NamedTuple):
    """What a 429 came to."""

    model: str
    """Empty: the whole key rests."""
    until: float
    """Monotonic seconds at which it is tried again."""
    why: str


class Key(NamedTuple):
    """Which window of a model or key."""

    counts: Counts
    period: Period


class Window(Struct, frozen=True):
    """One window as people see it."""

    model: str
    """Empty: it is of the whole key."""
    counts: Counts
    period: Period
    limit: int
    used: int
    """By our own count."""
    reserved: int
    """By requests that are under way."""
    left: int
    """After both, and after what the upstream said."""
    reset_at: float | None
    """Wall-clock seconds at which it is whole again; None when it is whole."""
    source: Source
    rests_until: float | None = None
    """Wall-clock seconds until which the upstream wants no more."""
