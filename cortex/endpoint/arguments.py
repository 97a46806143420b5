"""The arguments of a tool call in the one form that every dialect can carry: an object, on one line. Pure."""

from typing import Any

import msgspec
from msgspec import DecodeError


def object_text(arguments: str) -> str:
    """Return `arguments` as the JSON text of an object, without line breaks or spaces between its tokens.

    Small models write arguments that are no JSON, and a client sends those back in its history beside the tool's
    complaint. To refuse them would end that conversation for good, so they are kept as the one value of an object.

    >>> object_text('{"city": "Graz"}'), object_text(""), object_text("Graz")
    ('{"city":"Graz"}', '{}', '{"arguments":"Graz"}')
    """
    if not arguments.strip():
        return "{}"
    try:
        msgspec.json.decode(arguments, type=dict[str, Any])
        return msgspec.json.format(arguments, indent=-1)
    except (DecodeError, RecursionError):
        return msgspec.json.encode({"arguments": arguments}).decode()
