"""What the live page is told: everything once, and then what has changed."""

from copy import deepcopy
from datetime import UTC, datetime

import msgspec
import pytest
from fleet import hold, standing
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from looking import WALL, Rig

from cortex.endpoint.live_view import NEW_SHOWN, REQUESTS_SHOWN, SECTIONS, log_line
from cortex.telemetry.events import Report


class Page:
    """Keeps what a page would: sections, taken over from whole pictures and changes as they would be on the wire."""

    def __init__(self, whole):
        self.has = msgspec.json.decode(msgspec.json.encode(whole))

    def take(self, delta):
        delta = msgspec.json.decode(msgspec.json.encode(delta))
        self.has["summary"] |= delta.get("summary", {})
        for name, row in delta.get("rows", {}).items():
            if row is None:
                del self.has["rows"][name]
            else:
                self.has["rows"].setdefault(name, {}).update(row)
        self.has["order"] = delta.get("order", self.has["order"])
        lines = {line["id"]: line for line in self.has["requests"]}
        for line in delta.get("requests", []):
            if line["id"] in lines:
                lines[line["id"]] = line
            else:
                lines = {line["id"]: line, **lines}
        self.has["requests"] = list(lines.values())
        for section in ("events", "logs"):
            self.has[section] += delta.get(section, [])


def test_the_first_look_is_everything_and_the_second_nothing():
    rig = Rig("desk", "rack")

    assert set(rig.look()) == {"summary", "rows", "order"}
    assert rig.look() == {}


def test_only_what_moved_in_a_row_is_told():
    rig = Rig("desk", "rack")
    rig.look()
    hold(rig.board.get("desk"), 1)

    delta = rig.look()

    assert delta["rows"] == {"desk": {"state": "busy", "why": "1 of 1 slots busy", "in_flight": 1}}
    assert delta["summary"] == {"in_flight": 1}


def test_a_worker_that_left_is_told_as_nothing_and_the_order_with_it():
    rig = Rig("desk", "rack")
    rig.look()
    rig.board.remove("desk")

    delta = rig.look()

    assert delta["rows"] == {"desk": None}
    assert delta["order"] == ["root", "workers", "rack"]


def test_time_that_passes_is_no_news():
    rig = Rig("desk")
    rig.look()
    rig.wall.advance(30.0)

    assert rig.look() == {}
    assert rig.view.full(())["summary"]["uptime_s"] == 30.0


def test_what_a_worker_has_is_told_when_the_board_says_that_it_changed():
    rig = Rig("desk")
    rig.look()
    desk = rig.board.get("desk")
    desk.models = {name: msgspec.structs.replace(model, loaded=False) for name, model in desk.models.items()}
    assert rig.look() == {}

    rig.board.changed()

    assert rig.look()["rows"] == {"desk": {"loaded": []}}


def test_a_request_is_told_when_it_begins_and_each_time_it_changes():
    rig = Rig("desk")
    record = rig.request()
    (line,) = rig.look()["requests"]
    assert (line["id"], line["outcome"]) == ("r-1", "")
    assert "requests" not in rig.look()

    record.model = "qwen3"
    assert rig.look()["requests"][0]["asked"] == "qwen3"

    rig.end(record)
    assert rig.look()["requests"][0]["outcome"] == "ok"
    assert "requests" not in rig.look()


def test_of_many_new_requests_the_newest_are_told_the_oldest_first():
    rig = Rig("desk")
    rig.look()
    for _ in range(REQUESTS_SHOWN + NEW_SHOWN):
        rig.end(rig.request())

    lines = rig.look()["requests"]

    last = REQUESTS_SHOWN + NEW_SHOWN
    assert [line["id"] for line in lines] == [f"r-{number}" for number in range(last - NEW_SHOWN + 1, last + 1)]
    assert len(rig.view.full(["requests"])["requests"]) == REQUESTS_SHOWN


