"""How a state looks in a terminal: a glyph and a word always, a colour where there are colours. Pure.

Five families, as on the dashboard: within one, the glyph and the word tell, never a sixth colour.
"""

from collections.abc import Mapping
from typing import NamedTuple

OK, BUSY, WARN, BAD, IDLE = "green", "cyan", "yellow", "red", "bright_black"

_MARKS: Mapping[str, tuple[str, str]] = {
    # of an actor
    "running": ("●", OK),
    "starting": ("◐", WARN),
    "stopping": ("◐", WARN),
    "stopped": ("✕", BAD),
    "restarted": ("●", OK),
    # of a worker
    "ready": ("●", OK),
    "busy": ("◉", BUSY),
    "resting": ("◐", WARN),
    "draining": ("◐", WARN),
    "half_open": ("◐", WARN),
    "open": ("▲", BAD),
    "unreachable": ("✕", BAD),
    "retired": ("○", IDLE),
    # of all workers together
    "healthy": ("●", OK),
    "degraded": ("◐", WARN),
    "unhealthy": ("✕", BAD),
    "no_workers": ("○", IDLE),
}
_ENDS: Mapping[str, tuple[str, str]] = {
    "": ("◉", BUSY),
    "ok": ("●", OK),
    "client_gone": ("◐", WARN),
    "client_error": ("◐", WARN),
}
_UNKNOWN = ("○", IDLE)

# All that moves a cursor, clears a screen or answers back: a model's text and an upstream's error must not.
_CONTROLS = dict.fromkeys((*range(0x20), 0x7F, *range(0x80, 0xA0)), "\N{REPLACEMENT CHARACTER}")
_CONTROLS |= {ord("\n"): "\n", ord("\t"): "\t", ord("\r"): ""}


class Mark(NamedTuple):
    """One state, ready to be shown."""

    text: str
    """Glyph and word."""
    colour: str
    """One of click's."""


def mark(state: str) -> Mark:
    """Return how `state` looks; one that this version does not know is shown as it is called.

    >>> mark("half_open").text
    '◐ half-open'
    """
    glyph, colour = _MARKS.get(state, _UNKNOWN)
    return Mark(f"{glyph} {state.replace('_', '-')}", colour)


def ended(outcome: str) -> Mark:
    """Return how a request's outcome looks; one that is empty runs still.

    >>> ended("").text, ended("client_gone").text, ended("upstream_5xx").text
    ('◉ running', '◐ client gone', '✕ upstream 5xx')
    """
    glyph, colour = _ENDS.get(outcome, ("✕", BAD))
    return Mark(f"{glyph} {outcome.replace('_', ' ') or 'running'}", colour)


def is_good(state: str) -> bool:
    """Whether a worker in this state takes or runs requests as it should."""
    return state in {"ready", "busy"}


def harmless(text: str) -> str:
    r"""Return `text` without what a terminal would obey; line ends and tabs stay.

    >>> harmless("red: \x1b[31m")
    'red: �[31m'
    """
    return text if text.isprintable() else text.translate(_CONTROLS)
