"""The three upstreams of the demo."""

import msgspec
import pytest
from simulate_client import Client

from cortex.simulate import start_demo
from cortex.simulate.demo import LARGE, SLOW_LOAD_S


@pytest.fixture
async def demo():
    demo = await start_demo()
    yield demo
    await demo.stop()


async def test_its_workers_are_toml_that_names_living_upstreams(demo, client: Client):
    settings = msgspec.toml.decode(demo.workers)
    urls = {name: table["url"] for name, table in settings["workers"].items()}

    assert urls == {"desk": demo.desk.url, "rack": demo.rack.url, "cloud": demo.cloud.url}
    assert (await client.get(demo.desk, "/api/tags")).status == 200
    assert (await client.get(demo.rack, "/api/tags")).status == 200


async def test_each_name_in_the_environment_is_one_that_the_workers_use(demo):
    keys = msgspec.toml.decode(demo.workers)["workers"]["cloud"]["keys"]

    assert keys == [f"${name}" for name in demo.environment]


async def test_its_key_opens_the_cloud(demo, client: Client):
    (key,) = demo.environment.values()

    assert (await client.get(demo.cloud, "/v1/models", key=key)).status == 200
    assert (await client.get(demo.cloud, "/v1/models", key="sk-wrong")).status == 401


async def test_each_alias_stands_for_models_that_are_there(demo):
    there = {model.name for upstream in (demo.desk, demo.rack, demo.cloud) for model in upstream.models}
    aliases = msgspec.toml.decode(demo.workers)["models"]

    assert {name.removeprefix("cloud:") for names in aliases.values() for name in names} == there


async def test_one_model_loads_slowly(demo):
    assert LARGE in demo.rack.models
    assert LARGE.load_s == SLOW_LOAD_S


async def test_its_repr_shows_the_three(demo):
    assert all(name in repr(demo) for name in ("desk", "rack", "cloud"))
