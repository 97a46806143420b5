"""From old settings to new."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cortex.config.diff import diff
from cortex.config.load import load
from cortex.config.model import Routing, Server, Settings, Supervision, Worker

WORKERS = st.builds(
    Worker,
    name=st.sampled_from("abcd"),
    pool=st.just("p"),
    provider=st.just("ollama"),
    url=st.just("u"),
    slots=st.integers(1, 3),
)
SETTINGS = st.builds(
    Settings,
    server=st.builds(Server, port=st.integers(1, 2), max_clients=st.integers(1, 2)),
    routing=st.builds(Routing, queue=st.integers(1, 2)),
    supervision=st.builds(Supervision, max_restarts=st.integers(1, 2)),
    workers=st.lists(WORKERS, max_size=4).map(lambda workers: {worker.name: worker for worker in workers}),
)


@given(SETTINGS, SETTINGS)
def test_applying_the_changes_to_the_old_gives_the_new(old, new):
    changes = diff(old, new)

    workers = dict(old.workers)
    for name in changes.stop:
        del workers[name]
    for worker in changes.start:
        assert worker.name not in workers
        workers[worker.name] = worker
    for worker in changes.change:
        assert workers[worker.name] != worker
        workers[worker.name] = worker
    assert workers == new.workers
    sections = {name: getattr(new, name) for name in changes.sections}
    assert {name: sections.get(name, getattr(old, name)) for name in ("server", "routing", "supervision")} == {
        name: getattr(new, name) for name in ("server", "routing", "supervision")
    }


@given(SETTINGS, SETTINGS)
def test_a_worker_whose_table_did_not_change_is_not_touched(old, new):
    changes = diff(old, new)

    touched = {worker.name for worker in changes.start + changes.change} | set(changes.stop)
    same = {name for name in old.workers if old.workers[name] == new.workers.get(name)}
    assert not touched & same


@given(SETTINGS)
def test_nothing_changes_between_equals(settings):
    assert not diff(settings, settings)


def test_what_only_a_restart_applies_is_named():
    changes = diff(load("", {}), load("[server]\nport = 1\nmax_clients = 1\n[supervision]\nmax_seconds = 9", {}))

    assert changes.restart_needed == ("server.port", "supervision.max_seconds")
    assert changes.sections == ("server", "supervision")


@pytest.mark.parametrize(
    ("section", "text"),
    [
        ("server", "[server]\nmax_clients = 1"),
        ("tls", "[tls]\nca = 'a.pem'"),
        ("supervision", "[supervision]\nmax_restarts = 1"),
        ("routing", "[routing]\nqueue = 1"),
        ("breaker", "[breaker]\nfailures = 1"),
        ("cache", "[cache]\nenabled = false"),
        ("health", "[health]\ninterval = '1s'"),
        ("telemetry", "[telemetry]\nprompts = true"),
        ("models", "[models]\na = ['b']"),
        ("prices", "[prices.a]\ninput = 1\noutput = 1"),
    ],
)
def test_a_section_that_changed_is_named(section, text):
    assert diff(load("", {}), load(text, {})).sections == (section,)


def test_a_new_key_under_an_old_label_changes_one_worker_only():
    text = '[workers.a]\nprovider = "openai"\nurl = "http://x"\nkeys = { one = "$ONE", two = "$TWO" }\n'

    changes = diff(load(text, {"ONE": "1", "TWO": "2"}), load(text, {"ONE": "1", "TWO": "3"}))

    assert [worker.name for worker in changes.change] == ["a/two"]
    assert not changes.start + changes.stop


def test_workers_stop_in_reverse_order():
    old = load("".join(f'[workers.{name}]\nprovider = "ollama"\n' for name in "abc"), {})

    assert diff(old, load("", {})).stop == ("c", "b", "a")
