"""What the dashboard is given by a whole Córtex: its files, its socket, its actions and edits."""

import asyncio
import contextlib
import json
import stat
from base64 import urlsafe_b64encode

import aiohttp
import pytest
from house import until, worker

from cortex.actors.signals import Kill
from cortex.simulate import SimulatedOllama

KEY = "sk-house-0123456789"
GUARDED = f'[server]\nport = 0\napi_keys = ["{KEY}"]\n'
ACTS = {"X-Cortex": "1"}


class Page:
    """An open page: what it was told, and what it has of it."""

    def __init__(self, ws):
        self.ws = ws
        self.told = []
        self.has = {}
        self._reading = asyncio.ensure_future(self._read())

    async def _read(self):
        async for message in self.ws:
            said = json.loads(message.data)
            self.told.append(said)
            self.has |= said.get("full", {})
            delta = said.get("delta", {})
            for name, row in delta.get("rows", {}).items():
                self.has["rows"][name] = None if row is None else {**self.has["rows"].get(name, {}), **row}
            self.has.get("summary", {}).update(delta.get("summary", {}))
            for section in ("requests", "events", "logs"):
                self.has.setdefault(section, []).extend(delta.get(section, []))

    async def want(self, *sections):
        await self.ws.send_str(json.dumps({"want": sections}))
        if sections:
            await until(lambda: any("full" in said and "hello" not in said for said in self.told))

    def row(self, name):
        return (self.has.get("rows") or {}).get(name) or {}


@pytest.fixture
async def look():
    """Opens pages, and closes them when the test is over."""
    async with contextlib.AsyncExitStack() as stack:

        async def opened(house, *sections, **more):
            ws = await house.http.ws_connect(f"{house.url}/cortex/v1/live", max_msg_size=0, **more)
            stack.push_async_callback(ws.close)
            page = Page(ws)
            await until(lambda: page.told)
            await page.want(*sections)
            return page

        yield opened


async def test_a_page_is_greeted_and_told_of_everything_it_wants(build, desk, look):
    house = await build(worker(desk))

    page = await look(house, "rows", "requests", "events", "logs")

    hello = page.told[0]
    assert hello["hello"]["assets"]
    assert hello["full"]["summary"]["status"] == "healthy"
    assert next(iter(page.has["rows"])) == "root"
    assert page.row("desk")["parent"] == "workers"
    assert page.row("history")["kind"] == "worker"
    assert page.row("desk")["depth"] == 2


async def test_a_request_is_seen_within_a_second_with_everything_it_moves(build, desk, look):
    house = await build(worker(desk))
    page = await look(house, "rows", "requests")

    answer = await house.chat()
    await until(lambda: page.row("desk").get("answered") == 1, bound_s=3)
    await until(lambda: any(line["outcome"] == "ok" for line in page.has["requests"]), bound_s=3)
    await until(lambda: page.has["summary"]["p50_s"] is not None, bound_s=3)

    assert page.has["requests"][-1]["id"] == answer.headers["X-Cortex-Request"]
    assert page.has["summary"]["free_share"] == 1.0


async def test_a_crash_and_the_restart_are_seen_within_a_second(build, desk, look):
    house = await build(worker(desk))
    page = await look(house, "rows", "events")

    house.daemon.names.tell("workers/desk", Kill("a test"))

    await until(lambda: page.row("desk").get("restarts") == 1, bound_s=3)
    assert page.has["summary"]["restarts"] == 1
    assert {"child_terminated", "progress"} <= {
        event["event"] for event in page.has["events"] if event["worker"] == "desk"
    }


@pytest.mark.parametrize("actor", ["history", "telemetry", "workers", "endpoint", "config"])
async def test_a_page_outlives_the_death_of_any_actor(build, desk, look, actor):
    house = await build(worker(desk))
    page = await look(house, "rows")

    house.daemon.names.tell(actor, Kill("a test"))
    await until(lambda: page.row(actor).get("restarts") == 1)
    await until(lambda: house.standing("desk").shown(0.0) == "ready")
    answered = house.standing("desk").answered
    await house.chat()

    await until(lambda: page.row("desk").get("answered") == answered + 1)
    assert len([said for said in page.told if "hello" in said]) == 1


