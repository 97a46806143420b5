"""Workers on a board without any upstream, and a clock that the test moves: for tests of what decides about workers."""

import asyncio
from collections.abc import Iterable
from typing import Any

from cortex.config.model import Breaker, Worker
from cortex.messages import Request
from cortex.providers.base import Findings, Model
from cortex.workers.books import Books
from cortex.workers.messages import Dispatch
from cortex.workers.standing import Board, Standing
from cortex.workers.worker import link_of

NOW = 1000.0


class Clock:
    """Monotonic seconds that pass only when told."""

    def __init__(self, now: float = NOW) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


def settings(name: str = "desk", *, local: bool = True, **more: Any) -> Worker:
    """Return a worker's settings: an Ollama on this machine, or a cloud of the OpenAI dialect."""
    kind = {"provider": "ollama", "url": f"http://127.0.0.1:{10000 + sum(map(ord, name))}", "free": True}
    cloud = {"provider": "openai", "url": "https://api.cloud.example/v1"}
    return Worker(**{"name": name, "pool": name.partition("/")[0], **(kind if local else cloud), **more})


def standing(
    name: str = "desk",
    *,
    models: Iterable[str | Model] | None = ("llama3.2:3b",),
    configured: Iterable[str] = (),
    **more,
):
    """Return a worker that runs, was probed and has these models in memory; `models=None`: it has not said yet."""
    made = settings(name, models=tuple(configured), **more)
    stands = Standing(made, Breaker(), link_of(made), Books().account(made))
    stands.up = stands.reachable = True
    if models is not None:
        listed = tuple(Model(each, loaded=True) if isinstance(each, str) else each for each in models)
        stands.take_findings(Findings(listed))
    return stands


def board(*standings: Standing) -> Board:
    made = Board()
    for each in standings:
        made.add(each)
    return made


def hold(stands: Standing, count: int) -> None:
    """Take `count` slots, without leases behind them."""
    first = -len(stands.leases)
    for number in range(count):
        stands.leases[first - number - 1] = None


def request(
    model: str = "llama3.2:3b", *, needs: Iterable[str] = (), left_s: float = 300.0, now: float = NOW, **more: Any
) -> Request:
    made = Request(
        dialect="openai",
        operation="chat",
        model=model,
        stream=more.pop("stream", False),
        body=more.pop("body", b"{}"),
        parsed=None,
        needs=frozenset(needs),
    )
    made.id = "r-1"
    made.client = "10.1.1.1"
    made.arrived_s, made.deadline_s = now, now + left_s
    for key, value in more.items():
        setattr(made, key, value)
    return made


def dispatch(model: str = "llama3.2:3b", *, tried: dict | None = None, **more: Any) -> Dispatch:
    return Dispatch(request(model, **more), tried or {})


class Post:
    """A mailbox that nobody reads; stands in for the actor of a name."""

    def __init__(self) -> None:
        self.letters: list[Any] = []
        self.askers: list[Any] = []

    @property
    def actor_inbox(self) -> "Post":
        return self

    def tell(self, message: Any) -> None:
        self.letters.append(message)

    def put(self, envelope: Any) -> None:
        self.letters.append(envelope.message)
        self.askers.append(envelope.reply_to)

    def is_alive(self) -> bool:
        return True

    def take(self, kind: type) -> list[Any]:
        """Take out the letters of one kind."""
        taken = [letter for letter in self.letters if type(letter) is kind]
        self.letters = [letter for letter in self.letters if type(letter) is not kind]
        return taken


async def settle() -> None:
    """Let every actor of this loop handle what it has; no time passes."""
    for _ in range(20):
        await asyncio.sleep(0)


class StillLoop(asyncio.SelectorEventLoop):
    """An event loop on the test's clock: it never waits, and its timers fire only when the clock is moved."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock

    def time(self) -> float:
        return self._clock.now

    def settle(self) -> None:
        """Run until nothing is ready at this moment."""
        for _ in range(10_000):
            self.run_until_complete(asyncio.sleep(0))
            if not self._ready and not any(t.when() <= self._clock.now for t in self._scheduled if not t.cancelled()):
                return
        raise AssertionError("the loop does not come to rest")

    def advance(self, seconds: float) -> None:
        """Let time pass, timer by timer."""
        end = self._clock.now + seconds
        self.settle()
        while due := [timer.when() for timer in self._scheduled if not timer.cancelled() and timer.when() <= end]:
            self._clock.now = max(self._clock.now, min(due))
            self.settle()
        self._clock.now = end
        self.settle()

    def call(self, function: Any) -> Any:
        """Call a function on the loop, and run until nothing is ready."""

        async def run() -> Any:
            return function()

        result = self.run_until_complete(run())
        self.settle()
        return result
