"""The page in front of the real daemon: what it serves, says and does, from end to end."""

import contextlib

import pytest
from house import QUICK, house, until, worker
from test_dashboard_live import expect, is_live, row

from cortex.config.plugins import strategy_names
from cortex.config.presets import PRESETS
from cortex.simulate import SimulatedOllama

WANTS_A_KEY = '\n[server]\nport = 0\napi_keys = ["first-of-the-house-1234"]\n'


@pytest.fixture
async def desk():
    simulated = SimulatedOllama(name="desk", instant=True)
    await simulated.start()
    yield simulated
    await simulated.stop()


@contextlib.asynccontextmanager
async def at_home(folder, toml, visit, place="", *, base=QUICK, **options):
    """Run Córtex with a page in front of it that is closed before it ends."""
    async with house(folder, toml, base=base) as cortex:
        page = await visit(f"{cortex.url}/dashboard/{place}", **options)
        yield cortex, page
        await page.context.close()


async def test_a_crash_and_its_restart_show_within_a_second(tmp_path, desk, visit):
    async with at_home(tmp_path, worker(desk), visit) as (cortex, page):
        await is_live(page)
        await expect(row(page, "desk")).to_contain_text("● ready")
        answer = await cortex.act("desk", "restart")
        assert answer.status == 200
        await expect(row(page, "desk").locator(".again")).to_have_text("1", timeout=1000)
        await expect(page.locator(".events li").first).to_contain_text("desk", timeout=1000)


async def test_a_question_is_answered_and_its_story_told(tmp_path, desk, visit):
    async with at_home(tmp_path, worker(desk), visit, "#/try") as (_cortex, page):
        await is_live(page)
        await page.get_by_label("Message").fill("Hello")
        await page.keyboard.press("Enter")
        await expect(page.locator("article.assistant")).to_contain_text("tokens", timeout=15000)
        await page.get_by_role("link", name="its story").click()
        await expect(page.get_by_role("region", name="The chosen request")).to_contain_text("1 attempt")
        await expect(page.locator("tbody tr").first).to_contain_text("● ok")


async def test_every_strategy_that_there_is_can_be_tried(tmp_path, desk, visit):
    async with at_home(tmp_path, worker(desk), visit, "#/try") as (_cortex, page):
        await expect(page.get_by_label("Strategy").locator("option")).to_have_text(["as configured", *strategy_names()])


async def test_every_provider_that_is_known_can_be_added(tmp_path, desk, visit):
    async with at_home(tmp_path, worker(desk), visit, "#/keys") as (_cortex, page):
        await page.get_by_role("button", name="Add a key or an Ollama").click()
        offered = page.get_by_role("dialog").get_by_label("What it is").locator("option")
        await expect(offered).to_have_count(len(PRESETS))
        values = await offered.evaluate_all("options => options.map((each) => each.value)")

    assert sorted(values) == sorted(PRESETS)


async def test_a_machine_is_added_and_removed_through_the_page(tmp_path, desk, visit):
    async with at_home(tmp_path, "\n# kept\n", visit, "#/keys") as (cortex, page):
        await expect(page.locator(".empty").first).to_contain_text("Add the first with the button above")
        await page.get_by_role("button", name="Add a key or an Ollama").click()
        dialog = page.get_by_role("dialog")
        await dialog.get_by_label("Name of its table").fill("desk")
        await dialog.get_by_label("Address").fill(desk.url)
        await dialog.get_by_role("button", name="Show what changes").click()
        await expect(dialog).to_contain_text("desk starts")
        await dialog.get_by_role("button", name="Write it").click()
        await until(lambda: cortex.board.get("desk") is not None)
        assert "# kept" in cortex.config.read_text()
        await page.get_by_role("button", name="Remove desk").click()
        await page.get_by_role("dialog").get_by_role("button", name="Remove").click()
        await until(lambda: cortex.board.get("desk") is None)


async def test_a_refused_edit_is_said_on_the_first_view_and_in_the_settings(tmp_path, desk, visit):
    async with at_home(tmp_path, worker(desk), visit) as (cortex, page):
        await is_live(page)
        await cortex.edit(cortex.config.read_text() + 'slots = "three"\n')
        await expect(page.get_by_role("region", name="Mistakes in the settings")).to_contain_text("slots", timeout=2000)
        await page.evaluate("location.hash = '#/config'")
        await expect(page.get_by_role("region", name="Last edits")).to_contain_text("✕ refused")


async def test_every_view_opens_without_a_word_in_the_console(tmp_path, desk, visit):
    async with at_home(tmp_path, worker(desk), visit) as (cortex, page):
        await cortex.chat()
        for name in ("requests", "keys", "models", "charts", "cache", "config", "logs", "try", "tree"):
            await page.evaluate("name => { location.hash = `#/${name}` }", name)
            await is_live(page)
            await page.wait_for_load_state("networkidle")
            await expect(page.locator(".empty", has_text="▲")).to_have_count(0)


async def test_a_daemon_with_keys_asks_for_one(tmp_path, desk, visit):
    async with at_home(
        tmp_path, WANTS_A_KEY + worker(desk), visit, base="", expects=lambda text: "401" in text or "WebSocket" in text
    ) as (_cortex, page):
        await page.get_by_label("Key", exact=True).fill("first-of-the-house-1234")
        await page.get_by_role("button", name="Use it").click()
        await is_live(page)
        await expect(row(page, "desk")).to_contain_text("● ready")


async def test_who_acts_is_asked_for_another_key_where_there_are_two_kinds(tmp_path, desk, visit):
    keys = WANTS_A_KEY + 'admin_keys = ["of-the-owner-123456"]\n'
    async with at_home(
        tmp_path, keys + worker(desk), visit, base="", expects=lambda text: "401" in text or "WebSocket" in text
    ) as (cortex, page):
        await page.get_by_label("Key", exact=True).fill("first-of-the-house-1234")
        await page.get_by_role("button", name="Use it").click()
        await is_live(page)
        await page.evaluate("location.hash = '#/keys'")
        await page.get_by_role("button", name="Remove desk").click()
        await page.get_by_label("Key", exact=True).fill("of-the-owner-123456")
        await page.get_by_role("button", name="Use it").click()
        await page.get_by_role("button", name="Remove", exact=True).click()
        await until(lambda: cortex.board.get("desk") is None)
