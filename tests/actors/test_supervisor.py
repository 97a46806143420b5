"""The check-list of Elixir's dynamic_supervisor tests, on a clock of its own; no test here waits."""

import asyncio
import threading

import pytest
from actor_bench import Crash, End, Note, Probe, living
from pykka._envelope import Envelope

from cortex.actors.actor import ActorDeadError, HandlerCrashed, Kill, ThreadActor, handles
from cortex.actors.errors import ChildExists, NoSuchChild, StartFailed
from cortex.actors.names import Names
from cortex.actors.reason import NORMAL, SHUTDOWN, Reason
from cortex.actors.signals import Down, Late
from cortex.actors.spec import BadName, ChildSpec, DuplicateName
from cortex.actors.supervisor import (
    CountChildren,
    Counts,
    DeleteChild,
    RestartChild,
    StartChild,
    Supervisor,
    TerminateChild,
)

BOOM = Crash(RuntimeError("boom"))


# Start


def test_children_start_in_order_and_stop_in_reverse(bench):
    bench.begin(*(bench.spec(name) for name in "abc"))
    assert bench.states() == {"a": "running", "b": "running", "c": "running"}
    bench.loop.call(bench.ref.stop)

    assert bench.starts() == ["a", "b", "c"]
    assert bench.ended() == ["c", "b", "a"]
    assert bench.ends == [NORMAL]
    assert bench.contexts() == []


def test_every_start_is_a_progress_report(bench):
    bench.begin(bench.spec("a"), bench.spec("b"))

    assert [(r.supervisor, r.context, r.reason, r.offender.name) for r in bench.reports] == [
        ("supervisor", "progress", None, "a"),
        ("supervisor", "progress", None, "b"),
    ]


def test_a_child_starts_only_when_the_one_before_it_has_acknowledged(bench):
    bench.script["a"] = "silent start"
    bench.begin(bench.spec("a"), bench.spec("b"))
    assert bench.starts() == ["a"]
    assert bench.states() == {"a": "starting", "b": "stopped"}
    assert bench.names.lookup("a") is None
    bench.loop.call(bench.children()[0].ref.actor_inbox.actor.ready)

    assert bench.states() == {"a": "running", "b": "running"}


@pytest.mark.parametrize(("mode", "kind"), [("bad start", "crashed"), ("silent start", "start_timeout")])
def test_a_supervisor_whose_first_children_do_not_start_stops_the_others_and_fails(bench, mode, kind):
    bench.script["b"] = mode
    bench.begin(*(bench.spec(name) for name in "abc"))
    bench.loop.advance(6)

    assert bench.contexts() == ["start_error", "shutdown"]
    assert bench.reports[-2].reason.kind == kind
    assert bench.ends[0].kind == "start_failed"
    assert not bench.ends[0].is_expected
    assert "c" not in bench.starts()
    assert living() == []


@pytest.mark.parametrize("start", [lambda: 1 / 0, lambda: None, lambda: Probe([])])
def test_a_start_that_starts_no_actor_is_a_failed_start(bench, start):
    bench.begin(ChildSpec("a", start))

    assert bench.contexts() == ["start_error", "shutdown"]
    assert living() == []


def test_a_start_that_returns_another_actor_is_a_failed_start_and_leaves_none_behind(bench):
    bench.begin()
    stranger = bench.ref
    bench.order(StartChild(ChildSpec("a", lambda: [Probe.start(bench.journal), stranger][1])))

    assert bench.contexts() == ["start_error"]
    assert living() == ["supervisor"]


def test_bad_specs_are_refused_before_anything_starts(bench):
    with pytest.raises(DuplicateName):
        bench.begin(bench.spec("a"), bench.spec("a"))
    assert bench.journal == []


def test_a_taken_name_is_a_failed_start(bench):
    bench.begin(bench.spec("a"))
    other = bench.loop.call(
        lambda: Supervisor.start(names=bench.names, specs=[bench.spec("a")], report=bench.reports.append)
    )

    assert not other.is_alive()
    assert bench.tell("a", Note("still here"))
    assert ("note", "a", "still here") in bench.journal


def test_a_name_that_was_taken_during_a_start_is_a_failed_start(bench):
    bench.script["a"] = "silent start"
    bench.begin()
    bench.order(StartChild(bench.spec("a")))
    slow = bench.children()[0].ref
    taker = bench.loop.call(lambda: Probe.start(bench.journal))
    bench.names.register("a", taker)
    bench.loop.call(slow.actor_inbox.actor.ready)

    assert bench.names.lookup("a") is taker
    assert bench.states() == {}
    bench.loop.call(taker.stop)


