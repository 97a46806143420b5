"""The attempt loop: one request, as many workers as it takes, one answer. The same loop for every dialect and phase.

Theory of operation: nothing goes to the client before an attempt has produced content. Until then a failure costs only
time: the lease ends with what went wrong, the worker goes into `tried`, and the dispatcher is asked again, inside one
deadline. From the first content on the client has heard of this attempt: what breaks then is told in the dialect's own way,
and nothing is ever made up to make a cut answer look whole.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any, assert_never

from msgspec import structs

from cortex.actors.errors import ActorDeadError, HandlerCrashed, MailboxFull
from cortex.actors.names import Names
from cortex.chat import Ask, Chat, Embed, Usage, Vectors
from cortex.config.watcher import Current
from cortex.endpoint.dialect import BadRequest, Dialect, Problem
from cortex.endpoint.exchange import Exchange
from cortex.endpoint.flow import Translation, first_calls
from cortex.endpoint.refusals import of_break, of_deadline, of_failure, of_refusal
from cortex.endpoint.whole import joined
from cortex.messages import FINAL, Failure, Outcome, Refusal, Request
from cortex.providers.base import Passage, Whole, Wire
from cortex.routing.choice import SHOWN
from cortex.routing.prompt import Traits, traits_of
from cortex.routing.registry import find
from cortex.telemetry.record import Attempt
from cortex.transport.failures import TransportError
from cortex.transport.pool import Pool
from cortex.transport.response import Response
from cortex.workers.lease import Lease
from cortex.workers.messages import Dispatch, KeepLoading, Tried

NEVER = float("inf")
RETRY_WAIT_S = 60.0
"""Clients are told not to wait by themselves for longer: Anthropic's SDK sleeps for whatever it is told (2.13.0, Nov 2026)."""

ERROR_BODY_LIMIT = 65_536
ANSWER_LIMIT = 64_000_000
"""Bytes of a whole answer; a model that talks for an hour writes about 1 MB."""

AGAIN_S = 0.5
"""Pause before a worker that was out of reach is asked once more for the same request; doubles each time."""

OF_MODEL = frozenset({"rate_limited", "busy", "model_missing", "unsupported"})
"""Words that say nothing of another model on the same worker."""

DISPATCH_TRIES = 3
"""A request that crashes the dispatcher this often is the cause; it gets an error, not a fourth try."""


