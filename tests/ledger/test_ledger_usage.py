"""What each worker was used for, by hour and by day, and on the disk."""

from hypothesis import given, settings
from hypothesis import strategies as st

from cortex.chat import Usage as Tokens
from cortex.ledger.usage import DAYS_KEPT, HOURS_KEPT_DAYS, Tally, Usage

DAY_S = 86_400
NOON = 20_417 * DAY_S + 12 * 3_600.0
"""25 Nov 2025, 12:00 UTC."""


def sums(usage, now=NOON, length_s=DAY_S):
    return [(row.worker, int(row.start), row.tally) for row in usage.rows(now) if row.length_s == length_s]


def test_a_request_is_counted_in_its_hour_and_its_day():
    usage = Usage()
    usage.add("gemini/1", NOON, tokens=Tokens(100, 20, 60), cost_nano=5, would_cost_nano=7)
    usage.add("gemini/1", NOON + 3_600, error="rate_limited")
    whole = Tally(2, 100, 20, 60, 5, 7, {"rate_limited": 1})

    assert sums(usage) == [("gemini/1", 20_417 * DAY_S, whole)]
    assert [(start, tally.requests) for _, start, tally in sums(usage, length_s=3_600)] == [
        (int(NOON) + 3_600, 1),
        (int(NOON), 1),
    ]


def test_only_what_changed_is_written_once():
    usage = Usage()
    usage.add("a", NOON)
    usage.add("b/2", NOON)

    assert set(usage.dirty(NOON)) == {"usage/a/2025-11-25", "usage/b/2/2025-11-25"}
    assert usage.dirty(NOON) == {}
    usage.add("a", NOON)
    assert set(usage.dirty(NOON)) == {"usage/a/2025-11-25"}


def test_after_a_week_the_hours_are_folded_into_one_entry():
    usage = Usage()
    usage.add("a", NOON, tokens=Tokens(1, 1))
    usage.add("a", NOON + 3_600, tokens=Tokens(1, 1))
    usage.dirty(NOON)
    later = NOON + HOURS_KEPT_DAYS * DAY_S
    written = usage.dirty(later)

    assert written == {"usage/a/2025-11-25": None, "usage/a/old": b'{"20417":[2,2,2,0,0,0,{}]}'}
    assert sums(usage, later, 3_600) == []
    assert sums(usage, later)[0][2].requests == 2


def test_what_comes_late_for_a_folded_day_is_added_to_it():
    usage = Usage()
    usage.add("a", NOON)
    for days in (HOURS_KEPT_DAYS, HOURS_KEPT_DAYS + 1):
        usage.dirty(NOON + days * DAY_S)
        usage.add("a", NOON)
    usage.dirty(NOON + (HOURS_KEPT_DAYS + 2) * DAY_S)

    assert sums(usage, NOON + (HOURS_KEPT_DAYS + 2) * DAY_S)[0][2].requests == 3


def test_nothing_is_kept_for_longer_than_a_year():
    usage = Usage()
    for day in range(DAYS_KEPT + 40):
        usage.add("a", NOON + day * DAY_S)
        usage.dirty(NOON + day * DAY_S)

    assert len(sums(usage, NOON + day * DAY_S)) <= DAYS_KEPT + HOURS_KEPT_DAYS


def test_a_clock_that_jumps_about_fills_no_memory():
    usage = Usage()
    for day in range(3_000):
        usage.add("a", NOON + day * DAY_S)
        usage.rows(NOON + (day % 3) * DAY_S)

    assert len(sums(usage)) <= DAYS_KEPT + 2 * HOURS_KEPT_DAYS


USES = st.lists(
    st.tuples(
        st.sampled_from(["a", "gemini/1"]),
        st.integers(0, 30 * 24),
        st.integers(0, 1_000),
        st.sampled_from(["", "timeout"]),
    ),
    max_size=30,
)


@settings(deadline=None)
@given(uses=USES, restart_at=st.integers(0, 30))
def test_a_restart_loses_nothing(uses, restart_at):
    disk, usage = {}, Usage()
    requests = tokens = 0

    def save(now):
        for key, value in usage.dirty(now).items():
            if value is None:
                disk.pop(key, None)
            else:
                disk[key] = value

    now = NOON
    for number, (worker, hour, count, error) in enumerate(sorted(uses, key=lambda use: use[1])):
        now = NOON + hour * 3_600
        usage.add(worker, now, tokens=Tokens(count), error=error)
        requests, tokens = requests + 1, tokens + count
        save(now)
        if number == restart_at:
            usage = Usage()
            assert usage.restore(disk) == 0
    days = [tally for _, _, tally in sums(usage, now)]

    assert sum(tally.requests for tally in days) == requests
    assert sum(tally.input_tokens for tally in days) == tokens


@given(
    name=st.sampled_from(["usage/a/2025-11-25", "usage/a/old", "usage/a/never", "usage/", "quota/a"]),
    value=st.binary(max_size=30) | st.sampled_from([b'{"1":[1]}', b'{"99":[1]}', b'{"1":[-1]}', b'{"20417":[7]}']),
)
def test_what_cannot_be_read_is_left_out(name, value):
    usage = Usage()
    unread = usage.restore({name: value, "usage/b/2025-11-25": b'{"12":[3]}'})

    assert unread in {0, 1}
    assert ("b", 20_417 * DAY_S, Tally(3)) in sums(usage)
    usage.dirty(NOON)
