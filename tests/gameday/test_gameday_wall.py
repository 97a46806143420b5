"""The wall passes with the default behaviour of Córtex; only its patience is shortened here, so that it does not take minutes."""

from pathlib import Path

import pytest

from cortex.gameday import card, wall
from cortex.gameday.arena import arena
from cortex.gameday.trial import Outcome, Trial, result_of

DOCS = Path(__file__).parents[2] / "docs" / "gameday.md"

IMPATIENT = {
    "routing": {"first_token_timeout": "700ms", "stall_timeout": "700ms", "connect_timeout": "400ms", "deadline": "30s"}
}


@pytest.mark.timeout(120)
@pytest.mark.parametrize("trial", wall.WALL, ids=lambda trial: trial.name)
async def test_no_client_notices(trial):
    (result,) = [each async for each in wall.run(IMPATIENT, (trial,))]

    assert result.passed, f"{result.saw}: {result.missed}"


def test_the_card_in_the_docs_is_that_of_this_wall():
    """That each line is true is what `test_no_client_notices` says."""
    table = card.as_markdown([result_of(trial, Outcome()) for trial in wall.WALL])

    assert table in DOCS.read_text("utf-8")


def test_names_are_unique():
    names = [trial.name for trial in wall.WALL]

    assert len(set(names)) == len(names) >= 30


async def test_a_trial_that_cannot_be_run_fails_and_says_so():
    async def broken(sandbox):
        await sandbox.run("desk", overrides={"routing": {"no_such_key": 1}})
        return Outcome()

    (result,) = [each async for each in wall.run({}, (Trial("x", "", "", broken),))]

    assert not result.passed
    assert "no_such_key" in result.saw


async def test_a_wall_that_is_left_early_leaves_nothing_running():
    results = wall.run(IMPATIENT)
    first = await anext(results)
    await results.aclose()

    assert first.name == wall.WALL[0].name


async def test_the_users_own_behaviour_holds_in_the_sandbox_and_none_of_the_users_workers_is_there():
    async with arena({"routing": {"max_attempts": 2}, "breaker": {"failures": 3}}) as sandbox:
        await sandbox.ollama("desk")
        await sandbox.run("desk")

        assert sandbox.settings.routing.max_attempts == 2
        assert sandbox.settings.breaker.failures == 3
        assert list(sandbox.settings.workers) == ["desk"]
        assert sandbox.settings.server.host == "127.0.0.1"
