"""`cortex check`: whether a settings file is good and, where that is asked, whether the workers it names are there."""

import os
import sys
from pathlib import Path

import click

from cortex.commands.options import config_of, env_file_option
from cortex.commands.trouble import EXIT_GOOD, EXIT_NOT
from cortex.config import sources
from cortex.config.model import Settings
from cortex.config.sources import Sources


@click.command(epilog="Ends with 0 when all is well, 1 when something is not, 2 when FILE is not there.")
@click.argument("file", required=False)
@env_file_option
@click.option("--probe", is_flag=True, help="Ask each worker's upstream its free questions too.")
def check(file: str | None, env_file: str, *, probe: bool) -> None:
    """Print every mistake in the settings.

    They are what FILE, .env and the environment say together, as for the daemon. FILE is $CORTEX_CONFIG or
    supervision.toml if it is not given. Nothing is contacted without --probe.
    """
    files = Sources(Path(config_of(file)), Path(env_file), dict(os.environ))
    texts = sources.read(files)
    settings = texts if isinstance(texts, list) else sources.settings(texts, files)
    if isinstance(settings, list):
        click.echo("\n".join(str(problem) for problem in settings))
        sys.exit(EXIT_NOT)
    click.echo(summary(settings, str(files.config) if files.config.exists() else "the environment"))
    for notice in settings.notices:
        click.echo(f"cortex: {notice}", err=True)
    sys.exit(_probe(settings) if probe else EXIT_GOOD)


def summary(settings: Settings, source: str) -> str:
    """Say in one line what good settings configure."""
    workers = _counted(len(settings.workers), "worker") + (
        f" ({', '.join(settings.workers)})" if settings.workers else ""
    )
    names = _counted(len(settings.models), "model name")
    server = settings.server
    host = f"[{server.host}]" if ":" in server.host else server.host
    keys = f", asks for one of {_counted(len(server.api_keys), 'key')}" if server.api_keys else ""
    return f"{source}: ok: {workers}, {names}, {settings.routing.strategy}, listens on {host}:{server.port}{keys}"


def _probe(settings: Settings) -> int:
    from cortex.commands.probing import probe_all  # noqa: PLC0415  transport and workers take 0.1 s to import

    lines, is_good = probe_all(settings)
    click.echo("\n".join(lines), nl=bool(lines))
    return EXIT_GOOD if is_good else EXIT_NOT


def _counted(count: int, what: str) -> str:
    return f"{count or 'no'} {what}{'' if count == 1 else 's'}"
