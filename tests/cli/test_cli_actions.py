"""What may be done to a worker."""

import pytest
from scripted_daemon import refuses, says, tree, worker


@pytest.fixture
def served(daemon):
    for action, state in [("drain", "draining"), ("resume", "ready"), ("rest", "resting"), ("restart", "starting")]:
        daemon.answers[f"POST /cortex/v1/workers/desk/{action}"] = says({"name": "desk", "state": state})
    daemon.answers["GET /cortex/v1/workers"] = says({"workers": [worker("desk")]})
    daemon.answers["GET /cortex/v1/tree"] = says(tree(worker("desk")))
    return daemon


@pytest.mark.parametrize(
    ("action", "shown"),
    [("drain", "◐ draining"), ("resume", "● ready"), ("rest", "◐ resting"), ("restart", "◐ starting")],
)
def test_an_action_prints_the_new_state(served, cortex, action, shown):
    result = cortex(action, "desk")

    assert (result.exit_code, result.stdout, result.stderr) == (0, f"desk  {shown}\n", "")
    assert served.asked[0].headers["X-Cortex"] == "1"


def test_a_rest_may_have_a_length(served, cortex):
    served.answers["POST /cortex/v1/workers/desk/rest?for=1h30m"] = says({"state": "resting"})

    assert cortex("rest", "desk", "--for", "1h30m").exit_code == 0


@pytest.mark.parametrize("length", ["5", "2x", "-1s", ""])
def test_a_length_that_is_none_is_wrong_use_and_never_sent(served, cortex, length):
    result = cortex("rest", "desk", "--for", length)

    assert (result.exit_code, served.asked) == (2, [])
    assert "expected a duration such as 90s or 2h" in result.stderr


@pytest.mark.parametrize(("state", "code"), [("ready", 0), ("busy", 0), ("unreachable", 1), ("retired", 1)])
def test_a_probe_ends_with_how_the_worker_is(served, cortex, state, code):
    served.answers["POST /cortex/v1/workers/desk/probe"] = says({"state": state})

    assert cortex("probe", "desk").exit_code == code


@pytest.mark.parametrize("action", ["drain", "resume", "rest", "probe"])
def test_an_unknown_worker_is_told_the_workers_there_are(served, cortex, action):
    result = cortex(action, "dsk")

    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == "cortex: no worker 'dsk' (did you mean desk?); there are: desk\n"


def test_an_unknown_actor_is_told_the_actors_there_are(served, cortex):
    result = cortex("restart", "dispatch")

    assert result.exit_code == 2
    assert "(did you mean dispatcher?); there are: telemetry, workers, desk, dispatcher" in result.stderr


def test_without_workers_the_list_says_none(served, cortex):
    served.answers["GET /cortex/v1/workers"] = says({"workers": []})

    assert cortex("drain", "desk2").stderr.endswith("there are: none\n")


def test_a_refusal_is_passed_on(served, cortex):
    served.answers["POST /cortex/v1/workers/desk/drain"] = refuses(503, "workers/desk did not answer: full")

    result = cortex("drain", "desk")

    assert (result.exit_code, result.stderr) == (1, "cortex: workers/desk did not answer: full\n")


def test_a_name_is_needed(cortex):
    result = cortex("drain")

    assert result.exit_code == 2
    assert "Usage: cortex drain" in result.stderr


def test_without_a_daemon_it_is_3(cortex):
    assert cortex("drain", "desk", "--url", "http://127.0.0.1:1").exit_code == 3
