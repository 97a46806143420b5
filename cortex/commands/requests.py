"""`cortex requests`: the last requests, or the story of one."""

import sys
import time
from urllib.parse import quote

import click

from cortex.commands.client import Answer, Client
from cortex.commands.options import complete_request, json_option, with_client
from cortex.commands.story import story, table
from cortex.commands.trouble import EXIT_GOOD, EXIT_NOT, Refused, WrongUse


@click.command(epilog="Ends with 0; with 1 for an ID whose request failed, with 2 for one that is not remembered.")
@click.argument("request_id", metavar="[ID]", required=False, shell_complete=complete_request)
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="The last so many.")
@json_option
@with_client
def requests(client: Client, request_id: str | None, *, limit: int, as_json: bool) -> None:
    """Show the last requests, the newest first.

    With an ID the story of one: who tried and how long, who else could have had it, what it cost.
    """
    if request_id is None:
        answer = client.get(f"/cortex/v1/requests?limit={limit}", "requests")
        lines, is_good = table(answer.value["requests"], time.time()), True
    else:
        answer = _one(client, request_id)
        lines, is_good = story(answer.value, time.time()), answer.value["outcome"] in {"", "ok"}
    click.echo(answer.body.rstrip() if as_json else "\n".join(lines))
    sys.exit(EXIT_GOOD if is_good else EXIT_NOT)


def _one(client: Client, request_id: str) -> Answer:
    try:
        return client.get(f"/cortex/v1/requests/{quote(request_id, safe='')}", "outcome")
    except Refused as refused:
        if refused.status == 404:
            raise WrongUse(refused.message) from None
        raise
