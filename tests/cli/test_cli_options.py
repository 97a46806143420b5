"""Completion by the shell, and the help."""

import pytest
from scripted_daemon import says, worker

from cortex import __version__
from cortex.cli import VERBS


@pytest.fixture
def complete(cortex):
    """Returns what a shell is offered for the last of these words."""

    def completions(*words):
        line = " ".join(("cortex", *words))
        variables = {"_CORTEX_COMPLETE": "bash_complete", "COMP_WORDS": line, "COMP_CWORD": str(len(words))}
        return [line.partition(",")[2] for line in cortex(env=variables).stdout.splitlines() if line]

    return completions


@pytest.fixture
def served(daemon):
    daemon.answers["GET /cortex/v1/workers"] = says({"workers": [worker("desk"), worker("rack"), worker("cloud/1")]})
    daemon.answers["GET /v1/models"] = says({"data": [{"id": "qwen3:4b"}, {"id": "auto"}]})
    return daemon


@pytest.mark.parametrize("verb", ["drain", "resume", "rest", "probe", "restart", "status"])
def test_the_workers_of_the_running_daemon_are_offered(served, complete, verb):
    assert complete(verb, "") == ["desk", "rack", "cloud/1"]
    assert complete(verb, "r") == ["rack"]


def test_the_models_of_the_running_daemon_are_offered(served, complete):
    assert complete("chat", "q") == ["qwen3:4b"]


def test_the_last_requests_are_offered(daemon, complete):
    daemon.answers["GET /cortex/v1/requests"] = says({"requests": [{"id": "r-2"}, {"id": "q-1"}]})

    assert complete("requests", "r") == ["r-2"]


def test_another_daemon_on_the_line_is_asked(served, complete, monkeypatch):
    url = served.url
    monkeypatch.setenv("CORTEX_URL", "http://127.0.0.1:1")

    assert complete("drain", "--url", url, "d") == ["desk"]


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "no url"])
def test_without_a_daemon_nothing_is_offered(complete, monkeypatch, url):
    monkeypatch.setenv("CORTEX_URL", url)

    assert complete("drain", "") == []


def test_a_daemon_that_hangs_is_not_waited_for(daemon, complete):
    """It says nothing until the test is over, so that waiting for it would take the test's own time limit."""
    daemon.answers["GET /cortex/v1/workers"] = lambda _: daemon.let_go.wait()

    assert complete("drain", "") == []


def test_verbs_are_offered(complete):
    assert complete("re") == ["requests", "resume", "rest", "restart"]


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_its_help(cortex, verb):
    result = cortex(verb, "--help")

    assert result.exit_code == 0
    assert result.stdout.startswith(f"Usage: cortex {verb}")


def test_the_help_names_every_verb_whole_and_the_exit_codes(cortex):
    help_text = cortex("--help").stdout

    assert all(f"\n  {verb} " in help_text for verb in VERBS)
    assert "..." not in help_text.partition("Commands:")[2]
    assert "0 good, 1 not, 2 wrong use, 3 not running" in help_text


@pytest.mark.parametrize("arguments", [["nothing"], ["--nothing"], []])
def test_what_is_no_verb_is_wrong_use(cortex, arguments):
    result = cortex(*arguments)

    assert (result.exit_code, "Usage: cortex" in result.output) == (2, True)


def test_the_version_is_the_packages(cortex):
    assert cortex("--version").stdout == f"cortex, version {__version__}\n"
