"""What every simulated cloud has on top of a port: keys, the quotas of those who hold them, slots.

`keys` says who may ask and on which account: two keys with one account are two keys of one project. `quota` says what an
account may ask for; its windows go by this server's clocks, so that a test moves them. Its counts are for assertions:

    sim = SimulatedGemini(keys={"key-a": "project", "key-b": "project"}, quota=FREE, clock=clock, wall=clock.wall)
    sim.quota.granted, sim.quota.refused, sim.quota.of("project", "gemini-3.5-flash").refused_share
"""

import asyncio
import contextlib
from abc import abstractmethod
from collections.abc import Iterable
from typing import Any, ClassVar, Unpack

import msgspec
from aiohttp import web

from cortex.simulate.account import Accounts, Keys
from cortex.simulate.delivery import Received
from cortex.simulate.fault import Fault
from cortex.simulate.model import SimulatedModel
from cortex.simulate.quota import Plan, QuotaMeter, Quotas, Spent
from cortex.simulate.refusal import JSON, Refused, Table, refusal
from cortex.simulate.reply import Reply
from cortex.simulate.server import Settings, SimulatedServer
from cortex.simulate.window import Moment


class CloudSettings(Settings, total=False):
    """What every simulated cloud can be told; see SimulatedCloud for the defaults."""

    models: Iterable[str | SimulatedModel] | None
    keys: Keys
    quota: Plan
    slots: int


class SimulatedCloud(SimulatedServer):
    """A cloud with its accounts, on a real port."""

    def __init__(
        self,
        *,
        models: Iterable[str | SimulatedModel] | None = None,
        keys: Keys = None,
        quota: Plan = None,
        slots: int = 0,
        **settings: Unpack[Settings],
    ) -> None:
        """`slots` is how many it answers at once while others wait; 0 for no bound. No `keys`: it asks for none."""
        super().__init__(models=self.catalogue if models is None else models, **settings)
        self.quota = Quotas(quota)
        """What was granted and what was answered with 429."""
        self.served = 0
        """Answers that were begun."""
        self._accounts = Accounts(keys)
        self._by_name = {model.name: model for model in self.models}
        self._slots = asyncio.Semaphore(slots) if slots else None

    catalogue: ClassVar[tuple[SimulatedModel, ...]]
    """The models that it has unless it is told others."""
    refusals: ClassVar[Table]
    """Its true bodies of errors."""

    @abstractmethod
    def key_of(self, received: Received) -> str:
        """Return the key that a request brings, empty where it brings none."""

    @abstractmethod
    def no_key(self, key: str) -> Refused:
        """Return the refusal of a wrong key, or of none."""

    @abstractmethod
    def over_quota(self, spent: tuple[Spent, ...], received: Received) -> Refused:
        """Return the 429 for the windows that have no room, the one that is full the longest first."""

    def refused(self, kind: str, fault: Fault, model: str) -> Refused:
        """Return its refusal of that kind."""
        return refusal(self.refusals, kind, fault.flavour, model, fault.retry_after)

    @property
    def now(self) -> Moment:
        """Now, on both clocks."""
        return Moment(self.clock(), self.wall())

    def account_of(self, received: Received) -> str:
        """Return whose quota a request draws on. Raises Refused."""
        key = self.key_of(received)
        account = self._accounts.find(key)
        if account is None:
            raise self.no_key(key)
        return account

    def find(self, name: str) -> SimulatedModel:
        """Return the model of that name. Raises Refused."""
        model = self._by_name.get(name)
        if model is None:
            raise self.refusals["model_missing"](name)
        return model

    def take(self, received: Received, tokens: int, *, inputs: int = 1) -> None:
        """Count a request for a model against its account's quota. Raises Refused."""
        spent = self.quota.ask(self.account_of(received), received.model, self.now, tokens=tokens, inputs=inputs)
        if spent:
            raise self.over_quota(spent, received)
        self.served += 1

    def meter(self, received: Received) -> QuotaMeter:
        """Return what counts for the model of a request, on the account of its key. Raises Refused."""
        return self.quota.meter(self.account_of(received), received.model)

    def state(self) -> dict[str, Any]:
        """Return what it is doing, for people."""
        return super().state() | {"quota": {"granted": self.quota.granted, "refused": self.quota.refused}}

    async def deliver(self, request: web.BaseRequest, received: Received, reply: Reply) -> web.StreamResponse:
        """Send an answer as soon as there is a slot."""
        async with self._slots or contextlib.nullcontext():
            return await super().deliver(request, received, reply)


def json_response(value: Any) -> web.Response:
    """Answer with JSON at once."""
    return web.Response(body=msgspec.json.encode(value), content_type=JSON)