async def test_an_action_is_told_with_who_did_it(build, desk, look):
    house = await build(worker(desk))
    page = await look(house, "rows", "events")

    await house.act("desk", "restart")

    await until(lambda: [event for event in page.has["events"] if event.get("action") == "restart"])
    (event,) = [event for event in page.has["events"] if event["event"] == "action"]
    assert (event["worker"], event["by"]) == ("desk", "127.0.0.1")


async def test_eight_pages_are_live_at_once_and_a_hidden_one_is_told_nothing(build, desk, look):
    house = await build(worker(desk))
    pages = [await look(house, "rows") for _ in range(8)]
    await pages[0].want()
    await asyncio.sleep(0.05)
    told = len(pages[0].told)

    await house.chat()
    await until(lambda: all(page.row("desk").get("answered") == 1 for page in pages[1:]))

    assert len(pages[0].told) == told


async def test_nobody_is_let_in_without_a_key_and_a_page_brings_it_as_a_subprotocol(build, desk, look):
    house = await build(worker(desk), base=GUARDED)
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await look(house, "rows")
    assert refused.value.status == 401

    coded = urlsafe_b64encode(KEY.encode()).decode().rstrip("=")
    page = await look(house, "rows", protocols=("cortex.v1", f"key.{coded}"))

    assert page.ws.protocol == "cortex.v1"
    assert (await house.get("/dashboard/")).status == 200
    assert (await house.get("/cortex/v1/keys")).status == 401
    async with house.http.get(house.url + "/", headers={"Accept": "text/html"}, allow_redirects=False) as answer:
        assert answer.status == 302
    assert (await house.get("/")).status == 401
    await house.post("/cortex/v1/workers/desk/probe", headers={**ACTS, "Authorization": f"Bearer {KEY}"})
    await until(lambda: any(event["event"] == "action" for event in house.daemon.journal.events))
    (event,) = [event for event in house.daemon.journal.events if event["event"] == "action"]
    assert event["by"] == "127.0.0.1 (***6789)"


async def test_a_page_of_another_site_is_not_let_in(build, desk, look):
    house = await build(worker(desk))

    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await look(house, headers={"Origin": "http://evil.example"})
    assert refused.value.status == 403
    rebound = {"Host": "evil.example", "Sec-Fetch-Site": "same-origin"}
    assert (await house.get("/cortex/v1/config", headers=rebound)).status == 403
    cross = {"Sec-Fetch-Site": "cross-site", **ACTS}
    assert (await house.post("/cortex/v1/workers/desk/drain", headers=cross)).status == 403
    assert (await house.chat()).status == 200


async def test_a_browser_is_sent_to_the_page_and_an_ollama_client_is_answered(build, desk):
    house = await build(worker(desk))

    async with house.http.get(house.url + "/", headers={"Accept": "text/html"}, allow_redirects=False) as answer:
        assert (answer.status, answer.headers["Location"]) == (302, "/dashboard/")
    assert (await house.get("/")).body == b"Ollama is running"
    assert (await house.get("/dashboard")).status == 200  # followed


async def test_every_file_that_the_page_names_is_there(build, desk):
    house = await build(worker(desk))
    index = (await house.get("/dashboard/")).body.decode()

    names = {part.split('"')[0] for part in index.split(f'"{house.daemon.live._hello["assets"]}/')[1:]}

    assert names
    for name in names:
        assert (await house.get(f"/dashboard/{house.daemon.live._hello['assets']}/{name}")).status == 200


async def test_what_is_no_wish_ends_the_connection(build, desk, look):
    house = await build(worker(desk))
    page = await look(house)

    await page.ws.send_str("nonsense")
    await until(lambda: page.ws.closed)

    assert page.ws.close_code == 1008


async def test_who_asks_without_an_upgrade_is_told_what_it_is(build, desk):
    house = await build(worker(desk))

    answer = await house.get("/cortex/v1/live")

    assert answer.status == 400
    assert "WebSocket" in answer.text_of_error


