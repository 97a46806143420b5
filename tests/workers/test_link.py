"""A link keeps its key to itself, even where its upstream tells it back."""

from fleet import settings
from hypothesis import given
from hypothesis import strategies as st

from cortex.config.secret import Secret
from cortex.messages import Failure
from cortex.workers.lease import BLOT, SHORTEST_TELLING
from cortex.workers.worker import link_of

KEY = "key-of-one-0123456789"
HEADER = "another-secret-in-a-header"


def link():
    return link_of(settings("cloud", local=False, key=Secret(KEY), headers={"X-Key": HEADER, "X-Plain": "yes"}))


@given(before=st.text(), after=st.text(), secret=st.sampled_from([KEY, HEADER]))
def test_what_an_upstream_tells_back_is_blotted_out_wherever_it_stands(before, after, secret):
    told = before + secret + after

    clean = link().without_secrets(Failure("bad_request", told, param=told, code=told, status=400))

    assert secret not in clean.detail + clean.param + clean.code
    assert BLOT in clean.detail
    assert (clean.word, clean.status) == ("bad_request", 400)


@given(length=st.integers(SHORTEST_TELLING, len(KEY)), ends=st.sampled_from(["", "…"]))
def test_a_key_that_was_cut_at_the_end_of_a_text_is_blotted_out_too(length, ends):
    clean = link().without_secrets(Failure("server_error", f"no such {KEY[:length]}{ends}"))

    assert clean.detail.removesuffix("…") == f"no such {BLOT}"


def test_what_holds_no_key_stays_as_it_is():
    failure = Failure("server_error", "yes, key-of this and that")

    assert link().without_secrets(failure) == failure
    assert link_of(settings("desk")).without_secrets(failure) is failure