# Restart: each kind against each reason


@pytest.mark.parametrize(
    ("restart", "message", "expected", "report"),
    [
        ("permanent", End(NORMAL), "running", True),
        ("permanent", End(SHUTDOWN), "running", True),
        ("permanent", End(Reason("shutdown", "why")), "running", True),
        ("permanent", BOOM, "running", True),
        ("transient", End(NORMAL), "stopped", False),
        ("transient", End(SHUTDOWN), "stopped", False),
        ("transient", End(Reason("shutdown", "why")), "stopped", False),
        ("transient", BOOM, "running", True),
        ("temporary", End(NORMAL), None, False),
        ("temporary", End(SHUTDOWN), None, False),
        ("temporary", End(Reason("shutdown", "why")), None, False),
        ("temporary", BOOM, None, True),
    ],
)
def test_what_becomes_of_a_child_that_ends(bench, restart, message, expected, report):
    bench.begin(bench.spec("a", restart=restart))
    bench.tell("a", message)

    assert bench.states().get("a") == expected
    assert bench.contexts() == ["child_terminated"] * report
    assert len(bench.starts()) == 1 + (expected == "running")


@pytest.mark.parametrize("error", [asyncio.CancelledError(), SystemExit(1), KeyboardInterrupt()])
def test_no_exception_reaches_more_than_its_actor(bench, error):
    bench.begin(bench.spec("a"), bench.spec("b"))
    bench.tell("a", Crash(error))

    assert bench.starts() == ["a", "b", "a"]
    assert bench.states() == {"a": "running", "b": "running"}


@pytest.mark.parametrize(
    ("strategy", "ended", "started"),
    [
        ("one_for_one", ["b"], ["b"]),
        ("rest_for_one", ["b", "d", "c"], ["b", "c", "d"]),
        ("one_for_all", ["b", "d", "c", "a"], ["a", "b", "c", "d"]),
    ],
)
def test_the_strategy_says_who_is_restarted_and_in_which_order(bench, strategy, ended, started):
    bench.begin(*(bench.spec(name) for name in "abcd"), strategy=strategy)
    bench.journal.clear()
    bench.crash("b")

    assert bench.ended() == ended
    assert bench.starts() == started
    assert set(bench.states().values()) == {"running"}


def test_a_temporary_sibling_is_dropped_and_not_restarted(bench):
    bench.begin(bench.spec("a"), bench.spec("b", restart="temporary"), strategy="one_for_all")
    bench.crash("a")

    assert bench.states() == {"a": "running"}


def test_a_transient_sibling_that_had_ended_comes_back_only_on_order(bench):
    bench.begin(bench.spec("a"), bench.spec("b", restart="transient"), strategy="one_for_all")
    bench.tell("b", End(NORMAL))
    bench.crash("a")
    assert bench.states() == {"a": "running", "b": "stopped"}
    bench.order(RestartChild("b"))

    assert bench.states() == {"a": "running", "b": "running"}


def test_two_crashes_at_once_make_one_orderly_restart(bench):
    bench.begin(*(bench.spec(name) for name in "abc"), strategy="one_for_all")
    bench.journal.clear()
    bench.loop.call(lambda: [bench.names.tell(name, BOOM) for name in "abc"])

    assert bench.starts() == ["a", "b", "c"]
    assert set(bench.states().values()) == {"running"}


def test_a_crash_while_others_are_restarted_begins_the_round_anew(bench):
    bench.script["b"] = "deaf"
    bench.begin(*(bench.spec(name) for name in "abc"), strategy="one_for_all")
    bench.crash("c")
    assert bench.states() == {"a": "running", "b": "stopping", "c": "stopped"}
    bench.crash("a")
    bench.loop.advance(5)

    assert set(bench.states().values()) == {"running"}
    assert bench.starts() == ["a", "b", "c", "a", "b", "c"]


# Intensity


def test_past_the_intensity_a_supervisor_stops_all_and_ends_with_shutdown(bench):
    bench.begin(*(bench.spec(name) for name in "abc"), max_restarts=3, max_seconds=5)
    for _ in range(3):
        bench.crash("b")
    assert bench.ref.is_alive()
    bench.journal.clear()
    bench.crash("b")

    assert bench.ended() == ["b", "c", "a"]
    assert [reason.kind for reason in bench.ends] == ["shutdown"]
    assert bench.contexts() == ["child_terminated"] * 4 + ["shutdown"]


