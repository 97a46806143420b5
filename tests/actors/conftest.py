"""Fixtures for tests of actors; what they hand out is in actor_bench.py."""

import gc

import pykka
import pytest
from actor_bench import Bench, FakeClockLoop


@pytest.fixture
def fake_loop():
    loop = FakeClockLoop()
    yield loop
    loop.settle()
    loop.close()
    gc.collect()


@pytest.fixture
def bench(fake_loop):
    bench = Bench(fake_loop)
    yield bench
    bench.close()

    assert pykka.ActorRegistry.get_all() == []
