"""Finding an actor by the name that somebody typed."""

from collections.abc import Iterable
from typing import Any

from cortex.commands.client import Client
from cortex.commands.tree import actors
from cortex.commands.trouble import WrongUse


def actor_named(client: Client, name: str) -> Any:
    """Return that actor as the tree shows it. Raises WrongUse that names those there are."""
    there = list(actors(client.get("/cortex/v1/tree", "tree").value["tree"]))
    for actor in there:
        if actor["name"] == name:
            return actor
    raise unknown(name, "actor", [actor["name"] for actor in there])


def worker_named(client: Client, name: str) -> Any:
    """Return that worker as the lists show it. Raises WrongUse that names those there are."""
    there = client.get("/cortex/v1/workers", "workers").value["workers"]
    for worker in there:
        if worker["name"] == name:
            return worker
    raise unknown(name, "worker", [worker["name"] for worker in there])


def unknown(name: str, kind: str, names: Iterable[str]) -> WrongUse:
    """Return what to say to a name that nobody has."""
    from difflib import get_close_matches  # noqa: PLC0415  only a mistake needs it

    names = list(names)
    near = get_close_matches(name, names, n=1)
    meant = f" (did you mean {near[0]}?)" if near else ""
    return WrongUse(f"no {kind} '{name[:60]}'{meant}; there are: {', '.join(names) or 'none'}")
