"""The page and what goes on: live within a second, honest when stale, back by itself, and nothing for a hidden tab."""

import asyncio
import re

import pytest
from house import until

expect = pytest.importorskip("playwright.async_api", reason="playwright is not installed").expect


async def is_live(page) -> None:
    await expect(page.locator("#status")).to_contain_text("live ·")


def row(page, name: str):
    return page.locator(f'[role=row][data-key="{name}"]')


async def test_a_change_shows_within_a_second(stand_in, visit):
    page = await visit(stand_in.url)
    await is_live(page)
    await expect(row(page, "desk")).to_contain_text("● ready")
    crash = {
        "at": stand_in.now,
        "level": "error",
        "event": "child_terminated",
        "worker": "desk",
        "reason": "KeyError: 'x'",
    }
    await stand_in.tell(rows={"desk": {"state": "stopped", "restarts": 1}}, events=[crash])
    await expect(row(page, "desk")).to_contain_text("✕ stopped", timeout=1000)
    await expect(page.locator(".events li").first).to_contain_text("desk crashed KeyError: 'x'", timeout=1000)
    await stand_in.tell(
        rows={"desk": {"state": "ready"}}, events=[crash | {"level": "info", "event": "progress", "restarts": 1}]
    )
    await expect(row(page, "desk")).to_contain_text("● ready", timeout=1000)
    await expect(page.locator(".events li").first).to_contain_text("desk started again, restart 1", timeout=1000)


async def test_workers_come_and_go_in_their_order(stand_in, visit):
    page = await visit(stand_in.url)
    await is_live(page)
    fresh = {**stand_in.rows["desk"], "name": "attic"}
    order = [name for name in stand_in.order if name != "rack"]
    order.insert(order.index("desk"), "attic")
    stand_in.rows["attic"] = {}
    await stand_in.tell(rows={"attic": fresh, "rack": None}, order=order)
    await expect(row(page, "attic")).to_be_visible()
    await expect(row(page, "rack")).to_have_count(0)
    shown = await page.locator("[role=row][data-key]").evaluate_all("rows => rows.map(row => row.dataset.key)")
    assert shown == order


async def test_a_gap_in_the_numbers_asks_for_the_whole_again(stand_in, visit):
    page = await visit(stand_in.url)
    await is_live(page)
    asked = len(stand_in.wants)
    stand_in.rows["rack"]["state"] = "unreachable"
    await stand_in.tell(rows={"desk": {"why": "lost in the gap"}}, skip=True)
    await until(lambda: len(stand_in.wants) == asked + 1)
    await expect(row(page, "rack")).to_contain_text("✕ unreachable")


async def test_silence_is_said_and_dimmed_until_the_daemon_speaks_again(stand_in, visit):
    page = await visit(stand_in.url)
    await is_live(page)
    stand_in.is_silent = True
    await expect(page.locator("#status")).to_contain_text(re.compile(r"▲ stale since \d\d:\d\d:\d\d"), timeout=8000)
    await expect(page.locator("body")).to_have_class("old")
    stand_in.is_silent = False
    await is_live(page)
    await expect(page.locator("body")).not_to_have_class("old")


async def test_a_daemon_started_again_is_found_and_told(stand_in, visit):
    page = await visit(stand_in.url, expects=lambda text: "WebSocket" in text or "ERR_CONNECTION" in text)
    await is_live(page)
    port = stand_in.port
    await stand_in.stop()
    await expect(page.locator("#status")).to_contain_text("reconnecting · as of")
    stand_in.started_at += 100
    await stand_in.start(port)
    await is_live(page)
    await expect(page.locator("#notice")).to_contain_text("Córtex was started again")


async def test_a_newer_page_is_offered(stand_in, visit):
    page = await visit(stand_in.url, expects=lambda text: "WebSocket" in text or "ERR_CONNECTION" in text)
    await is_live(page)
    port = stand_in.port
    await stand_in.stop()
    stand_in.assets = "newer"
    await stand_in.start(port)
    await page.get_by_role("button", name="Load it").click()
    await page.wait_for_url("**/dashboard/**")
    await is_live(page)
    await expect(page.locator("#notice")).to_be_empty()


async def test_a_hidden_tab_wants_nothing(stand_in, visit):
    page = await visit(stand_in.url)
    await is_live(page)
    hide = """hidden => {
      Object.defineProperty(document, "hidden", {configurable: true, get: () => hidden});
      document.dispatchEvent(new Event("visibilitychange"));
    }"""
    await page.evaluate(hide, True)
    await until(lambda: stand_in.wants[-1] == [])
    before, asked = stand_in.sent, len(stand_in.wants)
    await stand_in.tell(rows={"desk": {"state": "busy"}})
    await asyncio.sleep(2.5)  # two heartbeats would have come
    assert (stand_in.sent, len(stand_in.wants)) == (before, asked)
    await page.evaluate(hide, False)
    await expect(row(page, "desk")).to_contain_text("◉ busy")


async def test_eight_tabs_are_live_at_once(stand_in, visit):
    first = await visit(stand_in.url)
    pages = [first]
    for _ in range(7):
        pages.append(await first.context.new_page())
        await pages[-1].goto(stand_in.url + "#/keys")
    for page in pages:
        await is_live(page)
    await expect(pages[-1].get_by_role("region", name="gemini/1")).to_be_visible()


async def test_five_hundred_workers_twice_a_second_cost_less_than_a_tenth_of_a_core(browser):
    from stand_in import StandIn  # noqa: PLC0415  not the small one of the fixture

    stand_in = StandIn(workers=500)
    await stand_in.start()
    page = await browser.new_page(viewport={"width": 1440, "height": 900})
    await page.goto(stand_in.url)
    await expect(row(page, "fleet-499")).to_have_count(1)
    session = await page.context.new_cdp_session(page)
    await session.send("Performance.enable")
    names = [name for name in stand_in.order if "slots" in stand_in.rows[name]]

    async def busy_s() -> float:
        metrics = await session.send("Performance.getMetrics")
        return next(each["value"] for each in metrics["metrics"] if each["name"] == "TaskDuration")

    began = await busy_s()
    for tick in range(20):
        rows = {
            name: {
                "in_flight": (tick + at) % 5,
                "mailbox": tick,
                "spark": [(at + tick + each) % 9 for each in range(30)],
            }
            for at, name in enumerate(names[tick % 2 :: 2])
        }
        await stand_in.tell(rows=rows, summary={"in_flight": tick})
        await asyncio.sleep(0.5)
    share = (await busy_s() - began) / 10
    print(f"500 workers, half of them changed twice a second: {share:.1%} of the main thread")
    await stand_in.stop()
    assert share < 0.1
