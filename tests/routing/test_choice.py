"""What to do with a request: give it, let it wait, or refuse it with every why."""

from random import Random

import pytest
from fleet import NOW, board, dispatch, hold, standing
from hypothesis import given
from hypothesis import strategies as st

from cortex.config.model import Limits
from cortex.config.secret import Secret
from cortex.messages import Failure, Refusal
from cortex.providers.base import Model
from cortex.quota.terms import Now
from cortex.routing.catalogue import resolve
from cortex.routing.choice import PATIENCE_S, QUOTA_PATIENCE_S, Wait, choose, queue_full
from cortex.routing.registry import OWN
from cortex.routing.strategies import State
from cortex.workers.messages import Onward, Tried
from cortex.workers.standing import NEVER

MODEL = "llama3.2:3b"


def choice(asked, *standings, now=NOW, ahead=0, strategy="local_first", aliases=None, there=None):
    there = there or board(*standings)
    resolution = resolve(asked.request.model, aliases or {}, there)
    return choose(asked, resolution, OWN[strategy].order, State(Random(0)), now, ahead=ahead, board=there)


def who(decision):
    assert isinstance(decision, list), decision
    return [ranked.entry.standing.name for ranked in decision]


def full(name="desk", *, usual_s=None, slots=1, **more):
    stands = standing(name, slots=slots, **more)
    hold(stands, slots)
    if usual_s is not None:
        stands.pace.answered(MODEL, first_token_s=None, total_s=usual_s, load_s=0.0)
    return stands


def resting(name="desk", *, for_s=600.0, quota=True):
    stands = standing(name, key=Secret("k-0123456789"))
    if quota:
        limited = Failure("rate_limited", "spent", retry_after_s=for_s, scope="key")
        stands.account.quota.limited(MODEL, limited, Now(NOW, 0.0))
    else:
        stands.rest_until, stands.rest_why = NOW + for_s, "spent"
    return stands


def retired(name="desk"):
    stands = standing(name)
    stands.retired_why = "unauthorized"
    return stands


def out_of_reach(name="desk", **more):
    stands = standing(name, **more)
    stands.reachable = False
    return stands


KINDS = {
    "free": standing,
    "full": full,
    "slow": lambda name: full(name, usual_s=1000.0),
    "resting": resting,
    "back soon": lambda name: resting(name, for_s=3.0),
    "asked to rest": lambda name: resting(name, for_s=60.0, quota=False),
    "retired": retired,
    "out of reach": out_of_reach,
    "silent": lambda name: out_of_reach(name, models=None),
    "without": lambda name: standing(name, models=["other"]),
    "cold": lambda name: standing(name, models=[Model(MODEL, loaded=False)]),
}
fleets = st.lists(st.sampled_from(sorted(KINDS)), max_size=5)


def build(kinds):
    return [KINDS[kind](f"w{number}") for number, kind in enumerate(kinds)]


@given(kinds=fleets, left_s=st.floats(0.1, 600.0), strategy=st.sampled_from(sorted(OWN)))
def test_a_free_worker_is_always_taken_unless_a_warm_one_is_sooner_than_its_load(kinds, left_s, strategy):
    decision = choice(dispatch(left_s=left_s), *build(kinds), strategy=strategy)

    if "free" in kinds:
        assert who(decision)
    elif "cold" in kinds:
        assert isinstance(decision, list | Wait)
    else:
        assert isinstance(decision, Wait | Refusal)


@given(kinds=fleets, left_s=st.floats(-5.0, 600.0), waited_s=st.floats(0.0, 30.0), ahead=st.integers(0, 50))
def test_nobody_waits_past_the_deadline_or_past_patience(kinds, left_s, waited_s, ahead):
    asked = dispatch(left_s=left_s)
    asked.queued_at = NOW - waited_s
    decision = choice(asked, *build(kinds), ahead=ahead)

    if isinstance(decision, Wait):
        assert NOW < decision.until <= asked.request.deadline_s
        assert decision.why
        if not {"full", "slow", "cold"} & set(kinds):
            assert decision.until <= asked.queued_at + QUOTA_PATIENCE_S


@given(kinds=fleets, left_s=st.floats(-5.0, 600.0), needs=st.sets(st.sampled_from(["n", "tools", "raw_prompt"])))
def test_a_refusal_names_every_worker_with_a_why_and_a_time_not_before_now(kinds, left_s, needs):
    decision = choice(dispatch(left_s=left_s, needs=needs), *build(kinds))

    if isinstance(decision, Refusal):
        assert [candidate.worker for candidate in decision.candidates] == [f"w{n}" for n in range(len(kinds))]
        assert all(candidate.why for candidate in decision.candidates)
        assert decision.retry_after_s is None or 1.0 <= decision.retry_after_s < NEVER
        assert decision.detail


