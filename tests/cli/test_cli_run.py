"""`cortex run`, and the command line as a process: what it imports, pipes, terminals that know no glyphs."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from scripted_daemon import says, tree, worker

BOUND_S = 30
ROOT = Path(__file__).parents[2]


def process(*arguments, **more):
    """Run the command line as a process of its own, to its end."""
    command = [sys.executable, "-m", "cortex", *arguments]
    done = subprocess.run(command, capture_output=True, timeout=BOUND_S, check=False, **more)
    return done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode()


def test_a_taken_port_is_one_line_and_1():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        Path("supervision.toml").write_text(f"[server]\nport = {port}\n")
        code, out, err = process("run")

    assert (code, out) == (1, "")
    assert err == f"cortex: cannot listen on 127.0.0.1 port {port}: Address already in use\n"


def test_an_address_of_another_machine_is_one_line_and_1():
    Path("supervision.toml").write_text('[server]\nhost = "203.0.113.1"\nport = 0\napi_keys = ["a-key-for-clients"]\n')

    code, out, err = process("run")

    assert (code, out) == (1, "")
    assert err == "cortex: cannot listen on 203.0.113.1 port 0: Cannot assign requested address\n"


def test_settings_with_mistakes_are_told_line_by_line_and_2():
    Path("broken.toml").write_text('[server]\nport = "x"\n')

    code, out, err = process("run", "--config", "broken.toml")

    assert (code, out) == (2, "")
    assert err.startswith("broken.toml:2: server.port: expected ")
    assert "Traceback" not in err


@pytest.mark.parametrize("variable", [False, True])
def test_a_settings_file_that_is_named_and_not_there_is_one_line_and_2(variable):
    named = {"env": {**os.environ, "CORTEX_CONFIG": "gone.toml"}} if variable else {}

    code, out, err = process("run", *([] if variable else ["--config", "gone.toml"]), **named)

    assert (code, out, err) == (2, "", "cortex: gone.toml: there is no such settings file\n")


def test_a_settings_file_that_is_a_folder_is_one_line_and_2():
    Path("folder").mkdir()

    code, _, err = process("run", "--config", "folder")

    assert code == 2
    assert err.startswith("folder: expected a readable text file")


@pytest.mark.parametrize("verb", ["status", "top", "events", "requests", "keys", "models", "drain", "chat"])
def test_what_asks_a_daemon_imports_nothing_heavy(verb):
    """The 150 ms that `cortex status` may take are import time; each of these costs 10 to 200 ms."""
    source = f"import sys, cortex.cli as c; c.cli.get_command(None, {verb!r}); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, timeout=BOUND_S, check=True, cwd=ROOT)

    loaded = set(done.stdout.decode().split())
    assert "cortex.commands.client" in loaded
    assert not loaded & {"aiohttp", "asyncio", "msgspec", "rich", "pykka", "structlog", "dotenv", "cortex.daemon"}


def test_a_pipe_that_is_closed_ends_quietly(daemon):
    daemon.answers["GET /cortex/v1/tree"] = says(tree(*(worker(f"w{number}") for number in range(5000))))
    command = [sys.executable, "-m", "cortex", "status"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        running.stdout.read(1)
        running.stdout.close()
        said = running.stderr.read()
        running.wait(BOUND_S)

    assert said == b""


def test_a_terminal_that_knows_no_glyphs_gets_question_marks(daemon):
    daemon.answers["GET /cortex/v1/tree"] = says(tree(worker("desk")))

    code, out, err = process("status", env={**os.environ, "PYTHONIOENCODING": "latin-1"})

    assert (code, err) == (0, "")
    assert out.startswith("? healthy  C\N{REPLACEMENT CHARACTER}rtex")
