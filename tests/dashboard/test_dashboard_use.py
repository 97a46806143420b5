"""Using the page: by keyboard, by link, with a key, and every action."""

import pytest
from test_dashboard_live import is_live, row

expect = pytest.importorskip("playwright.async_api", reason="playwright is not installed").expect


def acted(stand_in) -> list[tuple[str, str]]:
    return [(method, path) for method, path, _ in stand_in.asked]


async def test_the_tree_is_used_by_keyboard_alone(stand_in, visit):
    page = await visit(stand_in.url)
    await is_live(page)
    await row(page, "root").focus()
    await page.keyboard.press("End")
    await expect(row(page, "endpoint")).to_be_focused()
    await page.keyboard.press("Home")
    for _ in range(4):
        await page.keyboard.press("ArrowDown")
    await expect(row(page, "workers")).to_be_focused()
    await page.keyboard.press("ArrowLeft")
    await expect(row(page, "workers")).to_have_attribute("aria-expanded", "false")
    await expect(row(page, "desk")).to_have_count(0)
    await page.keyboard.press("ArrowRight")
    await page.keyboard.press("ArrowRight")
    await expect(row(page, "desk")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("region", name="The chosen actor")).to_contain_text("http://192.168.1.20:11434")
    await expect(page.get_by_role("region", name="The chosen actor")).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("region", name="The chosen actor")).to_be_hidden()
    await expect(row(page, "desk")).to_be_focused()
    await page.keyboard.press("ArrowLeft")
    await expect(row(page, "workers")).to_be_focused()
    assert await page.locator("[role=row][tabindex='0']").count() == 1


async def test_keys_lead_to_the_views_the_search_and_their_own_list(stand_in, visit):
    page = await visit(stand_in.url)
    await is_live(page)
    await page.keyboard.press("2")
    await expect(page.get_by_role("heading", name="Requests")).to_be_visible()
    await page.keyboard.press("/")
    await expect(page.get_by_role("searchbox")).to_be_focused()
    await page.keyboard.type("r-035")
    await expect(page.locator("tbody tr")).to_have_count(1)
    await page.locator("main").focus()
    await page.keyboard.press("?")
    await expect(page.get_by_role("dialog")).to_contain_text("through the tree")
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog")).to_have_count(0)


async def test_the_first_tab_stop_skips_to_the_content(stand_in, visit):
    page = await visit(stand_in.url)
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.locator("main")).to_be_focused()


async def test_a_link_restores_view_filter_and_what_was_chosen(stand_in, visit):
    page = await visit(stand_in.url + "#/requests?outcome=failed&q=rack&id=r-013")
    await expect(page.get_by_label("Outcome")).to_have_value("failed")
    await expect(page.get_by_role("searchbox")).to_have_value("rack")
    await expect(page.get_by_role("region", name="The chosen request")).to_contain_text("r-013")
    outcomes = await page.locator("tbody tr td:nth-child(2)").all_inner_texts()
    assert outcomes
    assert not any("ok" in each or "running" in each for each in outcomes)


async def test_going_back_takes_the_filters_along(stand_in, visit):
    page = await visit(stand_in.url + "#/tree?view=drawn")
    await page.evaluate("location.hash = '#/tree'")
    await expect(page.get_by_role("treegrid")).to_be_visible()
    await page.go_back()
    await expect(page.get_by_role("radio", name="Drawn")).to_be_checked()
    await expect(page.get_by_role("link", name="gemini/1, resting")).to_be_visible()


async def test_a_request_tells_its_story(stand_in, visit):
    page = await visit(stand_in.url + "#/requests?id=r-035")
    story = page.get_by_role("region", name="The chosen request")
    await expect(story).to_contain_text("2 attempts")
    await expect(story).to_contain_text("rate_limited: 429, resource exhausted")
    await expect(story).to_contain_text("first token after 790 ms")
    await expect(story).to_contain_text("passed over: 4 of 4 slots busy")
    await expect(story).to_contain_text("$0.0021 saved")


async def test_the_tail_can_be_held(stand_in, visit):
    page = await visit(stand_in.url + "#/requests")
    await is_live(page)
    await page.get_by_role("button", name="Pause").click()
    await stand_in.tell(requests=[{**stand_in.requests[0], "id": "r-new", "arrived_at": stand_in.now + 5}])
    await stand_in.tell(summary={})
    await expect(page.locator("[data-key=r-new]")).to_have_count(0)
    await page.get_by_role("button", name="Pause").click()
    await expect(page.locator("tbody tr").first).to_have_attribute("data-key", "r-new")


