"""The command line in an environment of its own, and daemons for it to talk to."""

import os
from collections.abc import Callable, Iterator

import pytest
from click.testing import CliRunner, Result
from scripted_daemon import ScriptedDaemon

from cortex.cli import cli

_OURS = ("CORTEX_", "OLLAMA_", "LOCAL_OLLAMA_", "GEMINI_", "COHERE_", "GROQ_", "NO_COLOR")


@pytest.fixture(autouse=True)
def own_environment(monkeypatch, tmp_path):
    """Nothing of the machine's own settings reaches a test, and an empty folder is where it runs."""
    for name in os.environ:
        if name.startswith(_OURS):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def daemon(monkeypatch) -> Iterator[ScriptedDaemon]:
    """A scripted daemon, where the command line looks for one."""
    with ScriptedDaemon() as daemon:
        monkeypatch.setenv("CORTEX_URL", daemon.url)
        yield daemon


@pytest.fixture
def cortex() -> Callable[..., Result]:
    """Runs the command line in this process."""

    def run(*arguments: str, **more) -> Result:
        result = CliRunner().invoke(cli, arguments, prog_name="cortex", **more)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run
