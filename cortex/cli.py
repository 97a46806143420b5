"""The command line: data to stdout, talk to stderr, and an exit code for scripts.

Each verb is a click command in a module of its own below `cortex.commands`, and is imported when it is called for: all
of them together take longer to import than `cortex status` may take to answer.
"""

import os
import sys
from importlib import import_module
from io import TextIOWrapper

import click

from cortex import __version__

VERBS = {
    "run": "run",
    "check": "check",
    "status": "status",
    "top": "top",
    "events": "events",
    "requests": "requests",
    "keys": "keys",
    "models": "models",
    "chat": "chat",
    "cache": "cache",
    "evaluate": "evaluate",
    "gameday": "gameday",
    "drain": "actions",
    "resume": "actions",
    "rest": "actions",
    "probe": "actions",
    "restart": "actions",
}
"""Verb → its module, in the order of the help."""


class Verbs(click.Group):
    """The group of all verbs."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the verbs in the order of the table."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a verb."""
        module = VERBS.get(cmd_name)
        if module is None:
            return None
        command = getattr(import_module(f"cortex.commands.{module}"), cmd_name)
        assert isinstance(command, click.Command)  # noqa: S101  the table is wrong otherwise
        return command


HELP = """Córtex: one supervised endpoint in front of your Ollama machines and your free API keys.

\b
  cortex run --demo     try it with simulated upstreams
  cortex chat           ask it something, from another terminal"""

EPILOG = """\b
Exit codes: 0 good, 1 not, 2 wrong use, 3 not running.
Completion: eval "$(_CORTEX_COMPLETE=bash_source cortex)", or zsh_source, or fish_source."""


@click.command(
    cls=Verbs,
    help=HELP,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=EPILOG,
)
@click.version_option(__version__, prog_name="cortex")
@click.pass_context
def cli(context: click.Context) -> None:
    """Settle what holds for every verb."""
    if os.environ.get("NO_COLOR"):  # https://no-color.org: any value but the empty one
        context.color = False


def main() -> None:
    """Run the command line; the console script."""
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without ● shows ? instead of a stack trace
    cli(prog_name="cortex")
