"""One contract for both kinds of actors, as pykka's own suite does for its runtimes; then what only one of them has."""

import asyncio
import gc
import threading
from dataclasses import dataclass
from typing import Any

import pykka
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pykka._envelope import Envelope

from cortex.actors import actor as actor_module
from cortex.actors.actor import (
    NO_REPLY,
    NORMAL,
    STARTING,
    ActorDeadError,
    AlreadyAnswered,
    HandlerCrashed,
    Kill,
    LoopActor,
    LoopFuture,
    MailboxFull,
    Reason,
    Stop,
    ThreadActor,
    ThreadFuture,
    handles,
)
from cortex.actors.behaviour import birth
from cortex.actors.signals import Down, Late, Started


@dataclass(frozen=True)
class Echo:
    value: Any


@dataclass(frozen=True)
class Raise:
    error: BaseException


@dataclass(frozen=True)
class Later:
    """Deferred: answered by Answer."""


@dataclass(frozen=True)
class DeferAndRaise:
    pass


@dataclass(frozen=True)
class Answer:
    value: Any


@dataclass(frozen=True)
class Pass:
    """Forwarded to `to` as an Echo."""

    to: Any
    value: Any


@dataclass(frozen=True)
class Finish:
    reason: Reason


@dataclass(frozen=True)
class Hold:
    """Stay at this message until the event is set (a thread only)."""

    until: threading.Event


LIVES: list["Life"] = []
"""All that were made in a test; a thread actor may be over before its test looks for it."""


class Life:
    """What both kinds do in these tests."""

    def __init__(self, on_start: Any = None) -> None:
        super().__init__()
        LIVES.append(self)
        self.starter = on_start
        self.later: list[Any] = []
        self.ends: list[Reason] = []
        self.seen: list[Any] = []
        self.over = threading.Event()
        self.holding = threading.Event()

    def on_start(self) -> Any:
        return self.starter() if self.starter else None

    def on_terminate(self, reason: Reason) -> None:
        self.ends.append(reason)
        self.over.set()

    @handles(Echo)
    def echo(self, echo: Echo) -> Any:
        self.seen.append(echo.value)
        return echo.value

    @handles(Raise)
    def fail(self, message: Raise) -> None:
        raise message.error

    @handles(Later)
    def later_on(self, _: Later) -> Any:
        self.later.append(self.defer())
        return NO_REPLY

    @handles(DeferAndRaise)
    def defer_and_raise(self, _: DeferAndRaise) -> None:
        self.defer()
        raise RuntimeError("after deferring")

    @handles(Answer)
    def answer(self, answer: Answer) -> bool:
        future = self.later.pop(0)
        future.set(answer.value)
        return future.abandoned

    @handles(Pass)
    def pass_on(self, message: Pass) -> Any:
        return self.forward(message.to, Echo(message.value))

    @handles(Finish)
    def finish(self, finish: Finish) -> str:
        self.stop_with(finish.reason)
        return "bye"

    @handles(Hold)
    def hold(self, hold: Hold) -> str:
        self.holding.set()
        hold.until.wait(30)
        return "held"


class OnLoop(Life, LoopActor):
    pass


class InThread(Life, ThreadActor):
    pass


@pytest.fixture(params=[OnLoop, InThread])
def kind(request):
    return request.param


@pytest.fixture(autouse=True)
async def no_actor_is_left():
    yield
    LIVES.clear()
    for ref in pykka.ActorRegistry.get_all():
        await ref.stop()

    assert pykka.ActorRegistry.get_all() == []


class Post(LoopActor):
    """A stand-in for a supervisor: keeps the signals of its child."""

    def __init__(self) -> None:
        super().__init__()
        self.signals: asyncio.Queue[Any] = asyncio.Queue()

    @handles(Started)
    @handles(Down)
    @handles(Late)
    def keep(self, signal: Any) -> None:
        self.signals.put_nowait(signal)

    async def next(self, signal_type: type) -> Any:
        while True:
            signal = await asyncio.wait_for(self.signals.get(), 5)
            if isinstance(signal, signal_type):
                return signal


def adopt(start, name="child"):
    """Start a child under a stand-in for a supervisor; return the child, its actor and the stand-in."""
    post = Post.start()
    with birth(post, name):
        ref = start()
    return ref, LIVES[-1], post.actor_inbox.actor


