"""What a gateway takes beside time: memory at idle, under load and with many open streams; how soon Córtex is there."""

import subprocess
import time
from pathlib import Path
from statistics import median
from typing import NamedTuple

import gateways
from gateways import Gateway
from load import open_streams
from machine import Cores, Trouble, memory_mb
from process import environment, pinned
from tools import Tools
from upstreams import Upstreams

SETTLE_S = 2.0
OPEN_STREAMS = 1000
STARTS = 5
STATUS_TIMEOUT_S = 20.0


class Memory(NamedTuple):
    """Resident memory in MB (millions of bytes), all processes of a gateway together."""

    idle: float
    loaded: float
    streaming: float
    streams: int
    """How many streams were open for `streaming`."""


def idle(running: list[Gateway]) -> dict[str, float]:
    """Return each gateway's memory before its first request."""
    time.sleep(SETTLE_S)
    return {gateway.name: memory_mb(gateway.pid) for gateway in running if gateway.pid}


def after(gateway: Gateway, idle_mb: float, cores: Cores, folder: Path) -> Memory:
    """Measure a gateway that has been under load."""
    time.sleep(SETTLE_S)
    loaded = memory_mb(gateway.pid)
    with open_streams(gateway, OPEN_STREAMS, cores, folder) as begun:
        return Memory(idle_mb, loaded, memory_mb(gateway.pid), begun)


def start_s(cores: Cores, folder: Path, tools: Tools, upstream: Upstreams) -> float:
    """Return the median of how long Córtex takes from start to /readyz."""
    took = []
    for _ in range(STARTS):
        with gateways.started("cortex", cores, folder, tools, upstream) as cortex:
            took.append(cortex.ready_s)
    return median(took)


def status_s(cortex: Gateway, cores: Cores, folder: Path, tools: Tools) -> float:
    """Return the median of how long `cortex status` takes. Raises Trouble when it does not answer."""
    command = pinned(cores.load, [tools.cortex, "status", "--url", f"http://127.0.0.1:{cortex.small}"])
    took = []
    for _ in range(STARTS):
        began_s = time.monotonic()
        ran = subprocess.run(
            command,
            cwd=folder,
            env=environment(),
            capture_output=True,
            text=True,
            check=False,
            timeout=STATUS_TIMEOUT_S,
        )
        took.append(time.monotonic() - began_s)
        if ran.returncode not in {0, 1}:  # 1: it answered that not all is well
            raise Trouble(
                f"cortex status ended with {ran.returncode}: {(ran.stderr.strip().splitlines() or [''])[-1][:200]}"
            )
    return median(took)
