"""Which label values there are: a closed set for each label, whatever clients and upstreams say. Pure.

Dialects, outcomes and words are fixed lists. Workers are those of the configuration; the series of one that was taken out of
it stay until `GONE_KEPT` others have left after it, so that its last counts are scraped and a file that is edited for
months does not grow them without end. A model is told by its name where the configuration names it or the worker has
it, for `PAIRS_KEPT` pairs of worker and model; any other is `other`.

So there are at most W = (workers of now) + `GONE_KEPT` + 2 values of `worker` (none, and `other`), P = `PAIRS_KEPT` + 2 W pairs
of worker and model, and of each metric no more series than the product of what its labels may be. `most` says it in code.
"""

from collections.abc import Callable, Iterable
from math import prod
from typing import get_args

from cortex.messages import Refusal, Word

PAIRS_KEPT = 1_000
GONE_KEPT = 100
OTHER = "other"

DIALECTS = ("openai", "ollama", "anthropic")
WORDS: tuple[str, ...] = get_args(Word)
OUTCOMES: tuple[str, ...] = tuple(
    dict.fromkeys(
        (
            *("ok", "client_gone", "client_error", "internal_error", "shutdown"),
            *WORDS,
            *get_args(Refusal.__annotations__["kind"]),
        )
    )
)
"""How requests and attempts end; the words and the kinds of refusals are `messages`'."""

CACHE_RESULTS = ("hit", "miss", "shared", "bypass")
DIRECTIONS = ("input", "output")
RELOADS = ("applied", "refused")

ACTORS = (
    *("ledger", "decisions", "history", "stories", "telemetry", "cache", "workers", "dispatcher"),
    *("health", "roster", "config", "endpoint"),
)
"""Those of the tree that are not workers."""


def most(labels: tuple[str, ...], workers: int) -> int:
    """Return how many sets of label values there can be, with so many workers on the board.

    >>> most(("worker", "direction"), workers=10)
    224
    """
    told = workers + GONE_KEPT + 2
    sizes = {
        "dialect": len(DIALECTS) + 1,
        "outcome": len(OUTCOMES) + 1,
        "word": len(WORDS) + 1,
        "result": len(CACHE_RESULTS) + 1,
        "direction": len(DIRECTIONS),
        "worker": told,
        "actor": told + len(ACTORS),
        "model": PAIRS_KEPT + 2 * told,
    }
    counted = [label for label in labels if not (label == "worker" and "model" in labels)]  # a pair is counted once
    return prod(sizes[label] for label in counted)


def _fixed(values: tuple[str, ...]) -> Callable[[str], str]:
    allowed = frozenset(values)
    return lambda value: value if value in allowed else OTHER


dialect, outcome, word, cache_result = _fixed(DIALECTS), _fixed(OUTCOMES), _fixed(WORDS), _fixed(CACHE_RESULTS)


class Told:
    """The workers, and their models, that have series of their own."""

    def __init__(self, *, workers: Callable[[], Iterable[str]] | None, has: Callable[[str, str], bool] | None) -> None:
        """Take who says which workers there are and which models they have; None: any name counts."""
        self._workers, self._has = workers, has
        self._known: set[str] = set()
        self._gone: dict[str, None] = {}
        """Those that left, the first first."""
        self._forgotten: set[str] = set()
        self._pairs: set[tuple[str, str]] = set()
        self.look()

    @property
    def present(self) -> set[str]:
        """The workers that were there at the last look."""
        return self._known

    def worker(self, name: str) -> str:
        """Return the label of a worker; empty for none."""
        if not name or self._workers is None or name in self._known or name in self._gone:
            return name
        self.look()
        return name if name in self._known else OTHER

    def model(self, worker: str, name: str) -> str:
        """Return the label of a model of a worker, or of one that was asked for and nobody answered (no worker)."""
        if not name or (worker, name) in self._pairs:
            return name
        if len(self._pairs) >= PAIRS_KEPT or not (self._has is None or self._has(worker, name)):
            return OTHER
        self._pairs.add((worker, name))
        return name

    def actor(self, name: str) -> str:
        """Return the label of an actor: a worker's is its name, unless another actor has that one."""
        return name if name in ACTORS else self.worker(name)

    def look(self) -> None:
        """Look who is there, and who has left."""
        if self._workers is None:
            return
        now = set(self._workers())
        self._gone.update(dict.fromkeys(sorted(self._known - now)))
        for name in now & self._gone.keys():
            del self._gone[name]
        self._known = now
        while len(self._gone) > GONE_KEPT:
            name = next(iter(self._gone))
            del self._gone[name]
            self._forgotten.add(name)

    def forgotten(self) -> set[str]:
        """Look, and return whose series are to be dropped now."""
        self.look()
        forgotten, self._forgotten = self._forgotten - self._known - self._gone.keys(), set()
        self._pairs = {pair for pair in self._pairs if pair[0] not in forgotten}
        return forgotten