class Relay:
    """See the module's docstring. One serves every exchange of an endpoint."""

    def __init__(
        self, *, names: Names, pool: Pool, current: Current, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._names = names
        self._pool = pool
        self._current = current
        self._clock = clock

    async def answer(self, exchange: Exchange, request: Request, *, or_else: str = "") -> bool:
        """Answer the request, or tell its client why not. Raises only what ends the exchange from outside.

        False, and nothing is told, when it is refused for the reason `or_else`.
        """
        record = exchange.record
        tried: dict[str | tuple[str, str], Tried] = {}
        attempts_left = self._current.settings.routing.max_attempts
        if find(request.strategy or self._current.settings.routing.strategy).reads_prompt:
            request.traits = _traits(exchange.dialect, request)
        while True:
            granted = await self._lease(Dispatch(request, tried), exchange)
            if isinstance(granted, Refusal):
                if granted.kind == or_else and not tried:
                    return False
                self._refuse(exchange, request, granted, tried)
                return True
            failure = await self._attempt(granted, exchange, request)
            if failure is None:
                return True
            if failure.word in FINAL:
                self.tell(exchange, of_failure(failure, record), outcome="client_error")
                return True
            about = (granted.worker, granted.model) if failure.word in OF_MODEL else granted.worker
            tried[about] = Tried(failure, self._again_at(failure, exchange, granted.worker))
            attempts_left -= 1
            if not attempts_left or self._clock() >= request.deadline_s:
                self._refuse(exchange, request, _all_tried(tried, self._clock()), tried)
                return True

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
        """Try one worker; None when the client has its answer, or the error that ended it after its first content."""
        record = exchange.record
        started_s = self._clock()
        attempt = Attempt(lease.worker, lease.model, lease.why, lease.cold, began_s=started_s - record.arrived_s)
        record.attempts.append(attempt)
        record.decision = request.decision
        if exchange.kept is not None:
            exchange.kept.begin(lease.link.provider)
        with lease:
            try:
                if request.stream:
                    failure, usage = await self._stream(lease, attempt, exchange, request)
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
            first_s = None if attempt.first_token_s is None else attempt.first_token_s - attempt.began_s
            lease.end(Outcome(failure=failure, usage=usage, first_token_s=first_s, total_s=ended_s - started_s))
        if failure is not None and attempt.first_token_s is not None:
            self.tell(exchange, of_break(failure, record), outcome=failure.word)
            return None
        return failure

    async def _whole(
        self, lease: Lease, attempt: Attempt, exchange: Exchange, request: Request
    ) -> tuple[Failure | None, Usage | None]:
        provider = lease.link.provider
        answer: Whole | Failure
        if provider.passes(request):
            body = await self._body(lease, provider.encode(request, None, lease.model))
            answer = body if isinstance(body, Failure) else provider.whole(request, body)
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
        ask = fitted(dialect.neutral(request), lease)
        wire = provider.encode(request, ask, lease.model)
        body = await self._body(lease, wire)
        if isinstance(body, Failure):
            return body
        if isinstance(ask, Embed):
            vectors = await self._vectors(lease, request, ask, wire, body)
            if isinstance(vectors, Failure):
                return vectors
            if exchange.kept is not None:
                exchange.kept.vectors = vectors
            return Whole(dialect.embedded(request, lease.model, vectors), vectors.usage)
        _keep(exchange, body, is_one_call=_is_one_call(ask))
        return _told_whole(exchange, request, lease, ask, body)

    async def _vectors(self, lease: Lease, request: Request, ask: Embed, wire: Wire, body: bytes) -> Vectors | Failure:
        """Return the vectors of all texts; what did not fit in the first request is asked after it, one by one."""
        provider = lease.link.provider
        parts: list[Vectors] = []
        for part in (None, *wire.more):
            answer = body if part is None else await self._body(lease, part)
            if isinstance(answer, Failure):
                return answer
            vectors = provider.vectors(request, answer)
            if isinstance(vectors, Failure):
                return vectors
            parts.append(vectors)
        whole = joined(parts)
        asked, got = len(ask.inputs) or len(ask.token_inputs), len(whole.values)
        return whole if got == asked else Failure("malformed", f"{got} vectors came for {asked} texts")

    async def _body(self, lease: Lease, wire: Wire) -> bytes | Failure:
        """Ask and return what a good answer holds."""
        response = await self._send(lease, wire)
        try:
            if response.status != 200:
                return await _refused(lease, response)
            lease.took(response, self._clock())
            return await response.read(ANSWER_LIMIT)
        finally:
            response.close()

    async def _stream(
        self, lease: Lease, attempt: Attempt, exchange: Exchange, request: Request
    ) -> tuple[Failure | None, Usage | None]:
        provider, dialect = lease.link.provider, exchange.dialect
        flow: Passage | Translation
        if provider.passes(request):
            response = await self._send(lease, provider.encode(request, None, lease.model))
            flow = provider.passage(request)
        else:
            ask = fitted(dialect.neutral(request), lease)
            response = await self._send(lease, provider.encode(request, ask, lease.model))
            renderer = dialect.renderer(request, lease.model)
            flow = Translation(provider.decoder(request), renderer, is_one_call=_is_one_call(ask))
            _keep(exchange, b"", is_one_call=_is_one_call(ask))
        try:
            if response.status != 200:
                return await _refused(lease, response), None
            lease.took(response, self._clock())
            await self._pump(response, flow, attempt, exchange)
        finally:
            response.close()
        return flow.failure, flow.usage

    async def _pump(
        self, response: Response, flow: "Passage | Translation", attempt: Attempt, exchange: Exchange
    ) -> None:
        """Move a stream from the upstream to the client, as slowly as the slower of them; `flow` says how it ended."""
        reply, kept = exchange.reply, exchange.kept
        while True:
            data = await _next_of(response, flow)
            if kept is not None and data:
                kept.add(data)
            out = flow.feed(data) if data else flow.close()
            if out:
                if attempt.first_token_s is None:
                    attempt.first_token_s = self._clock() - exchange.record.arrived_s
                if reply.status_sent:
                    reply.write(out)
                else:
                    reply.begin(exchange.dialect.stream_type, exchange.head(), out)
                if reply.is_paused:
                    await reply.drained()
            if flow.failure is not None:
                return
            if not data:
                break
        exchange.record.outcome = "ok"
        reply.end()

    def _send(self, lease: Lease, wire: Wire) -> Coroutine[Any, Any, Response]:
        link = lease.link
        head = link.head(wire.method, wire.path, len(wire.body))
        sending = self._pool.send(link.origin, head, wire.body, lease.budgets)
        return self._send_cold(lease, sending) if lease.cold else sending

    async def _send_cold(self, lease: Lease, sending: Coroutine[Any, Any, Response]) -> Response:
        """Send a request that makes its upstream load a model; the load goes on though the client leaves."""
        pending = asyncio.get_running_loop().create_task(sending)
        try:
            return await asyncio.shield(pending)
        except asyncio.CancelledError:
            if not self._names.tell(lease.standing.actor, KeepLoading(lease.model, pending)):
                pending.cancel()
            raise

    def _refuse(
        self, exchange: Exchange, request: Request, refusal: Refusal, tried: dict[str | tuple[str, str], Tried]
    ) -> None:
        """Tell the client that nothing answered, with the first cause, not only the last."""
        exchange.record.refused_by = refusal.candidates[:SHOWN]
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
    try:
        ask = dialect.neutral(request)
    except BadRequest:
        return None
    return traits_of(ask) if isinstance(ask, Chat) else None


def _keep(exchange: Exchange, body: bytes | Failure, *, is_one_call: bool = False) -> None:
    """Hold what the upstream said, where its answer may be stored."""
    if exchange.kept is not None and isinstance(body, bytes):
        exchange.kept.is_one_call = is_one_call
        exchange.kept.add(body)


async def _next_of(response: Response, flow: "Passage | Translation") -> bytes:
    """Return what came next, nothing at the end; a connection that breaks behind a whole answer is an end like any."""
    try:
        return await response.chunk()
    except TransportError:
        if not flow.finished:
            raise
        return b""


def _told_whole(exchange: Exchange, request: Request, lease: Lease, ask: Chat, body: bytes) -> Whole | Failure:
    """Write an upstream's whole answer in the client's dialect."""
    deltas = lease.link.provider.decode(request, body)
    if isinstance(deltas, Failure):
        return deltas
    if _is_one_call(ask):
        deltas = first_calls(deltas, set())
    usage = next((delta for delta in deltas if isinstance(delta, Usage)), None)
    return Whole(exchange.dialect.answer(request, lease.model, deltas), usage)


def fitted(ask: Ask, lease: Lease) -> Ask:
    """Leave thinking out of what a model is asked that is known not to think: agents ask for it whatever answers."""
    if isinstance(ask, Chat) and ask.reasoning is not None and not lease.standing.may_think(lease.model):
        return structs.replace(ask, reasoning=None)
    return ask


def _is_one_call(ask: Ask) -> bool:
    return isinstance(ask, Chat) and ask.parallel_tool_calls is False


def _all_tried(tried: dict[str | tuple[str, str], Tried], now: float) -> Refusal:
    """Refuse a request that may not be tried any more."""
    if all(one.failure.word == "rate_limited" for one in tried.values()):
        back = min(one.again_at for one in tried.values())
        return Refusal(
            "quota", "every key that was asked rests for its quota", (), max(1.0, back - now) if back < NEVER else None
        )
    return Refusal("exhausted", "every attempt failed")


async def _refused(lease: Lease, response: Response) -> Failure:
    """Read an HTTP error of an upstream, as far as it is worth reading."""
    try:
        body = await response.read(ERROR_BODY_LIMIT)
    except TransportError:
        body = b""  # the status is what counts
    return lease.link.provider.classify(response.status, response.headers, body)


def _give_back(granted: Lease | Refusal) -> None:
    if isinstance(granted, Lease):
        with granted:
            pass
