"""From what was drawn to what it was worth, and on to the disk."""

import msgspec
import pytest
from fleet import NOW, request, standing
from hypothesis import given
from hypothesis import strategies as st

from cortex.chat import Usage
from cortex.messages import Failure
from cortex.routing.decisions import Choice, latest, read
from cortex.routing.entry import Entry
from cortex.routing.learner import KEPT, LEARNED, LINES_KEPT, REPEATED_WITHIN_S, Drawn, Learner
from cortex.telemetry.record import Attempt, Record

MODEL = "llama3.2:3b"


class Wall:
    def __init__(self, now=1_800_000_000.0):
        self.now = now

    def __call__(self):
        return self.now


def drawn(learner, *, share=0.25, kind="code", asked=("me", 1)):
    choices = [Choice("desk/m", "desk", MODEL, share), Choice("rack/m", "rack", MODEL, 1.0 - share)]
    return Drawn(kind, 0.5, choices, 0, {"smart": 1}, learner.now(), NOW + 300.0, asked)


def entry(name="desk", rank=0):
    return Entry(standing(name), MODEL, rank)


def granted(learner, number=1, **more):
    """Draw for a request and let it go there; return it."""
    asked, there = request(), entry()
    asked.id = f"r-{number}"
    learner.offer(asked, drawn(learner, **more), there)
    learner.granted(asked, there)
    return asked


def ended(asked, *, outcome="ok", failure=None, more=(), total_s=2.0, usage=None):
    """Return the record of a request whose first attempt ended so."""
    record = Record(id=asked.id, client="me", dialect="openai", arrived_s=NOW, arrived_at=0.0)
    first = Attempt("desk", MODEL, "", cold=False, began_s=0.1, first_token_s=0.4, ended_s=total_s, failure=failure)
    record.attempts = [first, *more]
    record.outcome, record.total_s, record.decision, record.usage = outcome, total_s, asked.decision, usage
    return record


def lines(learner):
    return list(read(learner.take_lines()))


def mean(learner, kind="code", arm="desk/m"):
    return learner.facts()[kind][arm].mean


def test_a_draw_counts_only_when_its_request_goes_there():
    learner, asked, there = Learner(wall=Wall()), request(), entry()

    learner.offer(asked, drawn(learner), there)
    learner.granted(asked, entry("rack"))
    elsewhere = asked.decision
    learner.granted(asked, there)
    late = asked.decision
    learner.offer(asked, drawn(learner), there)
    learner.granted(request(), there)

    assert (elsewhere, late, asked.decision) == (None, None, None)
    assert granted(learner).decision.choice.worker == "desk"


def test_a_good_answer_is_learned_and_logged_with_the_shares_it_was_drawn_by():
    learner = Learner(wall=Wall(), spent=lambda worker, model, usage, took_s: usage.output_tokens / 1e6)

    learner.finished(ended(granted(learner, share=0.125), usage=Usage(input_tokens=5, output_tokens=50)))

    (decision,) = lines(learner)
    assert [choice.share for choice in decision.choices] == [0.125, 0.875]
    assert (decision.outcome, decision.output_tokens, decision.usd) == ("answered", 50, 5e-5)
    assert (decision.first_token_s, decision.total_s, decision.budget_s) == pytest.approx((0.3, 1.9, 299.9))
    assert decision.reward > 0.9
    assert mean(learner) > 0.7


@pytest.mark.parametrize("word", ["timeout", "server_error", "rate_limited", "malformed"])
def test_a_failure_is_worth_nothing_whoever_answered_after_it(word):
    learner, second = Learner(wall=Wall()), Attempt("rack", MODEL, "", cold=False, began_s=2.0, ended_s=3.0)

    learner.finished(ended(granted(learner), failure=Failure(word, ""), more=[second], usage=Usage(output_tokens=9)))

    (decision,) = lines(learner)
    assert (decision.outcome, decision.reward, decision.output_tokens) == (word, 0.0, 0)
    assert mean(learner) < 0.5


def test_a_deadline_is_worth_nothing():
    learner = Learner(wall=Wall())

    learner.finished(ended(granted(learner), outcome="deadline"))

    assert lines(learner)[0].reward == 0.0


@pytest.mark.parametrize(
    ("outcome", "failure"),
    [("client_gone", None), ("shutdown", None), ("client_error", Failure("bad_request", "no such field"))],
)
def test_what_says_nothing_of_the_worker_is_logged_and_not_learned(outcome, failure):
    learner = Learner(wall=Wall())

    learner.finished(ended(granted(learner), outcome=outcome, failure=failure))

    assert [decision.reward for decision in lines(learner)] == [None]
    assert learner.facts() == {}


def test_nothing_is_learned_where_another_was_asked_first_or_nobody():
    learner, asked = Learner(wall=Wall()), None
    asked = granted(learner)
    other, nobody, undrawn = ended(asked), ended(asked), ended(asked)
    other.attempts[0].worker, nobody.attempts, undrawn.decision = "rack", [], None

    for record in (other, nobody, undrawn):
        learner.finished(record)

    assert (lines(learner), learner.facts()) == ([], {})


