"""The command line in an environment of its own, and daemons for it to talk to."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import pytest
from click.testing import CliRunner, Result
from scripted_daemon import ScriptedDaemon

from cortex.cli import cli

BOUND_S = 30
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


def is_ready(port):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=BOUND_S)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except ConnectionError:
        return False
    finally:
        connection.close()


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """The demonstration as a process; gives its URL."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    log = tmp_path_factory.mktemp("demo") / "log"
    variables = {name: value for name, value in os.environ.items() if not name.startswith("CORTEX_")}
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "cortex", "run", "--demo"],
            env={**variables, "CORTEX_PORT": str(port)},
            stdout=file,
            stderr=file,
            cwd=log.parent,
        )
    end = time.monotonic() + BOUND_S
    while not is_ready(port):
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < end, log.read_text()
    yield f"http://127.0.0.1:{port}"
    process.send_signal(signal.SIGTERM)

    assert process.wait(BOUND_S) == 0, log.read_text()
