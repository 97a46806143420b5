"""`cortex events`: what happened, and with --follow what happens."""

import json
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import click

from cortex.commands.client import Client
from cortex.commands.happened import LEVELS, level_of, line
from cortex.commands.options import with_client
from cortex.commands.trouble import EXIT_GOOD, Refused, Trouble

PATH = "/cortex/v1/events"
SILENCE_S = 40.0
"""Between two signs of life, of which the daemon gives one every 15 s."""
LATEST = 20
"""Events that a stream begins with, though they were before it."""
WAIT_S, LONGEST_WAIT_S = 0.25, 5.0

Facts = Mapping[str, Any]


@click.command(epilog="Ends with 0, also after Ctrl-C; 3 when no daemon runs.")
@click.option("--follow", "-f", is_flag=True, help="Go on with each event as it happens, and connect again when cut.")
@click.option("--level", type=click.Choice(LEVELS), default=LEVELS[0], show_default=True, help="Leave out the quieter.")
@click.option("--limit", type=click.IntRange(1, 200), default=LATEST, show_default=True, help="The last so many.")
@click.option("--requests", "with_requests", is_flag=True, help="With --follow, each request that ended too.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
@with_client
def events(client: Client, *, follow: bool, level: str, limit: int, with_requests: bool, as_json: bool) -> None:
    """Show what happened to the workers and actors.

    Crashes, rests, breakers, edits of the settings, and what somebody did to them.
    """

    def show(event: Facts) -> None:
        click.echo(json.dumps(event) if as_json else line(event, time.time()))

    least = LEVELS.index(level)
    if not follow:
        whole = client.get("/cortex/v1/snapshot", "events").value["events"]
        for event in [each for each in whole if level_of(each) >= least][-limit:]:
            show(event)
        return
    try:
        for event in following(client):
            if level_of(event) >= least and (with_requests or event.get("event") != "request"):
                show(event)
    except KeyboardInterrupt:
        sys.exit(EXIT_GOOD)


class Seen:
    """What was shown before a connection was lost, so that a new one, which begins with the last, shows none twice."""

    def __init__(self) -> None:
        self._latest: deque[Facts] = deque(maxlen=LATEST)
        self._repeated = 0

    def again(self) -> None:
        """Expect the last events once more."""
        self._repeated = LATEST

    def is_new(self, event: Facts) -> bool:
        """Note an event; False for one that was there before."""
        if event.get("event") == "request":  # never among those that a stream begins with
            return True
        self._repeated -= 1
        if self._repeated >= 0 and event in self._latest:
            return False
        self._latest.append(event)
        return True


def following(client: Client, sleep: Callable[[float], None] = time.sleep) -> Iterator[Facts]:
    """Yield each event for ever; what keeps it from that is said, and tried again.

    Raises Trouble where there was never a connection, and where another would be refused too.
    """
    seen, tries, was_there = Seen(), 0, False
    while True:
        try:
            with client.listen(PATH, SILENCE_S) as stream:
                if was_there:
                    _aside(f"the Córtex at {client.url} is there again")
                was_there, tries = True, 0
                seen.again()
                yield from filter(seen.is_new, read(stream.lines()))
            trouble = Refused("the stream of events ended")
        except Trouble as what:
            if not was_there or (isinstance(what, Refused) and 400 <= what.status < 500):
                raise
            trouble = what if isinstance(what, Refused) else Refused(f"no Córtex at {client.url}")
        if tries == 0:
            _aside(f"{trouble.message}; trying again until it is there")
        sleep(min(LONGEST_WAIT_S, WAIT_S * 2**tries))
        tries = min(tries + 1, 10)


def read(lines: Iterator[str]) -> Iterator[Facts]:
    """Yield the events of a stream; what is none is passed over."""
    for each in lines:
        field, _, value = each.partition(":")
        if field != "data":
            continue
        try:
            event = json.loads(value)
        except ValueError:
            continue
        if isinstance(event, dict):
            yield event


def _aside(text: str) -> None:
    click.echo(f"cortex: {text}", err=True)