async def is_dead(ref):
    """Wait for the end of an actor."""
    await ref.stop()
    assert not ref.is_alive()


async def test_ask_gives_what_the_handler_returns(kind):
    assert await kind.start().ask(Echo("x")) == "x"


async def test_messages_are_handled_in_order(kind):
    ref = kind.start()
    actor = ref.actor_inbox.actor
    for n in range(300):
        ref.tell(Echo(n))
    await ref.ask(Echo("last"))

    assert actor.seen == [*range(300), "last"]


async def test_another_thread_can_ask_and_block_for_the_answer(kind):
    ref = kind.start()

    assert await asyncio.to_thread(lambda: ref.ask(Echo(7), block=True, timeout=5)) == 7


@pytest.mark.parametrize(
    "error", [ValueError("bad"), asyncio.CancelledError(), SystemExit(3), KeyboardInterrupt(), StopIteration()]
)
async def test_any_exception_in_a_handler_ends_the_actor_and_reaches_the_asker(kind, error):
    ref, actor, post = adopt(kind.start)
    with pytest.raises(HandlerCrashed) as caught:
        await ref.ask(Raise(error))
    down = await post.next(Down)

    assert caught.value.__cause__ is error
    assert (down.name, down.ref, down.reason.kind, down.reason.cause) == ("child", ref, "crashed", error)
    assert actor.ends == [down.reason]


async def test_a_told_message_crashes_as_an_asked_one(kind):
    ref, _, post = adopt(kind.start)
    ref.tell(Raise(ValueError("bad")))

    assert (await post.next(Down)).reason.detail == "ValueError: bad (in Raise)"
    assert not ref.is_alive()


async def test_a_message_without_a_handler_is_a_crash(kind):
    ref, _, post = adopt(kind.start)
    with pytest.raises(HandlerCrashed, match="no handler for str"):
        await ref.ask("what?")
    assert (await post.next(Down)).reason.kind == "crashed"


async def test_kill_is_a_crash(kind):
    ref, _, post = adopt(kind.start)
    ref.tell(Kill("chaos"))

    assert "chaos" in (await post.next(Down)).reason.detail


async def test_what_a_dead_actor_had_not_handled_comes_with_its_down_in_order(kind):
    ref, _, post = adopt(kind.start)
    ref.tell(Raise(ValueError("bad")))
    future = ref.ask(Echo(1))
    try:
        ref.tell(Echo(2))
    except ActorDeadError:  # a thread may be that fast
        assert kind is InThread
    down = await post.next(Down)

    if kind is OnLoop:
        assert [letter.message for letter in down.leftovers] == [Echo(1), Echo(2)]
        assert down.leftovers[0].reply_to is future
    assert down.leftovers or kind is InThread


async def test_an_unsupervised_actor_tells_its_askers_that_it_died(kind):
    ref = kind.start()
    ref.tell(Raise(ValueError("bad")))
    with pytest.raises(ActorDeadError):
        await ref.ask(Echo(1))


async def test_a_dead_actor_refuses_messages(kind):
    ref = kind.start()
    await is_dead(ref)
    with pytest.raises(ActorDeadError):
        ref.tell(Echo(1))
    with pytest.raises(ActorDeadError):
        await ref.ask(Echo(1))
    assert await ref.stop() is False


async def test_stop_comes_after_what_was_sent_before_it(kind):
    ref = kind.start()
    before = ref.ask(Echo(1))

    assert await ref.stop() is True
    assert await before == 1
    assert not ref.is_alive()


async def test_on_terminate_is_called_once_with_the_reason_of_a_normal_end(kind):
    ref, actor, post = adopt(kind.start)

    assert await ref.ask(Finish(Reason("shutdown", "enough"))) == "bye"
    assert (await post.next(Down)).reason == Reason("shutdown", "enough")
    assert actor.ends == [Reason("shutdown", "enough")]


async def test_nothing_is_handled_after_stop_with(kind):
    ref, actor, post = adopt(kind.start)
    ref.actor_inbox.put_signal(Envelope(Finish(NORMAL)))
    await post.next(Down)

    assert actor.seen == []