def test_feedback_amends_what_was_learned_and_writes_the_decision_again():
    learner = Learner(wall=Wall())
    learner.finished(ended(granted(learner)))
    before = mean(learner)

    assert learner.feedback("r-1", 0.0)

    first, last = lines(learner)
    assert (first.feedback, last.feedback) == (None, 0.0)
    assert last.reward < first.reward
    assert mean(learner) < before


@given(scores=st.lists(st.floats(0, 1), min_size=1, max_size=6))
def test_of_several_feedbacks_the_last_counts_as_if_it_were_the_only_one(scores):
    often, once = Learner(wall=Wall()), Learner(wall=Wall())
    for learner in (often, once):
        learner.finished(ended(granted(learner)))
    for score in scores:
        often.feedback("r-1", score)
    once.feedback("r-1", scores[-1])

    assert mean(often) == pytest.approx(mean(once))
    assert latest(lines(often)) == latest(lines(once))


def test_feedback_on_what_nobody_decided_changes_nothing():
    assert not Learner(wall=Wall()).feedback("r-1", 1.0)


@pytest.mark.parametrize("already_ended", [True, False])
def test_the_same_request_again_soon_says_that_the_answer_was_not_used(already_ended):
    learner, wall = Learner(wall=Wall()), None
    wall = learner._wall
    first = granted(learner, 1)
    if already_ended:
        learner.finished(ended(first))
    wall.now += REPEATED_WITHIN_S - 1.0
    granted(learner, 2)
    if not already_ended:
        learner.finished(ended(first))

    last = latest(lines(learner))[0]
    assert (last.id, last.retried) == ("r-1", True)


@pytest.mark.parametrize(("later_s", "asked"), [(REPEATED_WITHIN_S, ("me", 1)), (1.0, ("you", 1)), (1.0, ("me", 2))])
def test_later_or_by_another_or_another_request_is_no_repeat(later_s, asked):
    learner = Learner(wall=Wall())
    learner.finished(ended(granted(learner, 1)))
    learner._wall.now += later_s
    granted(learner, 2, asked=asked)

    assert [decision.retried for decision in lines(learner)] == [False]


def test_a_request_that_is_asked_about_twice_does_not_repeat_itself():
    """Its first worker would not have it, and it was drawn again."""
    learner, asked, there = Learner(wall=Wall()), request(), entry()
    for _ in range(2):
        learner.offer(asked, drawn(learner), there)
        learner.granted(asked, there)
    learner.finished(ended(asked))

    assert not lines(learner)[0].retried


def test_what_was_learned_is_there_after_a_restart_an_entry_a_kind():
    learner = Learner(wall=Wall())
    learner.finished(ended(granted(learner, 1, kind="code")))
    learner.finished(ended(granted(learner, 2, kind="chat"), failure=Failure("timeout", "")))
    kept = learner.collect()

    again = Learner(wall=Wall())
    assert again.restore({**kept, "usage/desk": b"x"}) == 0

    assert set(kept) == {LEARNED + "code", LEARNED + "chat"}
    assert again.facts() == learner.facts()
    assert learner.collect() == {}


def test_only_what_changed_is_collected():
    learner = Learner(wall=Wall())
    learner.finished(ended(granted(learner, 1, kind="code")))
    learner.collect()
    learner.finished(ended(granted(learner, 2, kind="chat", asked=("me", 2))))

    assert set(learner.collect()) == {LEARNED + "chat"}


@pytest.mark.parametrize("value", [b"", b"{", b"[]", b'{"desk/m": [1, 2]}', b'{"desk/m": [1e400, 0, 0]}', b"\xff"])
def test_what_is_damaged_on_the_disk_is_counted_and_left_out(value):
    learner = Learner(wall=Wall())

    assert learner.restore({LEARNED + "code": value}) == 1
    assert learner.facts().get("code", {}) == {}


def test_everything_is_bounded():
    learner = Learner(wall=Wall())
    for number in range(LINES_KEPT + 10):
        learner.finished(ended(granted(learner, number, asked=("me", number))))

    assert len(learner.take_lines()) == LINES_KEPT
    assert len(learner._decisions) == len(learner._asked) == KEPT


def test_a_line_holds_no_text_of_the_prompt():
    learner, there = Learner(wall=Wall()), entry()
    asked = request(body=b'{"messages": [{"role": "user", "content": "my secret"}]}')
    asked.id = "r-1"
    learner.offer(asked, drawn(learner, asked=("me", hash(asked.body))), there)
    learner.granted(asked, there)
    learner.finished(ended(asked))

    (line,) = learner.take_lines()
    assert b"secret" not in line
    assert str(hash(asked.body)).encode() not in line
    assert msgspec.json.decode(line)["id"] == "r-1"