@given(kinds=fleets, needs=st.sets(st.sampled_from(["n", "tools", "image_urls", "json_schema"])))
def test_unsupported_is_said_exactly_when_all_that_have_the_model_lack_a_need(kinds, needs):
    standings = build(kinds)
    decision = choice(dispatch(needs=needs), *standings)
    lack = bool(needs & standings[0].link.provider.lacks) if standings else False
    have_it = set(kinds) - {"silent", "without"}

    if isinstance(decision, Refusal):
        assert (decision.kind == "unsupported") is (lack and bool(have_it) and "silent" not in kinds)
    if lack and have_it:
        assert isinstance(decision, Wait if "silent" in kinds else Refusal)


def test_a_worker_that_lacks_a_need_is_passed_over_for_one_that_does_not():
    cloud = standing("cloud", models=[MODEL], local=False)

    assert who(choice(dispatch(needs={"n"}), standing("desk"), cloud)) == ["cloud"]


def test_what_is_lacking_is_named():
    decision = choice(dispatch(needs={"n", "tools"}), standing("desk"))

    assert decision.detail.endswith("can do: n")


@pytest.mark.parametrize(
    ("kinds", "kind", "retry_after_s"),
    [
        (["resting"], "quota", 600.0),
        (["resting", "without"], "quota", 600.0),
        (["resting", "retired"], "exhausted", 600.0),
        (["asked to rest"], "exhausted", 60.0),
        (["retired"], "exhausted", PATIENCE_S),
        (["without"], "unknown_model", None),
        ([], "no_workers", None),
    ],
)
def test_a_refusal_is_of_the_kind_that_tells_what_to_do(kinds, kind, retry_after_s):
    decision = choice(dispatch(), *build(kinds))

    assert (decision.kind, decision.retry_after_s) == (kind, retry_after_s)


def test_the_first_to_be_back_says_when_to_come_again():
    decision = choice(dispatch(), resting("a", for_s=600), resting("b", for_s=400), retired("c"))

    assert decision.retry_after_s == 400.0


def test_a_quota_that_is_back_within_a_minute_is_waited_for_and_one_that_is_not_is_not():
    assert choice(dispatch(), resting(for_s=59.0)).until == NOW + QUOTA_PATIENCE_S
    assert choice(dispatch(), resting(for_s=90.0)).kind == "quota"


def test_who_rests_for_a_moment_is_waited_for():
    decision = choice(dispatch(), resting(for_s=3.0))

    assert decision.until == NOW + PATIENCE_S


def test_patience_ends_though_the_worker_may_come_back_any_time():
    asked = dispatch()
    asked.queued_at = NOW

    assert isinstance(choice(asked, out_of_reach(), now=NOW + PATIENCE_S - 0.1), Wait)
    assert choice(asked, out_of_reach(), now=NOW + PATIENCE_S).kind == "exhausted"


def test_an_unknown_name_waits_only_while_somebody_may_still_have_it():
    silent = standing("silent", models=None)

    assert isinstance(choice(dispatch("new:1b"), silent), Wait)
    assert choice(dispatch("new:1b"), standing("desk")).kind == "unknown_model"


def test_no_slot_before_the_deadline_is_told_at_once():
    """With three ahead and 20 s each, one slot comes free in about a minute: half a minute is not enough."""
    busy = full(usual_s=20.0)

    assert choice(dispatch(left_s=30.0), busy, ahead=3).kind == "deadline"
    assert isinstance(choice(dispatch(left_s=90.0), busy, ahead=3), Wait)


def test_one_busy_worker_of_unknown_pace_is_hope_enough():
    assert isinstance(choice(dispatch(left_s=30.0), full("a", usual_s=20.0), full("b"), ahead=3), Wait)


def test_a_warm_worker_that_is_soon_free_is_waited_for_rather_than_a_load():
    cold = standing("cold", models=[Model(MODEL, loaded=False)])
    cold.pace.answered(MODEL, first_token_s=None, total_s=0.0, load_s=30.0)

    assert "sooner than a load" in choice(dispatch(), full("warm", usual_s=2.0), cold).why
    assert who(choice(dispatch(), full("warm", usual_s=120.0), cold)) == ["cold"]


def test_a_worse_choice_of_an_alias_is_not_waited_for_when_a_better_one_is_free():
    cold = standing("cold", models=[Model("best:1b", loaded=False)])
    asked = dispatch("best")

    assert who(choice(asked, full("warm", usual_s=0.1), cold, aliases={"best": ("best:1b", MODEL)})) == ["cold"]


