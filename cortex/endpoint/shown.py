"""Workers as Córtex's own pages show them: facts for programs, out of standings and books. Pure."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from cortex.ledger.usage import Row, Tally
from cortex.quota.terms import Window
from cortex.workers.standing import Standing

DAY_S = 86_400


def health_of(states: list[str]) -> str:
    """Return the one word for all workers together.

    >>> health_of([]), health_of(["ready", "busy"]), health_of(["ready", "open"]), health_of(["unreachable"])
    ('no_workers', 'healthy', 'degraded', 'unhealthy')
    """
    if not states:
        return "no_workers"
    good = [state in {"ready", "busy"} for state in states]
    if all(good):
        return "healthy"
    return "degraded" if any(good) or "half_open" in states else "unhealthy"


def short(standing: Standing, now: float) -> dict[str, Any]:
    """Return one worker as the lists show it."""
    obstacle = standing.obstacle(now)
    return {
        "name": standing.name,
        "state": standing.shown(now),
        "why": obstacle.why if obstacle else standing.quota_rest(now),
        "provider": standing.settings.provider,
        "slots": standing.slots,
        "in_flight": standing.in_flight,
        "breaker": standing.breaker.state,
        "models": len(standing.models or {}),
        "loaded": [model.name for model in (standing.models or {}).values() if model.loaded],
        "answered": standing.answered,
        "failed": standing.failed,
    }


def full(standing: Standing, now: float) -> dict[str, Any]:
    """Return one worker with all that is known of it; its key only by its mask."""
    return {
        **short(standing, now),
        "url": standing.settings.url,
        "key": str(standing.settings.key) if standing.settings.key else None,
        "local": standing.local,
        "version": standing.version,
        "weight": standing.settings.weight,
        "models": [
            {
                "name": model.name,
                "loaded": model.loaded,
                "context_length": model.context_length or None,
                "digest": model.digest,
            }
            for model in (standing.models or {}).values()
        ],
        "pace": standing.pace.figures(),
        "probed_s_ago": round(now - standing.probed_at, 1) if standing.probed_at else None,
        "last_failures": [
            {"s_ago": round(now - at, 1), "word": failure.word, "detail": str(failure)}
            for at, failure in standing.failures
        ],
        "quota": [window_shown(window) for window in standing.account.windows()],
        "requests": [lease.request_id for lease in standing.leases.values()],
    }


def used(row: Row) -> dict[str, Any]:
    """Return one span of a key's use, for programs."""
    start = datetime.fromtimestamp(row.start, UTC).isoformat().replace("+00:00", "Z")
    span = "hour" if row.length_s < DAY_S else "day"
    return {"worker": row.worker, "from": start, "span": span, **_tally(row.tally)}


def sums(tallies: Iterable[Tally]) -> dict[str, Any]:
    """Return several spans of a key's use as one."""
    whole = Tally()
    for tally in tallies:
        whole.add(tally)
    return _tally(whole)


def _tally(tally: Tally) -> dict[str, Any]:
    return {
        "requests": tally.requests,
        "tokens_in": tally.input_tokens,
        "tokens_out": tally.output_tokens,
        "tokens_cached": tally.cached_tokens,
        "cost_usd": tally.cost_nano / 1e9,
        "would_have_cost_usd": tally.would_cost_nano / 1e9,
        "errors": tally.errors,
    }


def window_shown(window: Window) -> dict[str, Any]:
    """Return one window of a quota."""
    return {
        "model": window.model or None,
        "window": f"{window.counts}_per_{window.period}",
        "limit": window.limit,
        "used": window.used,
        "reserved": window.reserved,
        "left": window.left,
        "reset_at": window.reset_at,
        "rests_until": window.rests_until,
        "learned_from": window.source,
    }
