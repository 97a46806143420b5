"""Requests whose answer may be kept: from memory or disk where it is, else from one call for all who ask the same.

Theory of operation: a request that `policy.may_be_kept` gets a key. What is there is written in the client's dialect, whole or
as a stream. What is not is asked once: the first to ask begins a `Flight`, the others follow it. When it has ended well and what
the upstream said can be read whole, it is kept. Everything else goes to the attempt loop untouched.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any

import structlog

from cortex.cache.answer import Stored
from cortex.cache.answers import Answers
from cortex.cache.policy import Control, key_of, may_be_kept
from cortex.chat import Usage, Vectors
from cortex.config.watcher import Current
from cortex.endpoint.dialect import BadRequest, Problem
from cortex.endpoint.exchange import Exchange
from cortex.endpoint.flight import Flight, Tap
from cortex.endpoint.kept import Kept
from cortex.endpoint.refusals import of_deadline
from cortex.endpoint.relay import Relay
from cortex.messages import Request
from cortex.telemetry.record import Record

AFTER_DEADLINE_S = 0.5
"""How much longer than its first client's deadline a call may run; that client is told by the sweep before."""

CALLS_SHARED = 2
"""By a request whose first one came to nothing."""

KEYS_KEPT = 1_000
SHORT_BYTES = 4_000
"""Bodies whose keys are remembered, and how long one may be: 4 MB at most."""

UNSEEN = b""
"""No key."""

log: Any = structlog.get_logger()


