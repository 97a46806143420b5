"""Remembering thought signatures for clients that do not carry them.

Gemini 3 and newer want the signature of a tool call back with that call, and answer 400 without it; most clients drop
what they do not know (Bifrost #1437, AstrBot #9217, 2026). So Córtex keeps each under its call's id. A client without
ids (Ollama's) sends the call itself back, and is found by a digest of its name and arguments; where two calls with one
digest were kept, neither is given, since it could be another client's thought: a lost signature costs little (the
request says so with a placeholder), a foreign one would bend the answer. Pure.
"""

import hashlib

import msgspec
from msgspec import Struct

from cortex.chat import ToolCall
from cortex.providers.foreign import UNREADABLE

MAX_CALLS = 10_000
MAX_BYTES = 32 * 1024 * 1024
"""Of signatures; one is some kilobytes long."""


class _Kept(Struct, frozen=True):
    signature: str
    digest: bytes


class Signatures:
    """The signatures of the newest calls, bounded in number and in bytes."""

    def __init__(self, max_calls: int = MAX_CALLS, max_bytes: int = MAX_BYTES) -> None:
        """Make an empty memory; the oldest call goes out first."""
        self._max_calls = max_calls
        self._max_bytes = max_bytes
        self._bytes = 0
        self._kept: dict[str, _Kept] = {}
        self._ids: dict[bytes, set[str]] = {}

    def __repr__(self) -> str:
        return f"<Signatures of {len(self._kept)} calls, {self._bytes} bytes>"

    def keep(self, call: ToolCall) -> None:
        """Remember `call.signature`; a call without one, or with one above all bounds, is passed over."""
        if not call.signature or len(call.signature) > self._max_bytes:
            return
        self._drop(call.id)
        digest = _digest(call)
        self._kept[call.id] = _Kept(call.signature, digest)
        self._ids.setdefault(digest, set()).add(call.id)
        self._bytes += len(call.signature)
        while len(self._kept) > self._max_calls or self._bytes > self._max_bytes:
            self._drop(next(iter(self._kept)))

    def of(self, call: ToolCall) -> str:
        """Return the signature that came with `call`, by its id, else by its name and arguments; empty for unknown."""
        kept = self._kept.get(call.id)
        if kept is None and self._kept:
            alike = self._ids.get(_digest(call), ())
            kept = self._kept[next(iter(alike))] if len(alike) == 1 else None
        return kept.signature if kept else ""

    def _drop(self, call_id: str) -> None:
        kept = self._kept.pop(call_id, None)
        if kept is None:
            return
        self._bytes -= len(kept.signature)
        alike = self._ids[kept.digest]
        alike.discard(call_id)
        if not alike:
            del self._ids[kept.digest]


def _digest(call: ToolCall) -> bytes:
    """Return what two spellings of one call share, whatever their ids, white space and order of keys."""
    try:
        arguments = msgspec.json.encode(msgspec.json.decode(call.arguments or "{}"), order="deterministic")
    except UNREADABLE:
        arguments = call.arguments.encode(errors="replace")
    return hashlib.blake2b(call.name.encode(errors="replace") + b"\0" + arguments, digest_size=16).digest()


SIGNATURES = Signatures()
"""One memory for all workers: whichever of them gave a call, the next step may come to another."""
