"""Of many keys, those that cannot take a request are not asked about again and again."""

from fleet import NOW, standing

from cortex.routing.entry import Entry
from cortex.routing.rotation import FEW, SORTED_FOR_S, rotations

MANY = 3 * FEW


def looked_at(rotation, free, now):
    """Look once; return the keys that were asked about."""
    asked = []

    def is_free(entry):
        asked.append(entry.standing.name)
        return entry.standing.name in free

    rotation.look(is_free, now)
    return asked


def many():
    made = [standing(f"p/{number:02d}", models=("m",), local=False) for number in range(MANY)]
    (rotation,) = rotations([Entry(each, "m", 0) for each in made])
    return rotation


def test_a_key_that_was_spent_is_not_asked_about_while_another_is_free():
    rotation = many()

    first = looked_at(rotation, {"p/17"}, NOW)
    second = looked_at(rotation, {"p/17"}, NOW)

    assert len(first) == MANY
    assert second == ["p/17"]


def test_where_none_of_the_others_is_left_every_key_is_asked_about_once():
    rotation = many()
    looked_at(rotation, {"p/17"}, NOW)

    asked = looked_at(rotation, set(), NOW)
    back = looked_at(rotation, {"p/03"}, NOW)

    assert sorted(asked) == [f"p/{number:02d}" for number in range(MANY)]
    assert back[-1] == "p/03"
    assert len(set(back)) == len(back)


def test_a_key_that_is_free_again_comes_back_when_they_are_sorted_anew():
    rotation = many()
    looked_at(rotation, {"p/17"}, NOW)

    asked = looked_at(rotation, {"p/00", "p/17"}, NOW + SORTED_FOR_S)

    assert asked == ["p/00"]