def test_restarts_that_are_far_apart_never_end_a_supervisor(bench):
    bench.begin(bench.spec("a"), max_restarts=1, max_seconds=5)
    for _ in range(10):
        bench.crash("a")
        bench.loop.advance(5.1)

    assert bench.states() == {"a": "running"}
    assert bench.children()[0].restarts == 10


def test_a_failing_restart_is_tried_again_and_each_try_counts(bench):
    bench.begin(bench.spec("a"), max_restarts=5)
    bench.script["a"] = "bad start"
    bench.crash("a")

    assert bench.contexts() == ["child_terminated"] + ["start_error"] * 5 + ["shutdown"]
    assert [reason.kind for reason in bench.ends] == ["shutdown"]


def test_a_restart_that_fails_once_succeeds_at_the_next_try(bench):
    bench.begin(bench.spec("a"), bench.spec("b"), strategy="one_for_all")
    bench.script["b"] = "bad start"

    def heal(report):
        bench.reports.append(report)
        if report.context == "start_error":
            bench.script["b"] = "good"

    bench.ref.actor_inbox.actor._report._listener = heal
    bench.crash("a")

    assert bench.states() == {"a": "running", "b": "running"}
    assert bench.contexts() == ["child_terminated", "start_error"]


def test_between_two_tries_a_supervisor_answers_and_can_be_told_to_stop(bench):
    bench.begin(bench.spec("a"), max_restarts=100)
    bench.script["a"] = "silent start"
    bench.crash("a")
    assert bench.states() == {"a": "starting"}
    bench.loop.advance(5)
    assert bench.states() == {"a": "starting"}
    assert bench.contexts()[-1] == "start_error"
    bench.loop.call(bench.ref.stop)

    assert bench.ends == [NORMAL]
    assert living() == []


def test_a_supervisor_decides_about_a_supervisor_that_gave_up(bench):
    def inner():
        return Supervisor.start(
            names=bench.names, specs=[bench.spec("a")], max_restarts=0, report=bench.reports.append, clock=lambda: 0.0
        )

    bench.begin(ChildSpec("inner", inner, kind="supervisor", shutdown_s=None), max_restarts=1)
    bench.crash("a")
    assert bench.starts() == ["a", "a"]
    assert bench.tell("a", Note("again"))
    bench.crash("a")

    assert [reason.kind for reason in bench.ends] == ["shutdown"]
    assert living() == []


# Stop


@pytest.mark.parametrize(
    ("shutdown_s", "wait", "end", "contexts"),
    [
        (0, 0, "killed", []),
        (2.0, 2.0, "killed", ["shutdown_error"]),
        (None, 1000.0, None, []),
    ],
)
def test_a_deaf_child_is_waited_for_as_its_spec_says_and_then_killed(bench, shutdown_s, wait, end, contexts):
    bench.script["a"] = "deaf"
    bench.begin(bench.spec("a", shutdown_s=shutdown_s))
    bench.loop.call(bench.ref.stop)
    bench.loop.advance(max(0, wait - 0.1))
    assert bench.ref.is_alive() == (shutdown_s != 0)
    bench.loop.advance(0.1)

    assert [entry[2] for entry in bench.journal if entry[0] == "end"] == ([end] if end else [])
    assert bench.contexts() == contexts
    assert bench.ref.is_alive() == (shutdown_s is None)


def test_an_end_with_another_reason_than_asked_for_is_reported(bench):
    bench.script["a"] = "deaf"
    bench.begin(bench.spec("a"))
    bench.loop.call(bench.ref.stop)
    bench.tell("a", BOOM)

    assert bench.contexts() == ["shutdown_error"]
    assert bench.reports[-1].reason.kind == "crashed"


def test_a_child_that_is_stopping_is_found_by_its_name_until_it_has_ended(bench):
    bench.script["a"] = "deaf"
    bench.begin(bench.spec("a"))
    bench.order(TerminateChild("a"))
    assert bench.tell("a", Note("the outcome of a running lease"))
    bench.loop.advance(5)

    assert not bench.tell("a", Note("too late"))


def test_a_root_that_was_stopped_says_so_when_all_have_ended(bench):
    bench.script["a"] = "deaf"
    bench.begin(bench.spec("a"))
    stopped = bench.loop.call(bench.ref.stop)
    assert not stopped.settled
    bench.loop.advance(5)

    assert stopped.get() is True


