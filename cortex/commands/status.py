"""`cortex status`: the tree, or one actor. It answers within 150 ms, Python's own start included."""

import json
import sys

import click

from cortex.commands import tree
from cortex.commands.client import Answer, Client, worker_path
from cortex.commands.marks import is_good
from cortex.commands.names import actor_named
from cortex.commands.options import complete_worker, json_option, with_client
from cortex.commands.sheet import sheet
from cortex.commands.trouble import EXIT_GOOD, EXIT_NOT, Refused


@click.command(epilog="Ends with 0 when all is well, 1 when something is not, 3 when no daemon runs.")
@click.argument("name", required=False, shell_complete=complete_worker)
@json_option
@with_client
def status(client: Client, name: str | None, *, as_json: bool) -> None:
    """Show the supervision tree, or one actor whole."""
    if name:
        answer = _one(client, name)
        lines = sheet(answer.value)
        good = is_good(answer.value["state"]) or answer.value["state"] == "running"
    else:
        answer = client.get("/cortex/v1/tree", "tree")
        whole = answer.value
        lines = [tree.summary(whole, client.url), "", *tree.branches(whole["tree"]), *tree.problems(whole["problems"])]
        good = whole["status"] == "healthy" and not whole["problems"]
    click.echo(answer.body.rstrip() if as_json else "\n".join(lines))
    sys.exit(EXIT_GOOD if good else EXIT_NOT)


def _one(client: Client, name: str) -> Answer:
    """Ask for a worker, or find another actor of that name in the tree."""
    try:
        return client.get(worker_path(name), "state")
    except Refused as refused:
        if refused.status != 404:
            raise
        actor = actor_named(client, name)
        return Answer(json.dumps(actor).encode(), actor)
