import asyncio
from dataclasses import dataclass

import pytest

from cortex.actors.actor import (
    NO_REPLY,
    ActorDeadError,
    HandlerCrashed,
    Kill,
    LoopActor,
    MailboxFull,
    NoSuchActor,
    handles,
)
from cortex.actors.names import Names


@dataclass(frozen=True)
class Ask:
    value: int


@dataclass(frozen=True)
class Wait:
    pass


class Server(LoopActor):
    mailbox_limit = 3

    def __init__(self):
        super().__init__()
        self.waiting = []

    @handles(Ask)
    def ask(self, ask):
        if ask.value < 0:
            raise ValueError(ask.value)
        return ask.value

    @handles(Wait)
    def wait(self, _):
        self.waiting.append(self.defer())
        return NO_REPLY


@pytest.fixture
def names():
    return Names()


@pytest.fixture
async def server(names):
    ref = Server.start()
    names.register("server", ref)
    yield ref
    await ref.stop()


def actor(ref):
    return ref.actor_inbox.actor


async def test_a_name_means_who_was_registered_under_it(names, server):
    assert names.lookup("server") is server
    assert await names.ask("server", Ask(1)) == 1
    assert names.tell("server", Ask(1)) is True
    assert repr(names) == "<Names server>"


async def test_nobody_has_an_unknown_name(names):
    assert names.lookup("ghost") is None
    assert names.tell("ghost", Ask(1)) is False
    with pytest.raises(NoSuchActor):
        await names.ask("ghost", Ask(1))


async def test_telling_a_dead_or_overfull_actor_is_false_and_no_exception(names, server):
    assert [names.tell("server", Ask(n)) for n in range(4)] == [True, True, True, False]
    with pytest.raises(MailboxFull):
        await names.ask("server", Ask(5))
    await server.stop()
    assert names.tell("server", Ask(1)) is False


async def test_a_name_has_one_living_holder(names, server):
    other = Server.start()
    with pytest.raises(ValueError, match="server"):
        names.register("server", other)
    await server.stop()
    names.register("server", other)

    assert names.lookup("server") is other
    await other.stop()


async def test_only_its_holder_gives_a_name_back(names, server):
    other = Server.start()
    names.unregister("server", other)
    assert names.lookup("server") is server
    names.unregister("server", server)

    assert names.lookup("server") is None
    await other.stop()


async def test_ask_until_waits_for_a_name_that_is_not_there_yet(names):
    asking = asyncio.create_task(names.ask_until("late", Ask(4), 5))
    await asyncio.sleep(0)
    ref = Server.start()
    names.register("late", ref)

    assert await asking == 4
    await ref.stop()


async def test_ask_until_asks_the_next_incarnation_when_one_dies_before_it_answers(names, server):
    asking = asyncio.create_task(names.ask_until("server", Wait(), 5))
    await asyncio.sleep(0)
    server.tell(Kill("chaos"))
    ref = Server.start()
    await server.stop()
    names.register("server", ref)
    await ref.ask(Ask(0))
    while not actor(ref).waiting:
        await ref.ask(Ask(0))
    actor(ref).waiting[0].set("second try")

    assert await asking == "second try"
    await ref.stop()


async def test_ask_until_raises_at_once_what_made_the_actor_crash(names, server):
    with pytest.raises(HandlerCrashed) as caught:
        await names.ask_until("server", Ask(-1), 5)
    assert isinstance(caught.value.__cause__, ValueError)


def test_ask_until_gives_up_in_time(fake_loop):
    names = Names()
    ref = fake_loop.call(Server.start)
    names.register("server", ref)
    tasks = [
        fake_loop.call(lambda name=name: asyncio.ensure_future(names.ask_until(name, Wait(), 3.0)))
        for name in ("server", "ghost")
    ]
    fake_loop.advance(2.9)
    assert not any(task.done() for task in tasks)
    fake_loop.advance(0.2)
    for task in tasks:
        with pytest.raises(TimeoutError):
            task.result()
    assert actor(ref).waiting[0].abandoned
    assert names._awaited == {}
    fake_loop.call(ref.stop)


def test_ask_until_gives_up_in_time_on_a_dead_actor_that_nobody_replaces(fake_loop):
    names = Names()
    ref = fake_loop.call(Server.start)
    names.register("server", ref)
    fake_loop.call(ref.stop)
    task = fake_loop.call(lambda: asyncio.ensure_future(names.ask_until("server", Ask(1), 3.0)))
    fake_loop.advance(3.1)
    with pytest.raises(TimeoutError):
        task.result()


async def test_a_cancelled_asker_has_abandoned_its_question(names, server):
    asking = asyncio.create_task(names.ask_until("server", Wait(), 5))
    await server.ask(Ask(0))
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking

    assert actor(server).waiting[0].abandoned


async def test_an_answer_that_a_cancelled_asker_could_not_take_is_given_back(names, server):
    returned = []
    asking = asyncio.create_task(names.ask_until("server", Wait(), 5, unclaimed=returned.append))
    await server.ask(Ask(0))
    actor(server).waiting[0].set("a lease")
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking

    assert returned == ["a lease"]


async def test_nothing_is_given_back_when_there_was_no_answer(names, server):
    returned = []
    for settle in (lambda future: None, lambda future: future.fail(ActorDeadError())):
        asking = asyncio.create_task(names.ask_until("server", Wait(), 5, unclaimed=returned.append))
        await server.ask(Ask(0))
        settle(actor(server).waiting.pop())
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking

    assert returned == []