def test_an_exception_in_on_terminate_is_a_shutdown_error(bench):
    class Untidy(Probe):
        def on_terminate(self, reason):
            raise OSError("disk")

    bench.begin(ChildSpec("a", lambda: Untidy.start(bench.journal)), bench.spec("b"))
    bench.loop.call(bench.ref.stop)

    assert bench.contexts() == ["shutdown_error"]
    assert living() == []


# A supervisor that dies itself


def test_the_children_of_a_killed_supervisor_are_stopped_last_first(bench):
    bench.begin(*(bench.spec(name) for name in "abc"))
    bench.loop.call(lambda: bench.ref.signal(Kill("chaos")))

    assert bench.ended() == ["c", "b", "a"]
    assert living() == []
    assert len(bench.names) == 0
    assert [reason.kind for reason in bench.ends] == ["crashed"]


def test_a_killed_supervisor_comes_back_with_what_its_specs_are_then(bench):
    wanted = ["a"]
    inner = ChildSpec(
        "inner",
        lambda: Supervisor.start(
            names=bench.names, specs=lambda: [bench.spec(name) for name in wanted], report=bench.reports.append
        ),
        kind="supervisor",
        shutdown_s=None,
    )
    bench.begin(inner)
    wanted[:] = ["b", "c"]
    bench.loop.call(lambda: bench.names.lookup("inner").signal(Kill("chaos")))

    assert living() == ["b", "c", "inner", "supervisor"]
    assert bench.ended() == ["a"]


def test_what_the_children_of_a_killed_supervisor_had_to_do_is_answered_or_reported(bench):
    bench.begin(bench.spec("a"))

    def flood_and_kill():
        asked = bench.names.ask("a", Note("asked"))
        bench.names.tell("a", Note("told"))
        bench.ref.kill(Reason("killed"))
        return asked

    asked = bench.loop.call(flood_and_kill)
    with pytest.raises(ActorDeadError):
        asked.get()
    assert bench.contexts() == ["messages_lost"]
    assert bench.reports[-1].offender.lost == 1


# What was in a dead child's mailbox


def test_the_next_incarnation_gets_what_was_left_first_and_in_order(bench):
    bench.begin(bench.spec("a"))

    def crash_with_mail():
        bench.names.tell("a", BOOM)
        bench.names.tell("a", Note("1"))
        asked = bench.names.ask("a", Note("2"))
        bench.names.tell("a", Note("3"))
        return asked

    asked = bench.loop.call(crash_with_mail)

    assert asked.get() == "a noted 2"
    assert [entry[2] for entry in bench.journal if entry[0] == "note"] == ["1", "2", "3"]
    assert bench.contexts() == ["child_terminated"]


def test_mail_survives_a_restart_that_fails_at_first(bench):
    bench.begin(bench.spec("a"), max_restarts=10)
    bench.script["a"] = "silent start"
    bench.loop.call(lambda: [bench.names.tell("a", message) for message in (BOOM, Note("kept"))])
    bench.script["a"] = "good"
    bench.loop.advance(5)

    assert ("note", "a", "kept") in bench.journal
    assert bench.contexts() == ["child_terminated", "start_error"]


def test_mail_of_a_child_that_is_not_restarted_is_answered_or_counted(bench):
    bench.begin(bench.spec("a", restart="temporary"))

    def crash_with_mail():
        bench.names.tell("a", BOOM)
        bench.names.tell("a", Note("told"))
        return bench.names.ask("a", Note("asked"))

    asked = bench.loop.call(crash_with_mail)
    with pytest.raises(ActorDeadError):
        asked.get()
    assert bench.contexts() == ["child_terminated", "messages_lost"]
    assert bench.reports[-1].offender.lost == 1


def test_the_message_that_made_a_child_crash_is_not_delivered_again(bench):
    bench.begin(bench.spec("a"))
    poison = bench.loop.call(lambda: bench.names.ask("a", BOOM))
    with pytest.raises(HandlerCrashed):
        poison.get()
    assert bench.starts() == ["a", "a"]


def test_signals_are_not_handed_on_to_the_next_incarnation(bench):
    bench.begin(bench.spec("a"))

    def crash_and_stop():
        bench.names.tell("a", BOOM)
        return bench.names.lookup("a").stop()

    assert bench.loop.call(crash_and_stop).get() is True
    assert bench.states() == {"a": "running"}
    assert bench.starts() == ["a", "a"]


