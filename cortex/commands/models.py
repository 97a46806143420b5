"""`cortex models`: who has which model."""

import click

from cortex.commands.client import Client
from cortex.commands.matrix import matrix
from cortex.commands.options import json_option, with_client


@click.command()
@json_option
@with_client
def models(client: Client, *, as_json: bool) -> None:
    """Show who has which model.

    A line a model and worker: in memory or not, how fast, at what price; and what else the model is called.
    """
    answer = client.get("/cortex/v1/models", "models")
    click.echo(answer.body.rstrip() if as_json else "\n".join(matrix(answer.value["models"])))
