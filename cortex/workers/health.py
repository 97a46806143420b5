"""The health actor: looks at every worker's upstream, by free probes only, and tells the worker what it saw.

A probe is a GET that costs nothing (`/api/tags`, `/api/ps`, `/api/version`, a cloud's model listing), never a generation: a
chat as a probe would load models, burn quota and prove little. What real requests say counts too: a worker that just
answered is not doubted, and one that failed is looked at at once instead of at the next interval.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Any

from cortex.actors.actor import NO_REPLY, Answer, LoopActor, handles
from cortex.actors.names import Names
from cortex.config.watcher import Current
from cortex.messages import Failure
from cortex.providers.base import Findings
from cortex.transport.failures import TransportError
from cortex.transport.headers import request_head
from cortex.transport.http1 import Budgets
from cortex.transport.pool import Pool
from cortex.workers.lease import Link
from cortex.workers.messages import Probed, ProbeNow
from cortex.workers.standing import Board, Standing

PROBE_ANSWER_LIMIT = 8_000_000
"""Bytes; OpenRouter's listing, the largest known, has about 700 KB (November 2026)."""


CLOUD_EVERY_S = 300.0
"""A cloud that is well is looked at this seldom: its list of models changes by the week, 200 keys would ask 40 times a
second, and whether listing counts against a quota is nowhere said (Cohere, Nov 2026)."""


class Round:
    """Message to itself: the interval is over."""


class Health(LoopActor):
    """See the module's docstring."""

    def __init__(
        self,
        *,
        board: Board,
        names: Names,
        pool: Pool,
        current: Current,
        on_probe: Callable[[str, float], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self._board = board
        self._names = names
        self._pool = pool
        self._current = current
        self._on_probe = on_probe
        self._clock = clock
        self._waiting: dict[str, list[Answer]] = {}
        """Who waits for the running probe of each worker."""

    def on_start(self) -> None:
        """Look at everybody at once."""
        self.round(Round())

    @handles(Round)
    def round(self, _: Round) -> None:
        """Probe every worker that is due; one that still runs from the last round is let run."""
        now = self._clock()
        for standing in self._board:
            if is_due(standing, now):
                self._probe(standing.name)
        self.after(self._current.settings.health.interval_s, Round())

    @handles(ProbeNow)
    def probe_now(self, wanted: ProbeNow) -> Any:
        """Probe one worker; the asker hears when it is done, at the latest after the probe's time-out."""
        if self._board.get(wanted.worker) is None:
            return False
        self._probe(wanted.worker)
        self._waiting[wanted.worker].append(self.defer())
        return NO_REPLY

    def _probe(self, name: str) -> None:
        standing = self._board.get(name)
        if standing is not None and name not in self._waiting:
            self._waiting[name] = []
            self.own(self._look(name, standing.link), then=self._seen)

    async def _look(self, name: str, link: Link) -> tuple[str, Link, Probed]:
        started = self._clock()
        result = await probe(self._pool, link, self._current.settings.health.timeout_s)
        return name, link, Probed(result, self._clock() - started)

    def _seen(self, seen: tuple[str, Link, Probed]) -> None:
        name, link, probed = seen
        waiting = self._waiting.pop(name, [])
        standing = self._board.get(name)
        self._on_probe(name, probed.took_s)
        if standing is not None and standing.link is not link:  # an edit came meanwhile: that was another upstream
            self._probe(name)
            self._waiting[name] += waiting
            return
        if standing is not None:
            self._names.tell(standing.actor, probed)
        for future in waiting:
            future.set(True)


def is_due(standing: Standing, now: float) -> bool:
    """Whether a worker is to be looked at in this round: machines of one's own and whoever is not well in every one."""
    is_well = standing.reachable is True and not standing.retired_why
    return standing.local or not is_well or now - standing.probed_at >= CLOUD_EVERY_S


async def probe(pool: Pool, link: Link, timeout_s: float) -> Findings | Failure:
    """Ask the upstream its free questions, one after another, and read the answers; never raises, never longer than `timeout_s`."""
    result = await _probed(pool, link, timeout_s)
    return link.without_secrets(result) if isinstance(result, Failure) else result


async def _probed(pool: Pool, link: Link, timeout_s: float) -> Findings | Failure:
    good: dict[str, bytes] = {}
    broken: Failure | None = None
    try:
        async with asyncio.timeout(timeout_s):
            for name, path in link.provider.probes().items():
                status, headers, body = await _get(pool, link, path, timeout_s)
                if status == 200:
                    good[name] = body
                    continue
                failure = link.provider.classify(status, headers, body)
                if failure.word == "unauthorized":  # a 400 at Gemini
                    return failure
                if status >= 500:
                    broken = failure
    except TimeoutError:
        return Failure("timeout", f"no answer to a probe within {timeout_s:g} s", phase="deadline")
    except TransportError as error:
        return error.failure
    return broken if broken is not None and not good else link.provider.findings(good)


async def _get(pool: Pool, link: Link, path: str, timeout_s: float) -> tuple[int, dict[str, str], bytes]:
    head = request_head("GET", link.base_path + path, link.origin, link.headers, 0)
    response = await pool.send(link.origin, head, b"", Budgets(timeout_s, timeout_s, timeout_s))
    try:
        return response.status, dict(response.headers), await response.read(limit=PROBE_ANSWER_LIMIT)
    finally:
        response.close()
