"""Names of tools and ids of calls, changed for whoever cannot take them, and found again."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cortex.endpoint.anthropic_names import NAME_CHARS, fitting_id, short_name, true_id, true_names

LONG = "mcp__a_server_with_quite_a_long_name__a_tool_whose_name_says_exactly_what_it_does"
texts = st.text(st.characters(codec="utf-8"), min_size=1, max_size=40)
letters = st.text("abcXYZ019_-", min_size=1, max_size=130)


def test_a_long_name_begins_as_it_was_and_ends_with_its_digest():
    short = short_name(LONG)

    assert len(short) == NAME_CHARS
    assert short.startswith(LONG[:50])
    assert re.fullmatch(r"[a-zA-Z0-9_-]+", short)


def test_long_names_that_begin_alike_stay_apart():
    assert short_name(LONG + "_a") != short_name(LONG + "_b")


@given(name=letters)
def test_a_short_name_is_found_again(name):
    short = short_name(name)

    assert len(short) <= NAME_CHARS
    assert (short == name) is (len(name) <= NAME_CHARS)
    assert true_names([name, "other"]).get(short, short) == name
    assert short_name(short) == short


@given(call_id=texts | letters)
def test_an_id_fits_and_leads_back_to_itself(call_id):
    fitting = fitting_id(call_id)

    assert re.fullmatch(r"[a-zA-Z0-9_-]+", fitting)
    assert true_id(fitting) == call_id


@given(call_id=letters)
def test_an_id_that_fits_is_not_changed(call_id):
    assert fitting_id(call_id) == true_id(call_id) == call_id


def test_an_id_that_looks_like_a_changed_one_is_changed_as_well():
    changed = fitting_id("f:0")

    assert true_id(fitting_id(changed)) == changed


@pytest.mark.parametrize("held", ["", "A", "_w", "====", "é"])
def test_an_id_of_the_clients_own_that_only_begins_like_ours_is_its_own(held):
    assert true_id(f"toolu_b64_{held}") == f"toolu_b64_{held}"
