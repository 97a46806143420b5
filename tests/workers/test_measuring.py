"""Whether a model goes on with a begun answer: who is asked, what the answer shows, what is remembered."""

import pytest
from fleet import NOW, standing

from cortex.chat import Finish, TextDelta
from cortex.providers.base import Model
from cortex.workers.continues import CONTINUES, FORGOTTEN_AFTER_S, KEPT, Continues
from cortex.workers.measuring import question, to_measure, verdict_of

WALL = 1_800_000_000.0
SOON, LATER = "2027-01-15T08:04:00.123456789Z", "2318-01-01T00:00:00Z"
LOADED = Model("llama3.2:3b", digest="abc", loaded=True, loaded_context=4096, expires_at=SOON)


def known(wall=WALL):
    return Continues(wall=lambda: wall)


def asked(stands, memory=None, already=()):
    return to_measure(stands, memory or known(), already, NOW, WALL)


def changed(**more):
    fields = {name: getattr(LOADED, name) for name in LOADED.__struct_fields__}
    return Model(**{**fields, **more})


def test_a_loaded_model_of_an_idle_machine_of_ones_own_is_asked():
    stands = standing(models=(LOADED,))

    assert asked(stands) == LOADED


@pytest.mark.parametrize(
    "model",
    [
        changed(loaded=False),
        changed(loaded=None),
        changed(loaded_context=0),
        changed(expires_at=LATER),
        changed(expires_at="never"),
        changed(capabilities=frozenset({"embedding"})),
    ],
)
def test_a_model_that_would_be_loaded_reloaded_or_kept_for_another_time_is_not_asked(model):
    assert asked(standing(models=(model,))) is None


def test_what_the_worker_fixes_needs_not_be_known():
    stands = standing(models=(changed(loaded_context=0, expires_at=LATER),), num_ctx=8192, keep_alive="5m")

    assert asked(stands) is not None


def test_a_cloud_is_never_asked():
    assert asked(standing(models=(LOADED,), local=False)) is None


def test_a_busy_machine_is_not_asked():
    stands = standing(models=(LOADED,), slots=4)
    stands.promised = 1

    assert asked(stands) is None


def test_nobody_is_asked_twice():
    stands, memory = standing(models=(LOADED,)), known()

    assert asked(stands, already={("llama3.2:3b", "abc")}) is None
    memory.learn(stands, "llama3.2:3b", "restarts")
    assert asked(stands, memory) is None


def test_other_weights_are_another_model():
    stands, memory = standing(models=(LOADED,)), known()
    memory.learn(stands, "llama3.2:3b", "continues")
    other = standing(models=(changed(digest="xyz"),))

    assert memory.verdict(stands, "Llama3.2:3B") == "continues"
    assert memory.verdict(other, "llama3.2:3b") is None


def test_the_question_changes_nothing_of_how_the_model_is_loaded():
    stands = standing(models=(LOADED,))
    request, chat = question(LOADED)
    wire = stands.link.provider.encode(request, chat, LOADED.name)

    assert b'"num_ctx":4096' in wire.body
    assert b'"num_predict":8' in wire.body
    assert b'"role":"assistant"' in wire.body


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        (" five, six", "continues"),
        ("Five", "continues"),
        ("one, two", "restarts"),
        ("Sure! Here", None),
        ("", None),
        ("fivefold", None),
    ],
)
def test_what_an_answer_shows(text, verdict):
    assert verdict_of([TextDelta(text), Finish("length")]) == verdict


def test_a_verdict_against_a_model_is_forgotten_after_a_week():
    stands, memory = standing(models=(LOADED,)), known()
    memory.learn(stands, "llama3.2:3b", "restarts")
    later = known(WALL + FORGOTTEN_AFTER_S + 1)
    later.restore(memory.collect())

    assert memory.verdict(stands, "llama3.2:3b") == "restarts"
    assert later.verdict(stands, "llama3.2:3b") is None


def test_what_is_known_goes_to_the_ledger_once_and_comes_back():
    stands, memory, again = standing(models=(LOADED,)), known(), known()
    memory.learn(stands, "llama3.2:3b", "continues")
    entries = memory.collect()

    assert [name.startswith(CONTINUES) for name in entries] == [True]
    assert memory.collect() == {}
    assert again.restore({**entries, f"{CONTINUES}bad": b"\xff", "quota/x": b"1"}) == 1
    assert again.verdict(stands, "llama3.2:3b") == "continues"


def test_the_oldest_are_forgotten_on_the_disk_too():
    stands, memory = standing(models=(LOADED,)), known()
    for number in range(KEPT + 3):
        memory.learn(stands, f"m{number}", "continues")

    entries = memory.collect()
    assert sum(value is None for value in entries.values()) == 3
