"""The line of requests against a plain list of them."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from cortex.routing.line import Line

LIMIT, LIMIT_BYTES = 12, 100


class Item:
    """A request of a client; equal to none but itself."""

    def __init__(self, client, number):
        self.client, self.number = client, number

    def __repr__(self):
        return f"{self.client}{self.number}"


def line_of(*clients, limit=1000):
    line = Line(limit=limit, limit_bytes=10**9)
    items = [Item(client, number) for number, client in enumerate(clients)]
    for item in items:
        assert line.join(item.client, item, 1)
    return line, items


def serve_all(line):
    served = []
    while line:
        item = next(iter(line))
        line.leave(item.client, item, served=True)
        served.append(item)
    return served


@given(clients=st.lists(st.sampled_from("abcd"), max_size=40))
def test_nobody_is_served_twice_while_another_waits_for_a_turn(clients):
    line, _ = line_of(*clients)
    left, turns = Counter(clients), Counter()
    for item in serve_all(line):
        turns[item.client] += 1
        left[item.client] -= 1
        waiting = [client for client in left if left[client] > 0]

        assert all(turns[item.client] - turns[client] <= 1 for client in waiting)


@given(clients=st.lists(st.sampled_from("abcd"), max_size=40))
def test_the_order_of_a_whole_pass_is_the_order_of_serving_one_by_one(clients):
    line, _ = line_of(*clients)

    assert list(line) == serve_all(line)


@given(clients=st.lists(st.sampled_from("abcd"), max_size=40))
def test_each_client_keeps_its_own_order_and_all_are_served_once(clients):
    line, items = line_of(*clients)
    served = serve_all(line)

    assert sorted(served, key=lambda item: item.number) == items
    for client in set(clients):
        numbers = [item.number for item in served if item.client == client]
        assert numbers == sorted(numbers)


def test_a_client_that_sends_many_at_once_does_not_delay_another():
    line, _ = line_of(*"aaaaaab")

    assert [item.client for item in line][:2] == ["a", "b"]


def test_a_client_that_gives_up_keeps_its_turn():
    line, items = line_of(*"aab")
    line.leave("a", items[0], served=False)

    assert [item.client for item in line] == ["a", "b"]


def test_taking_out_what_is_not_there_changes_no_turn():
    line, _ = line_of(*"aab")
    line.leave("a", Item("a", 99), served=True)
    line.leave("nobody", Item("nobody", 1), served=True)

    assert [item.client for item in line] == ["a", "b", "a"]
    assert len(line) == 3


def test_one_body_above_the_limit_may_wait_alone():
    line = Line(limit=10, limit_bytes=100)

    assert line.join("a", Item("a", 0), 500)
    assert not line.join("b", Item("b", 1), 1)


def test_where_none_may_wait_none_does():
    assert not Line(limit=0, limit_bytes=100).join("a", Item("a", 0), 1)


class LineMachine(RuleBasedStateMachine):
    """Items come and go in any order, served or not; a plain list says what must be there."""

    def __init__(self):
        super().__init__()
        self.line = Line(limit=LIMIT, limit_bytes=LIMIT_BYTES)
        self.there: list[tuple[Item, int]] = []
        self.number = 0

    @rule(client=st.sampled_from("abc"), size=st.integers(0, 60))
    def join(self, client, size):
        item = Item(client, self.number)
        self.number += 1
        held = sum(bytes_ for _, bytes_ in self.there)
        fits = len(self.there) < LIMIT and (not self.there or held + size <= LIMIT_BYTES)

        assert self.line.join(client, item, size) is fits
        if fits:
            self.there.append((item, size))

    @precondition(lambda self: self.there)
    @rule(data=st.data(), served=st.booleans())
    def leave(self, data, served):
        item, _ = self.there.pop(data.draw(st.integers(0, len(self.there) - 1)))
        self.line.leave(item.client, item, served=served)
        rest = [each.client for each in self.line]
        if served and item.client in rest:
            assert list(dict.fromkeys(rest))[-1] == item.client

    @rule(client=st.sampled_from("abc"))
    def leave_again(self, client):
        before = list(self.line)
        self.line.leave(client, Item(client, -1), served=True)

        assert list(self.line) == before

    @invariant()
    def everything_is_there_once(self):
        there = list(self.line)

        assert len(self.line) == len(there) == len(self.there)
        assert {id(item) for item in there} == {id(item) for item, _ in self.there}
        assert self.line._bytes == sum(size for _, size in self.there)

    @invariant()
    def each_client_has_a_turn_before_any_has_two(self):
        turns = Counter()
        left = Counter(item.client for item, _ in self.there)
        for item in self.line:
            assert all(turns[item.client] <= turns[other] for other in left if left[other])
            turns[item.client] += 1
            left[item.client] -= 1


TestLineMachine = LineMachine.TestCase
