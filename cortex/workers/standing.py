"""How each worker stands, for everyone to read: the board.

Theory of operation: the dispatcher decides on facts about every worker several thousand times a second; asking each by
message would cost more than everything else together. So each worker keeps its facts in a `Standing` on one shared
`Board`. Only that worker's actor writes there (and the holders of its leases, who take theirs off when they end); all of
it happens on one event loop, so there is nothing to lock. The worker stays the judge: the dispatcher's choice is a
proposal, and the worker may refuse it.

A standing outlives the actor. When a worker crashes, its next incarnation finds the leases that are still held, the
breaker, the rests and the learned times where the last one left them, and starts the rest clean.
"""

from collections import deque
from collections.abc import Iterator
from typing import Literal, NamedTuple

from msgspec import structs

from cortex.config.addresses import is_local
from cortex.config.model import Breaker as BreakerSettings
from cortex.config.model import Worker as WorkerSettings
from cortex.messages import Estimate, Failure, Request
from cortex.providers.base import Findings, Model
from cortex.workers.books import Account
from cortex.workers.breaker import Breaker
from cortex.workers.lease import Lease, Link
from cortex.workers.pace import Pace

Mode = Literal["running", "draining", "resting"]
Shown = Literal["starting", "ready", "busy", "resting", "draining", "unreachable", "open", "half_open", "retired"]

FAILURES_KEPT = 10
NEVER = float("inf")

RETRIED_AFTER_S = 86_400.0
"""A key that an upstream refused is tried again once a day, and whenever the settings change."""

MODELS_LOOKED_AT = 20
"""To say whether anything of a key's quota is left; a key with more models than that has no sheet of its own for each."""


class Obstacle(NamedTuple):
    """What keeps a worker from taking a request."""

    kind: Literal["retired", "draining", "resting", "quota", "beyond", "starting", "unreachable", "open", "full"]
    """`beyond`: its quota never allows as much as this one request needs."""
    why: str
    until: float
    """Monotonic seconds at which it may be gone, as far as is known; `NEVER` when only an act of somebody ends it."""