async def test_an_exception_in_on_terminate_is_reported_and_does_no_harm(kind):
    class Untidy(kind):
        def on_terminate(self, reason):
            raise OSError("disk")

    ref, _, post = adopt(Untidy.start)
    await ref.stop()
    down = await post.next(Down)

    assert down.reason == NORMAL
    assert isinstance(down.trouble, OSError)


async def test_start_is_acknowledged(kind):
    ref, _, post = adopt(kind.start)

    assert await post.next(Started) == Started("child", ref)


async def test_a_start_can_be_acknowledged_later(kind):
    ref, actor, post = adopt(lambda: kind.start(lambda: STARTING))
    assert await ref.ask(Echo("works before")) == "works before"
    assert post.signals.empty()
    actor.ready()
    actor.ready()
    await post.next(Started)

    assert post.signals.empty()


async def test_an_exception_in_on_start_is_an_end(kind):
    def broken():
        raise OSError("no port")

    _, actor, post = adopt(lambda: kind.start(broken))
    down = await post.next(Down)

    assert down.reason.detail == "OSError: no port (in on_start)"
    assert [reason.kind for reason in actor.ends] == ["crashed"]


async def test_a_full_mailbox_refuses_at_once_but_takes_signals(kind):
    class Small(kind):
        mailbox_limit = 2

    gate = threading.Event()
    ref = Small.start(lambda: gate.wait(30) and None) if kind is InThread else Small.start()
    ref.tell(Echo(1))
    ref.tell(Echo(2))
    with pytest.raises(MailboxFull):
        ref.tell(Echo(3))
    with pytest.raises(MailboxFull):
        await ref.ask(Echo(4)) if kind is InThread else ref.ask(Echo(4)).get()
    ref.signal(Stop())
    gate.set()
    await is_dead(ref)


async def test_a_deferred_answer_comes_later(kind):
    ref = kind.start()
    future = ref.ask(Later())
    await ref.ask(Answer("now"))

    assert await future == "now"


async def test_a_deferred_answer_fails_when_its_actor_dies(kind):
    ref = kind.start()
    future = ref.ask(Later())
    ref.tell(Kill("chaos"))
    with pytest.raises(ActorDeadError):
        await future


async def test_a_handler_that_raises_after_it_deferred_is_a_crash_for_the_asker(kind):
    with pytest.raises(HandlerCrashed):
        await kind.start().ask(DeferAndRaise())


async def test_who_grants_can_see_that_the_asker_is_gone(kind):
    ref = kind.start()
    future = ref.ask(Later())
    await ref.ask(Echo("deferred by now"))
    future.cancel()

    assert future.abandoned
    assert await ref.ask(Answer("too late")) is True


async def test_a_told_message_that_is_deferred_has_no_asker(kind):
    ref = kind.start()
    ref.tell(Later())

    assert await ref.ask(Answer("nobody")) is True


async def test_answered_questions_are_not_remembered_for_ever(kind):
    ref = kind.start()
    actor = ref.actor_inbox.actor
    for n in range(300):
        future = ref.ask(Later())
        await ref.ask(Answer(n))
        assert await future == n

    assert len(actor._deferred) <= 64


async def test_forwarding_a_told_message_to_a_dead_actor_is_a_crash(kind):
    ref, _, post = adopt(kind.start)
    dead = kind.start()
    await is_dead(dead)
    ref.tell(Pass(dead, 1))

    assert isinstance((await post.next(Down)).reason.cause, ActorDeadError)


async def test_a_second_answer_is_an_error(kind):
    ref = kind.start()
    actor = ref.actor_inbox.actor
    future = ref.ask(Later())
    await ref.ask(Echo("deferred by now"))
    actor.later[0].set(1)
    with pytest.raises(AlreadyAnswered):
        actor.later[0].set(2)
    assert await future == 1


@pytest.mark.parametrize("other", [OnLoop, InThread])
async def test_a_forwarded_asker_is_answered_by_the_other_actor(kind, other):
    assert await kind.start().ask(Pass(other.start(), "two hops")) == "two hops"


async def test_forwarding_to_a_dead_actor_tells_the_asker_only(kind):
    ref, dead = kind.start(), kind.start()
    await is_dead(dead)
    with pytest.raises(ActorDeadError):
        await ref.ask(Pass(dead, 1))
    assert await ref.ask(Echo("lives")) == "lives"


