"""Who has which model, how fast, and at what price: `GET /cortex/v1/models`. Pure."""

from collections.abc import Iterable
from typing import Any

from cortex.endpoint.listing import Listed
from cortex.providers.base import Model
from cortex.workers.standing import Board, Standing


def models_shown(board: Board, listed: Iterable[Listed]) -> dict[str, Any]:
    """Return every model with the workers that have it, and the names of all workers."""
    having: dict[str, dict[str, dict[str, Any]]] = {}
    for standing in board:
        for model in (standing.models or {}).values():
            having.setdefault(model.name, {})[standing.name] = _of_worker(standing, model)
    return {
        "models": [
            {"name": each.name, "aliases": list(each.aliases), "workers": having.get(each.name, {})} for each in listed
        ],
        "workers": [standing.name for standing in board],
    }


def _of_worker(standing: Standing, model: Model) -> dict[str, Any]:
    pace = standing.pace
    first_token_s = pace.first_token_s(model.name)
    rate = standing.account.rate(model.name)
    return {
        "loaded": model.loaded,
        "context_length": model.context_length or None,
        "first_token_s": first_token_s,
        "tokens_per_s": speed(pace.output_tokens(model.name), pace.total_s(model.name), first_token_s),
        "price": None if rate is None else {"input": rate.input, "output": rate.output},
    }


def speed(tokens: float | None, total_s: float | None, first_token_s: float | None) -> float | None:
    """Return tokens a second after the first; of whole answers, whose first token is the last, in all. None: unknown.

    >>> speed(100.0, 6.0, 1.0), speed(100.0, 5.0, 5.0), speed(None, 5.0, 1.0)
    (20.0, 20.0, None)
    """
    if not tokens or not total_s:
        return None
    streaming_s = total_s - (first_token_s or 0.0)
    return round(tokens / (streaming_s if streaming_s > 0.05 * total_s else total_s), 1)
