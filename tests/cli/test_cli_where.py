"""Where the daemon is looked for, and with which key."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cortex.commands.trouble import WrongUse
from cortex.commands.where import find

CONFIG, ENV = Path("supervision.toml"), Path(".env")


def url(given=None, *, config="", env="", **environ):
    """Return the URL that is found with these files and variables."""
    CONFIG.write_text(config)
    ENV.write_text(env)
    return find(given, CONFIG, ENV, environ).url


def test_without_any_settings_it_is_the_usual_address():
    assert find(None, CONFIG, ENV, {}) == ("http://127.0.0.1:4747", None)


@pytest.mark.parametrize(
    ("expected", "settings"),
    [
        ("http://a:1", {"given": "http://a:1", "CORTEX_URL": "http://b:2"}),
        ("http://b:2", {"CORTEX_URL": "http://b:2", "config": "[server]\nport = 3\n"}),
        ("http://b:2", {"env": "CORTEX_URL=http://b:2", "config": "[server]\nport = 3\n"}),
        ("http://rack:3", {"config": '[server]\nhost = "rack"\nport = 3\n', "CORTEX_HOST": "x", "CORTEX_PORT": "4"}),
        ("http://desk:3", {"config": "[server]\nport = 3\n", "CORTEX_HOST": "desk", "CORTEX_PORT": "4"}),
        ("http://127.0.0.1:4", {"env": "CORTEX_PORT=5", "CORTEX_PORT": "4"}),
        ("http://127.0.0.1:5", {"env": "CORTEX_PORT=5"}),
        ("http://rack:4747", {"config": '[server]\nhost = "$WHERE"', "WHERE": "rack"}),
        ("http://rack:4747", {"config": '\ufeff[server]\nhost = "rack"'}),
    ],
)
def test_the_nearest_word_counts(expected, settings):
    assert url(**settings) == expected


@pytest.mark.parametrize(("host", "expected"), [("0.0.0.0", "127.0.0.1"), ("::", "[::1]"), ("fd00::1", "[fd00::1]")])
def test_an_address_to_listen_on_is_made_one_to_talk_to(host, expected):
    assert url(CORTEX_HOST=host) == f"http://{expected}:4747"


@pytest.mark.parametrize("config", ["[server", "server = 3", '[server]\nport = "x"', "[server]\nhost = []", "\x00"])
def test_a_file_with_mistakes_says_nothing(config):
    assert url(config=config) == "http://127.0.0.1:4747"


def test_files_that_are_none_say_nothing(tmp_path):
    os.mkfifo("pipe")

    assert find(None, Path("pipe"), tmp_path, {}).url == "http://127.0.0.1:4747"


@pytest.mark.parametrize(
    ("given", "expected"),
    [("rack:80", "http://rack:80"), ("https://a/b/", "https://a/b"), ("http://[::1]:3", "http://[::1]:3")],
)
def test_an_address_may_be_short(given, expected):
    assert url(given) == expected


@pytest.mark.parametrize(
    "given", ["ftp://a", "http://", "a b", "http://a:x", "http://a:0", "http://a:99999", "http://a?b", "http://ü"]
)
def test_an_address_that_is_none_is_wrong_use(given):
    with pytest.raises(WrongUse, match="expected http://HOST:PORT"):
        url(given)


def test_a_password_in_an_address_is_refused_and_not_repeated():
    with pytest.raises(WrongUse) as refused:
        url("http://me:hunter2@rack")

    assert "hunter2" not in refused.value.message


def test_a_daemon_on_any_free_port_cannot_be_found():
    with pytest.raises(WrongUse, match="any free port"):
        url(config="[server]\nport = 0")


def test_the_key_comes_from_the_environment_then_from_the_file_of_variables():
    ENV.write_text("CORTEX_API_KEY=from-the-file")

    assert find(None, CONFIG, ENV, {}).key.reveal() == "from-the-file"
    assert find(None, CONFIG, ENV, {"CORTEX_API_KEY": "from-outside"}).key.reveal() == "from-outside"


def test_a_key_is_not_in_what_is_printed_of_it():
    assert "secret" not in repr(find(None, CONFIG, ENV, {"CORTEX_API_KEY": "secret-of-a-key"}))


@pytest.mark.parametrize("key", ["a\nb", "schlüssel"])
def test_a_key_that_no_header_can_carry_is_refused_and_not_repeated(key):
    with pytest.raises(WrongUse, match="CORTEX_API_KEY") as refused:
        find(None, CONFIG, ENV, {"CORTEX_API_KEY": key})

    assert key not in refused.value.message


@given(st.text())
def test_any_text_is_an_address_or_refused(text):
    """Nothing that somebody types ends in a stack trace."""
    try:
        found = find(text, CONFIG, ENV, {})
    except WrongUse:
        return

    assert found.url.startswith(("http://", "https://"))
