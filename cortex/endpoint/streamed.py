"""Streamed answers: one attempt's stream brought to the client, and what becomes of one that breaks off.

The attempt loop (`relay`) asks here for one attempt at a time. Before the first content a failure costs nothing; after it, what the
client has is held (`resume.Begun`), and the next attempt goes on with it.
"""

import time
from collections.abc import Callable

from cortex.chat import Usage
from cortex.config.model import Streams
from cortex.config.watcher import Current
from cortex.endpoint.dialect import neutral_of
from cortex.endpoint.exchange import Exchange
from cortex.endpoint.flow import Flow, HeldPassage, Holds, Judge, Translation
from cortex.endpoint.kept import Kept
from cortex.endpoint.resume import Begun, may_be_resumed
from cortex.endpoint.silence import judge_of
from cortex.endpoint.upstreams import Upstreams, fitted, is_one_call, refused
from cortex.messages import FINAL, Failure, Request
from cortex.telemetry.record import Attempt
from cortex.transport.failures import TransportError
from cortex.transport.response import Response
from cortex.workers.continues import Continues
from cortex.workers.lease import Lease
from cortex.workers.messages import Onward
from cortex.workers.standing import Standing


class Streamed:
    """See the module's docstring. One serves every exchange of an endpoint."""

    def __init__(
        self,
        *,
        upstreams: Upstreams,
        current: Current,
        continues: Continues,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._upstreams = upstreams
        self._current = current
        self._continues = continues
        self._clock = clock

    def onward(self, exchange: Exchange) -> Onward | None:
        """Say what is wanted of the next worker where the client has the beginning of its answer."""
        begun = exchange.begun
        if begun is None or begun.attempt is None:
            return None
        verdict = self._continues.verdict if begun.text else _anyone
        return Onward(begun.model, begun.digest, verdict)

    def may_go_on(self, exchange: Exchange, request: Request, failure: Failure) -> bool:
        """Note that an answer broke off before its client's eyes; False where nobody may go on with it."""
        begun = exchange.begun
        exchange.kept = None  # whatever comes of it has two authors
        return (
            begun is not None
            and failure.word not in FINAL
            and begun.broke(exchange.dialect, request, exchange.record.attempts[-1], failure)
        )

    async def attempt(
        self, lease: Lease, attempt: Attempt, exchange: Exchange, request: Request
    ) -> tuple[Failure | None, Usage | None]:
        """Try one worker; return what went wrong, and what it used. Raises TransportError."""
        provider, dialect, begun = lease.link.provider, exchange.dialect, exchange.begun
        if begun is not None and begun.is_broken:
            return await self._resumed(lease, attempt, exchange, request, begun)
        streams = self._current.settings.streams
        holds, limit = holds_of(request, streams), streams.max_held_bytes
        flow: Flow
        if provider.passes(request):
            response = await self._upstreams.send(lease, provider.encode(request, None, lease.model))
            flow = provider.passage(request)
            if holds:
                flow = HeldPassage(flow, holds, limit)
        else:
            ask = fitted(neutral_of(dialect, request), lease)
            response = await self._upstreams.send(lease, provider.encode(request, ask, lease.model))
            renderer, is_one = dialect.renderer(request, lease.model), is_one_call(ask)
            decoder, judge = provider.decoder(request), self._judge(exchange, request)
            flow = Translation(decoder, renderer, is_one_call=is_one, holds=holds, limit=limit, judge=judge)
            if exchange.kept is not None:
                exchange.kept.is_one_call = is_one
        exchange.begun = Begun(flow, lease, limit) if streams.resume and may_be_resumed(request) else None
        return await self._flowed(lease, response, flow, attempt, exchange), flow.usage

    async def _resumed(
        self, lease: Lease, attempt: Attempt, exchange: Exchange, request: Request, begun: Begun
    ) -> tuple[Failure | None, Usage | None]:
        """Have one worker go on with an answer, and remember whether it did."""
        provider, streams = lease.link.provider, self._current.settings.streams
        assert begun.ask is not None  # noqa: S101  else nobody would have been asked
        response = await self._upstreams.send(lease, provider.encode(request, fitted(begun.ask, lease), lease.model))
        flow = begun.continuation(
            provider.decoder(request),
            lease.worker,
            is_trusted=self._continues.verdict(lease.standing, lease.model) == "continues",
            holds=holds_of(request, streams),
            limit=streams.max_held_bytes,
        )
        try:
            failure = await self._flowed(lease, response, flow, attempt, exchange)
        finally:
            if attempt.told:
                attempt.resumed = flow.seam.joined if begun.text else "anew"
        verdict = flow.verdict(response.status, failure)
        if verdict is not None:
            self._continues.learn(lease.standing, lease.model, verdict)
        return failure, flow.own_usage

    async def _flowed(
        self, lease: Lease, response: Response, flow: Flow, attempt: Attempt, exchange: Exchange
    ) -> Failure | None:
        """Bring a stream to the client; return what went wrong with it."""
        try:
            if response.status != 200:
                return await refused(lease, response)
            lease.took(response, self._clock())
            return await self._pump(response, flow, attempt, exchange)
        finally:
            response.close()

    def _judge(self, exchange: Exchange, request: Request) -> Judge:
        return judge_of(exchange.dialect, request, self._current.settings.routing)

    async def _pump(self, response: Response, flow: Flow, attempt: Attempt, exchange: Exchange) -> Failure | None:
        """Move a stream from the upstream to the client, as slowly as the slower of them; return how it failed."""
        reply, kept, begun = exchange.reply, exchange.kept, exchange.begun
        while True:
            data = await _next_of(response, flow, kept)
            out = flow.feed(data) if data else flow.close()
            if out:
                if attempt.told:
                    reply.write(out)
                elif (failure := self._begin(attempt, exchange, flow, out)) is not None:
                    return failure
                if begun is not None:
                    begun.add(out)
                if reply.is_paused:
                    await reply.drained()
            elif attempt.first_token_s is None and flow.committed:  # it is held back
                attempt.first_token_s = self._clock() - exchange.record.arrived_s
            if flow.failure is not None or not data:
                break
        if flow.failure is None:
            exchange.record.outcome = "ok"
            reply.end()
        return flow.failure

    def _begin(self, attempt: Attempt, exchange: Exchange, flow: Flow, out: bytes) -> Failure | None:
        """Let the client hear of an attempt, unless all it says is that it has ended: return what is wrong with that."""
        silent, request = flow.silent, exchange.request
        if silent and request is not None:
            failure = self._judge(exchange, request)(silent)
            if failure is not None:
                return failure
        attempt.told = True
        if attempt.first_token_s is None:
            attempt.first_token_s = self._clock() - exchange.record.arrived_s
        if exchange.reply.status_sent:
            exchange.reply.write(out)
        else:
            exchange.reply.begin(exchange.dialect.stream_type, exchange.head(), out)
        return None


def _anyone(_standing: Standing, _model: str) -> None:
    """Know nothing of anyone: there is no text to continue."""


def holds_of(request: Request, streams: Streams) -> Holds:
    """Return what of a streamed answer is held back until it is whole."""
    needs = request.needs
    if not needs or not streams.hold_tools:
        return ""
    if "json_schema" in needs or "json_object" in needs:
        return "all"
    return "calls" if "tools" in needs else ""


async def _next_of(response: Response, flow: Flow, kept: Kept | None) -> bytes:
    """Return what came next, nothing at the end; a connection that breaks behind a whole answer is an end like any."""
    try:
        data = await response.chunk()
    except TransportError:
        if not flow.finished:
            raise
        return b""
    if kept is not None and data:
        kept.add(data)
    return data
