"""Which keys of many are looked at."""

from fleet import NOW, hold, request, standing
from hypothesis import given
from hypothesis import strategies as st

from cortex.config.model import Limits
from cortex.providers.base import Model
from cortex.routing.entry import Entry
from cortex.routing.rotation import FEW, FEW_OWN, FOUND_OWN, SORTED_FOR_S, rotations

MODEL = "m"
LIMITS = {"*": Limits(requests_per_day=10)}


def keys(count, pool="p", **more):
    made = [standing(f"{pool}/{n}", models=(MODEL,), local=False, limits=LIMITS, **more) for n in range(count)]
    return [Entry(each, MODEL, 0) for each in made]


def use(entry, times=1):
    account = entry.standing.account
    for _ in range(times):
        account.quota.settle(account.reserve(MODEL, request().tokens), None, account._books.now())


def anyone(_):
    return True


def machines(count, *, warm=range(10_000)):
    made = [standing(f"m{n}", models=(Model(MODEL, loaded=n in warm),), slots=4) for n in range(count)]
    return [Entry(each, MODEL, 0) for each in made]


def test_a_few_keys_and_machines_are_looked_at_whole():
    few = keys(FEW)
    own = machines(FEW_OWN)

    assert [rotation.look(anyone, NOW) for rotation in rotations(few)] == [few]
    assert [rotation.look(anyone, NOW) for rotation in rotations(own)] == [own]


def test_ranks_and_costs_are_kept_apart():
    entries = [*keys(2), *keys(2, "q", free=True), Entry(keys(1, "r")[0].standing, MODEL, 1)]

    assert [len(rotation.entries) for rotation in rotations(entries)] == [2, 2, 1]


@given(free=st.sets(st.integers(0, FEW + 4)))
def test_of_many_one_that_can_is_found_if_there_is_one_and_all_were_asked_if_not(free):
    entries = keys(FEW + 5)
    (rotation,) = rotations(entries)
    asked = []

    def is_free(entry):
        asked.append(entry)
        return entries.index(entry) in free

    found = rotation.look(is_free, NOW)

    assert len(found) == bool(free)
    assert all(entries.index(entry) in free for entry in found)
    assert free or sorted(map(entries.index, asked)) == list(range(FEW + 5))


def test_a_burst_is_spread_over_all():
    entries = keys(20)
    (rotation,) = rotations(entries)
    seen = [rotation.look(anyone, NOW)[0] for _ in range(40)]

    assert all(seen.count(entry) == 2 for entry in entries)


def test_the_one_with_the_most_left_comes_first_once_they_are_sorted_again():
    entries = keys(20)
    (rotation,) = rotations(entries)
    rotation.look(anyone, NOW)
    for entry in entries[:-1]:
        use(entry, 3)

    assert rotation.look(anyone, NOW + 2 * SORTED_FOR_S) == [entries[-1]]


def test_of_as_much_left_the_idler_and_then_the_one_that_waited_longest():
    entries = keys(20)
    for number, entry in enumerate(entries):
        entry.standing.granted_at = NOW - number
    entries[-1].standing.leases[1] = None
    (rotation,) = rotations(entries)

    assert rotation.look(anyone, NOW) == [entries[-2]]


def test_a_key_without_weight_comes_last():
    spare = standing("p/spare", models=(MODEL,), local=False, weight=0)
    entries = [Entry(spare, MODEL, 0), *keys(FEW + 1)]
    (rotation,) = rotations(entries)
    for entry in entries[1:]:
        use(entry, 9)

    assert rotation.look(anyone, NOW) != [entries[0]]
    assert rotation.look(lambda entry: entry.standing is spare, NOW) == [entries[0]]


def test_of_many_machines_some_are_handed_on_and_the_next_request_sees_others():
    entries = machines(3 * FOUND_OWN)
    (rotation,) = rotations(entries)

    seen = [rotation.look(anyone, NOW) for _ in range(3)]

    assert [len(found) for found in seen] == [FOUND_OWN] * 3
    assert {entry for found in seen for entry in found} == set(entries)


@given(warm=st.sets(st.integers(0, 29)), looks=st.integers(1, 8))
def test_a_machine_that_would_load_is_never_seen_before_one_that_need_not(warm, looks):
    """However often it was looked within the moment that an order lasts."""
    entries = machines(30, warm=warm)
    (rotation,) = rotations(entries)

    for _ in range(looks):
        found = [entries.index(entry) in warm for entry in rotation.look(anyone, NOW)]
        assert found == [True] * min(len(warm), FOUND_OWN) + [False] * (FOUND_OWN - len(warm))


def test_the_idler_of_many_machines_come_first():
    entries = machines(30)
    for entry in entries[:25]:
        hold(entry.standing, 2)
    (rotation,) = rotations(entries)

    assert set(entries[25:]) < set(rotation.look(anyone, NOW))


def test_where_all_that_are_free_would_load_the_warm_ones_are_asked_again_each_time():
    """A busy one may be the shorter way, and that is for others to say."""
    entries = machines(30, warm={3, 4})
    (rotation,) = rotations(entries)
    asked = []

    def is_free(entry):
        asked.append(entries.index(entry))
        return entries.index(entry) not in {3, 4}

    for _ in range(3):
        asked.clear()
        rotation.look(is_free, NOW)
        assert {3, 4} <= set(asked)


def test_a_warm_machine_that_is_free_again_comes_before_those_that_would_load():
    entries = machines(30, warm={3})
    (rotation,) = rotations(entries)
    rotation.look(lambda entry: entry is not entries[3], NOW)

    assert rotation.look(anyone, NOW)[0] is entries[3]


@given(free=st.sets(st.integers(0, 39)), warm=st.sets(st.integers(0, 39)), looks=st.integers(1, 4))
def test_of_many_machines_some_that_can_are_found_if_there_are_any(free, warm, looks):
    entries = machines(40, warm=warm)
    (rotation,) = rotations(entries)

    for _ in range(looks):
        found = rotation.look(lambda entry: entries.index(entry) in free, NOW)
        assert bool(found) == bool(free)
        assert len(set(found)) == len(found)
        assert all(entries.index(entry) in free for entry in found)
