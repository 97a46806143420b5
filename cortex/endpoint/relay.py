"""The attempt loop: one request, as many workers as it takes, one answer. The same loop for every dialect and phase.

Theory of operation: nothing goes to the client before an attempt has produced content. Until then a failure costs only
time: the lease ends with what went wrong, the worker goes into `tried`, and the dispatcher is asked again, inside one
deadline. From the first content on the client has heard of this attempt: what breaks then is gone on with by another
(`resume`), else told in the dialect's own way, and nothing is ever made up to make a cut answer look whole.
"""

import asyncio
import time
from collections.abc import Callable
from typing import assert_never

from cortex.actors.errors import ActorDeadError, HandlerCrashed, MailboxFull
from cortex.actors.names import Names
from cortex.chat import Chat, Delta, Embed, Usage, Vectors
from cortex.config.watcher import Current
from cortex.endpoint.dialect import Dialect, Problem, neutral_if_any, neutral_of
from cortex.endpoint.exchange import Exchange
from cortex.endpoint.flow import first_calls
from cortex.endpoint.refusals import of_break, of_deadline, of_failure, of_refusal
from cortex.endpoint.silence import MAY_BE_SILENT, REFUSED, judge_of, silent_reason
from cortex.endpoint.streamed import Streamed
from cortex.endpoint.upstreams import Upstreams, fitted, is_one_call
from cortex.endpoint.whole import joined
from cortex.messages import FINAL, Failure, Outcome, Refusal, Request
from cortex.providers.base import Whole, Wire
from cortex.routing.choice import SHOWN
from cortex.routing.prompt import Traits, traits_of
from cortex.routing.registry import find
from cortex.telemetry.record import Attempt
from cortex.transport.failures import TransportError
from cortex.transport.pool import Pool
from cortex.workers.continues import Continues
from cortex.workers.lease import Lease
from cortex.workers.messages import Dispatch, Tried

NEVER = float("inf")
RETRY_WAIT_S = 60.0
"""Clients are told not to wait by themselves for longer: Anthropic's SDK sleeps for whatever it is told (2.13.0, Nov 2026)."""

AGAIN_S = 0.5
"""Pause before a worker that was out of reach is asked once more for the same request; doubles each time."""

TOO_LONG = "context_length_exceeded"
"""The code of a prompt that a model has no room for."""

OF_MODEL = frozenset({"bad_request", "rate_limited", "busy", "model_missing", "unsupported"})
"""Words that say nothing of another model on the same worker."""

DISPATCH_TRIES = 3
"""A request that crashes the dispatcher this often is the cause; it gets an error, not a fourth try."""


