"""What Córtex's own pages say, and what the actions on workers order."""

import json
from types import SimpleNamespace

import pytest
from fleet import NOW, Post, hold, settle, standing
from page_house import House

from cortex import __version__
from cortex.actors.future import new_future
from cortex.config.secret import Secret
from cortex.endpoint.reply import ClientGoneError
from cortex.endpoint.shown import full, health_of, short
from cortex.messages import Failure
from cortex.providers.base import Model
from cortex.telemetry.events import Report
from cortex.telemetry.journal import LISTENERS_LIMIT
from cortex.telemetry.record import Record
from cortex.workers.messages import Drain, ProbeNow, Rest, Resume


@pytest.mark.parametrize(
    ("states", "word"),
    [
        ([], "no_workers"),
        (["ready"], "healthy"),
        (["ready", "busy"], "healthy"),
        (["ready", "draining"], "degraded"),
        (["half_open"], "degraded"),
        (["open", "retired", "starting"], "unhealthy"),
    ],
)
def test_the_health_of_all_is_one_word(states, word):
    assert health_of(states) == word


async def test_health_is_told_by_status_and_by_word():
    down = standing("rack")
    down.reachable = False

    assert await House(standing("desk")).get("/health") == (
        200,
        {"status": "healthy", "version": __version__, "workers": {"desk": "ready"}},
    )
    assert (await House(standing("desk"), down).get("/health"))[0] == 200
    assert (await House(down).get("/health"))[0] == 503


async def test_readiness_follows_the_tree_and_the_shutdown():
    house = House()
    assert (await house.get("/readyz"))[0] == 503
    house.names.register("dispatcher", Post())
    assert await house.get("/readyz") == (200, b"ready\n")
    house.is_closing = True

    assert await house.get("/readyz") == (503, b"shutting down\n")
    assert await house.get("/livez") == (200, b"ok\n")


def test_a_worker_in_short_has_the_facts_that_lists_show():
    stands = standing(models=["a", Model("b", loaded=False)], slots=2)
    hold(stands, 2)

    assert short(stands, NOW) == {
        "name": "desk",
        "state": "busy",
        "why": "2 of 2 slots busy",
        "provider": "ollama",
        "slots": 2,
        "in_flight": 2,
        "breaker": "closed",
        "models": 2,
        "loaded": ["a"],
        "answered": 0,
        "failed": 0,
    }


def test_a_worker_in_full_shows_its_last_failures_and_never_its_key():
    stands = standing("cloud", local=False, key=Secret("sk-very-secret-0123456789"))
    stands.failures.append((NOW - 5, Failure("timeout", "slow")))
    shown = full(stands, NOW)

    assert shown["last_failures"] == [{"s_ago": 5.0, "word": "timeout", "detail": "timeout: slow"}]
    assert "very-secret" not in str(shown)
    assert (shown["local"], shown["url"]) == (False, "https://api.cloud.example/v1")


async def test_the_settings_are_shown_without_any_key():
    status, shown = await House().get("/cortex/v1/config")

    assert status == 200
    assert "desk" in shown["settings"]["workers"]
    assert "very-secret" not in json.dumps(shown)


@pytest.mark.parametrize(("asked", "shown"), [("2", 2), ("0", 1), ("-7", 1), ("99999", 5)])
async def test_the_number_of_requests_is_bounded(asked, shown):
    house = House()
    for number in range(5):
        house.journal.ended(Record(id=f"r-{number}", client="", dialect="openai", arrived_s=0.0, arrived_at=0.0))

    assert len((await house.get("/cortex/v1/requests", query={"limit": asked}))[1]["requests"]) == shown
    assert (await house.get("/cortex/v1/requests", query={"limit": "many"}))[0] == 400


async def test_what_is_not_remembered_is_not_found():
    house = House(standing("desk"))

    assert (await house.get("/cortex/v1/requests/r-9"))[0] == 404
    status, message = await house.get("/cortex/v1/workers/rack")
    assert (status, message) == (404, "no worker 'rack'; there are: desk")


# Actions


async def test_an_action_needs_the_header_that_no_web_page_can_send():
    house = House(standing("desk"))

    assert (await house.get("/cortex/v1/workers/desk/drain", method="POST"))[0] == 403
    assert (await house.get("/cortex/v1/workers/desk/drain", method="POST", headers={"X-Cortex": "yes"}))[0] == 403


class Obedient(Post):
    """An actor that does at once whatever it is asked."""

    def ask(self, message):
        self.letters.append(message)
        future = new_future()
        future.set(True)
        return future


@pytest.mark.parametrize(
    ("action", "query", "actor", "order"),
    [
        ("drain", {}, "workers/desk", Drain()),
        ("resume", {}, "workers/desk", Resume()),
        ("rest", {}, "workers/desk", Rest(None)),
        ("rest", {"for": "2m"}, "workers/desk", Rest(120.0)),
        ("probe", {}, "health", ProbeNow("desk")),
    ],
)
async def test_each_action_is_an_order_to_who_can_do_it(action, query, actor, order):
    house = House(standing("desk"))
    post = Obedient()
    house.names.register(actor, post)
    status, answer = await house.act("desk", action, **query)

    assert (status, answer) == (200, {"name": "desk", "action": action, "state": "ready"})
    assert post.letters == [order]


async def test_a_mistake_in_an_action_is_told():
    house = House(standing("desk"))

    assert (await house.act("rack", "drain"))[0] == 404
    status, message = await house.act("desk", "rest", **{"for": "soon"})
    assert (status, message) == (400, "for: expected a duration such as 90s or 2h, found 'soon'")


async def test_an_actor_that_does_not_answer_is_told_as_such(monkeypatch):
    monkeypatch.setattr("cortex.endpoint.control.ASK_TIMEOUT_S", 0.001)

    assert (await House(standing("desk")).act("desk", "drain"))[0] == 503
    assert (await House().get("/cortex/v1/tree"))[0] == 503


# The stream of events


class Reader:
    """A client of the stream of events, until it has seen enough."""

    def __init__(self, enough):
        self.enough, self.events = enough, []

    def begin(self, content_type, headers, first):
        assert content_type.startswith("text/event-stream")

    def write(self, data):
        if len(self.events) == self.enough:
            raise ClientGoneError
        self.events.append(json.loads(data.removeprefix(b"data: ")))

    async def taken_in(self):
        await settle()


async def test_the_stream_begins_with_the_last_events_and_leaves_no_listener_behind():
    house = House()
    for number in range(30):
        house.journal.happened(Report("progress", facts={"number": number}))
    reader = Reader(enough=19)
    page = house.pages.find("GET", "/cortex/v1/events")
    await page(SimpleNamespace(method="GET"), reader)

    assert [event.get("number") for event in reader.events] == list(range(10, 29))
    assert not house.journal.is_listened_to


async def test_too_many_streams_of_events_are_refused():
    house = House()
    for _ in range(LISTENERS_LIMIT):
        house.journal.listen()

    assert (await house.get("/cortex/v1/events"))[0] == 503
