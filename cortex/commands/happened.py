"""An event of the daemon in words, the same as on the page. Pure."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import click

from cortex.commands.figures import clock, seconds
from cortex.commands.marks import BAD, IDLE, OK, WARN, harmless

Facts = Mapping[str, Any]

LEVELS = ("info", "warning", "error")
"""From quiet to loud."""

_LOOKS = {"info": ("●", OK), "warning": ("◐", WARN), "error": ("▲", BAD)}
_SAID = {
    "progress": "started",
    "child_terminated": "crashed",
    "start_error": "did not start",
    "shutdown_error": "did not end as told",
    "hung": "hung and was replaced",
    "shutdown": "gave up: too many restarts",
    "request": "answered",
}
_APART = frozenset({"at", "level", "event", "action", "worker", "actor", "supervisor", "restarts", "by"})
_OF_A_REQUEST = ("id", "asked", "model", "total_s", "outcome")


class Told(NamedTuple):
    """An event, ready to be shown."""

    glyph: str
    colour: str
    actor: str
    """Whom it is about; empty where it is nobody."""
    text: str
    more: str
    """Its details, and who did it."""


def told(event: Facts) -> Told:
    """Say what happened.

    >>> told({"event": "breaker opened", "level": "warning", "worker": "desk", "open_s": 10, "why": "5 of 5 failed"})[2:]
    ('desk', 'breaker opened', 'open 10 s · 5 of 5 failed')
    """
    glyph, colour = _LOOKS.get(event.get("level", "info"), _LOOKS["info"])
    actor = str(event.get("worker") or event.get("actor") or "")
    more = [_detail(name, value) for name, value in _facts(event).items() if value is not None and value != ""]
    if event.get("by"):
        more.append(f"by {event['by']}")
    return Told(glyph, colour, actor, _text(event, actor), " · ".join(more))


def level_of(event: Facts) -> int:
    """Return how loud it is: a place in `LEVELS`; what has no level is quiet, as is one that nobody knows."""
    level = event.get("level", "info")
    return LEVELS.index(level) if level in LEVELS else 0


def is_about(event: Facts, name: str) -> bool:
    """Whether it has to do with that actor."""
    return name in {event.get("worker"), event.get("actor"), event.get("supervisor")}


def line(event: Facts, now: float) -> str:
    """Return it as a line of its own."""
    said = told(event)
    head = f"{clock(event.get('at'), now):8}  {click.style(said.glyph, fg=said.colour)} "
    text = harmless(f"{said.actor} {said.text}".strip())
    return head + text + (f"  {click.style(harmless(said.more), fg=IDLE)}" if said.more else "")


def _facts(event: Facts) -> Facts:
    if event.get("event") == "request":
        return {name: event.get(name) for name in _OF_A_REQUEST}
    return {name: value for name, value in event.items() if name not in _APART}


def _text(event: Facts, actor: str) -> str:
    if action := event.get("action"):
        return f"{'was asked to ' if actor else ''}{_words(action)}"
    if event.get("event") == "progress" and event.get("restarts"):
        return f"started again, restart {event['restarts']}"
    name = str(event.get("event", "?"))
    return _SAID.get(name) or _words(name)


def _detail(name: str, value: Any) -> str:
    if name in {"why", "reason"}:
        return _shown(value)
    if name.endswith("_s") and isinstance(value, int | float):
        return f"{_words(name[:-2])} {seconds(value)}"
    return f"{_words(name)} {_shown(value)}"


def _shown(value: Any) -> str:
    """Return any JSON value as one line."""
    if isinstance(value, list):
        return ", ".join(map(_shown, value))
    if isinstance(value, dict):
        return " ".join(f"{name}={_shown(each)}" for name, each in value.items())
    return str(value)


def _words(name: Any) -> str:
    return str(name).replace("_", " ")
