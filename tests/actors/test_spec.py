import pytest
from hypothesis import given
from hypothesis import strategies as st

from cortex.actors.reason import EXPECTED, Reason
from cortex.actors.spec import (
    BadKind,
    BadName,
    BadRestart,
    BadShutdown,
    BadStart,
    BadStartTimeout,
    ChildSpec,
    DuplicateName,
    RestartWindow,
    affected,
    check_specs,
    should_restart,
)


def spec(**fields):
    return ChildSpec(**{"name": "a", "start": print, **fields})


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"name": ""}, BadName),
        ({"name": 7}, BadName),
        ({"start": "no"}, BadStart),
        ({"restart": "always"}, BadRestart),
        ({"shutdown_s": -1}, BadShutdown),
        ({"shutdown_s": True}, BadShutdown),
        ({"shutdown_s": float("nan")}, BadShutdown),
        ({"start_timeout_s": 0}, BadStartTimeout),
        ({"start_timeout_s": None}, BadStartTimeout),
        ({"kind": "boss"}, BadKind),
    ],
)
def test_each_wrong_field_has_an_error_of_its_own(fields, error):
    with pytest.raises(error):
        check_specs([spec(name="good"), spec(**fields)])


def test_two_children_of_one_name_are_refused():
    with pytest.raises(DuplicateName, match="'a'"):
        check_specs([spec(), spec()])


def test_right_specs_come_back_in_order():
    specs = [spec(name=name, shutdown_s=None) for name in "cab"]

    assert tuple(specs) == check_specs(iter(specs))


@pytest.mark.parametrize(
    ("restart", "kind", "expected"),
    [
        ("permanent", "normal", True),
        ("permanent", "shutdown", True),
        ("permanent", "crashed", True),
        ("permanent", "killed", True),
        ("transient", "normal", False),
        ("transient", "shutdown", False),
        ("transient", "crashed", True),
        ("transient", "hung", True),
        ("temporary", "normal", False),
        ("temporary", "shutdown", False),
        ("temporary", "crashed", False),
    ],
)
def test_the_restart_kind_and_the_reason_decide_about_a_restart(restart, kind, expected):
    assert expected == should_restart(restart, Reason(kind))
    assert Reason(kind).is_expected == (kind in EXPECTED)


NAMES = st.lists(st.text(min_size=1, max_size=3), min_size=1, max_size=8, unique=True)


@given(NAMES, st.data())
def test_each_strategy_affects_a_slice_of_the_children(names, data):
    failed = data.draw(st.sampled_from(names))
    before = names[: names.index(failed)]

    assert [failed] == list(affected("one_for_one", names, failed))
    assert names == list(affected("one_for_all", names, failed))
    assert names == before + list(affected("rest_for_one", names, failed))


@given(
    st.lists(st.floats(0, 20), max_size=40),
    st.integers(0, 5),
    st.floats(0.1, 10),
)
def test_a_window_allows_a_restart_exactly_when_few_enough_are_young(gaps, max_restarts, max_seconds):
    window = RestartWindow(max_restarts, max_seconds)
    now, stamps = 0.0, []
    for gap in gaps:
        now += gap
        stamps.append(now)

        assert window.allow(now) == (sum(now - stamp <= max_seconds for stamp in stamps) <= max_restarts)


def test_a_window_shows_what_it_counted():
    window = RestartWindow(3, 5.0)
    window.allow(1.0)

    assert repr(window) == "<RestartWindow 1 of 3 in 5 s>"
