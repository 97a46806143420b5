"""The actor of one upstream: one Ollama instance, or one API key.

It grants leases, hears how they ended, and keeps its `Standing` true: slots, breaker, rests, which models it has. It moves no
byte of any answer: a stream belongs to the task that holds the lease, and goes on if this actor dies.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Any

from cortex.actors.actor import NO_REPLY, ActorDeadError, LoopActor, handles
from cortex.actors.names import Names
from cortex.actors.reason import Reason
from cortex.chat import Usage
from cortex.config.model import Breaker, Routing
from cortex.config.model import Worker as WorkerSettings
from cortex.messages import STRIKES, Failure, Outcome
from cortex.providers.base import Findings, Model
from cortex.providers.catalogue import provider_for
from cortex.quota.terms import Rest as QuotaRest
from cortex.telemetry.events import Report
from cortex.transport.failures import TransportError
from cortex.transport.http1 import Budgets
from cortex.transport.origin import Origin
from cortex.transport.pool import Pool
from cortex.transport.response import Response
from cortex.workers.books import Books
from cortex.workers.continues import Continues
from cortex.workers.lease import Ended, Lease, Link
from cortex.workers.measuring import IDLE_S, to_measure
from cortex.workers.messages import (
    Configure,
    Dispatch,
    Drain,
    Grant,
    KeepLoading,
    Probed,
    ProbeNow,
    RefusedTogether,
    Rest,
    Resume,
    Retire,
    SlotFree,
    WorkersChanged,
)
from cortex.workers.standing import NEVER, Board, Standing, is_own
from cortex.workers.trial import tried

LOAD_TIMEOUT_S = 300.0
"""What a model may take to load before anything is known of it: Ollama's own OLLAMA_LOAD_TIMEOUT (docs, August 2026)."""

BUSY_S = 1.0
"""How long an upstream that said `busy` counts as full when it did not say for how long."""

TOGETHER_S = 60.0
"""When every key of a pool is refused within this time, it is the provider or the way to it, not the keys."""

TOGETHER_REST_S = 60.0
TOGETHER_AGAIN_S = 3600.0
"""Keys that are refused together once more within this time are taken at the upstream's word."""

TAKE_OVER_S = 0.3
"""For a second request to reach an upstream before the first is cancelled; a client that left is to be felt within 1 s."""

IdleWorker = Callable[[str], None]
"""Called with the name of a drained worker that was removed from the configuration, when its last answer has ended."""


SHORTEST_SECRET = 12
"""A header of the settings may hold a key as well; what is shorter is taken for a plain word."""


def link_of(settings: WorkerSettings) -> Link:
    """Make the link to one worker's upstream. Raises ValueError when the address or a header cannot be."""
    origin, base_path = Origin.parse(settings.url)
    provider = provider_for(settings)
    headers = [("Content-Type", "application/json"), *settings.headers.items()]
    if settings.key is not None:
        name, before = provider.key_header
        headers.append((name, before + settings.key.reveal()))
    secrets = [value for value in settings.headers.values() if len(value) >= SHORTEST_SECRET]
    if settings.key is not None:
        secrets.append(settings.key.reveal())
    return Link(
        provider=provider,
        origin=origin,
        base_path=base_path,
        headers=tuple(headers),
        secrets=tuple(filter(None, secrets)),
    )


async def _cancel_later(pending: "asyncio.Task[Response]", delay_s: float) -> None:
    try:
        await asyncio.sleep(delay_s)
    finally:
        if not pending.cancel() and not pending.cancelled() and pending.exception() is None:
            pending.result().close()