async def test_the_end_of_cortex_lets_pages_go(build, desk, look):
    house = await build(worker(desk))
    page = await look(house, "rows")

    await house.daemon.stop()

    await until(lambda: page.ws.closed)
    assert page.ws.close_code == 1001


async def test_a_retired_key_takes_nothing_until_it_is_resumed(build, desk, rack):
    house = await build(worker(desk), worker(rack))
    await house.act("desk", "retire")
    assert house.standing("desk").shown(0.0) == "retired"

    assert {(await house.chat(f"{number}")).worker for number in range(4)} == {"rack"}

    await house.act("desk", "resume")
    assert house.standing("desk").shown(0.0) != "retired"


async def test_the_level_of_the_log_is_changed_by_those_who_say_so(build, desk):
    house = await build(worker(desk))

    try:
        assert (await house.post("/cortex/v1/log-level", {"level": "error"})).status == 403
        assert (await house.post("/cortex/v1/log-level", {"level": "loud"}, headers=ACTS)).status == 400
        assert (await house.post("/cortex/v1/log-level", {"level": "error"}, headers=ACTS)).json == {"level": "error"}
        assert (await house.get("/cortex/v1/log-level")).json == {"level": "error"}
    finally:
        await house.post("/cortex/v1/log-level", {"level": "info"}, headers=ACTS)


async def test_the_story_of_a_request_names_who_was_passed_over(build, desk, rack):
    house = await build(worker(desk), worker(rack))
    await house.act("desk", "drain")

    answer = await house.chat(model="llama3.2:3b")

    story = (await house.get(f"/cortex/v1/requests/{answer.headers['X-Cortex-Request']}")).json
    assert [(each["worker"], each["place"]) for each in story["candidates"]] == [("rack", 1), ("desk", None)]
    assert story["candidates"][1]["reason"] == "drains"


async def add(house, **wanted):
    return await house.post("/cortex/v1/workers", wanted, headers=ACTS)


async def delete(house, path):
    async with house.http.delete(f"{house.url}/cortex/v1/workers/{path}", headers=ACTS) as answer:
        return answer.status, await answer.json()


async def test_a_worker_is_added_as_it_was_shown(build, desk, rack, tmp_path):
    house = await build("# mine\n", worker(desk))
    wanted = {"table": "rack", "provider": "ollama", "url": rack.url}

    shown = (await add(house, **wanted)).json
    assert shown["effect"]["started"] == ["rack"]
    assert "+[workers.rack]" in shown["diff"]
    assert house.board.get("rack") is None

    done = await add(house, **wanted, apply=True, digest=shown["digest"])

    assert done.json["applied"] is True
    await until(lambda: house.board.get("rack") is not None)
    await until(lambda: house.standing("rack").shown(0.0) == "ready")
    assert "# mine" in house.config.read_text()
    edit = (await house.get("/cortex/v1/config")).json["edits"][0]
    assert (edit["result"], edit["effect"]["started"]) == ("applied", ["rack"])
    assert edit["diff"] == shown["diff"]


async def test_a_key_goes_to_the_env_file_and_nowhere_else(build, cloud, tmp_path):
    house = await build(worker(cloud, keys=["sk-right-1"]))
    secret = "sk-right-0123456789"
    wanted = {"table": "cloud", "provider": "openai", "key": secret}

    shown = await add(house, **wanted)
    done = await add(house, **wanted, apply=True, digest=shown.json["digest"])
    await until(lambda: house.board.get("cloud/2") is not None)

    assert (done.status, done.json["effect"]["started"]) == (200, ["cloud/2"])
    assert secret in (tmp_path / ".env").read_text()
    assert stat.S_IMODE((tmp_path / ".env").stat().st_mode) == 0o600
    assert secret not in house.config.read_text()
    told = [(await house.get(f"/cortex/v1/{path}")).body for path in ("config", "keys", "workers/cloud%2F2")]
    assert secret.encode() not in b"".join([shown.body, done.body, *told])
    assert secret not in json.dumps(list(house.daemon.journal.events))

    _, shown = await delete(house, "cloud/2?apply=0")
    assert shown["effect"]["stopped"] == ["cloud/2"]
    status, _ = await delete(house, f"cloud/2?apply=1&digest={shown['digest']}")
    await until(lambda: house.board.get("cloud/2") is None)
    assert status == 200
    assert secret not in (tmp_path / ".env").read_text()


