"""`cortex cache stats` and `cortex cache clear`: the kept answers."""

import json
from collections.abc import Mapping
from typing import Any

import click

from cortex.commands.client import Client
from cortex.commands.columns import Cell, aligned
from cortex.commands.options import json_option, with_client
from cortex.config.units import duration


@click.group()
def cache() -> None:
    """Look at the kept answers, or forget them."""


@cache.command()
@json_option
@with_client
def stats(client: Client, *, as_json: bool) -> None:
    """Show what is kept, how often it was of use, and what that spared."""
    answer = client.get("/cortex/v1/cache", "requests")
    lines = [json.dumps(answer.value)] if as_json else aligned(_rows(answer.value))
    for line in lines:
        click.echo(line)


@cache.command()
@with_client
def clear(client: Client) -> None:
    """Forget every answer, in memory and on the disk."""
    cleared = client.post("/cortex/v1/cache/clear")["cleared"]
    click.echo(f"forgot {cleared} answer{'' if cleared == 1 else 's'} in memory, and those on the disk")


def _rows(facts: Mapping[str, Any]) -> list[list[Cell]]:
    requests, ratio, oldest_s = facts["requests"], facts["hit_ratio"], facts["oldest_s"]
    state = f"on, {facts['when']} requests, for {duration(facts['ttl_s'])}" if facts["enabled"] else "off"
    rows = {
        "cache": state,
        "requests": ", ".join(f"{requests[name]} {name}" for name in ("hit", "shared", "miss", "bypass")),
        "hit ratio": "no request could be kept yet" if ratio is None else f"{100 * ratio:.0f} %",
        "in memory": f"{facts['answers_in_memory']} answers, {_size(facts, 'memory')}",
        "on disk": _size(facts, "disk"),
        "oldest": "none" if oldest_s is None else duration(oldest_s),
        "saved": f"${facts['saved_usd']:.4f}",
    }
    return [[Cell(name), Cell(value)] for name, value in rows.items()]


def _size(facts: Mapping[str, Any], tier: str) -> str:
    return f"{facts['bytes'][tier] / 1e6:.1f} of {facts['limit_bytes'][tier] / 1e6:.0f} MB"
