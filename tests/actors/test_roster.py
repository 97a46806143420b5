from hypothesis import given
from hypothesis import strategies as st

from cortex.actors.roster import Child, Roster
from cortex.actors.spec import ChildSpec


def roster(names="abcd", state="running"):
    made = Roster(ChildSpec(name, start=print) for name in names)
    for child in made:
        child.state = state
    return made


def children(made, names):
    return [made.find(name) for name in names]


def walk(made, plan):
    """Do what a plan wants, at once, and return the steps."""
    steps = []
    while (step := made.next_step(plan)) is not None:
        verb, child = step
        child.state = "stopped" if verb == "stop" else "running"
        steps.append(f"{verb} {child.name}")
    return steps


def test_a_plan_stops_the_last_first_and_starts_the_first_first():
    made = roster()

    assert walk(made, made.arrange(children(made, "db"))) == ["stop d", "stop b", "start b", "start d"]
    assert made.is_settled


def test_a_child_that_is_not_wanted_is_not_started_again():
    made = roster("ab")
    made.find("a").is_wanted = False

    assert walk(made, made.arrange(made)) == ["stop b", "stop a", "start b"]


def test_a_new_plan_takes_over_what_an_overlapping_one_had_still_to_stop():
    made = roster("abc")
    first = made.arrange(children(made, "bc"))
    second = made.arrange(children(made, "c"))

    assert made.next_step(first) is None
    assert walk(made, second) == ["stop c", "stop b", "start b", "start c"]


def test_plans_without_a_common_child_go_on_beside_each_other():
    made = roster("ab")
    first, second = made.arrange(children(made, "a")), made.arrange(children(made, "b"))
    assert made.next_step(first)[1].name == "a"

    assert walk(made, second) == ["stop b", "start b"]
    assert walk(made, first) == ["stop a", "start a"]


def test_a_child_that_has_been_started_is_out_of_its_plan():
    made = roster("ab", "stopped")
    plan = made.start_all()
    made.find("a").state = "running"
    made.next_step(plan)

    assert made.find("a").plan is None
    assert made.find("b").plan is plan


def test_to_stop_all_drops_every_other_plan():
    made = roster("abc")
    other = made.arrange(children(made, "b"))

    assert walk(made, made.stop_all()) == ["stop c", "stop b", "stop a"]
    assert made.next_step(other) is None


def test_a_temporary_child_is_dropped_when_it_stops():
    assert Child(ChildSpec("a", start=print, restart="temporary")).is_dropped


def test_a_roster_shows_its_children():
    assert repr(roster("ab")) == "<Roster a running, b running>"


@given(st.lists(st.tuples(st.sets(st.sampled_from("abcd"), min_size=1), st.integers(0, 5)), max_size=8), st.data())
def test_whatever_plans_overlap_what_is_wanted_runs_in_the_end_and_nothing_else(moves, data):
    made, plans = roster("abcd", "stopped"), []
    plans.append(made.start_all())
    for group, steps in moves:
        for name in group:
            made.find(name).is_wanted = data.draw(st.booleans())
        plans.append(made.arrange(children(made, group)))
        for _ in range(steps):
            step = made.next_step(data.draw(st.sampled_from(plans)))
            if step is not None:
                step[1].state = "stopped" if step[0] == "stop" else "running"
    for plan in plans:
        walk(made, plan)

    assert made.is_settled
    assert all(child.plan is None for child in made)
    assert [child.state == "running" for child in made] == [child.is_wanted for child in made]
