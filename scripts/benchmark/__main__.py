"""scripts/bench: what Córtex costs, beside the direct way, HAProxy and LiteLLM's proxy, each pinned to one core.

Data on stdout: the tables, then one line of JSON (or the JSON in a file, with --json). Exit code 0 when every target
is reached, 1 when one is missed, or others were too busy to tell, 2 for wrong use.
"""

import argparse
import json
import signal
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from types import FrameType

import footprint
import gateways
import machine
import report
import rounds
import sampling
import targets
import tools as programs
import upstreams
from gateways import Gateway
from machine import Cores, Trouble
from report import Report
from targets import BURST, PACED, SMALL_32, Measured
from tools import Tools

OPEN_FILES = 16_384


def options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="scripts/bench", description=(__doc__ or "").split(":", 1)[1].strip())
    parser.add_argument("--quick", action="store_true", help="two short rounds: a first impression")
    parser.add_argument(
        "--only", type=_names, default=(), metavar="A,B", help=f"of {', '.join(gateways.NAMES)}; direct always runs"
    )
    parser.add_argument("--without", type=_names, default=(), metavar="A,B", help="all but these")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the JSON there instead of to stdout")
    parser.add_argument(
        "--profile", action="store_true", help="sample Córtex under load, also when every target is reached"
    )
    parser.add_argument("--force", action="store_true", help="measure on a busy machine; the report is marked")
    return parser.parse_args()


def _names(text: str) -> tuple[str, ...]:
    names = tuple(text.split(","))
    wrong = [name for name in names if name not in gateways.NAMES]
    if wrong:
        raise argparse.ArgumentTypeError(f"expected some of {', '.join(gateways.NAMES)}, found {', '.join(wrong)}")
    return names


def main() -> int:
    """Run the benchmark."""
    wanted = options()
    signal.signal(signal.SIGTERM, _interrupted)
    try:
        made = bench(wanted)
    except Trouble as trouble:
        print(f"bench: {trouble}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("bench: interrupted; everything that it started has been ended", file=sys.stderr)
        return 130
    print("\n".join(report.as_text(made)))
    text = json.dumps(report.as_json(made), ensure_ascii=False)
    if wanted.json:
        wanted.json.write_text(text + "\n")
    else:
        print(text)
    return int(any(target.state in {"missed", "disturbed"} for target in made.targets))


def _interrupted(_: int, __: FrameType | None) -> None:
    raise KeyboardInterrupt


def bench(wanted: argparse.Namespace) -> Report:
    """Find the programs, see that the machine is quiet, measure, judge. Raises Trouble."""
    names = [
        name
        for name in gateways.NAMES
        if name == "direct" or (name in (wanted.only or gateways.NAMES) and name not in wanted.without)
    ]
    cores = Cores.assign()
    tools = programs.find(names)
    machine.open_files(OPEN_FILES)
    disturbance = machine.who_disturbs(cores)
    if disturbance and not wanted.force:
        raise Trouble(f"{disturbance}; no report from a busy machine (--force measures all the same, and marks it)")
    marks = [f"forced on a busy machine: {disturbance}"] if disturbance else []
    plan = rounds.QUICK if wanted.quick else rounds.FULL
    began_at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    skipped = {name: "not asked for" for name in gateways.NAMES if name not in names} | tools.missing
    names = [name for name in names if name not in skipped]
    with tempfile.TemporaryDirectory(prefix="cortex-bench-") as folder:
        measured, profiles = _measure(names, skipped, plan, cores, Path(folder), tools, always_profile=wanted.profile)
    marks += report.marks_of(list(measured.results.values()))
    return Report(
        machine.description(), tools.versions(), began_at, marks, skipped, measured, targets.judge(measured), profiles
    )


def _measure(
    names: list[str],
    skipped: dict[str, str],
    plan: rounds.Plan,
    cores: Cores,
    folder: Path,
    tools: Tools,
    *,
    always_profile: bool,
) -> tuple[Measured, list[sampling.Profile]]:
    """Start everything and measure it; a gateway that does not start is added to `skipped`, unless it is Córtex."""
    with ExitStack() as stack:
        upstream = stack.enter_context(upstreams.started(cores, folder, tools.nginx))
        start_s = footprint.start_s(cores, folder, tools, upstream) if "cortex" in names else None
        running: dict[str, Gateway] = {}
        for name in names:
            try:
                running[name] = stack.enter_context(gateways.started(name, cores, folder, tools, upstream))
            except Trouble as trouble:
                if name == "cortex":
                    raise
                skipped[name] = str(trouble)
        idle = footprint.idle(list(running.values()))
        results = rounds.run_all(list(running.values()), plan, cores, folder, tools)
        memory = {name: footprint.after(running[name], idle_mb, cores, folder) for name, idle_mb in idle.items()}
        cortex = running.get("cortex")
        status_s, trouble = _status(cortex, cores, folder, tools)
        by_place = {(result.gateway, result.load): result for result in results}
        measured = Measured(by_place, memory, start_s, status_s, trouble)
        missed = any(target.state == "missed" and target.unit == "µs" for target in targets.judge(measured))
        profiles = []
        if cortex is not None and (always_profile or missed):
            made = (sampling.profile(cortex, load, cores, folder, tools) for load in (SMALL_32, BURST, PACED))
            profiles = [profile for profile in made if profile is not None]
        return measured, profiles


def _status(cortex: Gateway | None, cores: Cores, folder: Path, tools: Tools) -> tuple[float | None, str]:
    if cortex is None:
        return None, ""
    try:
        return footprint.status_s(cortex, cores, folder, tools), ""
    except Trouble as trouble:
        return None, str(trouble)


if __name__ == "__main__":
    sys.exit(main())
