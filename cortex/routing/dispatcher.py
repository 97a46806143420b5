"""The dispatcher: runs the strategy over the workers' mailboxes, and keeps the line of requests that wait.

A `Dispatch` is asked; its asker is answered by the worker that the dispatcher forwarded it to, with a `Lease`, or by the
dispatcher, with a `Refusal`. What waits is looked at again when a slot frees, when the board changes, and a few times a
second for what only time brings (a rest that ends, a deadline that passes).
"""

import time
from collections.abc import Callable
from random import Random
from typing import Any

from cortex.actors.actor import NO_REPLY, Answer, LoopActor, handles
from cortex.actors.names import Names
from cortex.chat import Need
from cortex.config.watcher import Current
from cortex.messages import Estimate, Refusal
from cortex.routing import catalogue
from cortex.routing.catalogue import Resolution
from cortex.routing.choice import Wait, choose, queue_full
from cortex.routing.learner import Learner
from cortex.routing.line import Line
from cortex.routing.preference import Smart
from cortex.routing.registry import Known, find
from cortex.routing.strategies import Ranked, State
from cortex.workers.messages import Dispatch, Grant, SlotFree, WorkersChanged
from cortex.workers.standing import Board

TICK_S = 0.2
"""How often the line is looked at for what only time brings."""

LINE_BYTES = 256_000_000
"""Request bodies that may wait, all together."""

RESOLUTIONS_KEPT = 512


class Tick:
    """Message to itself while somebody waits."""


class Waiting:
    """One request in the line, and who asked."""

    __slots__ = ("asker", "dispatch", "until")

    def __init__(self, dispatch: Dispatch, asker: Answer) -> None:
        self.dispatch = dispatch
        self.asker = asker
        self.until = 0.0
        """Until when it is content to wait, as was decided last."""

    @property
    def alike(self) -> tuple[str, frozenset[Need], str] | None:
        """What two requests have in common when what keeps one waiting keeps the other; None: it is like no other."""
        request = self.dispatch.request
        return None if self.dispatch.tried else (request.model, request.needs, request.strategy)