class Worker(LoopActor):
    """See the module's docstring. It is known by its settings' name."""

    def __init__(  # noqa: PLR0913  what one worker is made of
        self,
        *,
        settings: WorkerSettings,
        routing: Routing,
        breaker: Breaker,
        board: Board,
        books: Books,
        names: Names,
        pool: Pool,
        report: Callable[[Report], None],
        on_idle: IdleWorker,
        continues: Callable[[], Continues | None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        """`continues` gives where to remember which models go on with a begun answer; None: that is not to be measured."""
        super().__init__()
        self._continues = continues
        self._wall = wall
        self._quiet_since = clock()
        """When something last happened here."""
        self._measured: set[tuple[str, str]] = set()
        """Models that were asked, with their digests: once, whatever came of it."""
        self._settings = settings
        self._routing = routing
        self._board = board
        self._books = books
        self._names = names
        self._pool = pool
        self._report = report
        self._on_idle = on_idle
        self._clock = clock
        self._stop_when_idle = False
        link = link_of(settings)
        known = board.get(settings.name)
        if known is None:
            known = Standing(settings, breaker, link, books.account(settings))
            board.add(known)
        self.standing = known
        self._adopt(settings, link)
        known.breaker.configure(breaker)

    def on_start(self) -> None:
        """Take the place that the board kept, and have the upstream looked at."""
        self.standing.up = True
        self.standing.promised = 0
        if not any(lease.trial for lease in self.standing.leases.values()):
            self.standing.breaker.give_up_trial(trial=True)  # how it ended was told while nobody was here
        if self.standing.removed:
            self.drain(Drain(stop_when_idle=True))  # told to the last incarnation, or to none
        self._board.changed()
        self._names.tell("health", ProbeNow(self._settings.name))
        self._names.tell("dispatcher", WorkersChanged())

    def on_terminate(self, reason: Reason) -> None:
        """Leave the board marked; the standing itself stays for the next incarnation."""
        self.standing.up = False
        self._board.changed()

    @handles(Grant)
    def grant(self, grant: Grant) -> Any:
        """Answer the asker with a lease, or send the request back to the dispatcher."""
        standing = self.standing
        standing.promised = max(0, standing.promised - 1)
        now = self._clock()
        if self.asker_gone:
            return None
        request = grant.dispatch.request
        obstacle = standing.obstacle(now) or standing.model_obstacle(grant.model, request, now)
        if obstacle is not None:
            grant.dispatch.declined[standing.name] = obstacle.why
            return self._back(grant.dispatch)
        standing.granted_at = now
        cold = standing.is_cold(grant.model)
        if cold:
            standing.loading.add(standing.link.provider.normal_name(grant.model))
        return Lease(
            standing=standing,
            names=self._names,
            link=standing.link,
            model=grant.model,
            why=grant.why,
            budgets=self._budgets(grant.model, cold=cold, stream=request.stream, left_s=request.deadline_s - now),
            cold=cold,
            trial=standing.breaker.begin(now),
            request_id=request.id,
            reservation=standing.account.reserve(grant.model, standing.estimate(request))
            if standing.account.counts
            else None,
            allowed_tokens=request.max_tokens or 0,
        )

    def _back(self, dispatch: Dispatch) -> Any:
        dispatcher = self._names.lookup("dispatcher")
        if dispatcher is None:
            self.defer().fail(ActorDeadError("the dispatcher is being restarted"))
            return NO_REPLY
        return self.forward(dispatcher, dispatch)

    def _budgets(self, model: str, *, cold: bool, stream: bool, left_s: float) -> Budgets:
        """Bound the waiting: a whole answer is silent until it is finished, so by the deadline; a cold model loads first.

        Never less than a first token may take: the endpoint ends what is past its deadline, and a client in a hurry is
        no strike against the upstream.
        """
        first_s = self._settings.first_token_timeout_s or self._routing.first_token_timeout_s
        if cold:
            first_s += 2.0 * (self.standing.pace.load_s(model) or LOAD_TIMEOUT_S / 2.0)
        if not stream:
            first_s = max(first_s, left_s)
        stall_s = self._routing.stall_timeout_s
        return Budgets(connect_s=self._routing.connect_timeout_s, first_byte_s=first_s, stall_s=stall_s)

    @handles(Ended)
    def ended(self, ended: Ended) -> None:
        """Learn from how a lease ended, and say so where somebody waits for the slot."""
        lease, outcome = ended.lease, ended.outcome
        self._quiet_since = self._clock()
        if outcome.cancelled:
            self.standing.breaker.give_up_trial(trial=lease.trial)
        elif outcome.failure is None:
            self._succeeded(lease, outcome)
        else:
            self._failed(lease, outcome.failure, ended.rest)
        if self._board.waiting:
            self._names.tell("dispatcher", SlotFree(self.standing.settings.name))
        if self._stop_when_idle:
            self._stop_if_idle()

    def _succeeded(self, lease: Lease, outcome: Outcome) -> None:
        standing = self.standing
        usage = outcome.usage or Usage()
        standing.breaker.record(ok=True, now=self._clock(), trial=lease.trial)
        standing.pace.answered(
            lease.model,
            first_token_s=outcome.first_token_s,
            total_s=outcome.total_s,
            load_s=usage.load_s,
            output_tokens=usage.output_tokens,
        )
        standing.reachable = True
        standing.answered += 1
        if lease.cold:
            standing.now_loaded(lease.model)
            self._board.changed()

    def _failed(self, lease: Lease, failure: Failure, rest: QuotaRest | None) -> None:
        standing, now = self.standing, self._clock()
        standing.failed += 1
        standing.failures.append((now, failure))
        before = standing.breaker.state
        if failure.word in STRIKES:
            standing.breaker.record(ok=False, now=now, trial=lease.trial)
            standing.pace.failed(now)
        else:
            standing.breaker.give_up_trial(trial=lease.trial)
        match failure.word:
            case "unreachable" | "timeout":
                self._names.tell("health", ProbeNow(standing.name))
            case "busy":
                until = now + (failure.retry_after_s or BUSY_S)
                if failure.scope == "model":
                    still = {model: end for model, end in standing.busy_models.items() if now < end}
                    standing.busy_models = {**still, lease.model: until}
                else:
                    standing.busy_until = max(standing.busy_until, until)
            case "rate_limited":
                if rest is not None:
                    self._say(
                        "key rests",
                        model=rest.model or "all",
                        seconds=round(max(0.0, rest.until - now), 1),
                        why=rest.why,
                    )
            case "unauthorized":
                self._retire("request", failure)
            case "model_missing":
                standing.missing.add(standing.link.provider.normal_name(lease.model))
                self._board.changed()
        if standing.breaker.state == "open" and before != "open":
            self._say("breaker opened", seconds=round(standing.breaker.open_until - now, 1), why=str(failure))

    @handles(Probed)
    def probed(self, probed: Probed) -> None:
        """Believe a probe: a failed one takes the worker out, a good one brings it back."""
        standing = self.standing
        standing.probed_at = self._clock()
        was = standing.reachable
        if isinstance(probed.result, Findings):
            standing.reachable = True
            if was is False:
                standing.breaker.reachable_again()
                self._say("upstream is back")
            changed = standing.take_findings(probed.result)
            if standing.retired_by == "probe":
                standing.retired_by, standing.retired_why, changed = "", "", True
        elif probed.result.word == "unauthorized":
            standing.reachable = True
            changed = not standing.retired_why
            self._retire("probe", probed.result)
        else:
            changed = was is not False
            standing.reachable = False
            if changed:
                standing.failures.append((standing.probed_at, probed.result))
                self._say("upstream is down", why=str(probed.result))
        if changed or was is not standing.reachable:
            self._board.changed()
            self._names.tell("dispatcher", WorkersChanged())

        self._measure()

    def _measure(self) -> None:
        """Find out of one model whether it goes on with a begun answer, where nobody is waiting."""
        continues = self._continues()
        now = self._clock()
        if continues is None or self._board.waiting or now - self._quiet_since < IDLE_S:
            return
        model = to_measure(self.standing, continues, self._measured, now, self._wall())
        if model is not None:
            self._measured.add((model.name, model.digest))
            self.own(self._try(model, continues))

    async def _try(self, model: Model, continues: Continues) -> None:
        routing = self._routing
        budgets = Budgets(routing.connect_timeout_s, routing.first_token_timeout_s, routing.stall_timeout_s)
        verdict = await tried(self._pool, self.standing.link, model, budgets)
        if verdict is not None:
            continues.learn(self.standing, model.name, verdict)
            self._say("measured", model=model.name, begun_answer=verdict)

    @handles(Configure)
    def configure(self, configure: Configure) -> None:
        """Take new settings; running answers go on with what they have."""
        self._settings, self._routing = configure.worker, configure.routing
        standing = self.standing
        if standing.settings != configure.worker:
            self._adopt(configure.worker, link_of(configure.worker))
            self._names.tell("health", ProbeNow(standing.name))
        standing.breaker.configure(configure.breaker)
        standing.retired_why, standing.retired_by = "", ""  # an edit may be the cure: the next request tells
        self._stop_when_idle = False
        if standing.mode == "draining" and standing.removed:
            standing.mode, standing.removed = "running", False
        self._board.changed()
        self._names.tell("dispatcher", WorkersChanged())

    def _adopt(self, settings: WorkerSettings, link: Link) -> None:
        """Let the standing follow the settings; what is known of another address or key is not kept."""
        standing = self.standing
        old, standing.settings = standing.settings, settings
        standing.link = link
        standing.local = is_own(settings, link)
        standing.slots = settings.slots
        standing.account = self._books.account(settings)
        if (old.url, old.key) != (settings.url, settings.key):
            standing.models, standing.reachable, standing.rest_until = None, None, 0.0
            standing.missing.clear()

    @handles(Drain)
    def drain(self, drain: Drain) -> bool:
        """Take no new work."""
        self.standing.mode = "draining"
        self._say("draining", in_flight=self.standing.in_flight)
        if drain.stop_when_idle:
            self.standing.removed = True
            self._stop_when_idle = True
            self._stop_if_idle()
        self._names.tell("dispatcher", WorkersChanged())
        return True

    @handles(Resume)
    def resume(self, _: Resume) -> bool:
        """Take work again, whatever kept it from it."""
        standing = self.standing
        standing.mode = "running"
        standing.rest_until = standing.busy_until = 0.0
        standing.busy_models = {}
        standing.account.quota.resume()
        standing.retired_why, standing.retired_by = "", ""
        standing.breaker.reachable_again()
        self._say("resumed")
        self._names.tell("health", ProbeNow(standing.name))
        self._names.tell("dispatcher", WorkersChanged())
        return True

    @handles(Retire)
    def retire(self, _: Retire) -> bool:
        """Use the key no more; what runs ends."""
        standing = self.standing
        standing.retired_why, standing.retired_by, standing.retired_at = "asked to", "request", NEVER
        self._say("key retired", why="asked to")
        self._board.changed()
        return True

    @handles(Rest)
    def rest(self, rest: Rest) -> bool:
        """Take no new work for a while."""
        standing = self.standing
        standing.rest_why = "asked to rest"
        if rest.seconds is None:
            standing.mode = "resting"
        else:
            standing.rest_until = max(standing.rest_until, self._clock() + rest.seconds)
        self._say("rests", seconds=rest.seconds)
        return True

    @handles(KeepLoading)
    def keep_loading(self, keep: KeepLoading) -> None:
        """Ask the upstream itself to load the model, so that the next client finds it warm.

        An upstream ends a load that nobody waits for, so the first request is cancelled only when the second one is there.
        """
        wire = self.standing.link.provider.warm(keep.model)
        if wire is not None:
            self.own(self._load(self.standing.link, wire.path, wire.body, keep.model))
        self.own(_cancel_later(keep.pending, 0.0 if wire is None else TAKE_OVER_S))

    async def _load(self, link: Link, path: str, body: bytes, model: str) -> None:
        head = link.head("POST", path, len(body))
        budgets = Budgets(self._routing.connect_timeout_s, LOAD_TIMEOUT_S, self._routing.stall_timeout_s)
        try:
            response = await self._pool.send(link.origin, head, body, budgets)
            await response.read(limit=1_000_000)
            response.close()
        except TransportError as error:
            self._say(
                "a model's load did not end", model=model, why=str(self.standing.link.without_secrets(error.failure))
            )

    def _stop_if_idle(self) -> None:
        if not self.standing.leases:
            self._stop_when_idle = False
            self._on_idle(self.standing.name)

    def _retire(self, by: str, failure: Failure) -> None:
        standing, now = self.standing, self._clock()
        if not standing.retired_why:
            self._say("key retired", why=str(failure))
        standing.retired_why, standing.retired_at = str(failure), now
        standing.retired_by = "request" if "request" in {by, standing.retired_by} else "probe"
        pool = [other for other in self._board if other.settings.pool == standing.settings.pool]
        if len(pool) > 1 and all(other.retired_why and 0.0 <= now - other.retired_at < TOGETHER_S for other in pool):
            for other in pool:
                self._names.tell(other.actor, RefusedTogether(str(failure)))

    @handles(RefusedTogether)
    def refused_together(self, refused: RefusedTogether) -> None:
        """Take the key back into service after a rest, unless the same has happened a short while ago."""
        standing, now = self.standing, self._clock()
        if now - standing.refused_together_at < TOGETHER_AGAIN_S:
            return
        standing.refused_together_at = now
        standing.retired_why, standing.retired_by = "", ""
        standing.rest_until = max(standing.rest_until, now + TOGETHER_REST_S)
        standing.rest_why = f"every key of {standing.settings.pool} was refused at once: {refused.why}"
        self._say("pool refused", seconds=TOGETHER_REST_S, why=standing.rest_why)

    def _say(self, event: str, **facts: object) -> None:
        self._report(Report(event, worker=self.standing.name, facts=facts))
