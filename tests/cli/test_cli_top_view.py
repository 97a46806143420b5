"""What somebody chose to see, key by key."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from scripted_daemon import snapshot, worker_row

from cortex.commands.top_view import SORT_KEYS, SORTS, View, load_of

WORKERS = [
    worker_row("desk", slots=2, in_flight=1, per_s=0.5),
    worker_row("rack", state="draining", restarts=2, per_s=3.0),
    worker_row("cloud/1", state="open", slots=4, in_flight=4),
]
PICTURE = snapshot(*WORKERS)
ALL = PICTURE["order"]


def pressed(*keys, picture=PICTURE):
    """A view after these keys."""
    view = View()
    for key in keys:
        view.press(key, view.settle(picture))
    view.settle(picture)
    return view


def names(view, picture=PICTURE):
    return [row.facts["name"] for row in view.rows(picture)]


def test_at_first_all_are_there_as_a_tree_and_the_first_is_selected():
    view = pressed()

    assert names(view) == ALL
    assert view.selected == "root"
    assert [row.branch for row in view.rows(PICTURE)] == ["", "├ ", "├ ", "│ ├ ", "│ ├ ", "│ └ ", "└ "]


@pytest.mark.parametrize(
    ("keys", "selected"),
    [
        (["j"], "telemetry"),
        (["down", "down", "up"], "telemetry"),
        (["k"], "root"),
        (["end"], "dispatcher"),
        (["G", "k", "g"], "root"),
        (["page down"], "dispatcher"),
    ],
)
def test_the_selection_moves_and_stays_within(keys, selected):
    assert pressed(*keys).selected == selected


@pytest.mark.parametrize(
    ("key", "first"),
    [("n", "cloud/1"), ("e", "cloud/1"), ("l", "cloud/1"), ("r", "rack"), ("x", "rack"), ("t", "root")],
)
def test_a_letter_sorts(key, first):
    view = pressed(key)

    assert names(view)[0] == first
    assert sorted(names(view)) == sorted(ALL)


def test_s_goes_through_all_sorts_and_begins_again():
    view = View()
    seen = []
    for _ in range(len(SORTS) + 1):
        seen.append(view.sort)
        view.press("s", ALL)

    assert seen == [*SORTS, SORTS[0]]
    assert tuple(SORT_KEYS.values()) == SORTS


def test_a_sort_keeps_the_tree_s_order_among_equals():
    assert names(pressed("x"))[1:] == [name for name in ALL if name != "rack"]


def test_the_selection_stays_with_its_actor_wherever_a_sort_moves_it():
    assert pressed("j", "j", "j", "r", "n", "t").selected == "desk"


def test_who_comes_to_stand_in_the_place_of_a_selected_one_that_went_is_selected():
    view = pressed("j", "j", "j", "j")
    assert view.selected == "rack"

    view.settle(snapshot(WORKERS[0], WORKERS[2]))

    assert view.selected == "cloud/1"


def test_a_filter_finds_by_name_and_by_state_as_it_is_typed():
    assert names(pressed("/", "a", "c", "k")) == ["rack"]
    assert names(pressed("/", *"DRAIN")) == ["rack"]
    assert names(pressed("/", "x", "x", "backspace", "backspace")) == ALL


def test_while_a_filter_is_typed_letters_are_letters():
    view = pressed("/", "q", "p", "s", "?")

    assert (view.filter, view.has_ended, view.is_paused, view.sort) == ("qps?", False, False, "tree")


def test_enter_keeps_a_filter_and_escape_drops_it():
    assert pressed("/", "r", "enter").filter == "r"
    assert pressed("/", "r", "escape").filter == ""
    assert pressed("/", "r", "enter", "escape").filter == ""


def test_where_a_filter_finds_nobody_nobody_is_selected_and_enter_does_nothing():
    view = pressed("/", *"nobody", "enter", "enter")

    assert (view.selected, view.mode) == ("", "tree")


def test_enter_opens_the_selected_and_escape_comes_back():
    assert pressed("j", "enter").mode == "detail"
    assert pressed("j", "enter", "escape").mode == "tree"


def test_in_the_detail_the_same_keys_scroll_and_the_selection_stays():
    view = pressed("j", "enter", "j", "j", "k")

    assert (view.scroll, view.selected) == (1, "telemetry")
    assert pressed("enter", "k").scroll == 0


def test_who_is_looked_at_stays_looked_at_though_it_went():
    view = pressed(*"jjjj", "enter")

    view.settle(snapshot(WORKERS[0]))

    assert (view.mode, view.selected) == ("detail", "rack")


def test_p_holds_and_lets_go_and_q_ends_from_anywhere():
    assert pressed("p").is_paused
    assert not pressed("p", "p").is_paused
    for keys in (["q"], ["enter", "q"], ["?", "q"]):
        assert pressed(*keys).has_ended


def test_help_goes_away_with_any_key_to_where_it_came_from():
    assert pressed("?").mode == "help"
    assert pressed("?", "x").mode == "tree"
    assert pressed("?", "x").sort == "tree"
    assert pressed("enter", "?", "escape").mode == "detail"


def test_the_load_is_the_greater_share_of_slots_or_mailbox():
    assert load_of({"slots": 4, "in_flight": 1, "mailbox": 5_000, "mailbox_limit": 10_000}) == 0.5
    assert load_of({"slots": 2, "in_flight": 2, "mailbox": None}) == 1.0
    assert load_of({}) == 0.0


@given(st.lists(st.integers(0, 4), max_size=12))
def test_each_row_of_the_tree_is_drawn_below_its_parent(steps):
    """Whatever the depths: the branch is two characters a level, and ends in a corner where nobody follows."""
    depths = [0]
    for step in steps:
        depths.append(max(1, min(depths[-1] + 1, step)))
    rows = [{"name": str(number), "state": "running", "depth": depth} for number, depth in enumerate(depths)]
    picture = {"rows": {row["name"]: row for row in rows}, "order": [row["name"] for row in rows]}

    for number, row in enumerate(View().rows(picture)):
        assert len(row.branch) == 2 * depths[number]
        after = next((depth for depth in depths[number + 1 :] if depth <= depths[number]), 0)
        if number:
            assert row.branch.endswith("├ " if after == depths[number] else "└ ")


class Pressing(RuleBasedStateMachine):
    """Any keys, while workers come and go."""

    def __init__(self):
        super().__init__()
        self.view = View()
        self.picture = PICTURE
        self.names = self.view.settle(self.picture)

    @rule(
        keys=st.lists(st.sampled_from(["up", "down", "home", "end", "enter", "escape", "backspace", *"jkgGs/p?tnelrx"]))
    )
    def press(self, keys):
        for key in keys:
            self.view.press(key, self.names)
            self.names = self.view.settle(self.picture)

    @rule(there=st.lists(st.sampled_from(WORKERS), unique_by=lambda worker: worker["name"]))
    def come_and_go(self, there):
        self.picture = snapshot(*there)
        self.names = self.view.settle(self.picture)

    @invariant()
    def exactly_one_of_those_that_are_shown_is_selected(self):
        if self.view.mode in {"tree", "filter"}:
            assert self.view.selected in self.names or not self.names
            assert bool(self.view.selected) == bool(self.names)

    @invariant()
    def all_that_fit_the_filter_are_shown_once(self):
        shown = names(self.view, self.picture)
        assert len(shown) == len(set(shown))
        fitting = [each for each in self.picture["order"] if self.view.filter in each]
        assert set(fitting) <= set(shown)

    @invariant()
    def nothing_but_q_ends_it(self):
        assert not self.view.has_ended
        assert self.view.scroll >= 0
        assert self.view.sort in SORTS


TestPressing = Pressing.TestCase
