"""One strategy, one trace, one fleet: a simulation of discrete events, without sockets, tasks or actors.

True are the settings, standings, accounts with their quotas, breakers, pace, leases, the catalogue, the line, the choice and the
strategies. Written here, after the actors whose part it takes, is only what stands between them: `World._decide`, `_enqueue`
and `_serve` after `routing.dispatcher`, `tell` after `workers.worker`, `_failed` after the attempt loop of `endpoint.relay`,
`Fleet.probe` after the health actor. Left out: time-outs but for the deadline, clients that leave, messages' own time.

Of the answers one in `TOLD` is followed by its client's feedback, which is how good the answer truly is.
"""

import heapq
from collections.abc import Sequence
from itertools import count
from random import Random
from time import process_time_ns
from typing import Any

from cortex.chat import Need, Usage
from cortex.messages import STRIKES, Estimate, Outcome, Refusal, Request
from cortex.routing import catalogue
from cortex.routing.catalogue import Resolution
from cortex.routing.choice import Wait, choose
from cortex.routing.dispatcher import LINE_BYTES, TICK_S
from cortex.routing.entry import Entry
from cortex.routing.line import Line
from cortex.routing.registry import Known
from cortex.routing.reward import Result, reward
from cortex.routing.strategies import Ranked, spent_usd
from cortex.telemetry.record import Attempt as Try
from cortex.transport.http1 import Budgets
from cortex.workers.lease import Ended, Lease
from cortex.workers.messages import Dispatch, Tried
from cortex.workers.standing import NEVER

from .fleet import BEGINS, Clock, Fleet
from .job import Attempt, End, Job
from .machine import Answer
from .offer import Traits, remembering
from .quality import quality
from .trace import Ask

TOLD = 10

BYTES = 4
"""A token, of the line's bound."""

BUDGETS = Budgets(2.0, 20.0, 30.0)
NOTHING: frozenset[Need] = frozenset()


