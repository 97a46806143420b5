"""Keys with their quotas as lines: one bar a window. Pure: objects of the daemon in, lines out."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import click

from cortex.commands.bars import is_tight, meter
from cortex.commands.columns import Cell, aligned
from cortex.commands.figures import clock, count, percent, plural, usd
from cortex.commands.marks import BAD, IDLE, OK, WARN, harmless, mark

Facts = Mapping[str, Any]

BAR = 20
"""Characters of a bar."""


def keys_told(keys: Iterable[Facts], now: float) -> list[str]:
    """Return every key and machine, an empty line between two; or a sentence where there is none."""
    lines: list[str] = []
    for key in keys:
        lines += [*([""] if lines else []), *_key(key, now)]
    return lines or ["there is no key and no machine yet"]


def _key(key: Facts, now: float) -> Iterator[str]:
    state = mark(key["state"])
    facts = [
        key["provider"],
        f"key {key['key']}" if key.get("key") else "no key",
        "at home" if key.get("local") else "",
        "at no cost" if key.get("free") else "paid",
        "shares its quota" if key.get("bucket") == "shared" else "",
    ]
    about = click.style(harmless(", ".join(fact for fact in facts if fact)), fg=IDLE)
    yield f"{click.style(harmless(key['worker']), bold=True)}  {click.style(state.text, fg=state.colour)}  {about}"
    if key.get("why"):
        yield f"  {click.style(harmless(key['why']), fg=WARN)}"
    yield from (f"  {line}" for line in aligned([_window(window, now) for window in key["windows"]]))
    if not key["windows"]:
        none = "a machine of your own has no quota" if key.get("local") else "no limit is known"
        yield f"  {click.style(none, fg=IDLE)}"
    yield f"  {_today(key.get('usage', {}).get('today', {}))}"


def _window(window: Facts, now: float) -> list[Cell]:
    limit, left = window["limit"], window["left"]
    used = 1 - left / limit if limit else 1.0
    rests_until, reset_at = window.get("rests_until"), window.get("reset_at")
    colour = BAD if left <= 0 or rests_until else WARN if is_tight(used, 1) else OK
    until = f"rests until {clock(rests_until, now)}" if rests_until else ""
    anew = f"anew at {clock(reset_at, now)}" if reset_at else ""
    return [
        Cell(window["window"].replace("_", " ")),
        Cell(window.get("model") or "all models"),
        Cell(meter(used, BAR), colour),
        Cell(f"{percent(used)} used", colour),
        Cell(f"{count(left)} of {count(limit)} left"),
        Cell(f"{count(window['reserved'])} under way" if window.get("reserved") else "", IDLE),
        Cell(until or anew, BAD if until else IDLE),
    ]


def _today(used: Facts) -> str:
    tokens = used.get("tokens_in", 0) + used.get("tokens_out", 0)
    return f"today {plural(used.get('requests', 0), 'request')}, {count(tokens)} tokens, {usd(used.get('cost_usd', 0))}"