async def test_an_actor_is_named_by_its_start_and_shows_it(kind):
    _, actor, _ = adopt(kind.start, "desk")

    assert actor.name == "desk"
    assert kind.start().actor_inbox.actor.name == kind.__name__
    assert repr(actor) == f"<{kind.__name__} desk: 0 waiting>"


async def test_pykkas_own_stop_and_registry_work(kind):
    ref = kind.start()
    ref.actor_inbox.actor.stop()
    await is_dead(ref)

    assert ref not in pykka.ActorRegistry.get_all()


def test_an_override_needs_no_decorator():
    class Louder(OnLoop):
        def echo(self, echo):
            return f"{echo.value}!"

    assert Louder._handlers[Echo] is Louder.echo


def test_two_handlers_for_one_message_are_refused():
    with pytest.raises(TypeError, match="one and two handle Echo"):

        class Torn(LoopActor):
            @handles(Echo)
            def one(self, _): ...

            @handles(Echo)
            def two(self, _): ...


@settings(max_examples=30, deadline=None)
@given(st.lists(st.sampled_from(["tell", "ask", "crash", "stop"]), max_size=20))
def test_every_message_is_answered_handled_or_left_over_exactly_once(moves):
    async def run():
        ref, actor, post = adopt(OnLoop.start)
        asked = {}
        for n, move in enumerate(moves):
            if move == "tell":
                ref.tell(Echo(n))
            elif move == "ask":
                asked[n] = ref.ask(Echo(n))
            elif move == "crash":
                ref.tell(Raise(ValueError()))
            else:
                ref.signal(Stop())
        ref.signal(Stop())
        down = await post.next(Down)
        left = [letter.message.value for letter in down.leftovers if isinstance(letter.message, Echo)]
        sent = [n for n, move in enumerate(moves) if move in {"tell", "ask"}]

        assert actor.seen + left == sent
        assert [n for n in asked if asked[n].settled] == [n for n in asked if n in actor.seen]
        await post.actor_ref.stop()

    asyncio.run(run())


# Only on the loop


@dataclass(frozen=True)
class Own:
    coroutine: Any
    then: Any = None


class Owner(OnLoop):
    @handles(Own)
    def on_own(self, own: Own) -> asyncio.Task:
        return self.own(own.coroutine, then=own.then)


async def value_of(value):
    return value


async def test_the_result_of_an_owned_task_comes_back_as_a_message():
    ref = Owner.start()
    got = asyncio.get_running_loop().create_future()
    await ref.ask(Own(value_of(5), got.set_result))

    assert await got == 5


async def test_an_exception_of_an_owned_task_crashes_the_actor():
    async def broken():
        raise OSError("gone")

    ref, _, post = adopt(Owner.start)
    ref.tell(Own(broken()))

    assert isinstance((await post.next(Down)).reason.cause, OSError)


async def test_an_owned_task_is_cancelled_when_the_actor_ends():
    ref = Owner.start()
    task = await ref.ask(Own(asyncio.Event().wait()))
    await is_dead(ref)
    await asyncio.wait([task], timeout=5)

    assert task.cancelled()


async def test_a_cancelled_task_does_its_owner_no_harm():
    ref = Owner.start()
    task = await ref.ask(Own(asyncio.Event().wait()))
    task.cancel()
    await asyncio.wait([task], timeout=5)

    assert await ref.ask(Echo("lives")) == "lives"


async def test_an_ended_actor_owns_nothing_more():
    ref = Owner.start()
    actor = ref.actor_inbox.actor
    await is_dead(ref)
    with pytest.raises(ActorDeadError):
        actor.own(value_of(1))


def test_a_timer_is_a_message_in_its_time(fake_loop):
    ref = fake_loop.call(OnLoop.start)
    actor = ref.actor_inbox.actor
    actor.after(3.0, Echo("due"))
    actor.after(4.0, Echo("cancelled")).cancel()
    fake_loop.advance(2.9)
    assert actor.seen == []
    fake_loop.advance(5)
    assert actor.seen == ["due"]
    actor.after(1.0, Echo("never"))
    fake_loop.call(ref.stop)
    fake_loop.advance(2)

    assert actor.seen == ["due"]


