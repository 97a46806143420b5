"""Every key and machine with what is left of its quota and what it was used for: `GET /cortex/v1/keys`. Pure."""

from collections.abc import Iterable
from typing import Any

from cortex.endpoint.shown import DAY_S, short, sums, window_shown
from cortex.ledger.usage import Row, Tally
from cortex.workers.standing import Board


def keys_shown(board: Board, rows: Iterable[Row], now: float, wall: float) -> list[dict[str, Any]]:
    """Return them in the order of the configuration; a key only by its mask."""
    used = usage_by_worker(rows, wall)
    return [
        {
            "worker": standing.name,
            "pool": standing.settings.pool,
            "provider": standing.settings.provider,
            "key": str(standing.settings.key) if standing.settings.key else None,
            "local": standing.local,
            "free": standing.settings.free,
            "bucket": standing.settings.bucket,
            "windows": [window_shown(window) for window in standing.account.windows()],
            "usage": {span: sums(tallies) for span, tallies in used.get(standing.name, _NOTHING).items()},
            **{name: value for name, value in short(standing, now).items() if name in {"state", "why"}},
        }
        for standing in board
    ]


def usage_by_worker(rows: Iterable[Row], wall: float) -> dict[str, dict[str, list[Tally]]]:
    """Return each worker's days: today (UTC), the last seven with today, and all that are remembered."""
    today = wall - wall % DAY_S
    used: dict[str, dict[str, list[Tally]]] = {}
    for row in rows:
        if row.length_s != DAY_S:
            continue
        spans = used.setdefault(row.worker, {span: [] for span in _NOTHING})
        spans["year"].append(row.tally)
        if row.start >= today - 6 * DAY_S:
            spans["week"].append(row.tally)
        if row.start >= today:
            spans["today"].append(row.tally)
    return used


_NOTHING: dict[str, list[Tally]] = {"today": [], "week": [], "year": []}