class Dispatcher(LoopActor):
    """See the module's docstring."""

    def __init__(
        self,
        *,
        board: Board,
        names: Names,
        current: Current,
        random: Random,
        on_wait: Callable[[float], None],
        learner: Learner | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self._board = board
        self._names = names
        self._current = current
        self._state = State(random, learner)
        self._smart_of: tuple[object, object] = (None, None)
        self._on_wait = on_wait
        self._clock = clock
        self._line: Line[Waiting] = Line(limit=current.settings.routing.queue, limit_bytes=LINE_BYTES)
        self._ticking = False
        self._resolutions: dict[tuple[str, bool, bool], Resolution] = {}
        self._resolved_for: tuple[int, object] = (-1, None)

    def on_start(self) -> None:
        """Begin with an empty line: whoever waited in the last incarnation has been told, and asks again."""
        self._board.waiting = 0

    @handles(Dispatch)
    def dispatch(self, dispatch: Dispatch) -> Any:
        """Give the request to the best worker, let it wait, or refuse it."""
        if self._line:  # whoever waits goes first
            return self._enqueue(dispatch)
        decision = self._decide(dispatch, ahead=0)
        if isinstance(decision, Refusal):
            return decision
        if isinstance(decision, Wait):
            return self._enqueue(dispatch)
        best = decision[0]
        worker = self._names.lookup(best.entry.standing.actor)
        if worker is None:
            dispatch.declined[best.entry.standing.name] = "is being started"
            return self._enqueue(dispatch)
        return self.forward(worker, self._granted(dispatch, best))

    @handles(SlotFree)
    def slot_free(self, _: SlotFree) -> None:
        """Serve the line."""
        self._serve()

    @handles(WorkersChanged)
    def workers_changed(self, _: WorkersChanged) -> None:
        """Serve the line: somebody came, came back, or has another model."""
        self._serve()

    @handles(Tick)
    def tick(self, _: Tick) -> None:
        """Serve the line, and come again while somebody waits."""
        self._ticking = False
        self._serve()
        self._keep_ticking()

    def _decide(self, dispatch: Dispatch, *, ahead: int) -> list[Ranked] | Wait | Refusal:
        request = dispatch.request
        strategy = self._strategy(request.strategy)
        if request.decision is not None and not dispatch.tried:
            request.decision = None  # the worker that was drawn would not have it, and nobody was asked
        resolution = self._resolve(request.model, strategy, is_embedding="embeddings" in request.needs)
        decision = choose(
            dispatch,
            resolution,
            strategy.order,
            self._state,
            self._clock(),
            ahead=ahead,
            board=self._board,
        )
        if isinstance(decision, Refusal) and decision.kind == "unknown_model":
            near = catalogue.nearest(request.model, self._current.settings.models, self._board)
            return Refusal(decision.kind, decision.detail, decision.candidates, nearest=near)
        return decision

    def _strategy(self, asked: str) -> Known:
        settings = self._current.settings
        if self._smart_of[0] is not settings.smart or self._smart_of[1] is not settings.models:
            self._smart_of = settings.smart, settings.models
            self._state.smart = Smart(settings.smart.rules, settings.smart.strengths, settings.models)
        return find(asked or settings.routing.strategy)

    def _resolve(self, model: str, strategy: Known, *, is_embedding: bool) -> Resolution:
        """Resolve a name; remembered until the board or the aliases change."""
        aliases = self._current.settings.models
        now_for = (self._board.version, aliases)
        if self._resolved_for[0] != now_for[0] or self._resolved_for[1] is not aliases:
            self._resolutions.clear()
            self._resolved_for = now_for
        is_open = strategy.chooses_model and not is_embedding and model in catalogue.AUTO
        key = (model, is_embedding, is_open)
        resolution = self._resolutions.get(key)
        if resolution is None:
            if len(self._resolutions) >= RESOLUTIONS_KEPT:
                self._resolutions.clear()
            resolution = self._resolutions[key] = (
                catalogue.resolve_any(self._board)
                if is_open
                else (catalogue.resolve_one if is_embedding else catalogue.resolve)(model, aliases, self._board)
            )
        return resolution

    def _enqueue(self, dispatch: Dispatch) -> Any:
        line = self._line
        line.limit = self._current.settings.routing.queue
        dispatch.queued_at = dispatch.queued_at or self._clock()
        waiting = Waiting(dispatch, self.defer())
        if line.join(dispatch.request.client, waiting, len(dispatch.request.body)):
            self._board.waiting = len(line)
            self._serve()
            self._keep_ticking()
        else:
            waiting.asker.set(queue_full(dispatch.request, ()))
        return NO_REPLY

    def _serve(self) -> None:
        """Go through the line in its order; give, refuse, or leave each where it is."""
        ahead, now = 0, self._clock()
        stuck: dict[tuple[str, frozenset[Need], str], Estimate] = {}
        for waiting in list(self._line):
            dispatch, alike = waiting.dispatch, waiting.alike
            if waiting.asker.abandoned:
                self._leave(waiting, served=False)
                continue
            # Where many wait for many keys, looking anew for each is slow; only one that needs less may find what they did not.
            if alike in stuck and now < waiting.until and dispatch.request.tokens.covers(stuck[alike]):
                ahead += 1
                continue
            dispatch.declined.clear()
            decision = self._decide(dispatch, ahead=ahead)
            if isinstance(decision, Wait):
                ahead += 1
                waiting.until = decision.until
                if alike is not None:
                    stuck[alike] = dispatch.request.tokens
            elif isinstance(decision, Refusal):
                self._leave(waiting, served=False)
                waiting.asker.set(decision)
            else:
                self._give(waiting, decision[0])

    def _give(self, waiting: Waiting, best: Ranked) -> None:
        worker = self._names.lookup(best.entry.standing.actor)
        if worker is None:
            return
        self._leave(waiting, served=True)
        self.hand_on(waiting.asker, worker, self._granted(waiting.dispatch, best))

    def _granted(self, dispatch: Dispatch, best: Ranked) -> Grant:
        """Promise the worker a request, and remember that the conversation is there."""
        entry = best.entry
        entry.standing.promised += 1
        self._state.learner.granted(dispatch.request, entry)
        self._state.affinity.note(dispatch.request.conversation, entry, self._clock())
        return Grant(dispatch, entry.model, best.why)

    def _leave(self, waiting: Waiting, *, served: bool) -> None:
        self._line.leave(waiting.dispatch.request.client, waiting, served=served)
        self._board.waiting = len(self._line)
        waited_s = self._clock() - waiting.dispatch.queued_at
        waiting.dispatch.waited_s += waited_s
        waiting.dispatch.queued_at = 0.0
        self._on_wait(waited_s)

    def _keep_ticking(self) -> None:
        if self._line and not self._ticking:
            self._ticking = True
            self.after(TICK_S, Tick())
