"""How the page looks, and whether everybody can use it: every view, both themes, three widths."""

import pytest

VIEWS = {
    "tree": "#/tree",
    "actor": "#/tree?actor=gemini%2F1",
    "drawn": "#/tree?view=drawn",
    "requests": "#/requests",
    "story": "#/requests?id=r-035",
    "keys": "#/keys",
    "models": "#/models",
    "charts": "#/charts",
    "cache": "#/cache",
    "config": "#/config",
    "logs": "#/logs",
    "try": "#/try",
}
WIDTHS = {1440: 900, 900: 1000, 390: 844}


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.timeout(180)
async def test_every_view_is_accessible_and_fits_its_width(stand_in, visit, screenshots, theme, width):
    axe = pytest.importorskip("axe_playwright_python.async_playwright", reason="axe is not installed").Axe()
    stand_in.problems = [
        'supervision.toml:6: workers.desk.slots: expected a whole number from 1 to 1024, found "three"'
    ]
    page = await visit(
        stand_in.url, viewport={"width": width, "height": WIDTHS[width]}, color_scheme=theme, bypass_csp=True
    )
    found = {}
    for name, place in VIEWS.items():
        await page.evaluate("place => { location.hash = place }", place)
        await page.wait_for_function("document.querySelector('#status').textContent.includes('live')")
        await page.wait_for_load_state("networkidle")
        await page.screenshot(path=screenshots / f"{name}-{theme}-{width}.png", full_page=True)
        results = await axe.run(page)
        said = [
            f"{each['id']}: {each['nodes'][0]['html'][:200]} {each['nodes'][0].get('failureSummary', '')[:300]}"
            for each in results.response["violations"]
        ]
        beyond = await page.evaluate("document.documentElement.scrollWidth - innerWidth")
        if beyond > 0:
            said.append(f"{beyond} px wider than the window")
        if said:
            found[name] = said
    assert not found
