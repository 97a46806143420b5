"""The programs that a run needs: found, or installed where that is allowed, or named in one line with what is missing.

Debian's packages are installed when this runs as root; LiteLLM and py-spy get an environment of their own each, in
.bench/, made once and used again.
"""

import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

from machine import Trouble

ROOT = Path(__file__).resolve().parents[2]
KEPT = ROOT / ".bench"

DEBIAN = {"nginx": "nginx-light", "haproxy": "haproxy", "wrk": "wrk"}
LITELLM = "litellm[proxy]==1.108.7"
PY_SPY = "py-spy==0.4.3"
INSTALL_S = 1800.0


class Tools(NamedTuple):
    """Where each program is; None where it is not wanted or cannot be had."""

    nginx: Path
    wrk: Path
    cortex: Path
    haproxy: Path | None = None
    litellm: Path | None = None
    missing: dict[str, str] = {}  # noqa: RUF012  never written to
    """Gateway → why it is skipped."""

    def versions(self) -> dict[str, str]:
        """Ask each for its version."""
        asked = {"nginx": [self.nginx, "-v"], "haproxy": [self.haproxy, "-v"], "wrk": [self.wrk, "-v"]}
        asked |= {"cortex": [self.cortex, "--version"]}
        lines = {name: _first_line(command) for name, command in asked.items() if command[0]}
        return lines | ({"litellm": LITELLM.partition("==")[2]} if self.litellm else {})


def find(wanted: Collection[str]) -> Tools:
    """Find the programs for the gateways in `wanted`. Raises Trouble without what every run needs."""
    names = ["nginx", "wrk", *(["haproxy"] if "haproxy" in wanted else [])]
    _install_debian([name for name in names if _program(name) is None])
    found = {name: _program(name) for name in names}
    lacking = [DEBIAN[name] for name in ("nginx", "wrk") if found[name] is None]
    if lacking:
        raise Trouble(f"{' and '.join(lacking)} is needed: apt-get install {' '.join(lacking)}")
    cortex = ROOT / ".venv" / "bin" / "cortex"
    if not cortex.exists():
        raise Trouble(f"{cortex} is not there: run scripts/venv first")
    missing = {}
    if "haproxy" in wanted and found["haproxy"] is None:
        missing["haproxy"] = "not installed: apt-get install haproxy"
    litellm = _from_pypi("litellm", LITELLM) if "litellm" in wanted else None
    if "litellm" in wanted and litellm is None:
        missing["litellm"] = f"pip could not install {LITELLM} (what it said is above)"
    assert found["nginx"] is not None
    assert found["wrk"] is not None
    return Tools(found["nginx"], found["wrk"], cortex, found.get("haproxy"), litellm, missing)


def py_spy() -> Path | None:
    """Return the sampling profiler, installed if need be; None when it cannot be had."""
    return _from_pypi("py-spy", PY_SPY)


def _program(name: str) -> Path | None:
    """Look in the folders of a superuser too: Debian keeps nginx and haproxy there."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    return Path(found) if found else None


def _install_debian(names: list[str]) -> None:
    if not names or os.geteuid() != 0 or shutil.which("apt-get") is None:
        return
    packages = [DEBIAN[name] for name in names]
    print(f"installing {' '.join(packages)} …", file=sys.stderr)
    env = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update"], ["install", "-y", "--no-install-recommends", *packages]):
        subprocess.run(["apt-get", "-q", *command], env=env, stdout=sys.stderr, check=False, timeout=INSTALL_S)


def _from_pypi(name: str, requirement: str) -> Path | None:
    """Return the program `name` of an environment that holds `requirement` and nothing else."""
    folder = KEPT / name
    program, stamp = folder / "bin" / name, folder / ".installed"
    if program.exists() and stamp.exists() and stamp.read_text() == requirement:
        return program
    print(f"installing {requirement} into {folder} (once) …", file=sys.stderr)
    venv.create(folder, with_pip=True, clear=True)
    pip = [folder / "bin" / "python", "-m", "pip", "--quiet", "--disable-pip-version-check", "install", requirement]
    if subprocess.run(pip, stdout=sys.stderr, check=False, timeout=INSTALL_S).returncode:
        return None
    stamp.write_text(requirement)
    return program


def _first_line(command: list[Path | str | None]) -> str:
    ran = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False, timeout=20)
    return (ran.stdout or ran.stderr).strip().splitlines()[0].removeprefix("nginx version: ")
