"""`cortex keys`: what is left of each key."""

import time

import click

from cortex.commands.client import Client
from cortex.commands.options import json_option, with_client
from cortex.commands.quota import keys_told


@click.command()
@json_option
@with_client
def keys(client: Client, *, as_json: bool) -> None:
    """Show each key and machine: its quota, a bar a window, when that begins anew, and what was used today."""
    answer = client.get("/cortex/v1/keys", "keys")
    click.echo(answer.body.rstrip() if as_json else "\n".join(keys_told(answer.value["keys"], time.time())))
