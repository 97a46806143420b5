"""What the dashboard reads beside the live view."""

import json

import pytest
from ended import request_record
from fleet import standing
from hypothesis import given
from hypothesis import strategies as st
from page_house import House

from cortex.chat import Usage
from cortex.config.secret import Secret
from cortex.endpoint.models_page import speed
from cortex.messages import Candidate
from cortex.routing.choice import Passed
from cortex.routing.entry import Entry
from cortex.routing.strategies import Ranked
from cortex.workers.standing import Obstacle

KEY = Secret("sk-very-secret-0123456789")


async def test_each_key_is_told_by_its_mask_with_its_use():
    house = House(standing("groq/home", local=False, key=KEY), standing("desk"))

    _, value = await house.get("/cortex/v1/keys")

    home, desk = value["keys"]
    assert (home["worker"], home["pool"], home["key"], home["state"]) == ("groq/home", "groq", "***6789", "ready")
    assert set(home["usage"]) == {"today", "week", "year"}
    assert (desk["key"], desk["local"], desk["free"]) == (None, True, True)
    assert "secret" not in json.dumps(value)


async def test_use_is_of_today_of_seven_days_and_of_all():
    house = House(standing("desk"))
    house.clock.now = wall = 1_700_000_000.0
    for days in (0, 1, 6, 7, 30):
        house.books._usage.add("desk", wall - days * 86_400, tokens=Usage(10, 1))
    house.books._wall = house.clock

    _, value = await house.get("/cortex/v1/keys")

    requests = {span: sums["requests"] for span, sums in value["keys"][0]["usage"].items()}
    assert requests == {"today": 1, "week": 3, "year": 5}


async def test_each_model_is_told_with_who_has_it_and_how_fast():
    house = House(
        standing("desk"),
        standing("rack"),
        standing("cloud", local=False, models=["big"]),
        models={"fast": ("llama3.2:3b",)},
    )
    house.board.get("desk").pace.answered("llama3.2:3b", first_token_s=0.5, total_s=2.5, load_s=0.0, output_tokens=100)

    _, value = await house.get("/cortex/v1/models")

    llama, big = value["models"]
    assert (llama["name"], llama["aliases"], list(llama["workers"])) == ("llama3.2:3b", ["fast"], ["desk", "rack"])
    assert llama["workers"]["desk"] | {"price": None} == {
        "loaded": True,
        "context_length": None,
        "first_token_s": 0.5,
        "tokens_per_s": 50.0,
        "price": None,
    }
    assert list(big["workers"]) == ["cloud"]
    assert value["workers"] == ["desk", "rack", "cloud"]


@given(st.none() | st.floats(0, 1e6), st.none() | st.floats(0, 1e4), st.none() | st.floats(0, 1e4))
def test_a_speed_is_positive_or_unknown(tokens, total_s, first_token_s):
    found = speed(tokens, total_s, first_token_s)

    assert found is None or found >= 0


@pytest.mark.parametrize("span", ["15m", "24h", "30d"])
async def test_the_history_is_told_by_span_with_nothing_where_nothing_was_recorded(span):
    status, value = await House().get("/cortex/v1/history", query={"span": span})

    assert status == 200
    assert set(value["series"]["requests"]) == {None}
    assert value["span"] == span


async def test_a_span_that_is_none_is_refused():
    status, message = await House().get("/cortex/v1/history", query={"span": "1y"})

    assert status == 400
    assert "15m, 24h, 30d" in message


def remembered(house, record):
    house.journal.begun(record)
    house.journal.ended(record)
    return record


async def test_a_story_names_those_who_could_have_answered_and_why_the_others_not():
    house = House(standing("desk"), standing("rack"))
    record = remembered(house, request_record(worker="desk", tokens=(10, 5)))
    desk, rack = (Entry(each, "llama3.2:3b", 0) for each in house.board)
    record.looked_at = [Ranked(desk, "local")], [Passed(rack, Obstacle("full", "1 of 1 slots busy", 0.0))]

    _, value = await house.get("/cortex/v1/requests/r-1")

    assert value["candidates"] == [
        {"worker": "desk", "model": "llama3.2:3b", "reason": "local", "place": 1},
        {"worker": "rack", "model": "llama3.2:3b", "reason": "1 of 1 slots busy", "place": None},
    ]
    assert (value["cost_usd"], value["saved_usd"]) == (0.0, 1e-6)


async def test_the_story_of_one_that_nobody_took_says_why_of_each():
    house = House(standing("desk"))
    record = remembered(house, request_record(worker="", outcome="exhausted"))
    record.refused_by = (Candidate("desk", "drains"),)

    _, value = await house.get("/cortex/v1/requests/r-1")

    assert value["candidates"] == [{"worker": "desk", "model": None, "reason": "drains", "place": None}]
    assert (value["cost_usd"], value["saved_usd"]) == (None, None)


async def test_an_answer_that_was_paid_for_has_a_cost_and_a_kept_one_saves_it():
    house = House(standing("cloud", local=False))
    record = remembered(house, request_record(worker="cloud", tokens=(10, 5)))
    _, paid = await house.get("/cortex/v1/requests/r-1")
    assert (paid["cost_usd"], paid["saved_usd"]) == (1e-6, 0.0)

    record.cache, record.attempts, record.given = "hit", [], ("cloud", "m", 3.0)
    _, kept = await house.get("/cortex/v1/requests/r-1")
    assert (kept["cost_usd"], kept["saved_usd"]) == (0.0, 1e-6)


async def test_a_request_that_is_not_remembered_has_no_story():
    assert (await House().get("/cortex/v1/requests/r-9"))[0] == 404


async def test_the_level_of_the_log_is_told():
    assert (await House().get("/cortex/v1/log-level"))[1] == {"level": "info"}
