"""The last lines of the log, and how loud a line must be."""

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from cortex.telemetry import log as logs
from cortex.telemetry.tail import LEVELS, LINES_KEPT, TAIL, Tail


@given(before=st.integers(0, 700), new=st.integers(0, 700), most=st.integers(1, 100))
def test_who_looks_gets_the_newest_lines_since_the_last_look(before, new, most):
    tail = Tail()
    for number in range(before):
        tail.put({"n": number})
    seen = tail.count
    for number in range(before, before + new):
        tail.put({"n": number})

    expected = list(range(before, before + new))[-min(most, LINES_KEPT) :]
    assert [line["n"] for line in tail.since(seen, most)] == expected


@pytest.mark.parametrize("level", LEVELS)
def test_quieter_lines_than_the_level_are_not_heard(level):
    tail = Tail()
    tail.hear(level)

    heard = [each for each in LEVELS if tail.is_heard(each)]

    assert heard == list(LEVELS)[list(LEVELS).index(level) :]


def test_a_level_that_is_none_is_refused_and_the_old_one_stays():
    tail = Tail()
    with pytest.raises(KeyError):
        tail.hear("loud")
    assert tail.level == "info"


@pytest.fixture
def written(monkeypatch):
    """Lines that went to the log; structlog and the level are as they were afterwards."""
    lines, before, level = [], structlog.get_config(), TAIL.level
    monkeypatch.setattr(logs, "writer", lambda: type("Writer", (), {"add": staticmethod(lines.append)}))
    yield lines
    structlog.configure(**before)
    TAIL.hear(level)


@pytest.mark.parametrize("style", ["console", "json"])
def test_each_line_that_is_written_is_in_the_tail_with_its_facts(written, style):
    logs.configure(style)
    count = TAIL.count

    structlog.get_logger().warning("it rains", where="here")

    (line,) = TAIL.since(count, 10)
    assert (line["event"], line["level"], line["where"]) == ("it rains", "warning", "here")
    assert line["timestamp"].tzinfo is not None
    assert b"it rains" in written[0]


@pytest.mark.parametrize("style", ["console", "json"])
def test_the_level_changes_while_running(written, style):
    logs.configure(style)
    log = structlog.get_logger()

    for level in ("info", "error", "debug"):
        TAIL.hear(level)
        for word in LEVELS:
            getattr(log, word)(f"{word} at {level}")

    said = [line.decode() for line in written]
    assert len([line for line in said if "at info" in line]) == 3
    assert len([line for line in said if "at error" in line]) == 1
    assert len([line for line in said if "at debug" in line]) == 4


@pytest.mark.parametrize("style", ["console", "json"])
def test_an_exception_is_one_text(written, style):
    logs.configure(style)
    count = TAIL.count
    try:
        int("on purpose")
    except ValueError:
        structlog.get_logger().exception("it broke")

    (line,) = TAIL.since(count, 10)
    assert line["level"] == "error"
    assert "ValueError: invalid literal" in line["exception"]
