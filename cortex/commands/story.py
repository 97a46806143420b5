"""Requests as lines: a table of the last, and all that is known of one. Pure: objects of the daemon in, lines out."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import click

from cortex.commands.bars import EMPTY, FULL, Part, lane
from cortex.commands.columns import Cell, aligned
from cortex.commands.figures import NONE, clock, count, plural, seconds, usd
from cortex.commands.marks import BAD, IDLE, OK, ended, harmless

Facts = Mapping[str, Any]
Row = list[Cell]

LANE = 32
"""Characters of a bar."""
QUEUED, FAILED = "·", "x"
LEGEND = f"{QUEUED} waits for a slot   {EMPTY} to the first token   {FULL} the answer   {FAILED} failed"

_HEADINGS = ("arrived", "outcome", "asked for", "worker", "model", "tries", "first token", "total", "tokens", "", "id")


def table(requests: Iterable[Facts], now: float) -> list[str]:
    """Return a line a request, headings above; or a sentence where there is none."""
    rows = [_row(each, now) for each in requests]
    if not rows:
        return ["no request has come yet"]
    return aligned([[Cell(heading, IDLE) for heading in _HEADINGS], *rows])


def story(trace: Facts, now: float) -> list[str]:
    """Return what came of one request, each attempt as a bar, why these candidates, and what it took."""
    state = ended(trace["outcome"])
    whole_s = trace["total_s"] if trace["outcome"] else max(0.001, now - trace["arrived_at"])
    head = f"{click.style(state.text, fg=state.colour, bold=True)}  {click.style(trace['id'], bold=True)}"
    lines = [f"{head}  {harmless(trace.get('why') or '')}".rstrip()]
    lines += [click.style(harmless(trace["detail"]), fg=BAD)] if trace.get("detail") else []
    lines += ["", *aligned([[Cell(name, IDLE), Cell(text)] for name, text in _pairs(trace, now) if text])]
    if trace["attempts_made"]:
        lines += ["", f"{plural(len(trace['attempts_made']), 'attempt')} in {seconds(whole_s)}"]
        lines += aligned([_tried(trace, place, whole_s) for place in range(len(trace["attempts_made"]))])
        lines += [click.style(LEGEND, fg=IDLE)]
    if trace.get("candidates"):
        lines += ["", "candidates of the last choice", *aligned(list(_candidates(trace["candidates"])))]
    return lines


def _row(request: Facts, now: float) -> Row:
    state = ended(request["outcome"])
    tokens = request.get("tokens_out")
    cache = request.get("cache", "bypass")
    return [
        Cell(clock(request["arrived_at"], now)),
        Cell(state.text, state.colour),
        Cell(request["asked"]),
        Cell(request.get("worker") or NONE),
        Cell(request.get("model") or NONE),
        Cell(count(request["attempts"])),
        Cell(seconds(request.get("first_token_s"))),
        Cell(seconds(request["total_s"]) if request["outcome"] else "…"),
        Cell(NONE if tokens is None else f"{count(request['tokens_in'])} → {count(tokens)}"),
        Cell("" if cache == "bypass" else cache),
        Cell(request["id"]),
    ]


def _pairs(trace: Facts, now: float) -> Iterator[tuple[str, str]]:
    how = f"{trace['dialect']} {trace.get('operation', '').replace('_', ' ')}{', streamed' if trace['stream'] else ''}"
    own_s, cost, tokens = trace.get("overhead_s"), trace.get("cost_usd"), trace.get("tokens_out")
    yield "arrived", clock(trace["arrived_at"], now)
    yield "asked for", trace["asked"]
    yield "answered by", " ".join(str(trace[name]) for name in ("worker", "model") if trace.get(name))
    yield "client", f"{trace['client']}, {how}".strip(", ")
    yield "waited", seconds(trace["queued_s"]) if trace.get("queued_s") else "not for a slot"
    yield "Córtex's own", "" if own_s is None else f"{own_s * 1000:.2f} ms"
    yield "tokens", "" if tokens is None else f"{count(trace['tokens_in'])} in, {count(tokens)} out"
    yield "cost", "" if cost is None else f"{usd(cost)}, {usd(trace['saved_usd'])} saved"
    yield "cache", trace.get("cache", "")
    yield "status", str(trace.get("status") or "")


def _tried(trace: Facts, place: int, whole_s: float) -> Row:
    attempt = trace["attempts_made"][place]
    failure, began_s = attempt.get("failure"), attempt["began_s"]
    ended_s = whole_s if attempt.get("ended_s") is None else attempt["ended_s"]
    first_s = attempt.get("first_token_s")
    parts: list[Part] = []
    if place == 0 and trace.get("queued_s"):
        parts.append((QUEUED, max(0.0, began_s - trace["queued_s"]), began_s))
    if failure:
        parts.append((FAILED, began_s, ended_s))
    else:
        parts.append((EMPTY, began_s, ended_s if first_s is None else first_s))
        parts += [] if first_s is None else [(FULL, first_s, ended_s)]
    if failure:
        said = f"✕ {failure}"
    else:
        said = "waits for the first token" if first_s is None else f"first token after {seconds(first_s - began_s)}"
    return [
        Cell(attempt["worker"], is_bold=True),
        Cell(attempt["model"]),
        Cell(f"▕{lane(parts, whole_s, LANE)}▏", BAD if failure else OK),
        Cell(f"{seconds(began_s)} to {seconds(ended_s)}"),
        Cell(said, BAD if failure else None),
        Cell(f"{attempt['why']}{', loads the model' if attempt.get('cold') else ''}", IDLE),
    ]


def _candidates(candidates: Iterable[Facts]) -> Iterator[Row]:
    for each in candidates:
        place = each.get("place")
        yield [
            Cell(f"{place}." if place else "-", OK if place else IDLE),
            Cell(each["worker"]),
            Cell(each.get("model") or ""),
            Cell(each["reason"], None if place else IDLE),
        ]
