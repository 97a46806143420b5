"""Strategies by name, and those of other packages."""

import sys
from importlib.metadata import EntryPoint
from random import Random

import pytest
from fleet import NOW, request, standing

from cortex.config import plugins
from cortex.config.load import load
from cortex.config.model import Settings
from cortex.config.plugins import OWN_STRATEGIES, PluginError, strategy_names
from cortex.routing import registry
from cortex.routing.entry import Entry
from cortex.routing.registry import OWN, find
from cortex.routing.strategies import Ranked, State

THERE = [Entry(standing(name), "llama3.2:3b", 0) for name in ("desk", "rack")]


def backwards(request, entries, state, now):
    """Order by name, last first."""
    order = sorted(entries, key=lambda entry: entry.standing.name, reverse=True)
    return [Ranked(entry, "by name") for entry in order]


backwards.reads_prompt = True


def raises(request, entries, state, now):
    raise ValueError("no")


def forgets(request, entries, state, now):
    return [Ranked(entries[0], "only the first")]


def repeats(request, entries, state, now):
    return [Ranked(entries[0], "twice")] * len(entries)


@pytest.fixture(autouse=True)
def installed(monkeypatch):
    """Have packages with these strategies installed."""
    monkeypatch.setitem(sys.modules, "their_strategies", sys.modules[__name__])
    names = {name: name for name in ("backwards", "raises", "forgets", "repeats", "NOW")} | {"missing": "nothing"}
    points = [EntryPoint(name, f"their_strategies:{there}", plugins.GROUP) for name, there in names.items()]
    monkeypatch.setattr(plugins, "entry_points", lambda group: points)
    caches = (plugins._installed, plugins.load_strategy, registry.find)
    for each in caches:
        each.cache_clear()
    yield
    for each in caches:
        each.cache_clear()


def test_every_own_name_has_a_function():
    assert tuple(OWN) == OWN_STRATEGIES
    assert all(find(name) is OWN[name] for name in OWN_STRATEGIES)


def test_installed_names_come_behind_the_own():
    assert strategy_names()[: len(OWN_STRATEGIES)] == OWN_STRATEGIES
    assert "backwards" in strategy_names()


def test_an_installed_strategy_orders():
    known = find("backwards")
    ranked = known.order(request(), THERE, State(Random(0)), NOW)
    assert [one.entry.standing.name for one in ranked] == ["rack", "desk"]
    assert ranked[0].why == "by name"
    assert (known.reads_prompt, known.chooses_model) == (True, False)


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("raises", "ValueError"),
        ("forgets", "did not return each candidate once"),
        ("repeats", "did not return each candidate once"),
    ],
)
def test_one_that_fails_is_replaced_by_local_first_and_the_why_says_so(name, what):
    ranked = find(name).order(request(), THERE, State(Random(0)), NOW)
    assert {one.entry for one in ranked} == set(THERE)
    assert ranked[0].why.startswith(f"strategy {name} failed ({what}), so local")


@pytest.mark.parametrize("name", ["nowhere", "missing", "NOW"])
def test_one_that_cannot_be_loaded_is_an_error(name):
    with pytest.raises(PluginError):
        find(name)


def test_the_file_may_name_an_installed_strategy():
    settings = load('[routing]\nstrategy = "backwards"', {})
    assert isinstance(settings, Settings)
    assert settings.routing.strategy == "backwards"


@pytest.mark.parametrize(
    ("name", "found"),
    [("backward", "did you mean"), ("missing", "cannot be loaded: AttributeError"), ("NOW", "is no function")],
)
def test_a_file_with_one_that_is_not_there_is_refused(name, found):
    problems = load(f'[routing]\nstrategy = "{name}"', {})
    assert found in str(problems[0])
