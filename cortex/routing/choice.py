"""What to do with one request just now: give it to a worker, let it wait, or refuse it. Pure; the clock is an argument."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from cortex.chat import Need
from cortex.messages import Candidate, Refusal, Request
from cortex.providers.base import Provider
from cortex.routing.catalogue import AUTO, Resolution
from cortex.routing.entry import Entry
from cortex.routing.strategies import Ranked, State, Strategy, order_of, worth_waiting
from cortex.workers.continues import AGAINST, digest_of
from cortex.workers.messages import Dispatch, Onward
from cortex.workers.standing import NEVER, Board, Obstacle

PATIENCE_S = 10.0
"""How long a request waits for a worker that does not merely have its slots full: one that rests, or is out of reach."""

QUOTA_PATIENCE_S = 65.0
"""How long for a quota to be there again: a minute's window comes back within a minute, a day's is not waited for."""


SHOWN = 16
"""Candidates of each kind that a request's story remembers."""


class Wait(NamedTuple):
    """Nobody can take it now, somebody may soon; `until` is later than now."""

    until: float
    """Monotonic seconds after which waiting is over."""
    why: str


class Passed(NamedTuple):
    """A candidate that cannot take the request now."""

    entry: Entry
    obstacle: Obstacle


def choose(
    dispatch: Dispatch,
    resolution: Resolution,
    strategy: Strategy,
    state: State,
    now: float,
    *,
    ahead: int,
    nearest: tuple[str, ...] = (),
    board: Board,
) -> list[Ranked] | Wait | Refusal:
    """Return the workers that can take it now in order, best first; or how long to wait; or why nobody will."""
    request = dispatch.request
    free, passed = _sort(dispatch, resolution, now)
    if free:
        state.waiting = board.waiting
        ranked = order_of(strategy, request, free, state, now)
        if dispatch.onward is not None:
            ranked = going_on(dispatch.onward, ranked)
        dispatch.looked_at = ranked[:SHOWN], passed[:SHOWN]
        if not passed:
            return ranked
        best = ranked[0].entry
        for busy, obstacle in passed:
            if (
                obstacle.kind == "full"
                and now < request.deadline_s
                and busy.rank <= best.rank
                and worth_waiting(busy, best, ahead=ahead)
            ):
                return Wait(request.deadline_s, f"{busy.standing.name} is sooner than a load on {best.standing.name}")
        return ranked
    return _wait(dispatch, passed, resolution, now, ahead) or _refuse(dispatch, passed, resolution, now, nearest, board)


def _sort(dispatch: Dispatch, resolution: Resolution, now: float) -> tuple[list[Entry], list[Passed]]:
    """Part those that can take it now from those that cannot; those that could never are in neither.

    Of a large pool only as many are looked at as it takes to find a few; when none can, all were.
    """
    request, tried, declined, onward = dispatch.request, dispatch.tried, dispatch.declined, dispatch.onward
    least = dispatch.least_context
    passed: list[Passed] = []

    def is_free(entry: Entry) -> bool:
        standing = entry.standing
        if lacking(request, standing.link.provider):
            return False
        obstacle = standing.obstacle(now) or standing.model_obstacle(entry.model, request, now)
        if obstacle is None and declined and standing.name in declined:
            obstacle = Obstacle("full", declined[standing.name], now)
        if obstacle is None and onward is not None and onward.verdict(standing, entry.model) in AGAINST:
            obstacle = Obstacle("open", "does not continue an answer that was begun", NEVER)
        if obstacle is None and least and standing.context_of(entry.model) < least:
            obstacle = Obstacle("open", "is not known to have a larger context", NEVER)
        before = tried and (tried.get(standing.name) or tried.get((standing.name, entry.model)))
        if before:
            failure, again_at = before
            if now < again_at:
                obstacle = Obstacle(
                    "quota" if failure.word == "rate_limited" else "open", f"tried: {failure}", again_at
                )
        if obstacle is None:
            return True
        passed.append(Passed(entry, obstacle))
        return False

    free = [entry for rotation in resolution.rotations for entry in rotation.look(is_free, now)]
    return free, passed


def going_on(onward: Onward, ranked: Iterable[Ranked]) -> list[Ranked]:
    """Put first who has the model that began an answer, then who is known to continue one; else the order stays."""

    def place(candidate: Ranked) -> tuple[bool, bool]:
        standing, model, _ = candidate.entry
        is_same = standing.link.provider.normal_name(model) == onward.model or (
            bool(onward.digest) and digest_of(standing, model) == onward.digest
        )
        return not is_same, onward.verdict(standing, model) is None

    return [candidate._replace(why=f"goes on, {candidate.why}") for candidate in sorted(ranked, key=place)]


def lacking(request: Request, provider: Provider) -> frozenset[Need]:
    """Return what `provider` cannot do of what `request` needs."""
    missing = request.needs & provider.lacks
    if missing or not provider.only_passes:
        return missing
    missing = request.needs & provider.only_passes
    return frozenset() if missing and provider.passes(request) else missing


