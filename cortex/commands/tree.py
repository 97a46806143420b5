"""The daemon's tree and one worker, as lines for people. Pure: an object of the daemon in, lines out.

A key that an older or newer daemon does not send is left out of the picture, not a crash.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import click

from cortex.commands.columns import Cell, aligned
from cortex.commands.marks import BAD, IDLE, WARN, harmless, is_good, mark
from cortex.config.units import duration

Facts = Mapping[str, Any]

_HEADINGS = ("", "state", "busy", "breaker", "mailbox", "restarts", "")
_BREAKERS = {"closed": None, "half_open": WARN, "open": BAD}


def summary(whole: Facts, url: str) -> str:
    """Return the one line that says how all is.

    >>> print(click.unstyle(summary({"status": "healthy", "version": "1.0", "uptime_s": 65.2}, "http://rack:4747")))
    ● healthy  Córtex 1.0 at http://rack:4747, up 1m5s, 0 in flight, 0 waiting
    """
    state = mark(whole.get("status", "unknown"))
    up = duration(round(whole.get("uptime_s", 0)))
    counts = f"{whole.get('in_flight', 0)} in flight, {whole.get('queue', 0)} waiting"
    cache = whole.get("cache", {})
    if cache.get("hit_ratio") is not None:
        counts += f", {100 * cache['hit_ratio']:.0f} % from the cache"
    text = f"Córtex {whole.get('version', '?')} at {url}, up {up}, {counts}"
    return f"{click.style(state.text, fg=state.colour, bold=True)}  {harmless(text)}"


def branches(root: Facts) -> list[str]:
    """Return the tree with a line for each actor, headings above."""
    headings = [Cell(heading, IDLE) for heading in _HEADINGS]
    return aligned([headings, [Cell(root["name"])], *_below(root, "")])


def problems(found: list[str]) -> list[str]:
    """Return what is wrong with the settings file, loudly; nothing when nothing is."""
    if not found:
        return []
    count = "a mistake" if len(found) == 1 else f"{len(found)} mistakes"
    head = f"▲ the settings have {count}; what was in force before the edit stays in force:"
    return ["", click.style(head, fg=BAD, bold=True), *(click.style(f"  {harmless(each)}", fg=BAD) for each in found)]


def actors(root: Facts) -> Iterator[Facts]:
    """Yield every actor below `root`, each before its children."""
    for child in root.get("children", ()):
        yield child
        yield from actors(child)


def _below(parent: Facts, indent: str) -> Iterator[list[Cell]]:
    children = parent.get("children", ())
    for child in children:
        is_last = child is children[-1]
        yield [Cell(f"{indent}{'└─ ' if is_last else '├─ '}{child['name']}"), *_facts(child)]
        yield from _below(child, indent + ("   " if is_last else "│  "))


def _facts(actor: Facts) -> list[Cell]:
    state = mark(actor["state"])
    restarts = actor.get("restarts", 0)
    breaker = actor.get("breaker", "")
    mailbox = actor.get("mailbox")
    return [
        Cell(state.text, state.colour),
        Cell(f"{actor['in_flight']}/{actor['slots']}" if "slots" in actor else ""),
        Cell(breaker.replace("_", "-"), _BREAKERS.get(breaker)),
        Cell("" if mailbox is None else str(mailbox)),
        Cell(str(restarts), WARN if restarts else None),
        Cell(_note(actor)),
    ]


def _note(worker: Facts) -> str:
    """Say why a worker is not ready, and what it holds in memory."""
    loaded = worker.get("loaded", ())
    full = is_good(worker["state"])  # "1 of 1 slots busy" stands in its own column
    parts = ["" if full else worker.get("why", ""), f"loaded: {', '.join(loaded)}" if loaded else ""]
    return "; ".join(part for part in parts if part)
