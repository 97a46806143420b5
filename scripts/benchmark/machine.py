"""The machine as the kernel tells it: cores, who is busy on them, and what one process and its children have used.

Theory of operation: a gateway's cost is its own CPU time, not the time that passes, so it holds still where latencies
do not. Linux scales `utime + stime` of /proc/PID/stat to the scheduler's exact run time; it is told in ticks of 10 ms,
so a run of some seconds is exact to less than 1 %. What disturbs a run is read beside it: time that the hypervisor took
(steal), and time that others spent on the gateway's core.
"""

import os
import platform
import re
import resource
import time
from pathlib import Path
from typing import NamedTuple

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
BUSY_LIMIT = 0.10
"""Share of a core that others may use before a report is refused."""
STEAL_LIMIT = 0.02
LOOK_S = 2.0


class Trouble(Exception):  # noqa: N818  it is told to a person, not handled as an error
    """What cannot be done, in one line for a person."""


class Cores(NamedTuple):
    """Which core each part is pinned to. With two cores, load and upstream share one: the gateway has its own."""

    gateway: int
    load: int
    upstream: int

    @classmethod
    def assign(cls) -> "Cores":
        """Take the first cores that this process may use. Raises Trouble with fewer than two."""
        free = sorted(os.sched_getaffinity(0))
        if len(free) < 2:
            raise Trouble(f"two cores are needed, one for the gateway and one for the load; there is {len(free)}")
        return cls(free[0], free[1], free[2] if len(free) > 2 else free[1])


class Moment(NamedTuple):
    """What each core has done up to now, in seconds."""

    at_s: float
    busy_s: dict[int, float]
    steal_s: float


class Span(NamedTuple):
    """What the cores did between two moments, as shares of the time."""

    seconds: float
    busy: dict[int, float]
    steal: float


def moment() -> Moment:
    """Read /proc/stat (proc(5): user nice system idle iowait irq softirq steal)."""
    busy, steal = {}, 0.0
    for line in Path("/proc/stat").read_text().splitlines():
        if found := re.match(r"cpu(\d+) (.*)", line):
            user, nice, system, _, _, irq, softirq, stolen, *_ = (
                int(field) / TICKS_PER_S for field in found[2].split()
            )
            busy[int(found[1])] = user + nice + system + irq + softirq
            steal += stolen
    return Moment(time.monotonic(), busy, steal)


def span(begin: Moment, end: Moment) -> Span:
    """Return what happened between the two."""
    seconds = end.at_s - begin.at_s
    busy = {core: (end.busy_s[core] - begin.busy_s[core]) / seconds for core in end.busy_s}
    return Span(seconds, busy, (end.steal_s - begin.steal_s) / seconds / len(busy))


def who_disturbs(cores: Cores) -> str:
    """Look for `LOOK_S`; return why a report from this machine would be worth nothing now, or an empty string."""
    begin = moment()
    time.sleep(LOOK_S)
    seen = span(begin, moment())
    busy = {core: share for core, share in seen.busy.items() if core in set(cores) and share > BUSY_LIMIT}
    load = f"load average {os.getloadavg()[0]:.1f}"
    if busy:
        shares = ", ".join(f"core {core} {share:.0%}" for core, share in sorted(busy.items()))
        return f"others are working here: {shares} busy over {LOOK_S:.0f} s ({load})"
    return f"the hypervisor takes {seen.steal:.0%} of the time ({load})" if seen.steal > STEAL_LIMIT else ""


def family(pid: int) -> list[int]:
    """Return a process and all that descend from it; those that ended meanwhile are left out."""
    found, todo = [], [pid]
    while todo:
        one = todo.pop()
        try:
            children = [Path(task, "children").read_text() for task in Path(f"/proc/{one}/task").iterdir()]
        except OSError:
            continue
        found.append(one)
        todo += [int(child) for line in children for child in line.split()]
    return found


def cpu_s(pid: int) -> float:
    """Return the CPU seconds, user and system, of a process with its threads, and of its children, living and dead."""
    total = 0
    for member in family(pid):
        fields = Path(f"/proc/{member}/stat").read_text().rpartition(")")[2].split()
        total += sum(int(fields[index]) for index in (11, 12, 13, 14))  # utime stime cutime cstime
    return total / TICKS_PER_S


def memory_mb(pid: int) -> float:
    """Return the resident memory of a process and its children, in millions of bytes."""
    total_kib = 0
    for member in family(pid):
        status = Path(f"/proc/{member}/status").read_text()
        if found := re.search(r"VmRSS:\s+(\d+) kB", status):
            total_kib += int(found[1])
    return total_kib * 1024 / 1e6


def open_files(wanted: int) -> None:
    """Raise the soft limit of open files, which children inherit. Raises Trouble when `wanted` cannot be had."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < wanted:
        raise Trouble(f"{wanted} open files are needed (ulimit -n), the hard limit is {hard}")
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def description() -> dict[str, str | int]:
    """Say what machine this is."""
    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    return {
        "cpu": model[1] if model else platform.machine(),
        "cores": os.cpu_count() or 0,
        "kernel": platform.release(),
        "python": platform.python_version(),
    }