def _wait(dispatch: Dispatch, passed: Sequence[Passed], resolution: Resolution, now: float, ahead: int) -> Wait | None:
    request = dispatch.request
    since = dispatch.queued_at or now
    full = [item for item in passed if item.obstacle.kind == "full"]
    if full:
        if _least_wait_s(full, ahead) >= request.deadline_s - now:
            return None
        return Wait(request.deadline_s, full[0].obstacle.why)
    limit = min(request.deadline_s, since + PATIENCE_S)
    hopeful = [item for item in passed if item.obstacle.until <= limit]
    if hopeful and now < limit:
        return Wait(limit, hopeful[0].obstacle.why)
    quota_limit = min(request.deadline_s, since + QUOTA_PATIENCE_S)
    hopeful = [item for item in passed if item.obstacle.kind == "quota" and item.obstacle.until <= quota_limit]
    if hopeful and now < quota_limit:
        return Wait(quota_limit, hopeful[0].obstacle.why)
    if resolution.unknown and not passed and now < limit:
        return Wait(limit, f"{resolution.unknown[0].name} has not said yet which models it has")
    return None


def _least_wait_s(full: Sequence[Passed], ahead: int) -> float:
    """Return the least time after which one of the busy ones has a slot, as far as it is known; 0 when not."""
    waits = []
    for entry, _ in full:
        usual_s = entry.standing.pace.total_s(entry.model)
        if usual_s is None:
            return 0.0
        waits.append(usual_s * ahead / entry.standing.slots)
    return min(waits)


def _refuse(  # noqa: PLR0911  one return for each kind of refusal
    dispatch: Dispatch,
    passed: Sequence[Passed],
    resolution: Resolution,
    now: float,
    nearest: tuple[str, ...],
    board: Board,
) -> Refusal:
    request = dispatch.request
    candidates = tuple(_explain(dispatch, passed, resolution, board))
    if not len(board):
        return Refusal("no_workers", "no worker is configured: add one to supervision.toml, or set OLLAMA_URLS")
    if not resolution.entries and not resolution.unknown:
        if not resolution.known_name and request.model in AUTO:
            return Refusal(
                "unknown_model", "embeddings need the name of a model: vectors of two cannot be compared", ()
            )
        if not resolution.known_name:
            return Refusal("unknown_model", f"model '{request.model}' not found", candidates, nearest=nearest)
        return Refusal("exhausted", f"no worker has a model for '{request.model or 'auto'}'", candidates)
    if resolution.entries and not passed:
        missing = {need for entry in resolution.entries for need in lacking(request, entry.standing.link.provider)}
        said = ", ".join(sorted(missing))
        return Refusal("unsupported", f"no worker with this model can do: {said}", candidates)
    retry_after_s = _retry_after_s(passed, now)
    if any(item.obstacle.kind == "full" for item in passed):
        return Refusal("deadline", "no slot gets free before the deadline", candidates, retry_after_s)
    if passed and all(item.obstacle.kind == "beyond" for item in passed):
        return Refusal("too_large", "no key's quota allows as much as this request needs", candidates)
    if passed and all(item.obstacle.kind in {"quota", "beyond"} for item in passed):
        return Refusal("quota", "every key that could answer rests for its quota", candidates, retry_after_s)
    return Refusal("exhausted", "no worker can answer now", candidates, retry_after_s)


def _retry_after_s(passed: Sequence[Passed], now: float) -> float:
    back = min((item.obstacle.until for item in passed if item.obstacle.until < NEVER), default=now + PATIENCE_S)
    return max(1.0, back - now)


def _explain(dispatch: Dispatch, passed: Sequence[Passed], resolution: Resolution, board: Board) -> Iterable[Candidate]:
    """Say of every worker why it did not take the request."""
    why = _whys(passed)
    having = {entry.standing.name: entry for entry in resolution.entries}
    unknown = {standing.name for standing in resolution.unknown}
    for standing in board:
        if standing.name in why:
            yield Candidate(standing.name, why[standing.name])
        elif standing.name in having:
            missing = ", ".join(sorted(lacking(dispatch.request, standing.link.provider)))
            yield Candidate(standing.name, f"its provider cannot do: {missing}")
        elif standing.name in unknown:
            yield Candidate(standing.name, "has not said which models it has" + _unreachable(standing.reachable))
        else:
            yield Candidate(standing.name, f"does not have the model '{dispatch.request.model}'")


def _whys(passed: Sequence[Passed]) -> dict[str, str]:
    """Return by worker what stands in its way; for each model where several of one worker were looked at."""
    by_worker: dict[str, dict[str, str]] = {}
    for entry, obstacle in passed:
        by_worker.setdefault(entry.standing.name, {})[entry.model] = obstacle.why
    return {
        worker: next(iter(whys.values()))
        if len(set(whys.values())) == 1
        else ", ".join(f"{model} {why}" for model, why in whys.items())
        for worker, whys in by_worker.items()
    }


def _unreachable(reachable: bool | None) -> str:  # noqa: FBT001  a fact of three values
    return " (unreachable)" if reachable is False else ""


def queue_full(request: Request, candidates: tuple[Candidate, ...]) -> Refusal:
    """Refuse because too many wait already."""
    return Refusal(
        "queue_full", f"too many requests wait for a slot; '{request.model or 'auto'}' is busy", candidates, 2.0
    )
