"""Which keys a cloud knows, and on whose quota they draw."""

import pytest

from cortex.simulate.account import Accounts


def test_without_keys_everyone_is_the_same_account():
    accounts = Accounts(None)

    assert (accounts.find(""), accounts.find("any"), accounts.is_open) == ("", "", True)


@pytest.mark.parametrize(
    ("keys", "found"),
    [
        ("a", ["a", None]),
        (["a", "b"], ["a", "b"]),
        ({"a": "project", "b": "project"}, ["project", "project"]),
    ],
    ids=["one", "several", "shared"],
)
def test_a_key_has_an_account_of_its_own_unless_one_is_named(keys, found):
    accounts = Accounts(keys)

    assert [accounts.find(key) for key in ("a", "b")] == found
    assert (accounts.find("c"), accounts.is_open) == (None, False)


def test_its_repr_shows_no_key():
    assert repr(Accounts(["sk-secret"])) == "<Accounts 1>"