def test_a_worker_that_was_tried_is_not_asked_again_before_its_time():
    failure = Failure("unreachable", "connection refused")
    tried = {"desk": Tried(failure, NOW + 5), "rack": Tried(failure, NEVER)}
    standings = [standing("desk"), standing("rack"), standing("shed")]

    assert who(choice(dispatch(tried=tried), *standings)) == ["shed"]
    assert set(who(choice(dispatch(tried=tried), *standings, now=NOW + 5))) == {"desk", "shed"}


def test_only_rate_limits_among_what_was_tried_make_it_a_matter_of_quota():
    limited = Tried(Failure("rate_limited", "20 a day"), NOW + 500)
    broken = Tried(Failure("server_error", "boom"), NEVER)

    assert choice(dispatch(tried={"desk": limited}), standing("desk")).kind == "quota"
    mixed = choice(dispatch(tried={"desk": limited, "rack": broken}), standing("desk"), standing("rack"))
    assert (mixed.kind, mixed.retry_after_s) == ("exhausted", 500.0)


def test_a_worker_that_declined_is_taken_as_full_this_time():
    asked = dispatch()
    asked.declined["desk"] = "1 of 1 slots busy"

    assert isinstance(choice(asked, standing("desk")), Wait)
    assert who(choice(asked, standing("desk"), standing("rack"))) == ["rack"]


def test_a_line_that_is_full_is_refused_with_a_time():
    refusal = queue_full(dispatch("").request, ())

    assert (refusal.kind, refusal.retry_after_s) == ("queue_full", 2.0)
    assert "'auto'" in refusal.detail


def beyond(name="groq"):
    return standing(name, key=Secret(f"k-{name}-0123456789"), limits={"*": Limits(tokens_per_minute=10)})


def test_a_request_beyond_every_quota_is_too_large_and_is_not_waited_for():
    decision = choice(dispatch(), beyond(), beyond("other"))

    assert decision.kind == "too_large"
    assert "10" in decision.candidates[0].why


def test_where_another_key_is_only_spent_it_is_a_matter_of_quota():
    decision = choice(dispatch(), beyond(), resting("spent", for_s=600.0))

    assert (decision.kind, decision.retry_after_s) == ("quota", 600.0)


def onward(model=MODEL, digest="", **verdicts):
    return Onward(model, digest, lambda stands, _model: verdicts.get(stands.name))


ALIASES = {"any": ("desk:llama3.2:3b", "cloud:cloud-70b", "rack:llama3.2:3b", "shed:copy:3b")}


def several():
    weights = Model(MODEL, digest="abc", loaded=True)
    return (
        standing("cloud", local=False, models=("cloud-70b",)),
        standing("rack", models=(weights,)),
        standing("shed", models=(Model("copy:3b", digest="abc", loaded=True),)),
    )


def test_whoever_has_the_same_model_goes_on_first_by_its_name_or_its_weights():
    asked = dispatch("any")
    asked.onward = onward(digest="abc")

    assert who(choice(asked, *several(), aliases=ALIASES)) == ["rack", "shed", "cloud"]


def test_then_who_is_known_to_continue():
    asked = dispatch("any")
    asked.onward = onward("other:1b", shed="repeats", rack="continues")

    assert who(choice(asked, *several(), aliases=ALIASES)) == ["rack", "shed", "cloud"]


@pytest.mark.parametrize("verdict", ["restarts", "refuses"])
def test_who_does_not_continue_is_not_asked_to(verdict):
    asked = dispatch("any")
    asked.onward = onward(rack=verdict, shed=verdict, cloud=verdict)
    refused = choice(asked, *several(), aliases=ALIASES)

    assert isinstance(refused, Refusal)
    assert {candidate.why for candidate in refused.candidates} == {"does not continue an answer that was begun"}


def test_a_prompt_that_was_too_long_goes_only_where_more_is_known_to_fit():
    small, large = standing("small", num_ctx=4096), standing("large", num_ctx=8192)
    unknown = standing("unknown", models=(Model(MODEL, loaded=False, context_length=131_072),))
    asked = dispatch()
    asked.least_context = 4097

    assert who(choice(asked, small, unknown, large)) == ["large"]


def test_what_a_cloud_lists_is_believed():
    listed = Model("cloud-70b", context_length=131_072)
    asked = dispatch("cloud-70b")
    asked.least_context = 8192

    assert who(choice(asked, standing("cloud", local=False, models=(listed,)))) == ["cloud"]
