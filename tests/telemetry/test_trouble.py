"""A trouble is told once when it begins and once when it is over."""

from hypothesis import given
from hypothesis import strategies as st

from cortex.telemetry.trouble import Trouble


@given(tries=st.lists(st.sampled_from(["", "no space", "gone"]), max_size=12))
def test_only_the_changes_are_told_with_the_first_cause(tries):
    said = []
    trouble = Trouble(said.append, began="cannot", over="can again")
    for why in tries:
        trouble.note(why, worker="ledger", folder="/x")

    expected, before = [], ""
    for why in tries:
        if why and not before:
            expected.append(("cannot", {"folder": "/x", "why": why}))
        elif before and not why:
            expected.append(("can again", {}))
        before = why
    assert [(report.event, report.facts) for report in said] == expected
    assert all(report.worker == "ledger" for report in said)
