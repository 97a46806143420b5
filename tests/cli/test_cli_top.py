"""`cortex top` where there is no terminal. What it is in one, see test_cli_top_tmux.py."""

import json

import pytest
from scripted_daemon import refuses, says, snapshot, worker_row


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        ({}, 0),
        ({"status": "degraded"}, 1),
        ({"status": "no_workers"}, 1),
        ({"problems": ["supervision.toml:3: mistake"]}, 1),
    ],
)
def test_one_picture_is_printed_and_the_exit_code_says_whether_all_is_well(daemon, cortex, facts, code):
    daemon.answers["GET /cortex/v1/snapshot"] = says(snapshot(worker_row("desk"), **facts))

    result = cortex("top")

    assert (result.exit_code, result.stderr) == (code, "")
    assert "│ └ desk" in result.stdout
    assert "\x1b" not in result.stdout
    assert cortex("top", "--json").exit_code == code


def test_json_is_the_daemons_object_as_it_is(daemon, cortex):
    value = snapshot(worker_row("desk"))
    daemon.answers["GET /cortex/v1/snapshot"] = says(value)

    assert json.loads(cortex("top", "--json").stdout) == value


def test_no_daemon_is_3_and_a_refusal_1(daemon, cortex):
    daemon.answers["GET /cortex/v1/snapshot"] = refuses(401, "x")

    assert cortex("top", "--url", "http://127.0.0.1:1").exit_code == 3
    assert cortex("top").exit_code == 1
