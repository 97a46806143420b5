"""The roster: keeps the children of the `workers` supervisor what the settings say.

An edit is not replayed step by step but compared with what is there, so an edit that came while something was being
restarted, or twice, ends in the same tree. A worker whose settings did not change is not touched. One that was removed
drains first, and leaves when its last answer has ended.
"""

from collections.abc import Callable, Mapping

from msgspec import Struct

from cortex.actors.actor import LoopActor, handles
from cortex.actors.errors import ChildError, ChildExists, MailboxFull, NoSuchChild
from cortex.actors.names import Names
from cortex.actors.spec import ChildSpec
from cortex.actors.supervisor import ChildInfo, DeleteChild, StartChild, WhichChildren
from cortex.config.model import Settings, Worker
from cortex.config.watcher import Current, Edited, Refused, effect_of
from cortex.telemetry.events import Report
from cortex.transport.pool import Pool
from cortex.workers.messages import Configure, Drain, WorkersChanged
from cortex.workers.standing import Board, Standing

StartWorker = Callable[[Worker], ChildSpec]
"""Makes the child spec of one worker."""

ORDER_TIMEOUT_S = 10.0
"""For the workers' supervisor to start or stop one child."""


AGAIN_S = 0.2
"""Until a worker that could not be told of an edit is told again."""


class Again:
    """Message to itself: somebody was not told."""


class Idle(Struct, frozen=True):
    """Told by a worker that was removed from the settings: its last answer has ended."""

    worker: str


class Roster(LoopActor):
    """See the module's docstring. It is the target of the config watcher."""

    def __init__(
        self,
        *,
        board: Board,
        names: Names,
        pool: Pool,
        current: Current,
        spec_of: StartWorker,
        report: Callable[[Report], None],
        on_reload: Callable[[str], None],
    ) -> None:
        super().__init__()
        self._board = board
        self._names = names
        self._pool = pool
        self._current = current
        self._spec_of = spec_of
        self._report = report
        self._on_reload = on_reload
        self._is_retrying = False

    def on_start(self) -> None:
        """Bring the tree in line: the last incarnation may have ended in the middle of an edit."""
        self._reconcile(self._current.settings)

    @handles(Edited)
    def edited(self, edited: Edited) -> None:
        """Apply an edit."""
        self._on_reload("applied")
        self._report(
            Report(
                "configuration applied",
                facts=effect_of(edited.changes),
            )
        )
        self._reconcile(edited.settings)

    @handles(Refused)
    def refused(self, refused: Refused) -> None:
        """Say why an edit was not applied."""
        self._on_reload("refused")
        problems = [str(problem) for problem in refused.problems]
        self._report(Report("configuration refused", facts={"problems": problems, "in_force": "the settings before"}))

    @handles(Idle)
    def idle(self, idle: Idle) -> None:
        """Take a removed worker out of the tree, unless an edit has brought it back meanwhile."""
        standing = self._board.get(idle.worker)
        if standing is not None and idle.worker not in self._current.settings.workers:
            self.own(self._remove(idle.worker, standing.actor), then=self._removed)

    @handles(Again)
    def again(self, _: Again) -> None:
        """Tell once more what could not be told: somebody was being restarted."""
        self._is_retrying = False
        self._reconcile(self._current.settings)

    def _reconcile(self, settings: Settings) -> None:
        all_told = True
        for worker in settings.workers.values():
            standing = self._board.get(worker.name)
            if standing is None or self._names.lookup(standing.actor) is None:
                self.own(self._add(worker))
            configure = Configure(worker, settings.timed, settings.breaker)
            all_told &= self._names.tell(f"workers/{worker.name}", configure) or standing is None
        for standing in list(self._board):
            if standing.name not in settings.workers:
                standing.removed = True
                if not self._names.tell(standing.actor, Drain(stop_when_idle=True)):
                    all_told = False
                    self._forget_idle(standing)
        self.own(self._children(), then=self._stop_strays)
        self._names.tell("dispatcher", WorkersChanged())
        if not all_told and not self._is_retrying:
            self._is_retrying = True
            self.after(AGAIN_S, Again())

    def _forget_idle(self, standing: Standing) -> None:
        """Take out a removed worker that nobody speaks for: it is being restarted, or went down with its supervisor."""
        if not standing.leases:
            self.own(self._remove(standing.name, standing.actor), then=self._removed)

    async def _children(self) -> list[ChildInfo]:
        """Return the workers' actors, after every start that was ordered before."""
        try:
            children: list[ChildInfo] = await self._names.ask_until("workers", WhichChildren(), ORDER_TIMEOUT_S)
        except (MailboxFull, TimeoutError):
            return []
        return children

    def _stop_strays(self, children: list[ChildInfo]) -> None:
        """Stop whoever came up after the edit that removed it, or said that it was idle while nobody was here."""
        for child in children:
            name = child.name.removeprefix("workers/")
            standing = self._board.get(name)
            if name in self._current.settings.workers:
                continue
            if standing is None or not standing.leases:
                self.own(self._remove(name, child.name), then=self._removed)
            else:
                standing.removed = True
                self._names.tell(child.name, Drain(stop_when_idle=True))

    async def _add(self, worker: Worker) -> None:
        await self._order(StartChild(self._spec_of(worker)))

    async def _remove(self, name: str, actor: str) -> None:
        standing = self._board.get(name)
        link = None if standing is None else standing.link
        if not await self._order(DeleteChild(actor)) or standing is None:
            return
        # Each incarnation makes a link: another one says that an edit has brought the worker back meanwhile.
        if self._board.get(name) is standing and standing.link is link:
            self._board.remove(name)
            self._pool.retire(standing.link.origin)
            self._report(Report("worker stopped", worker=name))

    def _removed(self, _: object) -> None:
        """Look again: an edit may have brought it back while it was being stopped."""
        self._reconcile(self._current.settings)

    async def _order(self, order: StartChild | DeleteChild) -> bool:
        """Have the workers' supervisor do something; a child that is there, or gone, already is no trouble."""
        try:
            await self._names.ask_until("workers", order, ORDER_TIMEOUT_S)
        except (ChildExists, NoSuchChild):
            pass
        except (ChildError, MailboxFull, TimeoutError) as error:
            self._report(Report("order refused", facts={"order": type(order).__name__, "why": str(error)}))
            return False
        return True


def specs(settings: Mapping[str, Worker], spec_of: StartWorker) -> list[ChildSpec]:
    """Return the specs that the workers' supervisor starts with."""
    return [spec_of(worker) for worker in settings.values()]
