"""The dispatcher's own part: who is forwarded where, who waits, and in which order the line is served."""

from random import Random

import pytest
from fleet import Clock, Post, board, dispatch, hold, settle, standing

from cortex.actors.actor import ActorDeadError
from cortex.actors.names import Names
from cortex.config.model import Limits, Routing, Settings
from cortex.config.secret import Secret
from cortex.config.watcher import Current
from cortex.messages import Estimate, Refusal
from cortex.routing.dispatcher import RESOLUTIONS_KEPT, Dispatcher, Tick
from cortex.workers.books import Books
from cortex.workers.messages import Grant, SlotFree, WorkersChanged


class Bench:
    """A dispatcher in front of workers' mailboxes that nobody reads."""

    def __init__(self, *standings, routing=None, models=None):
        self.clock = Clock()
        self.board = board(*standings)
        self.names = Names()
        self.posts = {stands.name: Post() for stands in standings}
        for stands in standings:
            self.names.register(stands.actor, self.posts[stands.name])
        self.current = Current(Settings(routing=routing or Routing(), models=models or {}))
        self.waits = []
        self.ref = Dispatcher.start(
            board=self.board,
            names=self.names,
            current=self.current,
            random=Random(0),
            on_wait=self.waits.append,
            clock=self.clock,
        )

    async def ask(self, *args, **more):
        """Ask for a lease; the future of the answer."""
        answer = self.ref.ask(dispatch(*args, **more))
        await settle()
        return answer

    async def tell(self, message):
        self.ref.tell(message)
        await settle()

    def granted(self, name="desk"):
        """Take what reached a worker: the clients, in order."""
        return [grant.dispatch.request.client for grant in self.posts[name].take(Grant)]

    @property
    def actor(self):
        return self.ref.actor_inbox.actor


@pytest.fixture
async def make():
    made = []

    def build(*standings, **more):
        made.append(Bench(*standings, **more))
        return made[-1]

    yield build
    for bench in made:
        await bench.ref.stop()


async def test_a_free_worker_gets_the_request_with_its_own_name_of_the_model_and_the_why(make):
    bench = make(standing(models=["Llama3.2:latest"]))
    answer = await bench.ask("llama3.2")
    (grant,) = bench.posts["desk"].take(Grant)

    assert (grant.model, grant.why) == ("Llama3.2:latest", "local")
    assert bench.posts["desk"].askers == [answer]
    assert bench.board.get("desk").promised == 1


async def test_a_promised_slot_is_not_promised_again(make):
    bench = make(standing("desk"), standing("rack"))
    for _ in range(3):
        await bench.ask()

    assert (len(bench.granted("desk")), len(bench.granted("rack"))) == (1, 1)
    assert bench.board.waiting == 1


async def test_the_strategy_of_the_request_goes_before_the_configured_one(make):
    bench = make(standing("desk", slots=9), standing("rack", slots=9))
    for _ in range(4):
        await bench.ask(strategy="round_robin")

    assert (len(bench.granted("desk")), len(bench.granted("rack"))) == (2, 2)


async def test_a_name_that_nobody_has_is_refused_with_the_nearest(make):
    answer = await make(standing(models=["qwen3:4b"])).ask("qwen3:8b")
    refusal = await answer

    assert isinstance(refusal, Refusal)
    assert (refusal.kind, refusal.nearest) == ("unknown_model", ("qwen3:4b",))


async def test_whoever_waits_is_served_before_whoever_comes(make):
    bench = make(standing())
    hold(bench.board.get("desk"), 1)
    await bench.ask(client="first")
    bench.board.get("desk").leases.clear()
    await bench.ask(client="second")

    assert bench.granted() == ["first"]


async def test_clients_take_turns_in_the_line(make):
    bench = make(standing())
    stands = bench.board.get("desk")
    hold(stands, 1)
    for client in "aaab":
        await bench.ask(client=client)
    served = []
    for _ in range(4):
        stands.leases.clear()
        await bench.tell(SlotFree("desk"))
        served += bench.granted()
        stands.promised = 0
        hold(stands, 1)

    assert served == ["a", "b", "a", "a"]
    assert len(bench.waits) == 4


@pytest.mark.parametrize("news", [SlotFree("rack"), WorkersChanged(), Tick()])
async def test_the_line_is_served_when_something_may_have_changed(make, news):
    bench = make(standing("desk", models=[]), standing("rack"))
    hold(bench.board.get("rack"), 1)
    await bench.ask()
    bench.board.get("rack").leases.clear()
    await bench.tell(news)

    assert bench.granted("rack") == ["10.1.1.1"]
    assert bench.board.waiting == 0


