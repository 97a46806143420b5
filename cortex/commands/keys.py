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
    """Show what is left of each key.

    A bar a window of its quota, with the time at which that begins anew or until which it rests; and what was used today.
    """
    answer = client.get("/cortex/v1/keys", "keys")
    click.echo(answer.body.rstrip() if as_json else "\n".join(keys_told(answer.value["keys"], time.time())))
