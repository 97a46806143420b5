"""One request's story beyond its record: who else could have had it and why not, what it cost, what was saved. Pure."""

from collections.abc import Callable
from typing import Any

from cortex.chat import Usage
from cortex.telemetry.record import Record
from cortex.workers.standing import Board

Nano = Callable[[str, str, Usage], int]
"""What so many tokens of a worker's model would cost on the paid plan, in nano-dollars."""


def story_of(record: Record, board: Board, nano: Nano) -> dict[str, Any]:
    """Return everything that is known of a request."""
    return {**record.trace(), "candidates": candidates_of(record), **money_of(record, board, nano)}


def candidates_of(record: Record) -> list[dict[str, Any]]:
    """Return the workers of the last choice: those that could take it in their order, then those that could not."""
    return [
        {"worker": worker, "model": model, "reason": reason, "place": place}
        for worker, model, reason, place in record.candidates or looked_at(record)
    ]


def looked_at(record: Record) -> list[tuple[str, str | None, str, int | None]]:
    """Return the same as it is kept: worker, model, reason, place."""
    if record.refused_by:
        return [(each.worker, None, each.why, None) for each in record.refused_by]
    ranked, passed = record.looked_at
    return [
        *[(each.entry.standing.name, each.entry.model, each.why, place) for place, each in enumerate(ranked, 1)],
        *[(each.entry.standing.name, each.entry.model, each.obstacle.why, None) for each in passed],
    ]


def money_of(record: Record, board: Board, nano: Nano) -> dict[str, Any]:
    """Return what a request cost and what it saved, in USD, at today's prices; None where nobody knows."""
    usage, attempt = record.usage, record.answered_by
    worker, model = (attempt.worker, attempt.model) if attempt else (record.given or ("", ""))[:2]
    standing = board.get(worker)
    if usage is None or standing is None or record.outcome == "":
        return {"cost_usd": None, "saved_usd": None}
    price = nano(worker, model, usage) / 1e9
    spared = standing.settings.free or record.cache in {"hit", "shared"}
    return {"cost_usd": 0.0 if spared else price, "saved_usd": price if spared else 0.0}
