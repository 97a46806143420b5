"""A lease: leave for one request to use one slot of one worker, and all its holder needs to talk to the upstream."""

from types import TracebackType
from typing import TYPE_CHECKING, Self

from msgspec import Struct, field, structs

from cortex.actors.names import Names
from cortex.messages import Allowance, Failure, Outcome
from cortex.providers.base import Provider
from cortex.quota.quota import Reservation
from cortex.quota.terms import Rest
from cortex.transport.headers import request_head
from cortex.transport.http1 import Budgets
from cortex.transport.origin import Origin
from cortex.transport.response import Response

if TYPE_CHECKING:
    from cortex.workers.standing import Standing

GIVEN_UP = Outcome(cancelled=True)

BLOT = "[key]"
SHORTEST_TELLING = 8
"""So many of a key's first letters are too many to be told."""


class Link(Struct, frozen=True):
    """How to reach one upstream; made once for each change of its settings."""

    provider: Provider
    origin: Origin
    base_path: str
    headers: tuple[tuple[str, str], ...]
    """What every request to it carries, the key included: never to be logged."""

    secrets: tuple[str, ...] = ()
    """What of them nobody may read."""

    heads: dict[tuple[str, str], bytes] = field(default_factory=dict)
    """What `head` has written once, by method and path, up to the length; paths are few."""

    def head(self, method: str, path: str, length: int) -> bytes:
        """Return the head of a request with a body of `length` bytes. Raises ValueError as `request_head` does."""
        known = self.heads.get((method, path))
        if known is None:
            whole = request_head(method, self.base_path + path, self.origin, self.headers, 1)
            known = self.heads[method, path] = whole.removesuffix(b"1\r\n\r\n")
        return known + b"%d\r\n\r\n" % length

    def without_secrets(self, failure: Failure) -> Failure:
        """Return `failure` with the key blotted out: some upstreams tell back what they were sent.

        Its detail may have been cut in the middle of a key, so what a key begins with is blotted out at its end too.
        """
        if not self.secrets:
            return failure
        told = {name: _blotted(getattr(failure, name), self.secrets) for name in ("detail", "param", "code")}
        return structs.replace(failure, **told)

    def __repr__(self) -> str:
        return f"<Link {self.provider.name} {self.origin.host}:{self.origin.port}{self.base_path}>"


def _blotted(text: str, secrets: tuple[str, ...]) -> str:
    for secret in secrets:
        text = text.replace(secret, BLOT)
        cut = text.removesuffix("…")
        for length in range(min(len(secret), len(cut)), SHORTEST_TELLING - 1, -1):
            if cut.endswith(secret[:length]):
                text = cut[:-length] + BLOT
                break
    return text


class Ended(Struct, frozen=True):
    """Told to a worker when one of its leases ends."""

    lease: "Lease"
    outcome: Outcome
    rest: Rest | None
    """What a 429 made of the key's quota."""


class Lease:
    """One slot, held from grant to end. It ends exactly once, by `end` or by leaving its `with` block.

    The holder takes it off the worker's standing itself and settles with its account, so a slot is free again at that moment
    and what was used is entered, even while the worker's actor is being restarted; what the outcome means for breaker and
    pace is the worker's affair and goes to it as a message.
    """

    __slots__ = (
        "_names",
        "allowances",
        "allowed_tokens",
        "asked",
        "began_s",
        "budgets",
        "cold",
        "id",
        "link",
        "model",
        "request_id",
        "reservation",
        "sent",
        "standing",
        "trial",
        "why",
    )

    _last_id = 0

    def __init__(  # noqa: PLR0913  one place makes it
        self,
        *,
        standing: "Standing",
        names: Names,
        link: Link,
        model: str,
        why: str,
        budgets: Budgets,
        cold: bool,
        trial: bool,
        request_id: str,
        reservation: Reservation | None,
        allowed_tokens: int = 0,
    ) -> None:
        Lease._last_id += 1
        self.id = Lease._last_id
        self._names = names
        self.standing = standing
        self.link = link
        self.model = model
        """The upstream's own name of the model."""
        self.why = why
        """A few words: why this worker."""
        self.budgets = budgets
        self.cold = cold
        """The model has to be loaded first."""
        self.trial = trial
        """It is the half-open breaker's trial."""
        self.request_id = request_id
        self.reservation = reservation
        """What of the key's quota is held for it."""
        self.allowed_tokens = allowed_tokens
        """What the client allows for the answer; 0 where it set no bound."""
        self.sent = True
        """The upstream may have got the request, and counted it; written by the holder, as are those below."""
        self.asked = 0
        """Good answers that came under this lease: more than one only where the texts of an embedding were parted."""
        self.began_s: float | None = None
        """Monotonic seconds when the head of the first good answer was there."""
        self.allowances: tuple[Allowance, ...] = ()
        """What the headers of the last one said of the key's quota."""
        standing.leases[self.id] = self

    def __repr__(self) -> str:
        return f"<Lease {self.id} {self.worker} {self.model} for {self.request_id}>"

    @property
    def worker(self) -> str:
        """The name of the worker that granted it."""
        return self.standing.settings.name

    @property
    def held(self) -> bool:
        """Whether it has not ended yet."""
        return self.id in self.standing.leases

    def took(self, response: Response, now: float) -> None:
        """Note that a good answer has begun, and what its headers say of the quota."""
        self.asked += 1
        if self.began_s is None:
            self.began_s = now
        provider = self.link.provider
        if provider.tells_limits:  # folding headers costs more than all the rest
            self.allowances = provider.allowances(response.headers)

    def end(self, outcome: Outcome) -> None:
        """End it; only the first call counts."""
        standing = self.standing
        if standing.leases.pop(self.id, None) is not None:
            rest = standing.account.settle(self, outcome)
            self._names.tell(standing.actor, Ended(self, outcome, rest))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.id in self.standing.leases:
            self.end(GIVEN_UP)
