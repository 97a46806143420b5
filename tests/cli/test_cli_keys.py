"""`cortex keys`."""

import json

import click
import pytest
from scripted_daemon import says

from cortex.commands.quota import BAR, keys_told

NOW = 1_700_000_000.0


def window(**facts):
    """A window as /cortex/v1/keys has it."""
    return {
        "model": "gemini-3.5-flash",
        "window": "requests_per_day",
        "limit": 20,
        "used": 5,
        "reserved": 0,
        "left": 15,
        "reset_at": NOW + 60,
        "rests_until": None,
        "learned_from": "preset",
        **facts,
    }


def key(name="gemini/1", *windows, **facts):
    sums = {"requests": 3, "tokens_in": 1000, "tokens_out": 200, "cost_usd": 0.0}
    return {
        "worker": name,
        "pool": "gemini",
        "provider": "gemini",
        "key": "…abcd",
        "local": False,
        "free": True,
        "bucket": "per-key",
        "windows": list(windows),
        "usage": {"today": sums},
        "state": "ready",
        "why": "",
        **facts,
    }


def told(*keys):
    return [click.unstyle(line) for line in keys_told(keys, NOW)]


def test_a_key_is_told_with_a_bar_a_window(daemon, cortex):
    daemon.answers["GET /cortex/v1/keys"] = says({"keys": [key("gemini/1", window())]})

    result = cortex("keys")

    lines = result.stdout.splitlines()
    assert result.exit_code == 0
    assert lines[0] == "gemini/1  ● ready  gemini, key …abcd, at no cost"
    assert f"{'█' * (BAR // 4)}{'░' * (BAR * 3 // 4)}  25.0 % used" in lines[1]
    assert "15 of 20 left  anew at " in lines[1]
    assert lines[2] == "  today 3 requests, 1,200 tokens, $0.00"


def test_json_is_the_daemons_object_as_it_is(daemon, cortex):
    value = {"keys": [key()]}
    daemon.answers["GET /cortex/v1/keys"] = says(value)

    assert json.loads(cortex("keys", "--json").stdout) == value


@pytest.mark.parametrize(
    ("facts", "colour"),
    [({}, "green"), ({"left": 2}, "yellow"), ({"left": 0}, "red"), ({"rests_until": NOW + 9}, "red")],
)
def test_the_colour_of_a_bar_says_how_tight_it_is(facts, colour):
    bar_line = keys_told([key("gemini/1", window(**facts))], NOW)[1]

    assert click.style("█", fg=colour)[:5] in bar_line


def test_a_window_that_rests_says_until_when_and_not_when_it_begins_anew():
    line = told(key("gemini/1", window(rests_until=NOW + 9, reserved=1)))[1]

    assert "rests until " in line
    assert "1 under way" in line
    assert "anew" not in line


def test_who_has_no_quota_is_told_so():
    assert "  a machine of your own has no quota" in told(key("desk", local=True, key=None))
    assert "  no limit is known" in told(key())


def test_why_a_key_is_not_ready_comes_below_its_name():
    lines = told(key(state="retired", why="the key was refused (401)"), key("gemini/2", bucket="shared", free=False))

    assert lines[1] == "  the key was refused (401)"
    assert "paid, shares its quota" in lines[lines.index("") + 1]


def test_no_key_at_all_is_a_sentence():
    assert told() == ["there is no key and no machine yet"]


def test_no_daemon_is_3(cortex):
    assert cortex("keys", "--url", "http://127.0.0.1:1").exit_code == 3
