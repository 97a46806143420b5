"""`python -m cortex.simulate`, as a process of its own."""

import asyncio
import signal
import socket
import sys

import pytest


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return listening.getsockname()[1]


async def run(*arguments):
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-u",
        "-m",
        "cortex.simulate",
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


CLOUDS = ("openai", "gemini", "cohere", "groq", "anthropic")


async def test_it_says_where_it_listens_and_ends_politely(client):
    port = free_port()
    clouds = [argument for cloud in CLOUDS for argument in (f"--{cloud}", str(free_port()))]
    process = await run("--ollama", str(port), *clouds, "--requests-per-minute", "3")
    async with asyncio.timeout(30):
        first = await process.stdout.readline()
        others = [await process.stdout.readline() for _ in CLOUDS]
        async with client.http.get(f"http://127.0.0.1:{port}/api/version") as answer:
            status = answer.status
        process.send_signal(signal.SIGTERM)
        await process.communicate()

    assert first.startswith(f"ollama http://127.0.0.1:{port} ".encode())
    assert [line.partition(b" http://127.0.0.1:")[0].decode() for line in others] == list(CLOUDS)
    assert (status, process.returncode) == (200, 0)


@pytest.mark.parametrize("arguments", [(), ("--nothing",)])
async def test_wrong_use_is_told(arguments):
    process = await run(*arguments)
    async with asyncio.timeout(30):
        _, said = await process.communicate()

    assert (process.returncode, b"usage:" in said) == (2, True)


async def test_a_taken_port_is_told_in_one_line():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        process = await run("--ollama", str(taken.getsockname()[1]))
        async with asyncio.timeout(30):
            _, said = await process.communicate()

    assert (process.returncode, said.count(b"\n")) == (1, 1)