def test_word_of_an_earlier_incarnation_does_not_touch_the_living_one(bench):
    bench.begin(bench.spec("a"))
    old = bench.names.lookup("a")
    bench.crash("a")
    late = Envelope(Note("late mail"))
    bench.loop.call(lambda: bench.ref.signal(Down("a", old, Reason("killed"), (late,))))

    assert bench.states() == {"a": "running"}
    assert bench.names.lookup("a") is not None
    assert ("note", "a", "late mail") in bench.journal
    assert bench.contexts() == ["child_terminated"]


def test_late_mail_for_nobody_is_counted(bench):
    bench.begin()
    bench.loop.call(lambda: bench.ref.signal(Late("ghost", (Envelope(Note("late")),))))

    assert bench.contexts() == ["messages_lost"]
    assert bench.reports[-1].offender.spec is None


# Orders


def test_a_child_can_be_added_and_removed(bench):
    bench.begin(bench.spec("a"))
    ref = bench.order(StartChild(bench.spec("b"))).get()
    assert bench.names.lookup("b") is ref
    assert bench.order(DeleteChild("b")).get() is True

    assert bench.states() == {"a": "running"}
    assert bench.contexts() == []


def test_a_child_of_the_same_name_is_refused_until_the_first_is_deleted(bench):
    bench.begin(bench.spec("a"))
    with pytest.raises(ChildExists):
        bench.order(StartChild(bench.spec("a"))).get()
    bench.order(TerminateChild("a"))
    with pytest.raises(ChildExists):
        bench.order(StartChild(bench.spec("a"))).get()
    bench.order(DeleteChild("a"))
    bench.order(StartChild(bench.spec("a"))).get()

    assert bench.states() == {"a": "running"}


def test_a_bad_spec_is_refused_and_the_supervisor_goes_on(bench):
    bench.begin()
    with pytest.raises(BadName):
        bench.order(StartChild(bench.spec(""))).get()
    assert bench.states() == {}


@pytest.mark.parametrize("mode", ["bad start", "silent start"])
def test_an_added_child_that_does_not_start_is_not_kept_and_does_not_count(bench, mode):
    bench.script["b"] = mode
    bench.begin(bench.spec("a"), max_restarts=0)
    answer = bench.order(StartChild(bench.spec("b")))
    bench.loop.advance(5)
    with pytest.raises(StartFailed):
        answer.get()
    assert bench.states() == {"a": "running"}


def test_a_terminated_child_stays_stopped_until_it_is_restarted(bench):
    bench.begin(bench.spec("a"))
    bench.order(TerminateChild("a")).get()
    assert bench.states() == {"a": "stopped"}
    bench.order(RestartChild("a")).get()

    assert bench.states() == {"a": "running"}


def test_a_running_child_is_restarted_on_order_without_counting(bench):
    bench.begin(bench.spec("a"), max_restarts=0)
    bench.order(RestartChild("a")).get()

    assert bench.starts() == ["a", "a"]
    assert bench.ref.is_alive()


def test_a_restart_on_order_that_fails_says_so_and_goes_on_trying(bench):
    bench.begin(bench.spec("a"), max_restarts=1)
    bench.script["a"] = "silent start"
    answer = bench.order(RestartChild("a"))
    bench.loop.advance(4.9)
    bench.script["a"] = "good"
    bench.loop.advance(0.2)
    with pytest.raises(StartFailed):
        answer.get()
    assert bench.states() == {"a": "running"}


@pytest.mark.parametrize("order", [TerminateChild, DeleteChild, RestartChild])
def test_an_order_about_nobody_is_refused(bench, order):
    bench.begin()
    with pytest.raises(NoSuchChild):
        bench.order(order("ghost")).get()


def test_a_child_is_terminated_while_it_starts(bench):
    bench.script["b"] = "silent start"
    bench.begin(*(bench.spec(name) for name in "abc"))
    bench.order(TerminateChild("b")).get()

    assert bench.states() == {"a": "running", "b": "stopped", "c": "running"}


def test_a_child_is_terminated_between_two_tries_of_its_restart(bench):
    bench.begin(bench.spec("a"), bench.spec("b"), strategy="one_for_all", max_restarts=50)
    bench.script["a"] = "silent start"
    bench.crash("b")
    bench.order(DeleteChild("a")).get()

    assert bench.states() == {"b": "running"}


def test_a_child_that_is_told_to_stop_before_it_acknowledged_is_never_found(bench):
    bench.begin()

    def start_and_stop():
        started, stopped = bench.ref.ask(StartChild(bench.spec("a"))), bench.ref.ask(TerminateChild("a"))
        return started, stopped

    started, stopped = bench.loop.call(start_and_stop)
    with pytest.raises(StartFailed):
        started.get()
    assert stopped.get() is True
    assert bench.reports == []