async def test_what_was_shown_is_done_only_while_the_files_are_those(build, desk, rack):
    house = await build(worker(desk))
    wanted = {"table": "rack", "provider": "ollama", "url": rack.url}
    shown = (await add(house, **wanted)).json
    await house.edit(house.config.read_text() + "\n# by hand\n")
    before = house.config.read_text()

    late = await add(house, **wanted, apply=True, digest=shown["digest"])

    assert late.status == 409
    assert house.config.read_text() == before


async def test_an_edit_that_would_be_refused_is_shown_with_its_problems_and_never_written(build, desk):
    house = await build(worker(desk), '[models]\nfast = ["desk:llama3.2:3b"]\n')
    before = house.config.read_text()

    status, shown = await delete(house, "desk?apply=0")
    assert status == 200
    assert "no worker" in shown["problems"][0]
    assert (await delete(house, f"desk?apply=1&digest={shown['digest']}"))[0] == 400
    nonsense = await add(house, table="r", provider="nobody")
    assert "provider" in nonsense.json["problems"][0]
    assert (await add(house, table="r")).status == 400
    assert (await house.post("/cortex/v1/workers", {"table": "r", "provider": "ollama"})).status == 403

    assert house.config.read_text() == before
    assert (await house.chat()).status == 200


async def test_an_edit_by_hand_that_was_refused_is_among_the_last_with_its_problems(build, desk):
    house = await build(worker(desk))
    await house.edit(house.config.read_text() + "\n[nonsense]\nkey = 'sk-house-0123456789'\n")

    edit = (await house.get("/cortex/v1/config")).json["edits"][0]

    assert (edit["result"], edit["effect"]) == ("refused", {})
    assert "nonsense" in edit["problems"][0]
    assert "+[nonsense]" in edit["diff"]
    assert KEY not in edit["diff"]


async def test_history_is_there_again_after_a_restart(build, start, desk, tmp_path):
    house = await build(worker(desk))
    for number in range(3):
        await house.chat(f"{number}")
    await until(lambda: house.daemon.history.rings["15m"].last is not None, bound_s=15)
    before = [value for value in (await house.get("/cortex/v1/history")).json["series"]["requests"] if value]
    await house.daemon.stop()

    again = await build(worker(desk))
    after = [value for value in (await again.get("/cortex/v1/history")).json["series"]["requests"] if value]

    assert sum(before) == sum(after) == 3


async def test_five_hundred_workers_are_told_of(build, start, look):
    sim = await start(SimulatedOllama(name="many", models=("m",), instant=True))
    house = await build("".join(worker(sim, name=f"w{number}") for number in range(500)))

    page = await look(house, "rows")

    assert sum(row["parent"] == "workers" for row in page.has["rows"].values()) == 500


async def test_no_edit_opens_a_door_beyond_loopback_to_those_without_a_key(build, desk):
    """Not by hand, and not through the page: what is bound stays bound until the next start."""
    bound = '[server]\nport = 0\nhost = "0.0.0.0"\napi_keys = ["key-hunter2-0123456789"]\n'
    closed = '[server]\nport = 0\nhost = "127.0.0.1"\n'
    home = await build(bound, worker(desk), base="")
    assert (await home.get("/v1/models")).status == 401
    await home.edit(closed + worker(desk))

    assert (await home.get("/v1/models")).status == 401
    assert [str(problem) for problem in home.daemon.current.problems if problem.key == "server.api_keys"]
    key = {"Authorization": "Bearer key-hunter2-0123456789", "X-Cortex": "1"}
    addition = {"table": "shed", "provider": "ollama", "url": "http://127.0.0.1:9"}
    shown = await home.post("/cortex/v1/workers", addition, headers=key)
    assert "server.api_keys" in shown.json["problems"][0]