class Standing:
    """One worker's facts. Times are monotonic seconds."""

    __slots__ = (
        "account",
        "actor",
        "answered",
        "breaker",
        "busy_models",
        "busy_until",
        "digests",
        "failed",
        "failures",
        "granted_at",
        "leases",
        "link",
        "loading",
        "local",
        "missing",
        "mode",
        "models",
        "pace",
        "probed_at",
        "promised",
        "reachable",
        "refused_together_at",
        "removed",
        "rest_until",
        "rest_why",
        "retired_at",
        "retired_by",
        "retired_why",
        "settings",
        "slots",
        "up",
        "version",
    )

    def __init__(self, settings: WorkerSettings, breaker: BreakerSettings, link: Link, account: Account) -> None:
        self.settings = settings
        self.account = account
        """What its key has used and may still use."""
        self.actor = f"workers/{settings.name}"
        """The name of its actor; a prefix, so that a worker may be called what it likes, `dispatcher` too."""
        self.link = link
        self.local = is_own(settings, link)
        self.slots = settings.slots
        self.up = False
        """Its actor runs."""
        self.mode: Mode = "running"
        self.removed = False
        """It is no longer in the configuration and drains for that reason."""
        self.breaker = Breaker(breaker)
        self.pace = Pace()
        self.leases: dict[int, Lease] = {}
        self.promised = 0
        """Grants on their way to its mailbox; written by the dispatcher, taken back by the worker."""
        self.models: dict[str, Model] | None = None
        """By normal name; None until a listing came."""
        self.digests: dict[str, str] = {}
        """Digest → normal name."""
        self.missing: set[str] = set()
        """Normal names that the upstream said it does not have, until the next listing."""
        self.loading: set[str] = set()
        """Normal names of models whose load a request of ours has begun."""
        self.reachable: bool | None = None
        """What the last probe or answer said; None before the first."""
        self.probed_at = 0.0
        self.version = ""
        self.busy_until = 0.0
        self.busy_models: dict[str, float] = {}
        """Until when one model of several was said to be busy."""
        self.rest_until = 0.0
        """Until when a person wants it to rest; what its quota says stands in the account."""
        self.rest_why = ""
        self.granted_at = 0.0
        """When it last granted a lease."""
        self.retired_why = ""
        """Why its key is of no use; empty while it is."""
        self.retired_at = 0.0
        """It is tried again `RETRIED_AFTER_S` later."""
        self.refused_together_at = -NEVER
        """When all keys of its pool were last refused at once."""
        self.retired_by: Literal["", "probe", "request"] = ""
        """What found that out: a probe's verdict is taken back by the next good one, a request's by a person or an edit."""
        self.failures: deque[tuple[float, Failure]] = deque(maxlen=FAILURES_KEPT)
        self.answered = 0
        self.failed = 0

    @property
    def name(self) -> str:
        """The worker's name."""
        return self.settings.name

    @property
    def in_flight(self) -> int:
        """How many leases are held."""
        return len(self.leases)

    def __repr__(self) -> str:
        return f"<Standing {self.name} {self.in_flight}/{self.slots} {self.mode} {self.breaker!r}>"

    def obstacle(self, now: float) -> "Obstacle | None":  # noqa: C901, PLR0911  one return for each thing that can stand in the way
        """Return what keeps it from taking a request now, the most lasting thing first; None when nothing does."""
        if self.retired_why and now < self.retired_at + RETRIED_AFTER_S:
            return Obstacle("retired", f"key retired ({self.retired_why})", NEVER)
        if self.mode == "draining":
            return Obstacle("draining", "drains", NEVER)
        if self.mode == "resting":
            return Obstacle("resting", f"rests ({self.rest_why})", NEVER)
        if now < self.rest_until:
            why = f"rests {self.rest_until - now:.0f} s more ({self.rest_why})"
            return Obstacle("resting", why, self.rest_until)
        if not self.up:
            return Obstacle("starting", "is being started", now)
        if self.reachable is False:
            return Obstacle("unreachable", "was unreachable at the last probe", now)
        if not self.breaker.allows(now):
            if self.breaker.state == "open":
                why = f"breaker open {self.breaker.open_until - now:.0f} s more"
                return Obstacle("open", why, self.breaker.open_until)
            return Obstacle("open", "breaker half-open, its trial runs", now)
        if len(self.leases) + self.promised >= self.slots:
            return Obstacle("full", f"{len(self.leases)} of {self.slots} slots busy", now)
        if now < self.busy_until:
            return Obstacle("full", "said it was busy", self.busy_until)
        return None

    def estimate(self, request: Request) -> Estimate:
        """Return what `request` will use here, texts to embed parted as this upstream takes them."""
        at_once = self.link.provider.texts_at_once
        if request.texts <= at_once:
            return request.tokens
        return request.tokens._replace(requests=-(-request.texts // at_once))

    def model_obstacle(self, model: str, request: Request, now: float) -> "Obstacle | None":
        """Return what keeps it from taking `request` with `model`, its key's quota above all; None when nothing does."""
        if self.busy_models and now < self.busy_models.get(model, 0.0):
            return Obstacle("full", f"{model} said it was busy", self.busy_models[model])
        if not self.account.counts:
            return None
        spent = self.account.spent(model, self.estimate(request), now)
        if spent is None:
            return None
        return Obstacle("quota" if spent.until < NEVER else "beyond", spent.why, spent.until)

    def quota_rest(self, now: float) -> str:
        """Return why no model that it has can be asked for its quota's sake; empty while one can."""
        names = self.settings.models or [model.name for model in (self.models or {}).values()]
        first = ""
        for name in names[:MODELS_LOOKED_AT]:
            why = self.account.rests(name, now)
            if not why:
                return ""
            first = first or why
        return first

    def is_cold(self, model: str) -> bool:
        """Whether `model` has to be loaded first, as far as is known."""
        if self.models is None:
            return False
        normal = self.link.provider.normal_name(model)
        known = self.models.get(normal)
        return known is not None and known.loaded is False

    def may_think(self, model: str) -> bool:
        """Whether `model` can be asked to think; also true where its upstream does not tell."""
        known = None if self.models is None else self.models.get(self.link.provider.normal_name(model))
        return known is None or known.capabilities is None or "thinking" in known.capabilities

    def context_of(self, model: str) -> int:
        """Return how many tokens `model` takes here; 0 where nobody knows.

        Where models are loaded it is what this one is loaded with: what it was trained for says nothing.
        """
        if self.settings.num_ctx is not None:
            return self.settings.num_ctx
        known = None if self.models is None else self.models.get(self.link.provider.normal_name(model))
        if known is None:
            return 0
        return known.context_length if known.loaded is None else known.loaded_context

    def now_loaded(self, model: str) -> None:
        """Note that `model` just answered, so it is in memory."""
        normal = self.link.provider.normal_name(model)
        self.loading.discard(normal)
        known = None if self.models is None else self.models.get(normal)
        if self.models is not None and known is not None and known.loaded is False:
            self.models[normal] = structs.replace(known, loaded=True)

    def shown(self, now: float) -> Shown:  # noqa: PLR0911  one return for each word
        """Return the one word that people see, the gravest first."""
        if self.retired_why and now < self.retired_at + RETRIED_AFTER_S:
            return "retired"
        if self.mode == "draining":
            return "draining"
        if not self.up or self.reachable is None:
            return "starting"
        if self.breaker.state == "open" and now < self.breaker.open_until:
            return "open"
        if not self.reachable:
            return "unreachable"
        if self.mode == "resting" or now < self.rest_until or self.quota_rest(now):
            return "resting"
        if self.breaker.state != "closed":
            return "half_open"
        return "busy" if self.in_flight >= self.slots or now < self.busy_until else "ready"

    def model_named(self, asked: str) -> str | None:
        """Return this upstream's own name of the model `asked`, or None when it does not have it (as far as is known)."""
        normal = self.link.provider.normal_name(asked)
        if normal in self.missing:
            return None
        if self.models is not None:
            model = self.models.get(normal)
            return None if model is None else model.name
        return next((name for name in self.settings.models if self.link.provider.normal_name(name) == normal), None)

    def take_findings(self, findings: Findings) -> bool:
        """Take a listing in; True when what it has, or has loaded, changed."""
        before, had_missing = self.models, bool(self.missing)
        self.version = findings.version
        self.missing.clear()
        if findings.models is None:
            return had_missing
        normal = self.link.provider.normal_name
        listed = {normal(model.name): model for model in findings.models}
        if self.settings.models:
            wanted = [normal(name) for name in self.settings.models]
            listed = {name: listed[name] for name in wanted if name in listed}
        self.models = listed
        self.digests = {model.digest: name for name, model in listed.items() if model.digest}
        self.loading = {name for name in self.loading if name in listed and not listed[name].loaded}
        return had_missing or before != listed


class Board:
    """Every worker's standing, in the order of the configuration."""

    __slots__ = ("_standings", "version", "waiting")

    def __init__(self) -> None:
        self._standings: dict[str, Standing] = {}
        self.version = 0
        """Grows whenever what a worker has, or which workers there are, changes."""
        self.waiting = 0
        """Requests in the dispatcher's line; a worker whose slot frees says so only when there are some."""

    def __iter__(self) -> Iterator[Standing]:
        return iter(self._standings.values())

    def __len__(self) -> int:
        return len(self._standings)

    def get(self, name: str) -> Standing | None:
        """Return the standing of that worker, if there is one."""
        return self._standings.get(name)

    def add(self, standing: Standing) -> None:
        """Put a worker on the board."""
        self._standings[standing.name] = standing
        self.version += 1

    def remove(self, name: str) -> None:
        """Take a worker off; its leases end all the same."""
        self._standings.pop(name, None)
        self.version += 1

    def changed(self) -> None:
        """Say that something that model resolution depends on has changed."""
        self.version += 1


def is_own(settings: WorkerSettings, link: Link) -> bool:
    """Whether a worker is hardware of one's own; a hosted service is none, though it be reached through a proxy nearby."""
    return not settings.hosted and is_local(link.origin.host)
