"""Models by workers as lines. Pure: objects of the daemon in, lines out.

A line a pair and not a column a worker: a terminal is too narrow for more than a few workers beside each other.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from cortex.commands.columns import Cell, aligned
from cortex.commands.figures import count, seconds
from cortex.commands.marks import IDLE, OK

Facts = Mapping[str, Any]

_HEADINGS = ("model", "worker", "state", "context", "first token", "speed", "price per million", "also called")


def matrix(models: Iterable[Facts]) -> list[str]:
    """Return a line for each worker that has a model, headings above; or a sentence where nobody has any."""
    rows = [row for model in models for row in _rows(model)]
    if not rows:
        return ["no worker has said yet which models it has"]
    return aligned([[Cell(heading, IDLE) for heading in _HEADINGS], *rows])


def _rows(model: Facts) -> Iterator[list[Cell]]:
    name, aliases = model["name"], ", ".join(model["aliases"])
    for worker, has in model["workers"].items() or [("nobody now", {})]:
        loaded, context, speed = has.get("loaded"), has.get("context_length"), has.get("tokens_per_s")
        yield [
            Cell(name, is_bold=True),
            Cell(worker),
            Cell("● loaded" if loaded else "○ available" if has else "", OK if loaded else None),
            Cell(count(context) if context else ""),
            Cell(seconds(has["first_token_s"]) if has.get("first_token_s") else ""),
            Cell(f"{count(round(speed))} tokens/s" if speed else ""),
            Cell(_price(has.get("price"))),
            Cell(aliases),
        ]
        name = aliases = ""


def _price(price: Facts | None) -> str:
    """Say a price in USD; that of what costs nothing, and of what nobody knows, too."""
    if price is None:
        return ""
    if not (price["input"] or price["output"]):
        return "no cost"
    return f"${price['input']:g} in, ${price['output']:g} out"