async def test_a_busy_actor_lets_others_run_between_its_turns():
    busy, other = OnLoop.start(), OnLoop.start()
    actor = busy.actor_inbox.actor
    for n in range(3 * actor_module.TURN):
        busy.tell(Echo(n))
    await other.ask(Echo("quick"))

    assert 0 < len(actor.seen) < 3 * actor_module.TURN


async def test_an_idle_actor_is_kept_alive_by_its_reference():
    ref = OnLoop.start()
    await ref.ask(Echo(1))
    gc.collect()

    assert await ref.ask(Echo(2)) == 2


async def test_a_crash_in_the_last_message_of_a_turn_ends_the_actor_at_once():
    ref, _, post = adopt(OnLoop.start)
    for n in range(actor_module.TURN - 1):
        ref.tell(Echo(n))
    ref.tell(Raise(ValueError()))

    assert (await post.next(Down)).reason.kind == "crashed"


def test_a_loop_actor_needs_a_running_loop():
    with pytest.raises(RuntimeError, match="no running event loop"):
        OnLoop.start()


async def test_mail_that_another_thread_adds_at_the_very_end_goes_to_the_supervisor():
    ref, _, post = adopt(OnLoop.start)
    await is_dead(ref)
    ref.actor_inbox._letters.append(Envelope(Echo("late")))  # the other thread had looked before the end
    ref.actor_inbox.schedule()

    assert [letter.message for letter in (await post.next(Late)).leftovers] == [Echo("late")]


async def test_a_dead_supervisors_unread_word_of_a_child_is_seen_to():
    ref = OnLoop.start()
    asked = LoopFuture()
    ref.signal(Down("child", None, NORMAL, (Envelope(Echo(1), asked),)))
    ref.kill(NORMAL)
    with pytest.raises(ActorDeadError):
        await asked


# Only in a thread


async def test_a_hung_thread_is_abandoned_and_its_late_reply_goes_nowhere():
    ref, actor, post = adopt(InThread.start)
    gate = threading.Event()
    future, waiting = ref.ask(Hold(gate)), ref.ask(Echo("left"))
    await asyncio.to_thread(actor.holding.wait, 10)
    ref.kill(Reason("hung", "too long"))
    down = await post.next(Down)
    with pytest.raises(HandlerCrashed):
        await future
    gate.set()
    await asyncio.to_thread(actor.over.wait, 5)

    assert [letter.reply_to for letter in down.leftovers] == [waiting]
    assert actor.ends == [Reason("hung", "too long")]
    assert post.signals.empty()


# Futures


async def test_the_kind_of_future_depends_on_the_asker(kind):
    ref = kind.start()

    assert isinstance(ref.ask(Echo(1)), LoopFuture)
    assert isinstance(await asyncio.to_thread(lambda: ref.ask(Echo(1))), ThreadFuture)


async def test_blocking_in_the_loops_own_thread_is_refused():
    with pytest.raises(RuntimeError, match="await"):
        OnLoop.start().ask(Later(), block=True)


async def test_a_loop_future_can_be_waited_for_from_a_thread():
    future = OnLoop.start().ask(Echo(3))

    assert await asyncio.to_thread(future.get, timeout=5) == 3


async def test_a_blocked_asker_that_times_out_has_abandoned_its_question():
    ref = OnLoop.start()

    def ask():
        with pytest.raises(pykka.Timeout):
            ref.ask(Later(), block=True, timeout=0)

    await asyncio.to_thread(ask)

    assert await ref.ask(Answer("late")) is True


async def test_an_expired_future_raises_in_the_asker_and_is_abandoned():
    future = OnLoop.start().ask(Later())
    future.expire()
    with pytest.raises(TimeoutError):
        await future
    assert future.abandoned


async def test_a_thread_future_is_not_awaited_and_maps_are_refused():
    with pytest.raises(RuntimeError, match="get"):
        await ThreadFuture()
    with pytest.raises(NotImplementedError):
        LoopFuture().map(str)


async def test_a_failure_that_nobody_looks_at_is_no_noise():
    noise = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: noise.append(context))
    LoopFuture().fail(ValueError("unseen"))
    gc.collect()

    assert noise == []


def test_an_answer_for_a_closed_loop_is_let_fall():
    loop = asyncio.new_event_loop()
    future = LoopFuture(loop)
    loop.close()
    future.set(1)
    future.set(2)
