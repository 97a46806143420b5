"""The scorecard says the same in each of its forms."""

import json

from cortex.gameday import card
from cortex.gameday.trial import Outcome, Trial, result_of


async def nothing(_):
    raise AssertionError


def result(name, *missed):
    outcome = Outcome(saw="<b>whole</b>", attempts=2, seconds=1.25)
    for each in missed:
        outcome.expect(each, holds=False)
    outcome.expect("something true", holds=True)
    return result_of(Trial(name, "it breaks", "nobody notices", nothing), outcome)


RESULTS = [result("one"), result("two", "a whole answer")]


def test_one_missed_expectation_fails_a_fault():
    assert [each.passed for each in RESULTS] == [True, False]
    assert card.passed(RESULTS) == 1


def test_the_object_has_what_scripts_rely_on():
    made = json.loads(json.dumps(card.as_object(RESULTS)))

    assert (made["passed"], made["failed"]) == (1, 1)
    assert [(fault["name"], fault["passed"], fault["missed"]) for fault in made["faults"]] == [
        ("one", True, []),
        ("two", False, ["a whole answer"]),
    ]


def test_the_table_has_a_line_for_each_and_no_times():
    lines = card.as_markdown(RESULTS).splitlines()

    assert len(lines) == 4
    assert lines[3].endswith("| **no** |")
    assert "1.2" not in card.as_markdown(RESULTS)


def test_the_page_escapes_what_an_upstream_said():
    page = card.as_page(RESULTS, "now")

    assert "<b>" not in page
    assert "&lt;b&gt;whole&lt;/b&gt;" in page
    assert "1 of 2 faults passed" in page