@pytest.mark.parametrize(
    ("worker", "action", "says"),
    [
        ("rack", "probe", "No request is touched"),
        ("rack", "drain", "4 requests of it go on to the end"),
        ("rack", "restart", "4 requests of it go on to the end"),
        ("rack", "retire", "until its settings change"),
        ("gemini/1", "resume", "It gets requests again"),
    ],
)
async def test_an_action_says_what_it_will_do_before_it_does_it(stand_in, visit, worker, action, says):
    page = await visit(stand_in.url + f"#/tree?actor={worker.replace('/', '%2F')}")
    word = action.capitalize()
    await page.get_by_role("button", name=f"{word} {worker}").click()
    dialog = page.get_by_role("dialog", name=f"{word} {worker}?")
    await expect(dialog).to_contain_text(says)
    assert not stand_in.asked
    await dialog.get_by_role("button", name=word, exact=True).click()
    await expect(page.locator("#notice")).to_contain_text(worker)
    assert acted(stand_in) == [("POST", f"/cortex/v1/workers/{worker.replace('/', '%2F')}/{action}")]


async def test_a_rest_may_have_a_length(stand_in, visit):
    page = await visit(stand_in.url + "#/tree?actor=desk")
    await page.get_by_role("button", name="Rest desk").click()
    await page.get_by_label("For how long").select_option("1 hour")
    await page.get_by_role("dialog").get_by_role("button", name="Rest", exact=True).click()
    await expect(page.locator("#notice")).to_contain_text("desk rests")
    assert acted(stand_in) == [("POST", "/cortex/v1/workers/desk/rest?for=1h")]


async def test_a_refused_action_says_why_and_that_nothing_changed(stand_in, visit):
    page = await visit(stand_in.url + "#/tree?actor=desk", expects=lambda text: "409" in text)
    stand_in.refuses = "desk is being started."
    await page.get_by_role("button", name="Drain desk").click()
    await page.get_by_role("dialog").get_by_role("button", name="Drain", exact=True).click()
    await expect(page.get_by_role("alert")).to_have_text("▲ desk is being started. Nothing was changed.")


async def test_a_key_is_added_after_its_change_was_shown(stand_in, visit):
    page = await visit(stand_in.url + "#/keys")
    await page.get_by_role("button", name="Add a key or an Ollama").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("What it is").select_option("a key of gemini")
    await dialog.get_by_label("Name of its table").fill("gemini")
    await dialog.get_by_label("Key", exact=True).fill("AIza-secret-3f9a")
    await dialog.get_by_role("button", name="Show what changes").click()
    await expect(dialog).to_contain_text("gemini/1 starts. Nothing else is touched.")
    await expect(dialog).to_contain_text("GEMINI_API_KEYS=***3f9a")
    await dialog.get_by_role("button", name="Write it").click()
    await expect(page.locator("#notice")).to_contain_text("gemini was written to the settings.")
    (_, _, shown), (_, _, written) = stand_in.asked
    assert shown == {"table": "gemini", "provider": "gemini", "key": "AIza-secret-3f9a", "apply": False}
    assert written == {**shown, "apply": True, "digest": "d1"}


async def test_what_is_wrong_with_an_addition_is_said_and_nothing_written(stand_in, visit):
    page = await visit(stand_in.url + "#/keys")
    await page.get_by_role("button", name="Add a key or an Ollama").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Name of its table").fill("taken")
    await dialog.get_by_role("button", name="Show what changes").click()
    await expect(dialog).to_contain_text("'desk' is taken")
    await expect(dialog.get_by_role("button", name="Write it")).to_have_count(0)


async def test_a_key_is_removed_after_its_change_was_shown(stand_in, visit):
    page = await visit(stand_in.url + "#/keys")
    await page.get_by_role("button", name="Remove gemini/1").click()
    dialog = page.get_by_role("dialog")
    await expect(dialog).to_contain_text("gemini/1 stops, after what it answers now")
    await dialog.get_by_role("button", name="Remove").click()
    await expect(page.locator("#notice")).to_contain_text("taken out of the settings")
    path = "/cortex/v1/workers/gemini%2F1?apply="
    assert acted(stand_in) == [("DELETE", path + "0"), ("DELETE", path + "1&digest=d1")]


async def test_the_cache_is_cleared_and_the_log_level_changed(stand_in, visit):
    page = await visit(stand_in.url + "#/cache")
    await page.get_by_role("button", name="Forget all answers").click()
    await expect(page.get_by_role("dialog")).to_contain_text("132 answers in memory")
    await page.get_by_role("button", name="Forget them").click()
    await expect(page.locator("#notice")).to_contain_text("132 answers forgotten")
    await page.evaluate("location.hash = '#/logs'")
    await page.get_by_label("Write from").select_option("debug")
    await expect(page.locator("#notice")).to_contain_text("written from debug on")
    assert stand_in.level == "debug"