def test_a_start_that_fails_while_the_supervisor_stops_is_not_tried_again(bench):
    bench.begin(bench.spec("a"), bench.spec("b", shutdown_s=60), max_restarts=1)
    bench.script.update(a="silent start", b="deaf")
    bench.crash("a")
    bench.loop.call(bench.ref.stop)
    bench.loop.advance(100)

    assert bench.starts() == ["a", "b", "a"]
    assert bench.contexts() == ["child_terminated", "start_error", "shutdown_error"]
    assert bench.ends == [NORMAL]


def test_a_stopping_supervisor_takes_no_orders(bench):
    bench.script["a"] = "deaf"
    bench.begin(bench.spec("a"))
    bench.loop.call(bench.ref.stop)
    for order in (StartChild(bench.spec("b")), RestartChild("a")):
        with pytest.raises(ActorDeadError):
            bench.order(order).get()
    assert bench.states() == {"a": "stopping"}


def test_children_are_counted(bench):
    inner = ChildSpec("inner", lambda: Supervisor.start(names=bench.names, specs=[]), kind="supervisor")
    bench.begin(inner, bench.spec("a"), bench.spec("b"))
    bench.order(TerminateChild("b"))

    assert bench.order(CountChildren()).get() == Counts(specs=3, active=2, supervisors=1, workers=2)


def test_a_slow_stop_does_not_hold_up_the_restart_of_a_sibling(bench):
    bench.script["a"] = "deaf"
    bench.begin(bench.spec("a", shutdown_s=60), bench.spec("b"))
    bench.order(TerminateChild("a"))
    bench.crash("b")

    assert bench.states() == {"a": "stopping", "b": "running"}


def test_a_listener_that_raises_does_not_bring_the_tree_down(bench):
    def deaf(_):
        raise OSError("full")

    bench.begin(bench.spec("a"), report=deaf)
    bench.crash("a")

    assert bench.states() == {"a": "running"}


# Threads


class Blocking(ThreadActor):
    hang_budget_s = 10.0

    def __init__(self, gate, started):
        super().__init__()
        self.gate, self.started = gate, started

    @handles(Note)
    def note(self, note):
        self.started.release()
        self.gate.wait(30)
        return note.text


async def eventually(condition):
    """Let the loop run until `condition` holds; the test's own time limit is the bound."""
    while not condition():  # noqa: ASYNC110  what is waited for happens in a supervisor, which sets no event
        await asyncio.sleep(0.001)


async def test_a_hung_thread_is_reported_and_replaced():
    class Quick(Blocking):
        hang_budget_s = 0.1

    gate, started = threading.Event(), threading.Semaphore(0)
    names, reports = Names(), []
    spec = ChildSpec("ledger", lambda: Quick.start(gate, started))
    root = Supervisor.start(names=names, specs=[spec], report=reports.append)
    await eventually(lambda: names.lookup("ledger"))
    first = names.lookup("ledger")
    hung, left = names.ask("ledger", Note("hangs")), names.ask("ledger", Note("left"))
    with pytest.raises(HandlerCrashed, match="hung"):
        await hung
    await eventually(lambda: names.lookup("ledger") not in {first, None})
    gate.set()

    assert await left == "left"
    assert [r.context for r in reports] == ["progress", "hung", "child_terminated", "progress"]
    await root.stop()


async def test_mixed_children_are_restarted_and_stopped_alike():
    gate, started = threading.Event(), threading.Semaphore(0)
    gate.set()
    names, journal = Names(), []
    specs = [
        ChildSpec("thread", lambda: Blocking.start(gate, started)),
        ChildSpec("loop", lambda: Probe.start(journal)),
    ]
    root = Supervisor.start(names=names, specs=specs, report=lambda _: None, strategy="one_for_all")
    await eventually(lambda: names.lookup("loop"))
    first = names.lookup("thread")
    first.tell(Kill("chaos"))
    await eventually(lambda: not first.is_alive() and names.lookup("thread") and len(journal) == 4)

    assert await names.ask_until("thread", Note("x"), 5) == "x"
    await root.stop()
    assert living() == []


def test_a_supervisor_keeps_the_name_of_its_spec(bench):
    inner = ChildSpec("workers", lambda: Supervisor.start(names=bench.names, name="other", specs=[]))
    bench.begin(inner)

    assert bench.names.lookup("workers").actor_inbox.actor.name == "workers"
