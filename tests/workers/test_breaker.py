"""The circuit breaker against a simple model of it, and its rules one by one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from cortex.config.model import Breaker as Settings
from cortex.workers.breaker import Breaker, IllegalStep

QUICK = Settings(failures=3, window=6, min_error_rate=0.5, open_for_s=10.0, open_for_max_s=60.0)


def opened(settings: Settings = QUICK, now: float = 0.0) -> Breaker:
    breaker = Breaker(settings)
    for _ in range(settings.failures):
        breaker.record(ok=False, now=now)
    assert breaker.state == "open"
    return breaker


def on_trial(now: float = 10.0) -> Breaker:
    breaker = opened()
    assert breaker.begin(now) is True
    return breaker


@given(outcomes=st.lists(st.booleans(), max_size=60))
def test_it_opens_exactly_when_count_and_rate_of_the_window_say_so(outcomes):
    breaker, window = Breaker(QUICK), []
    for ok in outcomes:
        breaker.record(ok=ok, now=0.0)
        window = [*window, ok][-QUICK.window :]
        strikes = window.count(False)
        too_often = strikes >= QUICK.failures and strikes / len(window) >= QUICK.min_error_rate and not ok

        assert (breaker.state == "open") is too_often
        if too_often:
            return


@given(failed_trials=st.integers(0, 40))
def test_the_rest_doubles_with_each_failed_trial_up_to_the_bound(failed_trials):
    breaker, now = opened(), 0.0
    for _ in range(failed_trials):
        now = breaker.open_until
        breaker.record(ok=False, now=now, trial=breaker.begin(now))

    assert breaker.open_until - now == pytest.approx(min(10.0 * 2**failed_trials, 60.0))


def test_a_good_trial_makes_the_next_rest_short_again():
    breaker = on_trial()
    breaker.record(ok=False, now=10.0, trial=True)
    now = breaker.open_until
    breaker.record(ok=True, now=now, trial=breaker.begin(now))
    for _ in range(QUICK.failures):
        breaker.record(ok=False, now=now)

    assert breaker.open_until - now == QUICK.open_for_s


def test_a_closed_one_forgets_what_was_before_its_trial():
    breaker = on_trial()
    breaker.record(ok=True, now=10.0, trial=True)
    for _ in range(QUICK.failures - 1):
        breaker.record(ok=False, now=11.0)

    assert breaker.state == "closed"


@pytest.mark.parametrize("ok", [True, False])
def test_an_old_request_that_ends_in_half_open_decides_nothing(ok):
    breaker = on_trial()
    breaker.record(ok=ok, now=10.0)

    assert breaker.state == "half_open"
    assert not breaker.allows(10.0)


def test_a_late_answer_does_not_close_an_open_one():
    breaker = opened()
    breaker.record(ok=True, now=1.0)

    assert breaker.state == "open"


def test_a_late_strike_does_not_make_the_rest_longer():
    breaker = opened()
    breaker.record(ok=False, now=9.0)

    assert breaker.open_until == 10.0


def test_a_trial_without_a_verdict_makes_room_for_the_next():
    breaker = on_trial()
    breaker.give_up_trial(trial=True)

    assert breaker.allows(10.0)
    assert breaker.begin(10.0) is True


def test_only_the_trial_gives_the_trial_up():
    breaker = on_trial()
    breaker.give_up_trial(trial=False)

    assert not breaker.allows(10.0)


def test_an_upstream_that_is_back_is_tried_before_the_rest_is_over():
    breaker = opened()
    breaker.reachable_again()

    assert breaker.state == "half_open"
    assert breaker.begin(0.0) is True


def test_being_found_reachable_changes_nothing_unless_it_is_open():
    breaker = Breaker(QUICK)
    breaker.reachable_again()

    assert breaker.state == "closed"


def test_a_smaller_window_forgets_the_oldest():
    breaker = Breaker(QUICK)
    for ok in (False, False, True, True):
        breaker.record(ok=ok, now=0.0)
    breaker.configure(Settings(failures=1, window=2))

    assert "0 of the last 2" in repr(breaker)


def test_a_step_that_cannot_be_is_a_bug_and_says_so():
    with pytest.raises(IllegalStep, match="rest_over while <Breaker closed"):
        Breaker(QUICK)._step("rest_over")


class BreakerMachine(RuleBasedStateMachine):
    """Requests begin and end in any order, with any verdict or none, while time passes and probes succeed."""

    @initialize(failures=st.integers(1, 4), window=st.integers(4, 8), rate=st.sampled_from([0.0, 0.5, 1.0]))
    def begin(self, failures, window, rate):
        self.settings = Settings(
            failures=failures, window=window, min_error_rate=rate, open_for_s=10.0, open_for_max_s=35.0
        )
        self.breaker = Breaker(self.settings)
        self.now = 1000.0
        self.running: list[bool] = []

    @rule(seconds=st.sampled_from([0.0, 1.0, 9.9, 10.0, 40.0]))
    def wait(self, seconds):
        self.now += seconds

    @rule()
    def request(self):
        if self.breaker.allows(self.now):
            was = self.breaker.state
            trial = self.breaker.begin(self.now)
            self.running.append(trial)

            assert trial is (was != "closed")

    @precondition(lambda self: self.running)
    @rule(data=st.data(), ok=st.booleans())
    def end(self, data, ok):
        trial = self.running.pop(data.draw(st.integers(0, len(self.running) - 1)))
        was, until = self.breaker.state, self.breaker.open_until
        self.breaker.record(ok=ok, now=self.now, trial=trial)
        now_is = self.breaker.state

        if was == "half_open":
            assert now_is == (("closed" if ok else "open") if trial else "half_open")
        if was == "closed":
            assert now_is == "closed" or not ok
        if was == "open":
            assert (now_is, self.breaker.open_until) == ("open", until)
        if now_is == "open" and was != "open":
            rest_s = self.breaker.open_until - self.now
            assert self.settings.open_for_s <= rest_s + 1e-6
            assert rest_s <= self.settings.open_for_max_s + 1e-6

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def give_up(self, data):
        trial = self.running.pop(data.draw(st.integers(0, len(self.running) - 1)))
        was = self.breaker.state
        self.breaker.give_up_trial(trial=trial)

        assert self.breaker.state == was

    @rule()
    def probe_succeeds(self):
        self.breaker.reachable_again()

        assert self.breaker.state != "open"

    @invariant()
    def at_most_one_trial_runs(self):
        assert self.running.count(True) <= 1

    @invariant()
    def nothing_but_time_and_a_trial_keeps_it_shut(self):
        in_the_way = self.breaker.state == "open" or any(self.running)

        assert in_the_way or self.breaker.allows(self.now)
        if not any(self.running):
            assert self.breaker.allows(self.now + self.settings.open_for_max_s)


TestBreakerMachine = BreakerMachine.TestCase