class World:
    """See the module's docstring; `run` once."""

    def __init__(
        self,
        known: Known,
        *,
        seed: int,
        has_affinity: bool = True,
        tells_warmth: bool = True,
        has_paid: bool = True,
    ) -> None:
        """For the switches see `__main__`."""
        self.clock = Clock()
        self.fleet = Fleet(self.clock, seed, tells_warmth=tells_warmth, has_paid=has_paid)
        self.ends: list[End] = []
        self.decisions = 0
        self.deciding_ns = 0
        self._known = known
        self._seed = seed
        self._has_affinity = has_affinity
        settings = self.fleet.settings
        self._state = remembering(seed, settings.models, lambda: BEGINS + self.clock.now, self._spent)
        self._line: Line[Job] = Line(limit=settings.routing.queue, limit_bytes=LINE_BYTES)
        self._events: list[tuple[float, int, Ask | Attempt | None]] = []
        self._numbers = count()
        self._is_ticking = False
        self._resolutions: dict[str, Resolution] = {}
        self._resolved_for = -1
        self._probe_at = 0.0

    def run(self, asks: Sequence[Ask]) -> list[End]:
        """Let every request of a trace come and end."""
        self._events = [(ask.at_s, next(self._numbers), ask) for ask in asks]
        heapq.heapify(self._events)
        while self._events:
            self.clock.now, _, event = heapq.heappop(self._events)
            if self.clock.now >= self._probe_at:
                self._probe_at = self.clock.now + self.fleet.settings.health.interval_s
                if self.fleet.probe(self.clock.now):
                    self._serve()
            if event is None:
                self._is_ticking = False
                self._serve()
                self._keep_ticking()
            elif isinstance(event, Attempt):
                self._ended(event)
            else:
                self._arrived(event)
        return self.ends

    # As the dispatcher

    def _arrived(self, ask: Ask) -> None:
        job = Job(ask, Dispatch(self._request(ask), {}), self.fleet.settings.routing.max_attempts)
        self._dispatch(job)

    def _request(self, ask: Ask) -> Request:
        request = Request(
            dialect="openai",
            operation="chat",
            model=ask.model,
            stream=True,
            body=b"%d" % next(self._numbers),
            parsed=None,
            needs=NOTHING,
            max_tokens=ask.max_tokens,
        )
        request.id, request.client, request.arrived_s = request.body.decode(), ask.client, ask.at_s
        request.deadline_s = ask.at_s + self.fleet.settings.routing.deadline_s
        request.input_tokens = ask.input_tokens
        if self._has_affinity:
            request.conversation = ask.conversation
        if self._known.reads_prompt:
            request.traits = Traits(ask.seen_kind, ask.seen_difficulty)
        return request

    def _dispatch(self, job: Job) -> None:
        if self._line:  # whoever waits goes first
            self._enqueue(job)
            return
        decision = self._decide(job, ahead=0)
        if isinstance(decision, Refusal):
            self._refused(job, decision.kind)
        elif isinstance(decision, Wait):
            self._enqueue(job)
        else:
            self._grant(job, decision)

    def _decide(self, job: Job, *, ahead: int) -> list[Ranked] | Wait | Refusal:
        began_ns = process_time_ns()
        resolution = self._resolve(job.ask.model)
        decision = choose(
            job.dispatch,
            resolution,
            self._known.order,
            self._state,
            self.clock.now,
            ahead=ahead,
            board=self.fleet.board,
        )
        self.deciding_ns += process_time_ns() - began_ns
        self.decisions += 1
        return decision

    def _resolve(self, model: str) -> Resolution:
        board = self.fleet.board
        if self._resolved_for != board.version:
            self._resolutions.clear()
            self._resolved_for = board.version
        resolution = self._resolutions.get(model)
        if resolution is None:
            is_open = self._known.chooses_model and model in catalogue.AUTO
            resolution = self._resolutions[model] = (
                catalogue.resolve_any(board) if is_open else catalogue.resolve(model, self.fleet.settings.models, board)
            )
        return resolution

    def _enqueue(self, job: Job) -> None:
        dispatch = job.dispatch
        dispatch.queued_at = dispatch.queued_at or self.clock.now
        if not self._line.join(job.ask.client, job, BYTES * job.ask.input_tokens):
            self._refused(job, "queue_full")
            return
        job.has_waited = True
        self.fleet.board.waiting = len(self._line)
        self._serve()
        self._keep_ticking()

    def _serve(self) -> None:
        ahead, now = 0, self.clock.now
        stuck: dict[str, Estimate] = {}
        for job in list(self._line):
            dispatch, model = job.dispatch, None if job.dispatch.tried else job.ask.model
            if model in stuck and now < job.until and dispatch.request.tokens.covers(stuck[model]):
                ahead += 1
                continue
            decision = self._decide(job, ahead=ahead)
            if isinstance(decision, Wait):
                ahead += 1
                job.until = decision.until
                if model is not None:
                    stuck[model] = dispatch.request.tokens
            elif isinstance(decision, Refusal):
                self._leave(job, served=False)
                self._refused(job, decision.kind)
            else:
                self._leave(job, served=True)
                self._grant(job, decision)

    def _leave(self, job: Job, *, served: bool) -> None:
        self._line.leave(job.ask.client, job, served=served)
        self.fleet.board.waiting = len(self._line)
        job.dispatch.queued_at = 0.0

    def _keep_ticking(self) -> None:
        if self._line and not self._is_ticking:
            self._is_ticking = True
            self._at(self.clock.now + TICK_S, None)

    def _at(self, at_s: float, event: Attempt | None) -> None:
        heapq.heappush(self._events, (at_s, next(self._numbers), event))

    # As a worker

    def _grant(self, job: Job, ranked: Sequence[Ranked]) -> None:
        entry, why = ranked[0]
        standing, model, _ = entry
        request, now = job.dispatch.request, self.clock.now
        self._state.learner.granted(request, entry)
        job.record.decision = request.decision
        self._state.affinity.note(request.conversation, entry, now)
        standing.granted_at = now
        is_cold = standing.is_cold(model)
        if is_cold:
            standing.loading.add(standing.link.provider.normal_name(model))
        account = standing.account
        names: Any = self  # in the place of all mailboxes
        lease = Lease(
            standing=standing,
            names=names,
            link=standing.link,
            model=model,
            why=why,
            budgets=BUDGETS,
            cold=is_cold,
            trial=standing.breaker.begin(now),
            request_id="",
            reservation=account.reserve(model, standing.estimate(request)) if account.counts else None,
            allowed_tokens=request.max_tokens or 0,
        )
        answer = self._begin(standing.name, model, job.ask)
        job.record.attempts.append(Try(standing.name, model, why, is_cold, began_s=now - job.ask.at_s))
        lease.began_s = now + answer.first_s
        self._at(min(now + answer.total_s, request.deadline_s), Attempt(job, entry, lease, answer, now))

    def _begin(self, worker: str, model: str, ask: Ask) -> Answer:
        now = self.clock.now
        machine = self.fleet.machines.get(worker)
        if machine is not None:
            return machine.begin(model, ask.conversation, ask.input_tokens, ask.output_tokens, now)
        cloud = self.fleet.clouds[worker]
        return cloud.begin(model, ask.conversation, ask.input_tokens, ask.output_tokens, ask.max_tokens, now)

    def tell(self, name: str, message: Ended) -> None:
        """Take what a lease tells its worker at its end."""
        lease, outcome, standing, now = message.lease, message.outcome, message.lease.standing, self.clock.now
        failure = outcome.failure
        if outcome.cancelled:
            standing.breaker.give_up_trial(trial=lease.trial)
        elif failure is not None:
            standing.failed += 1
            if failure.word in STRIKES:
                standing.breaker.record(ok=False, now=now, trial=lease.trial)
                standing.pace.failed(now)
            else:
                standing.breaker.give_up_trial(trial=lease.trial)
        else:
            usage = outcome.usage or Usage()
            standing.breaker.record(ok=True, now=now, trial=lease.trial)
            standing.pace.answered(
                lease.model,
                first_token_s=outcome.first_token_s,
                total_s=outcome.total_s,
                load_s=usage.load_s,
                output_tokens=usage.output_tokens,
            )
            standing.answered += 1
            if lease.cold:
                standing.now_loaded(lease.model)
                self.fleet.board.changed()

    # As the attempt loop

    def _ended(self, attempt: Attempt) -> None:
        job, entry, lease, answer, began_s = attempt
        tried = job.record.attempts[-1]
        tried.ended_s, tried.failure = self.clock.now - job.ask.at_s, answer.failure
        ask, model = job.ask, entry.model
        machine = self.fleet.machines.get(entry.standing.name)
        if machine is not None:
            machine.end(answer, model, ask.conversation, ask.input_tokens + ask.output_tokens)
        elif answer.failure is None:
            self.fleet.clouds[entry.standing.name].end(model, ask.output_tokens, ask.max_tokens, self.clock.now)
        self.fleet.paid_nano = 0
        if answer.failure is not None:
            lease.end(Outcome(failure=answer.failure))
            self._failed(job, entry, answer)
        elif began_s + answer.total_s > job.dispatch.request.deadline_s:
            lease.end(Outcome(cancelled=True))
            self._finish(job, entry, None, "deadline")
        else:
            usage = Usage(ask.input_tokens, ask.output_tokens, answer.cached_tokens, load_s=answer.load_s)
            lease.end(Outcome(usage=usage, first_token_s=answer.first_s, total_s=answer.total_s))
            tried.first_token_s = tried.began_s + answer.first_s
            self._finish(job, entry, attempt, "", usage)
        if self._line:
            self._serve()

    def _failed(self, job: Job, entry: Entry, answer: Answer) -> None:
        failure, standing = answer.failure, entry.standing
        assert failure is not None
        wait_s = failure.retry_after_s if failure.word == "rate_limited" else None
        about = (standing.name, entry.model) if failure.scope == "model" else standing.name
        job.dispatch.tried[about] = Tried(failure, NEVER if wait_s is None else self.clock.now + wait_s)
        job.attempts_left -= 1
        if not job.attempts_left or self.clock.now >= job.dispatch.request.deadline_s:
            self._finish(job, entry, None, "exhausted")
        else:
            self._dispatch(job)

    def _refused(self, job: Job, kind: str) -> None:
        self._finish(job, None, None, kind)

    def _finish(
        self, job: Job, entry: Entry | None, attempt: Attempt | None, why: str, usage: Usage | None = None
    ) -> None:
        ask, now = job.ask, self.clock.now
        first_s, total_s = NEVER, now - ask.at_s
        usd, model = self.fleet.paid_nano / 1e9, ""
        worth = 0.0
        if attempt is not None and entry is not None:
            first_s = attempt.began_s + attempt.answer.first_s - ask.at_s
            model = entry.model
            worth = quality(model, ask.kind, ask.difficulty, self._seed)
        worker = entry.standing.name if attempt is not None and entry is not None else ""
        cached = usage.cached_tokens if usage is not None else 0
        is_told = not why and Random(f"{self._seed} {ask.at_s}").randrange(TOLD) == 0
        gained = reward(
            Result(
                success=not why,
                first_token_s=None if why else first_s,
                total_s=total_s,
                output_tokens=ask.output_tokens,
                budget_s=self.fleet.settings.routing.deadline_s,
                usd=usd,
                retried=False,
                feedback=worth if is_told else None,
            )
        )
        self.ends.append(
            End(ask, worker, model, not why, first_s, total_s, usd, cached, job.has_waited, worth, gained, why)
        )
        self._learn(job, usage, why)
        if is_told:
            self._state.learner.feedback(job.record.id, worth)

    def _learn(self, job: Job, usage: Usage | None, why: str) -> None:
        """Learn as the telemetry actor has it."""
        record, learner = job.record, self._state.learner
        record.outcome, record.usage, record.total_s = why or "ok", usage, self.clock.now - job.ask.at_s
        learner.finished(record)
        learner.take_lines()

    def _spent(self, worker: str, model: str, usage: Usage | None, took_s: float) -> float:
        standing = self.fleet.board.get(worker)
        assert standing is not None
        return spent_usd(standing, model, usage, took_s)
