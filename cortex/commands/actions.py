"""`cortex drain`, `resume`, `rest`, `probe`, `restart`: what a person may do to a worker. They print its new state."""

import sys
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import click

from cortex.commands.client import Client
from cortex.commands.marks import is_good, mark
from cortex.commands.names import actor_named, worker_named
from cortex.commands.options import complete_worker, with_client
from cortex.commands.trouble import EXIT_GOOD, EXIT_NOT, Refused
from cortex.config.units import seconds

Find = Callable[[Client, str], Any]

_name_argument = click.argument("name", shell_complete=complete_worker)


class _Duration(click.ParamType[str]):
    """A duration as the settings file writes it; it goes to the daemon as it is."""

    name = "duration"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            seconds(value)
        except ValueError:
            self.fail(f"expected a duration such as 90s or 2h, found {value[:40]!r}", param, ctx)
        return value


@click.command()
@_name_argument
@with_client
def drain(client: Client, name: str) -> None:
    """Give a worker no new work; what it runs ends."""
    _show(name, _act(client, name, "drain"))


@click.command()
@_name_argument
@with_client
def resume(client: Client, name: str) -> None:
    """Let a worker work again.

    Whatever kept it from it: a drain, a rest, a retired key, an open breaker.
    """
    _show(name, _act(client, name, "resume"))


@click.command()
@_name_argument
@click.option("--for", "how_long", type=_Duration(), help="Such as 90s or 2h.  [default: until it is resumed]")
@with_client
def rest(client: Client, name: str, *, how_long: str | None) -> None:
    """Give a worker no new work for a while."""
    _show(name, _act(client, name, "rest", f"?for={quote(how_long)}" if how_long else ""))


@click.command()
@_name_argument
@with_client
def probe(client: Client, name: str) -> None:
    """Look at a worker's upstream now.

    Only questions that cost nothing are asked. Ends with 1 if the worker is not ready then.
    """
    state = _show(name, _act(client, name, "probe"))
    sys.exit(EXIT_GOOD if is_good(state) else EXIT_NOT)


@click.command()
@_name_argument
@with_client
def restart(client: Client, name: str) -> None:
    """Restart a worker, or any other actor.

    No running answer is lost.
    """
    _show(name, _act(client, name, "restart", find=actor_named))


def _act(client: Client, name: str, action: str, query: str = "", *, find: Find = worker_named) -> str:
    """Have it done and return the new state; a name that nobody has is answered with those there are."""
    try:
        return str(client.act(name, action, query)["state"])
    except Refused as refused:
        if refused.status == 404:
            find(client, name)
        raise


def _show(name: str, state: str) -> str:
    shown = mark(state)
    click.echo(f"{name}  {click.style(shown.text, fg=shown.colour)}")
    return state
