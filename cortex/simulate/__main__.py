"""`python -m cortex.simulate --ollama 11500 --gemini 11600`: simulated upstreams alone, for tests by hand."""

import argparse
import asyncio
import contextlib
import signal
import sys
from collections.abc import Mapping

from cortex.simulate import (
    Quota,
    SimulatedAnthropic,
    SimulatedCohere,
    SimulatedGemini,
    SimulatedGroq,
    SimulatedOllama,
    SimulatedOpenAI,
    SimulatedServer,
)
from cortex.simulate.cloud import SimulatedCloud

CLOUDS: Mapping[str, type[SimulatedCloud]] = {
    kind.dialect: kind
    for kind in (SimulatedOpenAI, SimulatedGemini, SimulatedCohere, SimulatedGroq, SimulatedAnthropic)
}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m cortex.simulate", description="Simulated upstreams.")
    parser.add_argument("--ollama", type=int, action="append", default=[], metavar="PORT", help="an Ollama machine")
    for dialect in CLOUDS:
        about = f"a cloud that speaks as {CLOUDS[dialect].__name__.removeprefix('Simulated')} does"
        parser.add_argument(f"--{dialect}", type=int, action="append", default=[], metavar="PORT", help=about)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--api-key", help="what the clouds ask for; nothing, unless given")
    parser.add_argument("--requests-per-minute", type=int, help="the quota of each cloud key")
    parser.add_argument("--tokens-per-s", type=float, default=50.0)
    parser.add_argument("--load-s", type=float, default=2.0, help="how long an Ollama loads a model")
    parser.add_argument("--slots", type=int, default=1, help="how many requests an Ollama runs at once")
    arguments = parser.parse_args()
    kinds = ("ollama", *CLOUDS)
    if not any(getattr(arguments, kind) for kind in kinds):
        parser.error(f"nothing to simulate: give {', '.join(f'--{kind} PORT' for kind in kinds)}")
    return arguments


def _upstreams(arguments: argparse.Namespace) -> list[tuple[SimulatedServer, int]]:
    machines: list[tuple[SimulatedServer, int]] = [
        (
            SimulatedOllama(
                name=f"ollama-{port}",
                load_s=arguments.load_s,
                slots=arguments.slots,
                tokens_per_s=arguments.tokens_per_s,
            ),
            port,
        )
        for port in arguments.ollama
    ]
    quota = Quota(requests_per_minute=arguments.requests_per_minute)
    clouds: list[tuple[SimulatedServer, int]] = [
        (
            kind(
                name=f"{dialect}-{port}",
                keys=arguments.api_key,
                quota=quota,
                tokens_per_s=arguments.tokens_per_s,
            ),
            port,
        )
        for dialect, kind in CLOUDS.items()
        for port in getattr(arguments, dialect)
    ]
    return machines + clouds


async def _serve(arguments: argparse.Namespace) -> None:
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    async with contextlib.AsyncExitStack() as stack:
        for upstream, port in _upstreams(arguments):
            await upstream.start(arguments.host, port)
            stack.push_async_callback(upstream.stop)
            models = ", ".join(model.name for model in upstream.models)
            print(f"{upstream.dialect} {upstream.url} ({models}); faults: POST {upstream.origin}/simulate/fault")  # noqa: T201  it is a command
        await ended.wait()


def main() -> int:
    """Run until SIGINT or SIGTERM; return 1 when a port is taken."""
    try:
        asyncio.run(_serve(_arguments()))
    except OSError as error:
        print(f"cortex.simulate: {error}", file=sys.stderr)  # noqa: T201  it is a command
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
