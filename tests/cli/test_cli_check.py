"""`cortex check`, and its probes of real (simulated) upstreams."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Iterator

import pytest

from cortex.simulate import SimulatedOllama, SimulatedOpenAI

GOOD = """
[workers.desk]
provider = "ollama"
url = "http://127.0.0.1:1"

[models]
fast = ["qwen3:4b"]
"""


@contextlib.contextmanager
def running(*upstreams) -> Iterator[None]:
    """Run simulated upstreams on a loop in a thread of its own, while the command line has this one."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        for upstream in upstreams:
            asyncio.run_coroutine_threadsafe(upstream.start(), loop).result(10)
        yield
    finally:
        for upstream in upstreams:
            asyncio.run_coroutine_threadsafe(upstream.stop(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def write(text, name="supervision.toml"):
    with open(name, "w") as file:  # noqa: PTH123  the working folder is the test's own
        file.write(text)


def test_a_good_file_is_one_line_that_says_what_it_configures(cortex):
    write(GOOD)

    result = cortex("check")

    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == (
        "supervision.toml: ok: 1 worker (desk), 1 model name, local_first, listens on 127.0.0.1:4747\n"
    )


def test_every_mistake_is_a_line_with_its_place_on_stdout(cortex):
    write('[server]\nport = "x"\n[routing]\nstrateggy = "local_first"\n', "other.toml")

    result = cortex("check", "other.toml")

    assert (result.exit_code, result.stderr) == (1, "")
    first, second = result.stdout.splitlines()
    assert first.startswith("other.toml:2: server.port: expected ")
    assert second.startswith("other.toml:4: routing.strateggy: expected ")
    assert second.endswith("(did you mean strategy?)")


def test_a_line_of_the_env_file_that_is_none_is_a_mistake(cortex):
    write("A=1\nnonsense here\n", "my.env")

    result = cortex("check", "--env-file", "my.env")

    assert result.exit_code == 1
    assert result.stdout.startswith("my.env:2: expected NAME=value")


def test_the_environment_alone_is_settings_too(cortex, monkeypatch):
    monkeypatch.setenv("OLLAMA_URLS", "http://a:1,http://b:2")

    result = cortex("check")

    assert result.exit_code == 0
    assert result.stdout.startswith("the environment: ok: 2 workers (ollama/1, ollama/2), no model names")


def test_settings_without_workers_are_good_and_say_what_to_do(cortex):
    result = cortex("check")

    assert (result.exit_code, "ok: no workers" in result.stdout) == (0, True)
    assert "set OLLAMA_URLS" in result.stderr


def test_keys_that_clients_need_are_counted_and_not_shown(cortex, monkeypatch):
    monkeypatch.setenv("CORTEX_API_KEY", "secret-of-a-key")
    write('[server]\nhost = "::"\napi_keys = ["$CORTEX_API_KEY"]\n')

    result = cortex("check")

    assert "listens on [::]:4747, asks for one of 1 key\n" in result.stdout
    assert "secret" not in result.output


@pytest.mark.parametrize("variable", [False, True])
def test_a_file_that_is_named_and_not_there_is_wrong_use(cortex, monkeypatch, variable):
    if variable:
        monkeypatch.setenv("CORTEX_CONFIG", "gone.toml")

    result = cortex("check", *([] if variable else ["gone.toml"]))

    assert (result.exit_code, result.stdout, result.stderr) == (
        2,
        "",
        "cortex: gone.toml: there is no such settings file\n",
    )


def test_the_variable_names_the_file(cortex, monkeypatch):
    write(GOOD, "named.toml")
    monkeypatch.setenv("CORTEX_CONFIG", "named.toml")

    assert cortex("check").stdout.startswith("named.toml: ok")


def test_nothing_is_contacted_without_being_asked(cortex):
    with socket.create_server(("127.0.0.1", 0)) as upstream:
        upstream.setblocking(False)
        write(GOOD.replace(":1", f":{upstream.getsockname()[1]}"))
        cortex("check")

        with pytest.raises(BlockingIOError):
            upstream.accept()


def test_a_probe_is_a_line_for_each_worker(cortex):
    desk = SimulatedOllama(name="desk", instant=True, models=("qwen3:4b",))
    cloud = SimulatedOpenAI(name="cloud", instant=True, models=("a", "b"))
    with running(desk, cloud):
        write(
            f'[workers.desk]\nprovider = "ollama"\nurl = "{desk.url}"\n'
            f'[workers.cloud]\nprovider = "openai"\nurl = "{cloud.url}"\nmodels = ["a", "c"]\n'
        )
        result = cortex("check", "--probe")

    _, first, second = result.stdout.splitlines()
    assert result.exit_code == 0
    assert first.startswith(f"● desk   {desk.url}")
    assert "reachable, ollama 0." in first
    assert first.endswith(", 1 model")
    assert second.startswith("◐ cloud  ")
    assert second.endswith("reachable, openai, 2 models        lacks c")


def test_a_worker_that_cannot_be_reached_is_named_and_the_end_is_1(cortex):
    desk = SimulatedOllama(name="desk", instant=True, models=("qwen3:4b",))
    with running(desk):
        write(
            f'[workers.desk]\nprovider = "ollama"\nurl = "{desk.url}"\n[workers.gone]\nprovider = "ollama"\n'
            'url = "http://127.0.0.1:1"\n'
        )
        result = cortex("check", "--probe")

    assert result.exit_code == 1
    assert result.stdout.splitlines()[1].startswith("● desk")
    assert "✕ gone" in result.stdout
    assert "unreachable: connection refused" in result.stdout


def test_a_wrong_key_is_named_and_not_shown(cortex, monkeypatch):
    cloud = SimulatedOpenAI(name="cloud", instant=True, api_key="sk-right-and-long-enough")
    monkeypatch.setenv("WRONG", "sk-wrong-but-long-enough")
    with running(cloud):
        write(f'[workers.cloud]\nprovider = "openai"\nurl = "{cloud.url}"\nkey = "$WRONG"\n')
        result = cortex("check", "--probe")

    assert (result.exit_code, "✕ cloud" in result.stdout, "unauthorized" in result.stdout) == (1, True, True)
    assert "sk-wrong-but" not in result.output


def test_a_worker_that_hangs_is_given_up_after_the_time_out_of_probes(cortex):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        write(
            f'[health]\ntimeout = "100ms"\n[workers.desk]\nprovider = "ollama"\n'
            f'url = "http://127.0.0.1:{silent.getsockname()[1]}"\n'
        )
        result = cortex("check", "--probe")

    assert result.exit_code == 1
    assert "timeout" in result.stdout


def test_a_file_with_mistakes_is_not_probed(cortex):
    write("[server]\nport = true\n")

    assert cortex("check", "--probe").stdout.count("\n") == 1
