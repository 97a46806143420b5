"""One actor with all that is known of it, as lines for people. Pure: an object of the daemon in, lines out."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

import click

from cortex.commands.columns import GAP, Cell, aligned
from cortex.commands.marks import BAD, IDLE, is_good, mark
from cortex.config.units import duration

Facts = Mapping[str, Any]
Row = list[Cell]

_SOURCES = {
    "file": "the settings",
    "preset": "the built-in data",
    "headers": "the upstream's headers",
    "error": "the text of a 429",
}
_PACES = {"first_token_s": "first token", "total_s": "answer", "load_s": "load"}
_HEADING_WIDTH = len("in flight")


def sheet(actor: Facts) -> list[str]:
    """Return the lines of one actor; those of a worker if it is one."""
    state = mark(actor["state"])
    head = aligned(
        [[Cell(state.text, state.colour, is_bold=True), Cell(actor["name"], is_bold=True), Cell(_what(actor))]]
    )
    blocks = _worker(actor) if "slots" in actor else _numbers(actor)
    return [*head, "", *(line for heading, rows in blocks for line in _block(heading, rows))]


def _block(heading: str, rows: Iterable[Row]) -> Iterator[str]:
    """Put the heading before the first row."""
    for line in aligned(list(rows)):
        yield f"{click.style(heading.ljust(_HEADING_WIDTH), fg=IDLE)}{GAP}{line}"
        heading = ""


def _what(actor: Facts) -> str:
    if "slots" not in actor:
        return str(actor.get("kind", ""))
    version = f" {actor['version']}" if actor.get("version") else ""
    return f"{actor.get('provider', '')}{version} at {actor.get('url', '?')}"


def _worker(worker: Facts) -> Iterator[tuple[str, Iterable[Row]]]:
    if worker.get("why") and not is_good(worker["state"]):
        yield "why", [[Cell(worker["why"], BAD)]]
    yield "in flight", _text(f"{worker['in_flight']} of {worker['slots']} slots")
    yield from _numbers(worker)
    yield "breaker", _text(worker.get("breaker", "?").replace("_", "-"))
    yield "requests", _text(f"{worker.get('answered', 0)} answered, {worker.get('failed', 0)} failed")
    probed = worker.get("probed_s_ago")
    yield "probed", _text("not yet" if probed is None else f"{_ago(probed)} ago")
    if worker.get("key"):
        yield "key", _text(worker["key"])
    yield "quota", _quota(worker)
    yield "usage", _usage(worker)
    yield "models", _models(worker)
    yield "failures", _failures(worker)
    yield "running", ([Cell(request)] for request in worker.get("requests", ()))


def _numbers(actor: Facts) -> Iterator[tuple[str, Iterable[Row]]]:
    for name in ("mailbox", "restarts"):
        if actor.get(name) is not None:
            yield name, _text(str(actor[name]))


def _quota(worker: Facts) -> Iterator[Row]:
    for window in worker.get("quota", ()):
        until = window.get("rests_until") or window.get("reset_at")
        held = f", {window['reserved']} under way" if window.get("reserved") else ""
        yield [
            Cell(window.get("model") or "all models"),
            Cell(window["window"].replace("_", " ")),
            Cell(f"{window['used']} of {window['limit']} used{held}"),
            Cell(f"{window['left']} left", BAD if window["left"] <= 0 else None),
            Cell(f"{'rests until' if window.get('rests_until') else 'reset'} {_clock_time(until)}" if until else ""),
            Cell(f"from {_SOURCES[window['learned_from']]}"),
        ]


def _usage(worker: Facts) -> Iterator[Row]:
    for span, sums in worker.get("usage", {}).items():
        errors = ", ".join(f"{count} {word.replace('_', ' ')}" for word, count in sums["errors"].items())
        if sums["requests"]:
            yield [
                Cell(span),
                Cell(f"{sums['requests']} requests"),
                Cell(f"{sums['tokens_in']} tokens in ({sums['tokens_cached']} cached), {sums['tokens_out']} out"),
                Cell(f"${sums['cost_usd']:.4f} of ${sums['would_have_cost_usd']:.4f}"),
                Cell(errors, BAD if errors else None),
            ]


def _clock_time(wall: float) -> str:
    return datetime.fromtimestamp(wall).astimezone().strftime("%a %H:%M:%S")


def _models(worker: Facts) -> Iterator[Row]:
    for model in worker.get("models", ()):
        pace = worker.get("pace", {}).get(model["name"], {})
        context = model.get("context_length")
        yield [
            Cell(model["name"]),
            Cell("loaded" if model.get("loaded") else ""),
            Cell(f"context {context}" if context else ""),
            Cell(", ".join(f"{words} {pace[key]:.2f} s" for key, words in _PACES.items() if key in pace)),
        ]


def _failures(worker: Facts) -> Iterator[Row]:
    for failure in reversed(worker.get("last_failures", ())):
        yield [Cell(f"{_ago(failure['s_ago'])} ago"), Cell(failure.get("detail") or failure["word"], BAD)]


def _text(text: str) -> list[Row]:
    return [[Cell(text)]]


def _ago(seconds: float) -> str:
    return duration(round(seconds))
