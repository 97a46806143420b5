"""A real Chromium for the tests of the page; they are skipped, with the reason, where there is none."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from stand_in import StandIn

CHROMIUM = os.environ.get("CORTEX_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome") or ""


@pytest.fixture
async def browser():
    api = pytest.importorskip("playwright.async_api", reason="playwright is not installed")
    if not CHROMIUM:
        pytest.skip("there is no Chromium here (apt-get install chromium, or set CORTEX_CHROMIUM)")
    async with api.async_playwright() as playwright:
        running = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield running
        await running.close()


@pytest.fixture
async def stand_in():
    stands = StandIn()
    await stands.start()
    yield stands
    await stands.stop()


@pytest.fixture
async def visit(browser):
    """Opens pages; whatever is asked of another host, or goes wrong in one's console, fails the test."""
    troubles: list[str] = []
    contexts = []

    async def visit(url: str, *, expects: Callable[[str], bool] = lambda _: False, **options):
        context = await browser.new_context(**{"viewport": {"width": 1440, "height": 900}, **options})
        contexts.append(context)
        own = url.split("/")[2]

        async def guard(route):
            if route.request.url.split("/")[2] != own:
                troubles.append(f"asked for {route.request.url}")
                await route.abort()
            else:
                await route.continue_()

        await context.route("**/*", guard)
        page = await context.new_page()

        def note(text: str) -> None:
            if not expects(text):
                troubles.append(text)

        page.on("console", lambda message: note(message.text) if message.type in {"error", "warning"} else None)
        page.on("pageerror", lambda error: note(str(error)))
        await page.goto(url)
        return page

    yield visit
    for context in contexts:
        await context.close()
    assert not troubles


@pytest.fixture
def screenshots(tmp_path) -> Path:
    """Where pictures are kept: $CORTEX_SCREENSHOTS, or the test's own folder."""
    folder = Path(os.environ.get("CORTEX_SCREENSHOTS") or tmp_path)
    folder.mkdir(parents=True, exist_ok=True)
    return folder