async def test_time_spent_in_the_line_is_told_to_the_request(make):
    bench = make(standing())
    hold(bench.board.get("desk"), 1)
    asked = dispatch()
    bench.ref.ask(asked)
    await settle()
    bench.clock.advance(1.5)
    bench.board.get("desk").leases.clear()
    await bench.tell(SlotFree("desk"))

    assert (asked.waited_s, asked.queued_at, bench.waits) == (1.5, 0.0, [1.5])


async def test_who_left_is_let_go_and_holds_up_nobody(make):
    bench = make(standing())
    hold(bench.board.get("desk"), 1)
    (await bench.ask(client="gone")).cancel()
    await bench.ask(client="here")
    bench.board.get("desk").leases.clear()
    await bench.tell(SlotFree("desk"))

    assert bench.granted() == ["here"]
    assert bench.board.waiting == 0


async def test_a_deadline_that_passes_in_the_line_is_told(make):
    bench = make(standing())
    hold(bench.board.get("desk"), 1)
    answer = await bench.ask(left_s=5.0)
    bench.clock.advance(5.0)
    await bench.tell(Tick())

    assert answer.get().kind == "deadline"


async def test_a_full_line_refuses_at_once_and_its_bound_may_be_edited(make):
    bench = make(standing(), routing=Routing(queue=1))
    hold(bench.board.get("desk"), 1)
    await bench.ask()
    refusal = (await bench.ask()).get()
    bench.current.settings = Settings(routing=Routing(queue=2))

    assert (refusal.kind, refusal.retry_after_s) == ("queue_full", 2.0)
    assert not (await bench.ask()).settled


async def test_a_worker_that_is_being_started_is_waited_for(make):
    bench = make(standing())
    post = bench.posts["desk"]
    bench.names.unregister("workers/desk", post)
    answer = await bench.ask()
    assert not answer.settled
    bench.names.register("workers/desk", post)
    await bench.tell(WorkersChanged())

    assert bench.granted() == ["10.1.1.1"]
    assert bench.board.get("desk").promised == 1


async def test_what_a_name_means_is_looked_up_again_when_the_board_or_the_aliases_change(make):
    bench = make(standing("desk", models=["a"]), standing("rack", models=["b"]), models={"best": ("a",)})
    await bench.ask("best")
    bench.current.settings = Settings(models={"best": ("b",)})
    await bench.ask("best")
    bench.board.get("desk").missing.add("a:latest")
    bench.board.changed()

    assert (len(bench.granted("desk")), len(bench.granted("rack"))) == (1, 1)
    assert (await bench.ask("a")).get().kind == "unknown_model"


async def test_the_number_of_names_that_are_remembered_is_bounded(make):
    bench = make(standing())
    for number in range(RESOLUTIONS_KEPT + 5):
        bench.ref.ask(dispatch(f"nobody-has-{number}"))
    await bench.ask("last")
    for _ in range(40):
        await settle()

    assert 0 < len(bench.actor._resolutions) <= RESOLUTIONS_KEPT


async def test_who_waits_is_told_when_the_dispatcher_ends(make):
    bench = make(standing())
    hold(bench.board.get("desk"), 1)
    answer = await bench.ask()
    await bench.ref.stop()

    with pytest.raises(ActorDeadError):
        await answer


async def test_a_new_dispatcher_begins_with_an_empty_line(make):
    bench = make(standing())
    bench.board.waiting = 3
    await settle()

    assert bench.board.waiting == 0


async def test_a_small_request_is_not_held_up_by_a_large_one_for_which_there_is_no_quota_yet(make):
    stands = standing(key=Secret("k-0123456789"), limits={"*": Limits(tokens_per_minute=1_000)}, slots=9)
    bench = make(stands)
    stands.account = account = Books(clock=bench.clock, wall=bench.clock).account(stands.settings)
    account.reserve("llama3.2:3b", Estimate(0, 1_000))
    await bench.ask(client="large", max_tokens=800)
    await bench.ask(client="small", max_tokens=100)
    account.quota.configure(stands.settings.plan, {"*": Limits(tokens_per_minute=1_500)}, Limits())
    await bench.tell(SlotFree("desk"))

    assert bench.granted() == ["small"]
