"""What a simulated key may ask."""

from hypothesis import given
from hypothesis import strategies as st

from cortex.simulate.quota import DAY_S, MINUTE_S, Limit, Quota, QuotaMeter, Quotas, Spent, duration
from cortex.simulate.window import Moment


def test_the_request_beyond_the_limit_is_turned_away_until_the_oldest_leaves_the_window():
    meter = QuotaMeter(Quota(requests_per_minute=2))

    assert [meter.take(now) for now in (0.0, 10.0)] == [None, None]
    assert meter.take(15.0) == Spent("minute", 2, 45.0)
    assert meter.take(60.0) is None


def test_of_two_full_windows_the_one_that_lasts_longer_is_named():
    meter = QuotaMeter(Quota(requests_per_minute=1, requests_per_day=1))
    meter.take(0.0)

    assert meter.take(1.0) == Spent("day", 1, DAY_S - 1)


def test_without_a_quota_everything_goes_and_no_header_is_sent():
    meter = QuotaMeter(Quota())

    assert {meter.take(0.0) for _ in range(100)} == {None}
    assert meter.headers(0.0) == {}


def test_headers_tell_of_the_window_with_the_least_left():
    meter = QuotaMeter(Quota(requests_per_minute=3, requests_per_day=100))
    meter.take(0.0)

    assert meter.headers(20.0) == {
        "x-ratelimit-limit-requests": "3",
        "x-ratelimit-remaining-requests": "2",
        "x-ratelimit-reset-requests": "40s",
    }


def test_a_quota_of_nothing_turns_everything_away():
    assert QuotaMeter(Quota(requests_per_day=0)).take(5.0) == Spent("day", 0, DAY_S)


@given(st.integers(1, 5), st.lists(st.floats(0, 40), max_size=40))
def test_no_minute_ever_holds_more_than_the_limit(limit, pauses):
    meter = QuotaMeter(Quota(requests_per_minute=limit))
    now, taken = 0.0, []
    for pause in pauses:
        now += pause
        if meter.take(now) is None:
            taken.append(now)

    assert all(sum(start <= at < start + MINUTE_S for at in taken) <= limit for start in taken)


@given(st.integers(1, 5), st.lists(st.floats(0, 40), max_size=40))
def test_who_waits_as_long_as_told_is_served(limit, pauses):
    meter = QuotaMeter(Quota(requests_per_minute=limit))
    now = 0.0
    for pause in pauses:
        now += pause
        spent = meter.take(now)
        if spent is not None:
            now += spent.again_s + 1e-6

            assert meter.take(now) is None


@given(st.floats(0.001, 1e5))
def test_durations_can_be_read_back(seconds):
    units = {"h": 3600.0, "m": 60.0, "s": 1.0}
    text = duration(seconds)
    total, number = 0.0, ""
    if text.endswith("ms"):
        total = float(text[:-2]) / 1000
    else:
        for character in text:
            if character in units:
                total, number = total + float(number) * units[character], ""
            else:
                number += character

    assert abs(total - seconds) <= 0.001


NOW = Moment(1000.0, 1_795_608_000.0)
FREE = {
    "small": Quota(limits=(Limit(2, "minute"), Limit(100, "minute", "tokens"))),
    "*": Quota(limits=(Limit(1, "minute"), Limit(3, "month", each="account"))),
}


def test_keys_of_one_account_draw_on_one_window_and_those_of_another_do_not():
    quotas = Quotas(FREE)

    assert [bool(quotas.ask(account, "small", NOW)) for account in ("a", "a", "a", "b")] == [False, False, True, False]


def test_a_limit_for_each_model_is_not_shared_and_one_of_the_account_is():
    quotas = Quotas(FREE)
    spent = [quotas.ask("a", model, NOW) for model in ("x", "y", "z", "w")]

    assert spent[:3] == [(), (), ()]
    assert [one.window for one in spent[3]] == ["month"]


def test_a_model_without_a_line_and_no_line_for_all_has_no_bound():
    quotas = Quotas({"small": FREE["small"]})

    assert [quotas.ask("a", "large", NOW) for _ in range(50)] == [()] * 50


def test_all_windows_without_room_are_told_the_one_that_is_full_the_longest_first():
    quotas = Quotas(FREE)
    for model in ("x", "y", "z"):
        quotas.ask("a", model, NOW)

    assert [spent.window for spent in quotas.ask("a", "x", NOW)] == ["month", "minute"]


def test_tokens_are_counted_and_told_with_what_was_asked_for():
    quotas = Quotas(FREE)
    quotas.ask("a", "small", NOW, tokens=70)
    (spent,) = quotas.ask("a", "small", NOW, tokens=40)

    assert (spent.what, spent.limit, spent.used, spent.requested, spent.is_hopeless) == ("tokens", 100, 70, 40, False)
    assert quotas.ask("b", "small", NOW, tokens=101)[0].is_hopeless


def test_inputs_are_counted_apart_from_requests():
    meter = QuotaMeter(Quota(limits=(Limit(96, "minute", "inputs"),)))

    assert [meter.take(0.0, inputs=count) is None for count in (90, 7, 6)] == [True, False, True]


def test_the_counts_tell_what_was_granted_and_refused_by_account_and_model():
    quotas = Quotas(FREE)
    for account, model in (("a", "small"), ("a", "small"), ("a", "small"), ("b", "small"), ("b", "x")):
        quotas.ask(account, model, NOW)

    assert (quotas.granted, quotas.refused, quotas.refused_share) == (4, 1, 0.2)
    assert repr(quotas.of("a", "small")) == "<Tally granted=2 refused=1>"
    assert (quotas.of(model="small").granted, quotas.of("b").granted, quotas.of("c").refused_share) == (3, 2, 0.0)


def test_what_was_refused_is_counted_in_no_window():
    quotas = Quotas(FREE)
    for _ in range(10):
        quotas.ask("a", "x", NOW)

    assert [left.amount for left in quotas.meter("a", "x").left(NOW)] == [0, 2]


windows = st.sampled_from(["minute", "day", "pacific_day", "utc_day", "month", "minute_bucket", "day_bucket"])


@given(
    st.lists(st.tuples(windows, st.integers(0, 9)), min_size=1, max_size=4), st.lists(st.floats(0, 9e5), max_size=30)
)
def test_who_waits_as_long_as_told_is_served_whatever_the_windows(limits, pauses):
    meter = QuotaMeter(Quota(limits=tuple(Limit(amount, window) for window, amount in limits)))
    now_s = 0.0
    for pause_s in pauses:
        now_s += pause_s
        spent = meter.take(now_s, NOW.wall_s + now_s)
        if spent is not None and spent.limit:
            now_s += spent.again_s + 1e-3
            again = meter.take(now_s, NOW.wall_s + now_s)

            assert again is None or not again.limit
