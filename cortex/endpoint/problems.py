"""The problems that every client dialect tells in the same words. Pure."""

from collections.abc import Sequence

from cortex.endpoint.dialect import BadRequest, Problem

ECHO_CHARS = 60
"""How much of a client's input a message repeats: enough to recognise it, too little to leak it."""


def refuse(message: str, param: str = "", code: str = "invalid_value") -> BadRequest:
    """Make the exception for a request that is wrong at `param`; the caller raises it."""
    return BadRequest(Problem(status=400, message=f"{param}: {message}" if param else message, code=code, param=param))


def echo(text: str) -> str:
    """Return `text` short enough to be repeated to the client."""
    return text if len(text) <= ECHO_CHARS else f"{text[: ECHO_CHARS - 1]}…"


def unknown_model(model: str, nearest: Sequence[str] = ()) -> Problem:
    """Make the problem for a model that nobody has.

    Ollama's own words come first, since its clients match on them before they offer to pull a model.
    """
    message = f"model '{echo(model)}' not found"
    if nearest:
        message += f"; the nearest names are {', '.join(repr(name) for name in nearest)}"
    return Problem(status=404, message=message, code="model_not_found", param="model")
