"""One measured run: a load on one gateway for some seconds, and what it cost.

Whole answers are asked for by wrk, which is written in C and costs less than any gateway; streams by
`stream_client.py`. Both print JSON. The gateway's CPU time is read before and after, and divided by the answers.
"""

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import machine
from answers import request_body
from gateways import Gateway
from machine import Cores, Trouble
from process import environment, pinned
from tools import Tools

HERE = Path(__file__).resolve().parent
REQUEST_TIMEOUT_S = 60

WRK = """
wrk.method = "POST"
wrk.body = [[{body}]]
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Authorization"] = "Bearer sk-bench"
function done(summary, latency)
  local e = summary.errors
  io.write(string.format('{{"answers": %d, "errors": %d, "p50_ms": %.4f, "p99_ms": %.4f, "seconds": %.4f}}\\n',
    summary.requests, e.connect + e.read + e.write + e.status + e.timeout,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000, summary.duration / 1000000))
end
"""


WHAT = {"small": "small answers", "burst": "streams, all events together", "paced": "streams, an event each 5 ms"}


class Load(NamedTuple):
    """What is asked, by how many at once."""

    model: str
    connections: int

    def __str__(self) -> str:
        return f"{WHAT[self.model]}, {self.connections} at once"


class Run(NamedTuple):
    """What one run gave."""

    answers: int
    errors: int
    said: str
    per_s: float
    p50_ms: float | None
    p99_ms: float | None
    cpu_us: float | None
    """The gateway's, for one answer; None for none."""
    gateway_busy: float
    """Share of its core that the gateway used: near 1, it was the limit."""
    load_busy: float
    """Share of the load's core that was used: near 1 with an idle gateway, the load was the limit."""
    reads: float | None
    """Streams: reads of the client for one answer; far below 32, events came in lumps."""
    disturbed: float
    """Share of the gateway's core that somebody else used."""
    steal: float


def measure(load: Load, gateway: Gateway, seconds: float, cores: Cores, folder: Path, tools: Tools) -> Run:
    """Put `load` on `gateway` for `seconds`. Raises Trouble when the load itself fails."""
    cpu_s = machine.cpu_s(gateway.pid) if gateway.pid else 0.0
    begin = machine.moment()
    said = _run(_command(load, gateway, seconds, folder, tools), cores, folder, seconds)
    seen = machine.span(begin, machine.moment())
    used_s = machine.cpu_s(gateway.pid) - cpu_s if gateway.pid else 0.0
    answers, busy = said["answers"], used_s / seen.seconds
    return Run(
        answers=answers,
        errors=said["errors"],
        said=said.get("said", ""),
        per_s=answers / said.get("seconds", seconds),
        p50_ms=said["p50_ms"] if answers else None,
        p99_ms=said["p99_ms"] if answers else None,
        cpu_us=used_s / answers * 1e6 if answers and gateway.pid else None,
        gateway_busy=busy,
        load_busy=seen.busy[cores.load],
        reads=said["reads"] / answers if "reads" in said and answers else None,
        disturbed=max(0.0, seen.busy[cores.gateway] - busy),
        steal=seen.steal,
    )


@contextlib.contextmanager
def open_streams(gateway: Gateway, count: int, cores: Cores, folder: Path) -> Iterator[int]:
    """Hold `count` streams open while the block lasts; yield how many of them have begun."""
    command = [*_streams(gateway.streams, Load("open", count), 0.0), "hold"]
    client = subprocess.Popen(
        pinned(cores.load, command),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=folder,
        env=environment(),
        text=True,
    )
    try:
        assert client.stdout is not None
        yield json.loads(client.stdout.readline() or '{"begun": 0}')["begun"]
    finally:
        with contextlib.suppress(subprocess.TimeoutExpired):
            client.communicate("\n", timeout=10)
        client.kill()
        client.wait()


def _command(load: Load, gateway: Gateway, seconds: float, folder: Path, tools: Tools) -> list[str]:
    port = gateway.port(load.model)
    if load.model != "small":
        return _streams(port, load, seconds)
    script = folder / "small.lua"
    script.write_text(WRK.format(body=request_body("small").decode()))
    options = [
        "-t1",
        f"-c{load.connections}",
        f"-d{round(seconds)}s",
        f"--timeout={REQUEST_TIMEOUT_S}s",
        "-s",
        str(script),
    ]
    return [str(tools.wrk), *options, f"http://127.0.0.1:{port}/v1/chat/completions"]


def _streams(port: int, load: Load, seconds: float) -> list[str]:
    return [sys.executable, str(HERE / "stream_client.py"), str(port), load.model, str(load.connections), str(seconds)]


def _run(command: list[str], cores: Cores, folder: Path, seconds: float) -> dict:
    """Run a load to its end; return what its last line says."""
    ran = subprocess.run(
        pinned(cores.load, command), capture_output=True, text=True, cwd=folder, env=environment(), check=False,
        timeout=seconds + 60 + REQUEST_TIMEOUT_S,
    )  # fmt: skip
    try:
        return json.loads(ran.stdout.strip().splitlines()[-1])
    except (IndexError, ValueError):
        reason = (ran.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise Trouble(f"{Path(command[0]).name} failed: {reason[:300]}") from None