async def test_a_try_streams_and_says_who_answered(stand_in, visit):
    page = await visit(stand_in.url + "#/try")
    await page.get_by_label("Message").fill("Hello")
    await page.keyboard.press("Enter")
    answer = page.locator("article.assistant")
    await expect(answer).to_contain_text("Córtex answers <b>plainly</b>, word by word.")
    await expect(answer).to_contain_text("desk · llama3.2:3b · choice 1, local · 1 attempt · first token")
    await expect(answer.get_by_role("link", name="its story")).to_have_attribute("href", "#/requests?id=r-059")
    assert stand_in.asked[0][2]["messages"] == [{"role": "user", "content": "Hello"}]


async def test_a_key_that_is_wrong_is_asked_for_again(stand_in, visit):
    stand_in.key = "s3cret"
    page = await visit(stand_in.url, expects=lambda text: "401" in text or "WebSocket" in text)
    dialog = page.get_by_role("dialog", name="This Córtex wants a key")
    await dialog.get_by_label("Key", exact=True).fill("wrong")
    await dialog.get_by_role("button", name="Use it").click()
    await expect(dialog).to_contain_text("It does not know that key.")


async def test_with_the_key_the_page_is_live_and_keeps_it_for_the_tab(stand_in, visit):
    stand_in.key = "s3cret/+ключ="
    asked = []
    page = await visit(stand_in.url + "#/keys", expects=lambda text: "401" in text or "WebSocket" in text)
    page.on("request", lambda request: asked.append(request.url))
    await page.get_by_role("button", name="Not now").click()
    await page.get_by_role("button", name="Give the key").click()
    await page.get_by_label("Key", exact=True).fill(stand_in.key)
    await page.get_by_role("button", name="Use it").click()
    await is_live(page)
    await page.reload()
    await is_live(page)
    await expect(page.get_by_role("region", name="gemini/1")).to_be_visible()
    assert not any("s3cret" in url for url in asked)
    assert await page.evaluate("[localStorage.length, sessionStorage.length]") == [1, 1]


async def test_the_theme_is_kept(stand_in, visit):
    page = await visit(stand_in.url, color_scheme="light")
    for name in ("Theme: auto", "Theme: light"):
        await page.get_by_role("button", name=name).click()
    await page.reload()
    await expect(page.get_by_role("button", name="Theme: dark")).to_be_visible()
    assert await page.evaluate("getComputedStyle(document.body.parentNode).backgroundColor") == "rgb(17, 20, 25)"


async def test_nothing_moves_for_who_wants_no_motion(stand_in, visit):
    page = await visit(stand_in.url, reduced_motion="reduce")
    await is_live(page)
    await stand_in.tell(rows={"desk": {"state": "busy"}})
    await expect(row(page, "desk")).to_contain_text("busy")
    assert await page.evaluate("document.getAnimations().length") == 0


async def test_empty_views_say_what_to_do(stand_in, visit):
    stand_in.requests.clear()
    stand_in.logs.clear()
    page = await visit(stand_in.url + "#/requests")
    await expect(page.locator(".empty")).to_contain_text("Send one in the view Try")
    await page.evaluate("location.hash = '#/logs'")
    await expect(page.locator(".empty")).to_contain_text("Nothing was written yet")
    await page.evaluate("location.hash = '#/models?q=nobody'")
    await expect(page.locator(".empty")).to_contain_text("No model and no worker")


async def test_an_action_of_somebody_appears_with_who_did_it(stand_in, visit):
    event = {"event": "action", "action": "drain", "worker": "desk", "by": "192.168.1.9 (***3f9a)", "level": "info"}
    page = await visit(stand_in.url)
    await is_live(page)
    await stand_in.tell(events=[event | {"at": stand_in.now}])
    await expect(page.locator(".events li").first).to_contain_text("desk was asked to drain by 192.168.1.9 (***3f9a)")


async def test_what_cannot_be_removed_is_said_and_not_asked_about(stand_in, visit):
    stand_in.refuses = "desk comes from the environment OLLAMA_URLS."
    page = await visit(stand_in.url + "#/keys", expects=lambda text: "409" in text)
    await page.get_by_role("button", name="Remove desk").click()
    await expect(page.locator("#notice")).to_contain_text(
        "desk comes from the environment OLLAMA_URLS. Nothing was changed."
    )
    await expect(page.get_by_role("dialog")).to_have_count(0)
