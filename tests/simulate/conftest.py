"""Simulated upstreams and clients for their tests."""

import contextlib
from collections.abc import AsyncIterator, Callable

import aiohttp
import ollama
import openai
import pytest
from simulate_client import KEY, Client

from cortex.simulate import (
    SimulatedCohere,
    SimulatedGemini,
    SimulatedGroq,
    SimulatedOllama,
    SimulatedOpenAI,
    SimulatedServer,
)


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as http:
        yield Client(http)


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
    return await start(SimulatedOllama(name="desk", instant=True))


@pytest.fixture
async def cloud(start) -> SimulatedOpenAI:
    return await start(SimulatedOpenAI(name="cloud", instant=True, api_key=KEY))


@pytest.fixture
async def gemini(start) -> SimulatedGemini:
    return await start(SimulatedGemini(instant=True, keys=KEY))


@pytest.fixture
async def cohere(start) -> SimulatedCohere:
    return await start(SimulatedCohere(instant=True, keys=KEY))


@pytest.fixture
async def groq(start) -> SimulatedGroq:
    return await start(SimulatedGroq(instant=True, keys=KEY))


@pytest.fixture
async def ollama_sdk(desk) -> AsyncIterator[ollama.AsyncClient]:
    sdk = ollama.AsyncClient(host=desk.url)
    yield sdk
    await sdk.close()


@pytest.fixture
async def openai_sdk(cloud) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=cloud.url, api_key=KEY, max_retries=0) as sdk:
        yield sdk
