"""Child processes: pinned to a core, ended with their owner, and waited for with a bound."""

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from machine import Trouble

START_S = 60.0
STOP_S = 10.0
KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR")
"""What a child inherits of the environment: nothing that would configure a gateway behind the benchmark's back."""


def free_port() -> int:
    """Return a port of the loopback that nobody has now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def pinned(core: int, command: Sequence[str | Path]) -> list[str]:
    """Return `command` bound to a core, and killed by the kernel should this process die without having ended it."""
    return ["taskset", "-c", str(core), "setpriv", "--pdeathsig", "KILL", *map(str, command)]


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment of a child."""
    return {name: os.environ[name] for name in KEPT if name in os.environ} | dict(extra or {})


@contextlib.contextmanager
def running(
    name: str, command: Sequence[str | Path], *, core: int, folder: Path, env: Mapping[str, str] | None = None
) -> Iterator[int]:
    """Run a server in `folder`, its output in NAME.log there, while the block lasts; yield its pid."""
    log = folder / f"{name}.log"
    with log.open("wb") as output:
        child = subprocess.Popen(
            pinned(core, command), stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=folder,
            env=environment(env), start_new_session=True,
        )  # fmt: skip
    try:
        yield child.pid
    finally:
        _end(child)


def _end(child: subprocess.Popen[bytes]) -> None:
    """End a child and what it started: they are one session."""
    for word, patience_s in ((signal.SIGTERM, STOP_S), (signal.SIGKILL, STOP_S)):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, word)
        try:
            child.wait(patience_s)
        except subprocess.TimeoutExpired:
            continue
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)  # grandchildren that outlived it
        return


def get(port: int, path: str, timeout_s: float = 2.0) -> int:
    """Ask for `path` on the loopback; return the status, 0 when nobody answers."""
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode()
    try:
        with socket.create_connection(("127.0.0.1", port), timeout_s) as connection:
            connection.sendall(request)
            head = connection.recv(64)
    except OSError:
        return 0
    return int(head[9:12]) if head.startswith(b"HTTP/1.") and head[9:12].isdigit() else 0


def await_ready(
    pid: int, port: int, path: str, log: Path, *, patience_s: float = START_S, pause_s: float = 0.05
) -> None:
    """Wait until `path` is answered with 200. Raises Trouble when the process ended, or time ran out."""
    give_up = time.monotonic() + patience_s
    while get(port, path) != 200:
        if not Path(f"/proc/{pid}/fd").exists() or _is_zombie(pid):
            raise Trouble(f"{log.stem} ended before it was ready: {_last_line(log)}")
        if time.monotonic() > give_up:
            raise Trouble(f"{log.stem} was not ready after {patience_s:.0f} s: {_last_line(log)}")
        time.sleep(pause_s)


def _is_zombie(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1][:300] if lines else "it said nothing"
