"""What can go wrong with an upstream, on command: faults as data, and which request meets which. Pure.

A fault is met by requests that generate (`/api/chat`, `/v1/chat/completions`, …) and by no probe, unless its `path`
says otherwise, so that a health check in the background does not use up what a test ordered for its own request.
"""

from collections import deque
from typing import Literal, get_args

from msgspec import Struct

Kind = Literal[
    "refuse",  # the listening socket and all idle connections are closed
    "reset",  # RST before the answer
    "hang",  # the request is read and nothing is ever said
    "slow_head",  # everything is as usual, `delay_s` later
    "html",  # a 502 page of a proxy in front
    "error_status",  # `status` with `body`, or with an error in the dialect's shape where no body is given
    "rate_limited",  # 429 of the `flavour` asked for
    "busy",  # 503: Ollama's queue is full, llama.cpp is loading, a cloud is overloaded
    "model_missing",  # 404
    "unauthorized",  # 401
    "empty",  # 200 and nothing
    "cut",  # the connection ends after `after_tokens`
    "cut_clean",  # the body ends properly after `after_tokens`, without its terminal event
    "stall",  # silence after `after_tokens`, for `delay_s` or, where that is 0, for ever
    "garbage",  # what is no event of the dialect, after `after_tokens`
    "error_in_stream",  # the dialect's in-band error after `after_tokens`
    "no_done",  # all tokens, then a proper end of the body without a terminal event
]

KINDS: frozenset[str] = frozenset(get_args(Kind))
IN_THE_BODY: frozenset[Kind] = frozenset(
    {"empty", "cut", "cut_clean", "stall", "garbage", "error_in_stream", "no_done"}
)
"""Those that come after the status line 200."""

ALL_PATHS = "*"


class Fault(Struct, frozen=True, forbid_unknown_fields=True):
    """One kind of trouble and what it needs to know."""

    kind: Kind
    after_tokens: int = 0
    """For those in the body of a stream: how many tokens come first. Of a whole answer, that share of its bytes."""
    after_bytes: int | None = None
    """For `cut` and `cut_clean` of a stream, in place of `after_tokens`: how many bytes of the body come first."""
    status: int = 500
    """For `error_status`."""
    body: str | None = None
    """For `error_status` (the whole body), `garbage` (what is sent) and `error_in_stream` (the message)."""
    retry_after: float | None = None
    """Seconds; sent as `Retry-After` with `error_status`, `busy` and `rate_limited`."""
    delay_s: float = 0.0
    """For `slow_head`, `stall` and `refuse`; with `refuse` and 0 the machine stays away until `clear`."""
    flavour: str = ""
    """For `rate_limited`, `busy`, `model_missing`, `unauthorized` and `error_status`: which of the dialect's true answers
    (with its own status); empty for the usual one. For `empty`, where the dialect has it: why there is nothing."""
    model: str = ""
    """Only requests for this model, as they name it; empty for any."""
    path: str = ""
    """Only requests to this path; empty for those that generate, `*` for all, probes included."""

    def __post_init__(self) -> None:
        """Raise ValueError for a kind that there is not."""
        if self.kind not in KINDS:
            raise ValueError(f"no such fault: {self.kind!r}; there are {', '.join(sorted(KINDS))}")


class Faults:
    """Which requests meet which faults: first those ordered for a number of times, then those for always."""

    def __init__(self) -> None:
        self._queue: deque[Fault] = deque()
        self._always: list[Fault] = []

    def __repr__(self) -> str:
        return f"<Faults {[fault.kind for fault in self._queue]} always {[fault.kind for fault in self._always]}>"

    def order(self, fault: Fault, times: int = 1) -> None:
        """Let the next `times` requests that it concerns meet `fault`."""
        self._queue.extend([fault] * times)

    def order_always(self, fault: Fault) -> None:
        """Let every request that it concerns meet `fault`, until `clear`."""
        self._always.append(fault)

    def clear(self) -> None:
        """Forget every order."""
        self._queue.clear()
        self._always.clear()

    def take(self, path: str, model: str, *, generates: bool) -> Fault | None:
        """Return what a request meets, and count it; None when it is spared."""
        for fault in self._queue:
            if _concerns(fault, path, model, generates=generates):
                self._queue.remove(fault)
                return fault
        return next((fault for fault in self._always if _concerns(fault, path, model, generates=generates)), None)

    def pending(self) -> dict[str, list[str]]:
        """Return the kinds that are still ordered, for people."""
        return {"queued": [fault.kind for fault in self._queue], "always": [fault.kind for fault in self._always]}


def _concerns(fault: Fault, path: str, model: str, *, generates: bool) -> bool:
    if fault.model and fault.model != model:
        return False
    if not fault.path:
        return generates
    return fault.path in {ALL_PATHS, path}