class Cached:
    """See the module's docstring. One for all exchanges, beside the relay it asks."""

    def __init__(
        self,
        *,
        answers: Answers,
        relay: Relay,
        current: Current,
        cost: Callable[[str, str, Usage], int],
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        """`cost` says what tokens of a worker's model cost, in nano-dollars."""
        self.answers = answers
        self._relay = relay
        self._current = current
        self._cost = cost
        self._clock = clock
        self._wall = wall
        self._flights: dict[bytes, Flight] = {}
        self._keys: dict[tuple[object, ...], bytes | None] = {}

    def concerns(self, request: Request) -> bool:
        """Whether `request` might be answered from here; nearly free, since it is asked of every request."""
        settings = self._current.settings.cache
        return settings.enabled and may_be_kept(request, always=settings.when == "always")

    async def answer(self, exchange: Exchange, request: Request, control: Control, tenant: bytes) -> None:
        """Answer a request that this `concerns`. Raises BadRequest, and what ends the exchange from outside."""
        always = self._current.settings.cache.when == "always"
        key = None if control.no_store else self._key_of(request, always=always, tenant=tenant)
        if key is None:
            return await self._uncached(exchange, request, control)
        if not control.no_cache:
            stored = self.answers.now(key)
            if stored is None and key not in self._flights:
                stored = await self.answers.later(key) or self.answers.now(key)  # somebody may have got it meanwhile
            if stored is not None and self._is_fit(request, stored, control):
                self._give(exchange, request, stored, "hit")
                return None
        if control.only_if_cached:
            return await self._uncached(exchange, request, control)
        return await self._share(exchange, request, control, key)

    def _key_of(self, request: Request, *, always: bool, tenant: bytes) -> bytes | None:
        """Return a request's key; of bytes that were seen of late it is remembered, which spares most of what a hit costs."""
        seen = (request.body, request.dialect, request.operation, request.strategy, always, tenant)
        key = self._keys.get(seen, UNSEEN)
        if key is UNSEEN:
            key = key_of(request, always=always, tenant=tenant)
            if len(request.body) <= SHORT_BYTES:
                if len(self._keys) >= KEYS_KEPT:
                    self._keys.clear()
                self._keys[seen] = key
        return key

    def _is_fit(self, request: Request, stored: Stored, control: Control) -> bool:
        """Whether it is young enough, and of the model that the name means now: aliases are edited while this runs."""
        is_young = control.max_age_s is None or self.answers.age_s(stored) <= control.max_age_s
        return is_young and self._keeps_promise(request, stored)

    async def _uncached(self, exchange: Exchange, request: Request, control: Control) -> None:
        if control.only_if_cached:
            raise BadRequest(
                Problem(
                    504,
                    "only-if-cached was asked for, and no answer to this request is in the cache",
                    code="not_cached",
                )
            )
        self.answers.counted("bypass")
        await self._relay.answer(exchange, request)

    async def _share(self, exchange: Exchange, request: Request, control: Control, key: bytes) -> None:
        """Answer from one call for all who ask the same.

        What went wrong there may not go wrong again: those who had only joined share one more, and are then on their own.
        """
        record = exchange.record
        for _ in range(CALLS_SHARED):
            flight = self._flights.get(key)
            joins = flight is not None and flight.may_be_joined
            if flight is None or not joins:
                flight = self._depart(exchange, request, control, key)
            else:
                flight.extend(request.deadline_s, self._bound_s(request))
            record.cache, record.pays = "shared" if joins else "miss", not joins
            if await self._follow(exchange, request, flight):
                self.answers.counted(record.cache, flight.answer if joins else None)
                return
            if not joins:
                self.answers.counted(record.cache)
                self._tell(exchange, flight)
                return
            record.attempts = []
        record.cache, record.pays = "bypass", True
        self.answers.counted(record.cache)
        await self._relay.answer(exchange, request)

    async def _follow(self, exchange: Exchange, request: Request, flight: Flight) -> bool:
        """Give the answer of `flight`; False, and nothing was given, where it has none. Whoever leaves last ends it."""
        flight.followers += 1
        try:
            if flight.form == form_of(request):
                return await flight.follow(exchange)
            await flight.ended.wait()
            if flight.answer is not None:
                self._give(exchange, request, flight.answer, "shared")
                flight.claim(exchange.record)
            return flight.answer is not None
        finally:
            flight.followers -= 1
            if not flight.followers:
                flight.claim(exchange.record)  # it has left as well, and what was done was done for it
                flight.exchange.task.cancel()
            elif exchange.record.pays and not flight.ended.is_set():
                exchange.record.pays, flight.is_unclaimed = False, True

    def _tell(self, exchange: Exchange, flight: Flight) -> None:
        """Give the first client the error that its call ended with."""
        tap, record = flight.tap, flight.exchange.record
        exchange.record.outcome, exchange.record.detail = record.outcome or "internal_error", record.detail
        exchange.record.queued_s = record.queued_s
        if tap.is_cut:
            problem = Problem(500, "Córtex failed at this request; its log has more", code="internal_error")
            deadline_s = exchange.deadline_s
            if self._clock() >= deadline_s:
                problem = of_deadline(record, deadline_s - record.arrived_s)
                exchange.record.outcome = "deadline"
            self._relay.tell(exchange, problem, outcome=exchange.record.outcome)
            return
        if exchange.reply.is_stream:  # it was opened with a comment meanwhile: the error follows in its own shape
            problem = Problem(tap.status_sent, record.detail, code="upstream_error")
            self._relay.tell(exchange, problem, outcome=exchange.record.outcome)
            return
        exchange.reply.whole(tap.status_sent, tap.media_type, b"".join(tap.parts), tap.head_lines)

    def _depart(self, exchange: Exchange, request: Request, control: Control, key: bytes) -> Flight:
        mine = exchange.record
        record = Record(
            id=mine.id, client=mine.client, dialect=mine.dialect, arrived_s=mine.arrived_s, arrived_at=mine.arrived_at
        )
        record.describe(request)
        record.cache = "miss"
        tap = Tap()
        call = Exchange(dialect=exchange.dialect, reply=tap, record=record, task=exchange.task)
        call.request, call.deadline_s, call.kept = request, request.deadline_s, Kept()
        flight = self._flights[key] = Flight(call, request, tap, form_of(request))
        flight.start(self._fly(flight, control, key))
        return flight

    async def _fly(self, flight: Flight, control: Control, key: bytes) -> None:
        call, request = flight.exchange, flight.request
        try:
            async with asyncio.timeout(self._bound_s(request)) as flight.bound:
                await self._relay.answer(call, request)
            flight.answer = self._stored(call, request, control)
            if (
                flight.answer is not None
                and flight.answer.until > self._wall()
                and self._keeps_promise(request, flight.answer)
            ):
                self.answers.keep(key, flight.answer)
        except BadRequest as bad:
            self._relay.tell(call, bad.problem, outcome="client_error")
        except TimeoutError:
            call.record.outcome = "deadline"
        except Exception:  # the followers see a call that was cut; whatever it was must not go unsaid
            log.exception("a shared request failed inside Córtex", id=call.record.id)
        finally:
            if self._flights.get(key) is flight:
                del self._flights[key]

    def _bound_s(self, request: Request) -> float:
        return max(0.0, request.deadline_s - self._clock()) + AFTER_DEADLINE_S

    def _stored(self, call: Exchange, request: Request, control: Control) -> Stored | None:
        record = call.record
        attempt = record.answered_by
        if record.outcome != "ok" or attempt is None or call.kept is None:
            return None
        answer = call.kept.read(request)
        if answer is None:
            return None
        now = self._wall()
        return Stored(
            worker=attempt.worker,
            model=attempt.model,
            stored_at=now,
            until=now + self.answers.ttl_s(request.model, attempt.model, control.max_age_s),
            deltas=() if isinstance(answer, Vectors) else tuple(answer),
            vectors=answer if isinstance(answer, Vectors) else None,
            usage=record.usage,
            cost_nano=self._cost(attempt.worker, attempt.model, record.usage) if record.usage else 0,
        )

    def _keeps_promise(self, request: Request, answer: Stored) -> bool:
        """Whether the model that answered is what the name asked for means first: a stopgap's answer is not kept."""
        return keeps_promise(request.model, answer.model, self._current.settings.models)

    def _give(self, exchange: Exchange, request: Request, stored: Stored, result: str) -> None:
        """Write a kept answer as this client wants it."""
        record, dialect, reply = exchange.record, exchange.dialect, exchange.reply
        record.cache, record.given = result, (stored.worker, stored.model, self.answers.age_s(stored))
        record.attempts = []
        if result == "hit":
            record.pays = False
            self.answers.counted(result, stored)
        record.usage = stored.usage
        record.outcome, record.detail = "ok", f"from the cache, {record.given[2]:.0f} s old"
        if stored.vectors is not None:
            body = dialect.embedded(request, stored.model, stored.vectors)
        elif request.stream:
            renderer = dialect.renderer(request, stored.model)
            events = renderer.render(list(stored.deltas)) + renderer.close()
            if reply.status_sent:
                reply.write(events)
            else:
                reply.begin(dialect.stream_type, exchange.head(), events)
            reply.end()
            return
        else:
            body = dialect.answer(request, stored.model, list(stored.deltas))
        reply.whole(200, "application/json", body, exchange.head())


def keeps_promise(asked: str, model: str, aliases: Mapping[str, tuple[str, ...]]) -> bool:
    """Whether `model` is the first that the alias `asked` names; true of any other name.

    >>> keeps_promise("fast", "qwen3:4b", {"fast": ("desk:qwen3:4b", "groq:openai/gpt-oss-20b")})
    True
    """
    if asked not in aliases:
        return True
    first = aliases[asked][0].lower().removesuffix(":latest")
    answered = model.lower().removesuffix(":latest")
    return first == answered or first.endswith(f":{answered}")


def form_of(request: Request) -> tuple[object, ...]:
    """Return what the bytes of an answer depend on beside its key."""
    echoed = request.body if request.operation == "respond" else b""  # OpenAI's responses say again what was asked
    return (request.dialect, request.operation, request.stream, request.include_usage, echoed)
