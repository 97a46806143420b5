"""`cortex top`: the tree, live."""

import os
import sys
import time

import click

from cortex.commands.client import Client
from cortex.commands.options import json_option, with_client
from cortex.commands.trouble import EXIT_GOOD, EXIT_NOT

SNAPSHOT = "/cortex/v1/snapshot"


@click.command(
    epilog="Ends with 0 when left. Without a terminal: one picture; 1 when something is not well, 3 when no daemon runs."
)
@json_option
@with_client
def top(client: Client, *, as_json: bool) -> None:
    """Watch the tree, live.

    Every actor with its state, load, speed and restarts, and what happens; the numbers are those of the page. The key ?
    lists the keys. Without a terminal one picture is printed.
    """
    answer = client.get(SNAPSHOT, "rows")
    if not as_json and _is_terminal():
        from cortex.commands.top_loop import watch  # noqa: PLC0415  rich takes longer to import than all the rest

        sys.exit(watch(client, answer.value))
    if as_json:
        click.echo(answer.body.rstrip())
    else:
        from cortex.commands.top_picture import frame  # noqa: PLC0415  the same

        click.echo("\n".join(frame(answer.value, time.time())))
    summary = answer.value["summary"]
    sys.exit(EXIT_GOOD if summary["status"] == "healthy" and not summary["problems"] else EXIT_NOT)


def _is_terminal() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"
