"""Log lines without colours: the same facts as in JSON, as people read them."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cortex.telemetry.log import JsonLogger, PlainLogger
from cortex.telemetry.tail import TAIL

NAMES = st.sampled_from(["worker", "model", "why", "status", "total_s"])


class Kept:
    def __init__(self):
        self.lines = []

    def msg(self, line):
        self.lines.append(line)


def logger(kind):
    kept = Kept()
    return kind(kept, processors=[], context={}), kept


def test_a_line_has_time_level_event_and_what_is_there():
    log, kept = logger(PlainLogger)
    log.info("request", id="a-1", worker=None, why="local, loaded", total_s=0.25, status=200)

    text = kept.lines[0].decode()
    assert text[10:11] == "T"
    assert text.partition(" ")[2] == "[info    ] request id=a-1 why='local, loaded' total_s=0.25 status=200"


@given(facts=st.dictionaries(NAMES, st.text(max_size=20) | st.integers() | st.none()))
def test_whatever_a_fact_is_the_line_is_one_line(facts):
    log, kept = logger(PlainLogger)
    log.warning("x", **facts)

    assert b"\n" not in kept.lines[0]
    assert b"\r" not in kept.lines[0]


@pytest.mark.parametrize("kind", [PlainLogger, JsonLogger])
def test_an_exception_is_told_with_its_traceback(kind):
    log, kept = logger(kind)
    try:
        int("no number")
    except ValueError:
        log.exception("it failed")

    assert b"ValueError: invalid literal" in kept.lines[0]
    assert b"[error   ] it failed\nTraceback" in kept.lines[0] or json.loads(kept.lines[0])["level"] == "error"


def test_what_is_too_quiet_for_the_level_in_force_is_not_written():
    log, kept = logger(PlainLogger)
    log.debug("quiet")
    TAIL.hear("debug")
    try:
        log.debug("heard")
    finally:
        TAIL.hear("info")

    assert [b"heard" in line for line in kept.lines] == [True]
