"""Names of tools and ids of calls, where this dialect and the upstreams allow different ones. Pure.

Anthropic's tools may have names of 128 characters (`mcp__server__tool`), upstreams of OpenAI's kind refuse more than 64.
Its ids of calls are of letters, digits, `_` and `-`; upstreams make any. Both are changed reversibly and without a table
that would have to be kept: a short name is made from the long one, so whoever has the tools can find it again, and a
changed id holds the true one, so it survives a restart between a call and its result.
"""

import hashlib
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable

NAME_CHARS = 64
"""The longest name of a tool that upstreams of OpenAI's kind take (OpenAI's document 2.3.0, 21 August 2026)."""

_DIGEST_CHARS = 10
_FITTING = re.compile(r"[a-zA-Z0-9_-]+")
_CHANGED = "toolu_b64_"


def short_name(name: str) -> str:
    """Return a name of at most `NAME_CHARS` characters: `name` itself, or always the same for the same one."""
    if len(name) <= NAME_CHARS:
        return name
    digest = hashlib.blake2b(name.encode(errors="replace"), digest_size=_DIGEST_CHARS // 2).hexdigest()
    return f"{name[: NAME_CHARS - _DIGEST_CHARS - 1]}_{digest}"


def true_names(names: Iterable[str]) -> dict[str, str]:
    """Return the true name for every short one; names that are short already are left out."""
    return {short_name(name): name for name in names if len(name) > NAME_CHARS}


def fitting_id(call_id: str) -> str:
    """Return the id of a call as the client sees it: itself where that fits, else one that holds it.

    >>> fitting_id("call_1"), fitting_id("functions.f:0")
    ('call_1', 'toolu_b64_ZnVuY3Rpb25zLmY6MA')
    """
    if _FITTING.fullmatch(call_id) and not call_id.startswith(_CHANGED):
        return call_id
    return _CHANGED + urlsafe_b64encode(call_id.encode(errors="replace")).decode().rstrip("=")


def true_id(tool_use_id: str) -> str:
    """Return the id that the upstream gave; one that was never changed is its own.

    >>> true_id("toolu_b64_ZnVuY3Rpb25zLmY6MA")
    'functions.f:0'
    """
    if not tool_use_id.startswith(_CHANGED):
        return tool_use_id
    held = tool_use_id.removeprefix(_CHANGED)
    try:
        return urlsafe_b64decode(held + "=" * (-len(held) % 4)).decode() or tool_use_id
    except ValueError:
        return tool_use_id  # a client's own, which only begins like ours