class Relay:
    """See the module's docstring. One serves every exchange of an endpoint."""

    def __init__(
        self,
        *,
        names: Names,
        pool: Pool,
        current: Current,
        continues: Continues | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._names = names
        self._current = current
        self._clock = clock
        self._upstreams = Upstreams(names=names, pool=pool, clock=clock)
        self._streamed = Streamed(
            upstreams=self._upstreams, current=current, continues=continues or Continues(wall=time.time), clock=clock
        )

    async def answer(self, exchange: Exchange, request: Request, *, or_else: str = "") -> bool:
        """Answer the request, or tell its client why not. Raises only what ends the exchange from outside.

        False, and nothing is told, when it is refused for the reason `or_else`.
        """
        record = exchange.record
        tried: dict[str | tuple[str, str], Tried] = {}
        attempts_left = self._current.settings.routing.max_attempts
        least_context = 0
        if find(request.strategy or self._current.settings.routing.strategy).reads_prompt:
            request.traits = _traits(exchange.dialect, request)
        while True:
            onward = self._streamed.onward(exchange)
            granted = await self._lease(Dispatch(request, tried, onward, least_context), exchange)
            if isinstance(granted, Refusal):
                if granted.kind == or_else and not tried:
                    return False
                self._refuse(exchange, request, granted, tried)
                return True
            failure = await self._attempt(granted, exchange, request)
            if failure is None:
                return True
            if record.attempts[-1].told and not self._streamed.may_go_on(exchange, request, failure):
                self._tell_break(exchange, failure)
                return True
            if failure.word in FINAL and not self._is_of_one_only(failure, exchange):
                self._tell_final(exchange, failure)
                return True
            if failure.code == TOO_LONG:
                least_context = max(least_context, granted.standing.context_of(granted.model) + 1)
            about = (granted.worker, granted.model) if failure.word in OF_MODEL else granted.worker
            tried[about] = Tried(failure, self._again_at(failure, exchange, granted.worker))
            attempts_left -= 1
            if not attempts_left or self._clock() >= request.deadline_s:
                self._refuse(exchange, request, _all_tried(tried, self._clock()), tried)
                return True

    def _is_of_one_only(self, failure: Failure, exchange: Exchange) -> bool:
        """Whether a fault of the client's is one with this candidate alone, so that another may be asked all the same."""
        routing = self._current.settings.routing
        if failure.code == REFUSED.code:  # not laundered through another provider, in the middle of an answer neither
            return routing.on_refusal == "next"
        return exchange.is_begun or (failure.code == TOO_LONG and routing.on_too_long == "larger")

    def _tell_final(self, exchange: Exchange, failure: Failure) -> None:
        """Tell the client of its own fault; where it has the beginning of an answer, that it broke off."""
        if exchange.is_begun:
            self._tell_break(exchange, failure)
        else:
            tried = next((one for one in exchange.record.attempts if one.failure is failure), None)
            self.tell(exchange, of_failure(failure, tried), outcome="client_error")

    def _tell_break(self, exchange: Exchange, failure: Failure) -> None:
        """Tell the client that its answer broke off, and why it did first."""
        record, begun = exchange.record, exchange.begun
        attempt = record.answered_by
        if begun is not None and begun.failure is not None:
            attempt, failure = begun.attempt, begun.failure
        record.broke = failure.word
        self.tell(exchange, of_break(failure, attempt), outcome=failure.word)

    def tell(self, exchange: Exchange, problem: Problem, *, outcome: str) -> None:
        """Tell the client of a problem: as an HTTP error, or as the end of a stream that has begun."""
        record, reply = exchange.record, exchange.reply
        record.outcome, record.detail = outcome, problem.message
        if reply.is_stream:
            request = exchange.request
            if request is not None:
                reply.write(exchange.dialect.renderer(request, request.model).error(problem))
            reply.end()
            return
        headers = exchange.head()
        if problem.retry_after_s is not None:
            headers += f"Retry-After: {max(1, round(problem.retry_after_s))}\r\n"
            if problem.retry_after_s > RETRY_WAIT_S:
                headers += "x-should-retry: false\r\n"
        reply.whole(problem.status, "application/json", exchange.dialect.error(problem), headers)

    async def _lease(self, dispatch: Dispatch, exchange: Exchange) -> Lease | Refusal:
        """Ask the dispatcher, again by name where it died meanwhile; a lease that comes too late is given back."""
        granted: Lease | Refusal
        for left in reversed(range(DISPATCH_TRIES)):
            try:
                future = self._names.ask("dispatcher", dispatch)
                try:
                    granted = await future
                except ActorDeadError:
                    left_s = exchange.deadline_s - self._clock()
                    granted = await self._names.ask_until("dispatcher", dispatch, left_s, unclaimed=_give_back)
                except asyncio.CancelledError:
                    if future.settled and not future.abandoned:
                        _give_back(future.get())
                    raise
            except HandlerCrashed as crash:
                if left:
                    continue
                return Refusal("exhausted", f"Córtex failed at this request, not an upstream: {crash}")
            except MailboxFull:
                return Refusal("queue_full", "too many requests wait for the dispatcher", (), 2.0)
            except TimeoutError:
                return Refusal("deadline", "the dispatcher did not come back in time")
            exchange.record.queued_s += dispatch.waited_s
            exchange.record.looked_at = dispatch.looked_at
            return granted
        raise AssertionError("unreachable: the last try returns")

    async def _attempt(self, lease: Lease, exchange: Exchange, request: Request) -> Failure | None:
        """Try one worker; None when the client has its answer."""
        record = exchange.record
        started_s = self._clock()
        attempt = Attempt(lease.worker, lease.model, lease.why, lease.cold, began_s=started_s - record.arrived_s)
        record.attempts.append(attempt)
        record.decision = request.decision
        if exchange.kept is not None:
            exchange.kept.begin(lease.link.provider)
        is_resumed = exchange.is_begun
        if is_resumed:
            attempt.resumed = "failed"  # until it is known better
        with lease:
            try:
                if request.stream:
                    failure, usage = await self._streamed.attempt(lease, attempt, exchange, request)
                else:
                    failure, usage = await self._whole(lease, attempt, exchange, request)
            except TransportError as error:
                failure, usage = error.failure, None
                lease.sent = error.sent
            except BaseException:
                attempt.ended_s = self._clock() - record.arrived_s
                raise
            if failure is not None:
                failure = lease.link.without_secrets(failure)
            ended_s = self._clock()
            attempt.ended_s = ended_s - record.arrived_s
            attempt.failure = failure
            record.usage = usage
            if is_resumed and exchange.begun is not None:
                record.usage = exchange.begun.flow.usage
            first_s = None if attempt.first_token_s is None else attempt.first_token_s - attempt.began_s
            lease.end(Outcome(failure=failure, usage=usage, first_token_s=first_s, total_s=ended_s - started_s))
        return failure

    async def _whole(
        self, lease: Lease, attempt: Attempt, exchange: Exchange, request: Request
    ) -> tuple[Failure | None, Usage | None]:
        provider = lease.link.provider
        answer: Whole | Failure
        if provider.passes(request):
            body = await self._upstreams.body(lease, provider.encode(request, None, lease.model))
            answer = body if isinstance(body, Failure) else provider.whole(request, body)
            if isinstance(body, bytes) and isinstance(answer, Whole) and MAY_BE_SILENT.search(body):
                answer = self._unless_silent(exchange, request, provider.decode(request, body)) or answer
            _keep(exchange, body)
        else:
            answer = await self._translated(lease, exchange, request)
        if isinstance(answer, Failure):
            return answer, None
        attempt.first_token_s = self._clock() - exchange.record.arrived_s
        exchange.record.outcome = "ok"
        exchange.reply.whole(200, "application/json", answer.body, exchange.head())
        return None, answer.usage

    async def _translated(self, lease: Lease, exchange: Exchange, request: Request) -> Whole | Failure:
        """Ask in the upstream's own words, and return its whole answer in the client's."""
        provider, dialect = lease.link.provider, exchange.dialect
        ask = fitted(neutral_of(dialect, request), lease)
        wire = provider.encode(request, ask, lease.model)
        body = await self._upstreams.body(lease, wire)
        if isinstance(body, Failure):
            return body
        if isinstance(ask, Embed):
            vectors = await self._vectors(lease, request, ask, wire, body)
            if isinstance(vectors, Failure):
                return vectors
            if exchange.kept is not None:
                exchange.kept.vectors = vectors
            return Whole(dialect.embedded(request, lease.model, vectors), vectors.usage)
        _keep(exchange, body, is_one_call=is_one_call(ask))
        deltas = provider.decode(request, body)
        return self._unless_silent(exchange, request, deltas) or _told_whole(exchange, request, lease, ask, deltas)

    def _unless_silent(self, exchange: Exchange, request: Request, deltas: list[Delta] | Failure) -> Failure | None:
        """Return what is wrong with a whole answer that says nothing; None for any other."""
        reason = None if isinstance(deltas, Failure) else silent_reason(deltas)
        routing = self._current.settings.routing
        return None if reason is None else judge_of(exchange.dialect, request, routing)(reason)

    async def _vectors(self, lease: Lease, request: Request, ask: Embed, wire: Wire, body: bytes) -> Vectors | Failure:
        """Return the vectors of all texts; what did not fit in the first request is asked after it, one by one."""
        provider = lease.link.provider
        parts: list[Vectors] = []
        for part in (None, *wire.more):
            answer = body if part is None else await self._upstreams.body(lease, part)
            if isinstance(answer, Failure):
                return answer
            vectors = provider.vectors(request, answer)
            if isinstance(vectors, Failure):
                return vectors
            parts.append(vectors)
        whole = joined(parts)
        asked, got = len(ask.inputs) or len(ask.token_inputs), len(whole.values)
        return whole if got == asked else Failure("malformed", f"{got} vectors came for {asked} texts")

    def _refuse(
        self, exchange: Exchange, request: Request, refusal: Refusal, tried: dict[str | tuple[str, str], Tried]
    ) -> None:
        """Tell the client that nothing answered, or went on, with the first cause, not only the last."""
        exchange.record.refused_by = refusal.candidates[:SHOWN]
        if exchange.begun is not None and exchange.begun.failure is not None:
            self._tell_break(exchange, exchange.begun.failure)
            return
        final = next((one.failure for one in tried.values() if one.failure.word in FINAL), None)
        if final is not None:  # another was asked, and none could do better
            self._tell_final(exchange, final)
            return
        unsupported = [one.failure for one in tried.values() if one.failure.word == "unsupported"]
        if refusal.kind == "exhausted" and unsupported and len(unsupported) == len(tried):
            refusal = Refusal("unsupported", unsupported[0].detail, refusal.candidates)
        if refusal.kind == "exhausted" and self._clock() >= request.deadline_s:
            problem = of_deadline(exchange.record, request.deadline_s - request.arrived_s)
        else:
            problem = of_refusal(refusal, exchange.record)
        self.tell(exchange, problem, outcome="client_error" if problem.status in {400, 404, 413} else refusal.kind)

    def _again_at(self, failure: Failure, exchange: Exchange, worker: str) -> float:
        """Return when the same worker may be asked once more for this request."""
        now = self._clock()
        match failure.word:
            case "unreachable":
                before = sum(attempt.worker == worker for attempt in exchange.record.attempts)
                return now + AGAIN_S * 2.0 ** (before - 1)
            case "busy":
                return now + (failure.retry_after_s or 2.0 * AGAIN_S)
            case "rate_limited":
                return NEVER if failure.retry_after_s is None else now + failure.retry_after_s
            case (
                "timeout"
                | "server_error"
                | "unauthorized"
                | "model_missing"
                | "bad_request"
                | "malformed"
                | "unsupported"
            ):
                return NEVER
            case _:
                assert_never(failure.word)


def _traits(dialect: Dialect, request: Request) -> Traits | None:
    """Return what kind of prompt it is; None for texts to embed, and for what only its own dialect can say."""
    ask = neutral_if_any(dialect, request)
    return traits_of(ask) if isinstance(ask, Chat) else None


def _keep(exchange: Exchange, body: bytes | Failure, *, is_one_call: bool = False) -> None:
    """Hold what the upstream said, where its answer may be stored."""
    if exchange.kept is not None and isinstance(body, bytes):
        exchange.kept.is_one_call = is_one_call
        exchange.kept.add(body)


def _told_whole(
    exchange: Exchange, request: Request, lease: Lease, ask: Chat, deltas: list[Delta] | Failure
) -> Whole | Failure:
    """Write an upstream's whole answer in the client's dialect."""
    if isinstance(deltas, Failure):
        return deltas
    if is_one_call(ask):
        deltas = first_calls(deltas, set())
    usage = next((delta for delta in deltas if isinstance(delta, Usage)), None)
    return Whole(exchange.dialect.answer(request, lease.model, deltas), usage)


def _all_tried(tried: dict[str | tuple[str, str], Tried], now: float) -> Refusal:
    """Refuse a request that may not be tried any more."""
    if all(one.failure.word == "rate_limited" for one in tried.values()):
        back = min(one.again_at for one in tried.values())
        return Refusal(
            "quota", "every key that was asked rests for its quota", (), max(1.0, back - now) if back < NEVER else None
        )
    return Refusal("exhausted", "every attempt failed")


def _give_back(granted: Lease | Refusal) -> None:
    if isinstance(granted, Lease):
        with granted:
            pass
