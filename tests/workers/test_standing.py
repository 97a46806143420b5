"""What keeps a worker from a request, what people see of it, and what it is known to have."""

import pytest
from fleet import NOW, board, hold, settings, standing
from hypothesis import given
from hypothesis import strategies as st

from cortex.config.model import Breaker
from cortex.providers.base import Findings, Model
from cortex.workers.standing import NEVER


def break_open(stands):
    stands.breaker.configure(Breaker(failures=1, open_for_s=30.0))
    stands.breaker.record(ok=False, now=NOW)


def begin_trial(stands):
    break_open(stands)
    stands.breaker.reachable_again()
    assert stands.breaker.begin(NOW)


def retire(stands):
    stands.retired_why = "unauthorized: no such key"


def rest(stands):
    stands.rest_until, stands.rest_why = NOW + 60, "asked to rest"


def mode(word):
    return lambda stands: setattr(stands, "mode", word)


def put(name, value):
    return lambda stands: setattr(stands, name, value)


GRAVEST_FIRST = [
    # what happened, obstacle, what is shown, until
    (retire, "retired", "retired", NEVER),
    (mode("draining"), "draining", "draining", NEVER),
    (mode("resting"), "resting", "resting", NEVER),
    (rest, "resting", "resting", NOW + 60),
    (put("up", False), "starting", "starting", NOW),
    (put("reachable", False), "unreachable", "unreachable", NOW),
    (break_open, "open", "open", NOW + 30),
    (begin_trial, "open", "half_open", NOW),
    (lambda stands: hold(stands, 1), "full", "busy", NOW),
    (put("busy_until", NOW + 1), "full", "busy", NOW + 1),
]


@pytest.mark.parametrize(("happens", "kind", "shown", "until"), GRAVEST_FIRST)
def test_each_thing_in_the_way_has_its_word_for_requests_and_for_people(happens, kind, shown, until):
    stands = standing()
    happens(stands)
    obstacle = stands.obstacle(NOW)

    assert (obstacle.kind, obstacle.until) == (kind, until)
    assert obstacle.why
    assert stands.shown(NOW) == shown


@given(which=st.lists(st.sampled_from(range(len(GRAVEST_FIRST))), min_size=1, max_size=4, unique=True))
def test_of_several_things_in_the_way_the_most_lasting_is_told(which):
    stands = standing()
    for number in sorted(which, reverse=True):
        GRAVEST_FIRST[number][0](stands)
    gravest = GRAVEST_FIRST[min(which)]

    if gravest[0] is rest and GRAVEST_FIRST[4][0] in [GRAVEST_FIRST[number][0] for number in which]:
        return  # one rest, two reasons: the last one told stands
    assert stands.obstacle(NOW).kind == gravest[1]


def test_nothing_is_in_the_way_of_a_worker_that_runs():
    stands = standing()

    assert stands.obstacle(NOW) is None
    assert stands.shown(NOW) == "ready"


def test_a_worker_that_was_never_probed_takes_requests_but_is_shown_as_starting():
    stands = standing()
    stands.reachable = None

    assert stands.obstacle(NOW) is None
    assert stands.shown(NOW) == "starting"


@given(slots=st.integers(1, 8), held=st.integers(0, 8), promised=st.integers(0, 8))
def test_held_and_promised_slots_together_are_never_more_than_there_are(slots, held, promised):
    stands = standing(slots=slots)
    hold(stands, held)
    stands.promised = promised

    assert (stands.obstacle(NOW) is None) is (held + promised < slots)


def test_a_rest_ends_by_itself():
    stands = standing()
    rest(stands)

    assert stands.obstacle(NOW + 60) is None


# What it has


def test_names_are_equal_in_the_providers_own_way():
    stands = standing(models=["Llama3.2:latest"])

    assert stands.model_named("llama3.2") == "Llama3.2:latest"
    assert standing(models=["Big"], local=False).model_named("big") is None


def test_before_the_first_listing_the_configured_models_are_believed_whatever_their_spelling():
    stands = standing(models=None, configured=["llama3.2"])

    assert stands.model_named("llama3.2") == "llama3.2"
    assert stands.model_named("LLAMA3.2:latest") == "llama3.2"
    assert stands.model_named("qwen3:4b") is None


def test_only_configured_models_are_taken_from_a_listing_and_in_their_order():
    stands = standing(models=["a", "b", "c"], configured=["c", "a", "zz"])

    assert [model.name for model in stands.models.values()] == ["c", "a"]


def test_a_model_that_was_missing_is_believed_again_after_the_next_listing():
    stands = standing(models=["a", "b"])
    stands.missing.add("a:latest")

    assert stands.model_named("a") is None
    assert stands.take_findings(Findings((Model("a", loaded=True), Model("b", loaded=True)))) is True
    assert stands.model_named("a") == "a"


def test_a_listing_that_says_nothing_new_is_no_change():
    stands = standing(models=["a"])

    assert stands.take_findings(Findings((Model("a", loaded=True),))) is False
    assert stands.take_findings(Findings((Model("a", loaded=False),))) is True


def test_an_upstream_that_cannot_list_changes_nothing():
    stands = standing(models=None, configured=["gpt"], local=False)

    assert stands.take_findings(Findings(None, version="1")) is False
    assert stands.models is None
    assert stands.version == "1"


@pytest.mark.parametrize(("loaded", "is_cold"), [(True, False), (None, False), (False, True)])
def test_a_model_is_cold_only_where_the_upstream_says_that_it_is_not_loaded(loaded, is_cold):
    assert standing(models=[Model("a", loaded=loaded)]).is_cold("A:latest") is is_cold


def test_nothing_is_known_to_be_cold_before_a_listing():
    assert standing(models=None).is_cold("a") is False


def test_a_model_that_answered_is_loaded_and_its_load_is_over():
    stands = standing(models=[Model("a", loaded=False)])
    stands.loading.add("a:latest")
    stands.now_loaded("A")

    assert not stands.is_cold("a")
    assert not stands.loading


def test_a_load_is_over_when_the_listing_says_so_or_the_model_is_gone():
    stands = standing(models=[Model("a", loaded=False), Model("b", loaded=False)])
    stands.loading |= {"a:latest", "b:latest", "gone:latest"}
    stands.take_findings(Findings((Model("a", loaded=True), Model("b", loaded=False))))

    assert stands.loading == {"b:latest"}


# The board


def test_every_coming_and_going_makes_another_version_of_the_board():
    there = board(standing("desk"))
    versions = [there.version]
    for change in (lambda: there.add(standing("rack")), there.changed, lambda: there.remove("desk")):
        change()
        versions.append(there.version)

    assert versions == sorted(set(versions))
    assert [stands.name for stands in there] == ["rack"]
    assert (len(there), there.get("desk")) == (1, None)


def test_workers_keep_their_place_on_the_board():
    there = board(*(standing(name) for name in "cab"))

    assert [stands.name for stands in there] == ["c", "a", "b"]


def test_no_key_is_in_what_is_printed_of_a_worker():
    from cortex.config.secret import Secret  # noqa: PLC0415  only here

    stands = standing("cloud", local=False, key=Secret("sk-very-secret-0123456789"))

    assert "very-secret" not in f"{stands!r} {stands.link!r} {settings(key=Secret('sk-very-secret-0123456789'))!r}"
