"""Where the time of a request goes: Córtex sampled under load by py-spy, in µs of each function.

Theory of operation: a function's share of the samples, times the CPU time of a request as it was measured without the
sampler. Only the thread that runs the event loop counts. py-spy cannot always tell waiting from working, so samples in
which the loop itself is on top include the time in which it had nothing to do; what the thread did not use is taken off
there. It stops the process to read its stacks, which makes what calls the kernel look dearer than it is: read the order
and the sums, not the second digit.
"""

import re
import subprocess
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from gateways import Gateway
from load import Load, measure
from machine import Cores
from process import environment
from tools import Tools, py_spy

SECONDS = 6
RATE = 300
TOP = 25
LOOP = "Runner.run (asyncio/runners.py)"
"""The deepest Python frame while uvloop, the HTTP parsers in C and the kernel's polling are at work."""


class Profile(NamedTuple):
    """One load's."""

    load: Load
    cpu_us: float
    own: list[tuple[str, float]]
    """Function → µs of a request in itself, the dearest first."""
    total: list[tuple[str, float]]
    """The same with all that it called."""


def profile(cortex: Gateway, load: Load, cores: Cores, folder: Path, tools: Tools) -> Profile | None:
    """Sample Córtex under `load`; None when py-spy cannot be had."""
    sampler = py_spy()
    if sampler is None:
        return None
    plain = measure(load, cortex, SECONDS / 2, cores, folder, tools)
    out = folder / "samples.txt"
    command = [sampler, "record", "-d", SECONDS, "-r", RATE, "-f", "raw", "-o", out, "--pid", cortex.pid]
    spy = subprocess.Popen(
        [*map(str, command)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment()
    )
    try:
        measure(load, cortex, SECONDS + 1, cores, folder, tools)
        spy.wait(60)
    finally:
        spy.kill()
        spy.wait()
    return _profile(load, plain.cpu_us or 0.0, plain.gateway_busy, out.read_text())


def _profile(load: Load, cpu_us: float, busy: float, samples: str) -> Profile:
    own: Counter[str] = Counter()
    total: Counter[str] = Counter()
    count = 0
    for line in samples.splitlines():
        stack, _, times = line.rpartition(" ")
        frames = [re.sub(r":\d+\)", ")", frame) for frame in stack.split(";")]
        if LOOP not in frames:
            continue
        frames = frames[frames.index(LOOP) :]
        count += int(times)
        own[frames[-1]] += int(times)
        for frame in set(frames):
            total[frame] += int(times)
    idle = min(own[LOOP], round(count * (1.0 - min(1.0, busy))))
    own[LOOP] -= idle
    total[LOOP] -= idle
    each_us = cpu_us / max(1, count - idle)
    return Profile(load, cpu_us, _ranked(own, each_us), _ranked(total, each_us))


def _ranked(counts: Counter[str], each_us: float) -> list[tuple[str, float]]:
    return [(name, count * each_us) for name, count in counts.most_common(TOP)]
