"""What Prometheus is told of how things stand at the moment of a scrape."""

import time
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import get_args

from cortex import __version__
from cortex.actors.names import Names
from cortex.cache.answers import Answers
from cortex.config.watcher import Current
from cortex.quota.terms import Window
from cortex.telemetry import labels
from cortex.telemetry import log as logs
from cortex.telemetry.intensity import Intensity
from cortex.telemetry.labels import Told
from cortex.telemetry.series import Gauge, Labels
from cortex.telemetry.stories import Stories
from cortex.workers.standing import Board, Shown, Standing

BREAKER_VALUES = {"closed": 0.0, "half_open": 1.0, "open": 2.0}
STATES: tuple[str, ...] = get_args(Shown)

WINDOWS_SHOWN = 2_000
"""Of all keys and models together: a client may ask a cloud for any of its models."""

SUPERVISORS = ("root", "workers")

Pairs = Iterable[tuple[Labels, float]]


def gauges(
    *,
    board: Board,
    names: Names,
    current: Current,
    answers: Answers,
    intensity: Intensity,
    stories: Stories,
    told: Told,
) -> list[Gauge]:
    """Return all of them."""
    return [
        *_of_workers(board),
        *_of_quotas(board, told),
        *_of_supervision(board, names, intensity),
        Gauge(
            "cortex_cache_bytes",
            "Kept answers.",
            ("tier",),
            lambda: [(("memory",), float(answers.memory.bytes)), (("disk",), float(answers.disk_bytes))],
        ),
        Gauge(
            "cortex_cache_oldest_seconds",
            "Age of the oldest answer in memory.",
            (),
            lambda: [((), age_s)] if (age_s := answers.oldest_s) is not None else [],
        ),
        Gauge("cortex_queue_length", "Requests in the line.", (), lambda: [((), float(board.waiting))]),
        Gauge(
            "cortex_queue_limit",
            "Requests that the line holds (routing.queue).",
            (),
            lambda: [((), float(current.settings.routing.queue))],
        ),
        Gauge(
            "cortex_config_problems",
            "Mistakes in the file as it stands; above 0 older settings are in force.",
            (),
            lambda: [((), float(len(current.problems)))],
        ),
        Gauge(
            "cortex_telemetry_dropped",
            "What was not written, because nobody took it in time.",
            ("what",),
            lambda: [(("log line",), float(logs.writer().dropped)), (("story",), float(stories.dropped))],
            kind="counter",
        ),
        Gauge("cortex_build_info", "Which Córtex this is.", ("version",), lambda: [((__version__,), 1.0)]),
    ]


def _of_workers(board: Board) -> list[Gauge]:
    def each(read: Callable[[Standing], float]) -> Callable[[], Pairs]:
        return lambda: [((standing.name,), float(read(standing))) for standing in board]

    def states() -> Pairs:
        now = time.monotonic()
        for standing in board:
            shown = standing.shown(now)
            for state in STATES:
                yield (standing.name, state), float(state == shown)

    return [
        Gauge("cortex_in_flight", "Requests that a worker is at.", ("worker",), each(lambda s: s.in_flight)),
        Gauge("cortex_slots", "Requests that a worker takes at once.", ("worker",), each(lambda s: s.slots)),
        Gauge(
            "cortex_breaker_state",
            "0 closed, 1 half-open, 2 open.",
            ("worker",),
            each(lambda s: BREAKER_VALUES[s.breaker.state]),
        ),
        Gauge("cortex_worker_state", "1 for the state it is in.", ("worker", "state"), states),
    ]


def _of_quotas(board: Board, told: Told) -> list[Gauge]:
    def windows() -> Iterator[tuple[Labels, Window]]:
        for standing in board:
            for window in standing.account.windows():
                model = told.model(standing.name, window.model)
                yield (standing.name, model, f"{window.counts}_per_{window.period}"), window

    def read(amount: Callable[[Window], int]) -> Callable[[], Pairs]:
        """Of the models that are `other` together, the one with the least left speaks."""

        def pairs() -> Pairs:
            tightest: dict[Labels, Window] = {}
            for values, window in islice(windows(), WINDOWS_SHOWN):
                known = tightest.get(values)
                if known is None or window.left < known.left:
                    tightest[values] = window
            return [(values, float(amount(window))) for values, window in tightest.items()]

        return pairs

    of = ("worker", "model", "window")
    return [
        Gauge(
            "cortex_quota_remaining", "What is left of a window of a key's quota.", of, read(lambda window: window.left)
        ),
        Gauge("cortex_quota_limit", "What a window of a key's quota holds.", of, read(lambda window: window.limit)),
    ]


def _of_supervision(board: Board, names: Names, intensity: Intensity) -> list[Gauge]:
    def waiting(name: str) -> float:
        ref = names.lookup(name)
        return float(ref.waiting if ref else 0)

    def mailboxes() -> Pairs:
        for standing in board:
            yield (standing.name,), waiting(standing.actor)
        for name in labels.ACTORS:  # a worker may have an actor's name: then the actor is told
            yield (name,), waiting(name)

    def shares() -> Pairs:
        yield from (((name,), 0.0) for name in SUPERVISORS)
        yield from (((name,), share) for name, share in intensity.highest())

    return [
        Gauge("cortex_mailbox_length", "Messages that wait for an actor.", ("actor",), mailboxes),
        Gauge(
            "cortex_restart_intensity",
            "Share of the restarts that a supervisor is allowed, the highest of the last 5 minutes; above 1 it gives up.",
            ("supervisor",),
            shares,
        ),
    ]
