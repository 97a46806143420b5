"""Fixtures for tests of the whole: simulated upstreams that stop with the test, a house in front of them."""

import contextlib
from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio
import uvloop
from house import House, house
from matrix import Stand
from matrix import stand as standing

from cortex.simulate import SimulatedOllama, SimulatedOpenAI, SimulatedServer
from cortex.simulate.model import SimulatedModel


def pytest_asyncio_loop_factories(config, item):
    """Run on the loop that the daemon runs on."""
    return {"uvloop": uvloop.new_event_loop}


MODELS = ("llama3.2:3b", SimulatedModel("qwen3:4b", ("completion", "tools", "thinking", "vision"), family="qwen3"))
CLOUD_MODELS = (SimulatedModel("cloud-70b", ("completion", "tools", "thinking", "vision")),)


@pytest.fixture
async def start() -> AsyncIterator[Callable]:
    """Starts simulated upstreams, and stops them when the test is over."""
    async with contextlib.AsyncExitStack() as stack:

        async def started(sim: SimulatedServer) -> SimulatedServer:
            await sim.start()
            stack.push_async_callback(sim.stop)
            return sim

        yield started


@pytest.fixture
async def desk(start) -> SimulatedOllama:
    return await start(SimulatedOllama(name="desk", models=MODELS, instant=True))


@pytest.fixture
async def rack(start) -> SimulatedOllama:
    return await start(SimulatedOllama(name="rack", models=MODELS, instant=True))


@pytest.fixture
async def cloud(start) -> SimulatedOpenAI:
    return await start(SimulatedOpenAI(name="cloud", models=CLOUD_MODELS, instant=True))


@pytest.fixture
async def build(tmp_path) -> AsyncIterator[Callable]:
    """Runs a Córtex with the given settings until the test is over."""
    async with contextlib.AsyncExitStack() as stack:

        async def built(*tables: str, **more) -> House:
            return await stack.enter_async_context(house(tmp_path, "".join(tables), **more))

        yield built


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stand(tmp_path_factory) -> AsyncIterator[Stand]:
    """One Córtex for all proofs of a module, in front of every kind of upstream."""
    async with standing(tmp_path_factory.mktemp("matrix")) as stand:
        yield stand
