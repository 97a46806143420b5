"""Keys that do not show."""

import copy
import json
import pickle

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cortex.config.model import Worker
from cortex.config.secret import Secret


@given(st.text(min_size=12, max_size=60))
def test_at_most_the_last_four_characters_of_a_key_are_shown(value):
    secret = Secret(value)

    for text in (str(secret), repr(secret), f"{secret}", f"{secret!r}", "%s" % secret):  # noqa: UP031  one more way to print
        assert text in {f"***{value[-4:]}", f"Secret('***{value[-4:]}')"}


@given(st.text(max_size=11))
def test_nothing_of_a_short_key_is_shown(value):
    assert repr(Secret(value)) == "Secret('***')"


def test_a_worker_does_not_show_its_key():
    worker = Worker(name="a", pool="a", provider="openai", url="http://x", key=Secret("sk-verysecret-0123"))

    assert "verysecret" not in repr(worker) + str(worker)
    assert "Secret('***0123')" in repr(worker)


@pytest.mark.parametrize(
    "encode", [json.dumps, msgspec.json.encode, msgspec.msgpack.encode, pickle.dumps, copy.deepcopy]
)
def test_a_secret_is_not_encoded_by_accident(encode):
    with pytest.raises(TypeError):
        encode(Secret("sk-verysecret-0123"))


@given(st.text(), st.text())
def test_secrets_are_equal_and_hash_by_value(one, other):
    assert (Secret(one) == Secret(other)) == (one == other)
    assert hash(Secret(one)) == hash(Secret(one))
    assert Secret(one) != one


@given(st.text())
def test_only_reveal_gives_the_key(value):
    assert Secret(value).reveal() == value
    assert not hasattr(Secret(value), "__dict__")