def test_of_many_lines_of_the_log_it_is_said_how_many_are_left_out():
    rig = Rig("desk")
    rig.look()
    for number in range(NEW_SHOWN + 30):
        rig.tail.put({"timestamp": datetime.fromtimestamp(WALL, UTC), "level": "info", "event": f"e{number}"})

    first, *rest = rig.look()["logs"]

    assert (first["event"], first["count"]) == ("left out", 30)
    assert len(rest) == NEW_SHOWN
    assert "logs" not in rig.look()


def test_a_line_of_the_log_is_when_how_loud_what_and_its_facts():
    line = {"timestamp": datetime.fromtimestamp(WALL, UTC), "level": "error", "event": "broke", "worker": "desk"}

    assert log_line(line) == {"at": WALL, "level": "error", "event": "broke", "worker": "desk"}


def test_restarts_are_those_of_the_supervisor_that_used_most_of_its_intensity():
    rig = Rig("desk")
    for supervisor in ("workers", "root", "workers"):
        rig.journal.happened(Report("progress", worker="desk", facts={"supervisor": supervisor, "restarts": 1}))
    rig.journal.happened(Report("progress", worker="desk", facts={"supervisor": "workers", "restarts": 0}))
    rig.look()
    assert rig.view.summary["restarts"] == 2

    rig.wall.advance(rig.current.settings.supervision.max_seconds + 1)
    assert rig.look()["summary"]["restarts"] == 0


def test_a_glance_is_the_summary_of_a_look():
    rig = Rig("desk", "rack")
    hold(rig.board.get("desk"), 1)
    rig.look()

    assert rig.view.glance(rig.clock(), rig.wall()) == rig.view.summary


@given(wanted=st.sets(st.sampled_from(SECTIONS)))
def test_a_whole_picture_has_what_is_wanted_and_the_summary(wanted):
    rig = Rig("desk")
    rig.look()

    whole = rig.view.full(wanted)

    assert set(whole) == {"summary", *wanted, *(["order"] if "rows" in wanted else [])}


class Lookers(RuleBasedStateMachine):
    """Whatever happens, a page that takes every change has what one that comes now is given."""

    def __init__(self):
        super().__init__()
        self.rig = Rig("w0", "w1")
        self.rig.look()
        self.page = Page(self.rig.view.full(SECTIONS))
        self.running = []

    @rule(name=st.sampled_from(["w0", "w1", "w2"]))
    def comes_or_goes(self, name):
        if self.rig.board.get(name):
            self.rig.board.remove(name)
        else:
            self.rig.board.add(standing(name))

    @rule(number=st.integers(0, 2), mode=st.sampled_from(["running", "draining", "resting"]))
    def turns(self, number, mode):
        for each in list(self.rig.board)[number : number + 1]:
            each.mode = mode

    @rule()
    def begins(self):
        self.running.append(self.rig.request())

    @rule(number=st.integers(0, 5))
    def ends(self, number):
        for record in self.running[number : number + 1]:
            self.running.remove(record)
            self.rig.end(record)
            self.rig.history.finished(record)

    @rule()
    def happens(self):
        self.rig.journal.happened(Report("something", worker="w0"))
        self.rig.tail.put({"timestamp": datetime.now(UTC), "level": "info", "event": "something"})

    @rule()
    def passes(self):
        self.rig.clock.advance(1.0)
        self.rig.wall.advance(1.0)
        self.rig.history.tick(self.rig.wall(), 0)

    @invariant()
    def page_is_right(self):
        self.page.take(self.rig.look())
        now = deepcopy(Page(self.rig.view.full(SECTIONS)).has)
        mine = {**self.page.has, "summary": {**self.page.has["summary"], "uptime_s": now["summary"]["uptime_s"]}}
        mine["requests"] = sorted(mine["requests"], key=lambda line: line["id"])
        now["requests"] = sorted(now["requests"], key=lambda line: line["id"])
        assert mine == now


Lookers.TestCase.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
test_a_page_that_takes_every_change_has_everything = Lookers.TestCase


@pytest.mark.parametrize("count", [500])
def test_a_worker_that_does_nothing_costs_the_wire_nothing(count):
    rig = Rig(*(f"w{number}" for number in range(count)))
    rig.look()
    rig.board.get("w7").answered += 1

    assert rig.look() == {"rows": {"w7": {"answered": 1}}}
