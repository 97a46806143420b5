"""Which keys of many are looked at."""

from fleet import NOW, request, standing
from hypothesis import given
from hypothesis import strategies as st

from cortex.config.model import Limits
from cortex.routing.entry import Entry
from cortex.routing.rotation import FEW, SORTED_FOR_S, rotations

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


def test_a_few_keys_and_machines_of_ones_own_are_looked_at_whole():
    few = keys(FEW)
    own = [Entry(standing(f"desk{n}"), MODEL, 0) for n in range(FEW + 5)]

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
