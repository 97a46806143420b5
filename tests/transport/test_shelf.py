"""Places are never more than the cap, never lost, and go to whoever has waited longest."""

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from cortex.transport.shelf import Occupancy, Shelf

CAP = 3


class Kept:
    def __init__(self, deadline_s=100.0):
        self.deadline_s = deadline_s


class Waiter:
    def __init__(self):
        self.over = False

    def done(self):
        return self.over


class ShelfMachine(RuleBasedStateMachine):
    """Any order of taking, connecting, freeing, losing, waiting and leaving."""

    def __init__(self):
        super().__init__()
        self.shelf = Shelf(CAP)
        self.connecting = 0
        self.used: list[Kept] = []
        self.idle: list[Kept] = []
        self.line: list[Waiter] = []

    @rule()
    def ask(self):
        connection = self.shelf.take(0.0)
        if connection is not None:
            assert connection is self.idle.pop()
            self.used.append(connection)
        elif self.shelf.reserve():
            self.connecting += 1
        else:
            assert self.connecting + len(self.used) == CAP
            self.line.append(Waiter())
            self.shelf.wait(self.line[-1])

    @precondition(lambda self: self.connecting)
    @rule(works=st.booleans())
    def connected(self, works):
        if works:
            self.connecting -= 1
            self.used.append(Kept())
        elif not self.granted(self.shelf.vacate()):
            self.connecting -= 1

    @precondition(lambda self: self.used)
    @rule(data=st.data())
    def free(self, data):
        connection = data.draw(st.sampled_from(self.used))
        if not self.granted(self.shelf.give_back(connection)):
            self.used.remove(connection)
            self.idle.append(connection)

    @precondition(lambda self: self.used or self.idle)
    @rule(data=st.data())
    def lose(self, data):
        connection = data.draw(st.sampled_from(self.used + self.idle))
        was_used = connection in self.used
        (self.used if was_used else self.idle).remove(connection)
        if self.granted(self.shelf.lose(connection)):
            self.connecting += 1

    @precondition(lambda self: self.line)
    @rule(data=st.data(), told=st.booleans())
    def leave(self, data, told):
        waiter = data.draw(st.sampled_from(self.line))
        self.line.remove(waiter)
        waiter.over = True  # a cancelled future is passed over even before its owner has left the line
        if told:
            self.shelf.leave(waiter)

    def granted(self, waiter: Waiter | None) -> bool:
        """Whoever has waited longest gets the place."""
        assert waiter is (self.line[0] if self.line else None)
        if waiter is not None:
            self.line.pop(0).over = True
        return waiter is not None

    @invariant()
    def counts_agree(self):
        in_use = self.connecting + len(self.used)
        assert self.shelf.occupancy == (in_use + len(self.idle), len(self.idle), in_use, len(self.line))
        assert list(self.shelf.idle) == self.idle

    @invariant()
    def the_cap_holds(self):
        assert self.shelf.occupancy.open <= CAP

    @invariant()
    def nobody_waits_while_a_place_is_free(self):
        assert not (self.line and self.shelf.occupancy.open < CAP)


TestShelf = ShelfMachine.TestCase


def test_the_connection_used_last_is_taken_first():
    shelf = Shelf(2)
    older, newer = Kept(), Kept()
    shelf.reserve(), shelf.reserve()
    shelf.give_back(older), shelf.give_back(newer)

    assert shelf.take(0.0) is newer


def test_a_connection_past_its_idle_time_is_not_taken():
    shelf = Shelf(1)
    shelf.reserve()
    shelf.give_back(Kept(deadline_s=10.0))

    assert shelf.take(10.0) is None
    assert not shelf.reserve()  # it holds its place until it is closed


def test_draining_returns_those_who_still_wait():
    shelf = Shelf(0)
    gone, waiting = Waiter(), Waiter()
    gone.over = True
    shelf.wait(gone), shelf.wait(waiting)

    assert shelf.drain() == [waiting]
    assert shelf.occupancy == (0, 0, 0, 0)


def test_occupancy_reads_as_words():
    assert str(Occupancy(3, 1, 2, 0)) == "2 in use, 1 idle"
    assert str(Occupancy(3, 1, 2, 4)) == "2 in use, 1 idle, 4 waiting"
