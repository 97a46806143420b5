"""scripts/simulate-routing: every strategy over one trace of requests against one simulated fleet, as a table."""

import argparse
import gc
import sys
import time

from cortex.routing.registry import OWN

from .decision import decision_us
from .figures import Figures, as_json, figures, table
from .trace import trace
from .world import World


def options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="scripts/simulate-routing", description=__doc__)
    parser.add_argument("--requests", type=int, default=100_000, metavar="N")
    parser.add_argument("--seed", type=int, default=1, metavar="S")
    parser.add_argument("--load", type=float, default=1.0, metavar="X", help="times 20,000 requests a day")
    parser.add_argument("--strategy", choices=OWN, action="append", help="only this one; may be repeated")
    parser.add_argument(
        "--without",
        choices=("affinity", "warmth", "paid"),
        action="append",
        default=[],
        help="affinity: Córtex does not know conversations; warmth: nor what is in memory; paid: there are no keys that cost",
    )
    parser.add_argument("--decision", action="store_true", help="only what one decision costs among 500 workers")
    parser.add_argument("--json", action="store_true", help="one object a line, for programs")
    return parser.parse_args()


def main() -> int:
    """Simulate, and write the table."""
    chosen = options()
    names = chosen.strategy or list(OWN)
    if chosen.decision:
        for name in names:
            print(f"{name}: {decision_us(OWN[name]):.0f} µs")
        return 0
    asks = trace(chosen.requests, chosen.seed, chosen.load)
    gc.freeze()
    rows: list[Figures] = []
    for name in names:
        began_s = time.perf_counter()
        world = World(
            OWN[name],
            seed=chosen.seed,
            has_affinity="affinity" not in chosen.without,
            tells_warmth="warmth" not in chosen.without,
            has_paid="paid" not in chosen.without,
        )
        world.run(asks)
        rows.append(figures(name, world))
        print(f"{name}: {time.perf_counter() - began_s:.0f} s, {rows[-1].refused or 'all answered'}", file=sys.stderr)
    print(as_json(rows) if chosen.json else table(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
