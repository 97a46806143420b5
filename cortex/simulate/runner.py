"""How a simulated Ollama runs models: loading one at a time, slots, keep-alive, and giving up what nobody waits for.

After the real scheduler (ollama/ollama server/sched.go, main of 21 Aug 2026): one model loads at a time; those who want
a loading model wait for that load; a load is given up when the last of them leaves; another `num_ctx` than the loaded
one means a reload, once the running answers ended; each loaded model runs `slots` requests at once and lets the others
wait without a word; a model nobody asked for is dropped when its keep-alive has passed, or earlier when room is needed.
Only the line of those waiting for a *load* is bounded, and overflows as `QueueFull`.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from cortex.simulate.model import SimulatedModel

FOREVER_S = 292 * 365 * 86_400.0
"""What Ollama makes of a negative keep-alive: the longest time Go knows."""

KEEP_ALIVE_S = 300.0
"""`OLLAMA_KEEP_ALIVE` where nobody set it."""


class QueueFull(Exception):  # noqa: N818  named for what it says, as the server's own error is
    """Raised when too many wait for loads."""


class Loads:
    """How many loads there were, for assertions and for people."""

    def __init__(self) -> None:
        self.started = 0
        self.finished = 0
        self.aborted = 0
        self.reloads = 0
        """Those of `started` that only another `num_ctx` made necessary."""

    def __repr__(self) -> str:
        return f"<Loads started={self.started} finished={self.finished} aborted={self.aborted} reloads={self.reloads}>"


class Resident:
    """A model in memory."""

    def __init__(self, model: SimulatedModel, num_ctx: int, slots: int) -> None:
        self.model = model
        self.num_ctx = num_ctx
        self.slots = asyncio.Semaphore(slots)
        self.users = 0
        """Requests that run or wait for a slot."""
        self.idle = asyncio.Event()
        self.is_retiring = False
        """It takes no new request: it will be reloaded, or has to make room."""
        self.expires_s = 0.0
        self.keep_alive_s = KEEP_ALIVE_S

    def __repr__(self) -> str:
        return f"<Resident {self.model.name} num_ctx={self.num_ctx} users={self.users}>"


class _Load:
    """A load in progress and how many wait for it."""

    task: "asyncio.Task[Resident]"

    def __init__(self) -> None:
        self.waiting = 0


class Runner:
    """The models of one machine."""

    def __init__(
        self,
        *,
        slots: int,
        load_s: float,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
        changed: Callable[[], None],
        max_loaded: int = 3,
        max_queue: int = 512,
    ) -> None:
        self.loads = Loads()
        self._slots = slots
        self._load_s = load_s
        self._clock = clock
        self._sleep = sleep
        self._changed = changed
        self._max_loaded = max_loaded
        self._max_queue = max_queue
        self._residents: dict[str, Resident] = {}
        self._loading: dict[tuple[str, int], _Load] = {}
        self._one_at_a_time = asyncio.Lock()

    def residents(self) -> list[Resident]:
        """Return what is in memory, the latest to expire first."""
        now = self._clock()
        expired = [name for name, one in self._residents.items() if not one.users and one.expires_s <= now]
        for name in expired:
            del self._residents[name]
        return sorted(self._residents.values(), key=lambda one: -one.expires_s)

    def loading(self) -> list[tuple[str, int]]:
        """Return names and context sizes of what is being loaded or waits for it."""
        return list(self._loading)

    @asynccontextmanager
    async def use(self, model: SimulatedModel, num_ctx: int, keep_alive_s: float) -> AsyncIterator[float]:
        """Hold a slot of `model`, loaded with `num_ctx`; give the seconds that loading took.

        Its keep-alive begins anew when it is given back. Raises QueueFull.
        """
        begun_s = self._clock()
        resident, was_cold = await self._resident(model, num_ctx)
        load_s = self._clock() - begun_s if was_cold else 0.0
        try:
            async with resident.slots:
                yield load_s
        finally:
            resident.keep_alive_s = keep_alive_s
            self._leave(resident)

    def unload(self, model: SimulatedModel) -> None:
        """Drop a model from memory, as soon as nobody uses it."""
        resident = self._residents.get(model.name)
        if resident is not None:
            resident.expires_s = self._clock()
            resident.keep_alive_s = 0.0

    def forget(self) -> None:
        """Drop everything, as a machine does that goes off; what was loading is given up."""
        for load in self._loading.values():
            load.task.cancel()
        self._residents.clear()

    async def _resident(self, model: SimulatedModel, num_ctx: int) -> tuple[Resident, bool]:
        self.residents()
        resident = self._residents.get(model.name)
        if resident is not None and resident.num_ctx == num_ctx and not resident.is_retiring:
            self._enter(resident, 1)
            return resident, False
        return await self._loaded(model, num_ctx), True

    async def _loaded(self, model: SimulatedModel, num_ctx: int) -> Resident:
        key = model.name, num_ctx
        load = self._loading.get(key)
        if load is None:
            if len(self._loading) >= self._max_queue:
                raise QueueFull
            load = self._loading[key] = _Load()
            load.task = asyncio.create_task(self._load(load, model, num_ctx))
        load.waiting += 1
        try:
            return await asyncio.shield(load.task)
        except asyncio.CancelledError:
            load.waiting -= 1
            if load.task.done() and not load.task.cancelled():
                self._leave(load.task.result())  # it had been counted as a user when the load ended
            elif not load.waiting:
                self._loading.pop(key, None)
                load.task.cancel()
            raise

    async def _load(self, load: _Load, model: SimulatedModel, num_ctx: int) -> Resident:
        key = model.name, num_ctx
        try:
            async with self._one_at_a_time:
                await self._make_room(model)
                self.loads.started += 1
                self._changed()
                try:
                    await self._sleep(self._load_s if model.load_s is None else model.load_s)
                except asyncio.CancelledError:
                    self.loads.aborted += 1
                    self._changed()
                    raise
                resident = self._residents[model.name] = Resident(model, num_ctx, self._slots)
                self.loads.finished += 1
                # Those who waited use it from now on, or the next load could drop it before they wake.
                self._enter(resident, load.waiting)
                return resident
        finally:
            if self._loading.get(key) is load:  # else it was given up, and another may have begun since
                del self._loading[key]
            self._changed()

    async def _make_room(self, model: SimulatedModel) -> None:
        old = self._residents.get(model.name)
        if old is not None:
            self.loads.reloads += 1
            await self._retire(old)
        while len(residents := self.residents()) >= self._max_loaded:
            idle = [one for one in residents if not one.users]
            await self._retire((idle or residents)[-1])

    async def _retire(self, resident: Resident) -> None:
        resident.is_retiring = True
        try:
            while resident.users:
                await resident.idle.wait()
        except asyncio.CancelledError:
            resident.is_retiring = False
            raise
        self._residents.pop(resident.model.name, None)

    def _enter(self, resident: Resident, count: int) -> None:
        resident.users += count
        resident.idle.clear()

    def _leave(self, resident: Resident) -> None:
        resident.users -= 1
        keep_alive_s = FOREVER_S if resident.keep_alive_s < 0 else resident.keep_alive_s
        resident.expires_s = self._clock() + keep_alive_s
        if not resident.users:
            resident.idle.set()
        self._changed()
