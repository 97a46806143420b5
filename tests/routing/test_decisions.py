"""The lines of the log of decisions."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cortex.routing.decisions import Choice, Decision, encode, latest, read

DESK = Choice("desk/qwen3:4b", "desk", "qwen3:4b", 0.75)
GROQ = Choice("groq/gpt-oss-20b", "groq/home", "gpt-oss-20b", 0.25)


def decision(**more):
    facts = {"id": "r-1", "at": 1.8e9, "kind": "code", "difficulty": 0.4, "choices": [DESK, GROQ], "taken": 1}
    return Decision(**(facts | more))


WHOLE = decision(
    others={"local_first": 0, "smart": 1},
    reward=0.8,
    outcome="answered",
    first_token_s=0.2,
    total_s=3.0,
    output_tokens=200,
    budget_s=300.0,
    usd=0.001,
    retried=True,
    feedback=0.5,
)


@pytest.mark.parametrize("written", [decision(), WHOLE])
def test_what_is_written_is_read(written):
    line = encode(written)
    assert (line.count(b"\n"), line[-1:]) == (1, b"\n")
    assert list(read([line])) == [written]


def test_a_decision_without_an_outcome_is_a_short_line():
    assert set(json.loads(encode(decision()))) == {"id", "at", "kind", "difficulty", "choices", "taken"}


def test_damaged_lines_are_skipped_and_counted():
    good = encode(WHOLE)
    damaged = [good[:-20], b"{}\n", b"\xff\n", b"[]\n", b"[" * 100_000, good.replace(b'"taken":1', b'"taken":"1"')]
    reading = read([damaged[0], good, *damaged[1:], good])
    assert list(reading) == [WHOLE, WHOLE]
    assert reading.damaged == len(damaged)


def test_blank_lines_are_no_damage():
    reading = read([b"\n", b"", b"  \n"])
    assert (list(reading), reading.damaged) == ([], 0)


def test_a_field_of_a_later_version_does_no_harm():
    line = encode(WHOLE).replace(b'{"id"', b'{"later":[1],"id"', 1)
    assert list(read([line])) == [WHOLE]


@pytest.mark.parametrize(
    "odd",
    [
        {"taken": 2},
        {"taken": -1},
        {"choices": []},
        {"others": {"smart": 2}},
        {"reward": 1.5},
        {"reward": -0.1},
        {"choices": [DESK, DESK]},
        {"choices": [DESK]},
        {"choices": [Choice("a", "a", "a", 1.0), Choice("b", "b", "b", 0.0)]},
        {"choices": [Choice("a", "a", "a", -0.5), Choice("b", "b", "b", 1.5)]},
    ],
)
def test_what_cannot_have_been_is_neither_made_nor_read(odd):
    with pytest.raises(ValueError, match="expected"):
        decision(**odd)
    whole = json.loads(encode(decision()))
    plain = {
        key: [{"arm": c.arm, "worker": c.worker, "model": c.model, "share": c.share} for c in value]
        if key == "choices"
        else value
        for key, value in odd.items()
    }
    reading = read([json.dumps(whole | plain).encode()])
    assert (list(reading), reading.damaged) == ([], 1)


@given(st.lists(st.binary(max_size=40) | st.just(encode(WHOLE)), max_size=8))
def test_no_line_ends_the_reading(lines):
    assert list(read(lines)) == [WHOLE] * lines.count(encode(WHOLE))


def test_the_last_line_of_an_id_counts():
    first, second, other = decision(reward=0.2), decision(reward=0.9), decision(id="r-2")
    assert latest([first, other, second]) == [second, other]
