"""Pools that are closed, a scripted upstream, and a check that nothing is left behind.

Every asynchronous test here runs on both event loops.
"""

import asyncio
import gc
import ssl
from collections.abc import AsyncIterator, Callable

import pytest
import uvloop
from scripted_upstream import Upstream, open_sockets, turns

from cortex.transport import Pool


def pytest_asyncio_loop_factories(config, item):
    return {"uvloop": uvloop.new_event_loop, "asyncio": asyncio.new_event_loop}


@pytest.fixture
async def tidy() -> AsyncIterator[None]:
    """Fail the test when it leaves a task or a socket behind."""
    await asyncio.to_thread(int)  # what a loop opens for itself when it starts a thread
    before = len(open_sockets())
    yield
    for _ in range(100):
        await turns()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        left = open_sockets()
        if not tasks and len(left) <= before:
            return
        gc.collect()
        await asyncio.wait(tasks, timeout=0.01) if tasks else await asyncio.to_thread(int)
    pytest.fail(f"left behind: tasks {tasks}, sockets {left}")


@pytest.fixture
async def upstream(tidy) -> AsyncIterator[Upstream]:
    server = Upstream()
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def make_pool(tidy) -> AsyncIterator[Callable[..., Pool]]:
    pools = []

    def make(**settings) -> Pool:
        pools.append(Pool(**settings))
        return pools[-1]

    yield make
    for pool in pools:
        await pool.close()
        assert all(occupancy[:2] == (0, 0) for occupancy in pool.stats.values()), pool


@pytest.fixture
async def pool(make_pool) -> Pool:
    return make_pool()


@pytest.fixture
def server_tls(certificate) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*certificate)
    context.set_alpn_protocols(["h2", "http/1.1"])
    return context


@pytest.fixture
def client_tls(certificate) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=certificate[0])
    context.set_alpn_protocols(["http/1.1"])
    return context
