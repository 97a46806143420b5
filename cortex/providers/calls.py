"""Putting a streamed tool call together: fragments in, whole calls out.

Servers disagree on everything but the arguments being text in pieces: `index` may be missing or always 0, `id` missing,
the name repeated, the arguments an object or null (LiteLLM #13333, claude-code-proxy #65; read Nov 2026). So a call is
found by index, else by order; it is given once no fragment of it can follow, and only if its arguments are the JSON of
an object. Nothing is given of a call that was cut.
"""

import hashlib
from typing import Any

import msgspec
from msgspec import Struct

from cortex.chat import ToolCall
from cortex.messages import Failure
from cortex.providers.foreign import UNREADABLE


class FunctionPart(Struct):
    """The `function` of a fragment."""

    name: str | None = None
    arguments: Any = None
    """Text as a rule; some servers send an object or null."""


class CustomPart(Struct):
    """The `custom` of a fragment: a tool whose input is bare text."""

    name: str | None = None
    input: str | None = None


class CallPart(Struct):
    """One fragment of `tool_calls`; a whole answer has one a call."""

    index: int | None = None
    id: str | None = None
    function: FunctionPart | None = None
    custom: CustomPart | None = None


def made_id(seed: str, choice: int, position: int) -> str:
    """Return the id of a call whose upstream gave none; the same for the same place in the same answer."""
    digest = hashlib.blake2b(f"{seed}/{choice}/{position}".encode(), digest_size=8)
    return f"call_{digest.hexdigest()}"


def object_text(arguments: str | bytes) -> str | None:
    """Return `arguments` when it is the JSON of an object, `{}` for nothing or null, and None for anything else.

    Bytes as they came may not even be text.

    >>> object_text(""), object_text('{"a":1}'), object_text('{"a":')
    ('{}', '{"a":1}', None)
    """
    try:
        text = arguments if isinstance(arguments, str) else arguments.decode()
        if text.strip() in {"", "null"}:
            return "{}"
        msgspec.json.decode(text, type=dict[str, msgspec.Raw])
    except UNREADABLE:
        return None
    return text


class _Call:
    """A call that is being put together."""

    __slots__ = ("custom", "given", "id", "index", "name", "pieces")

    def __init__(self, index: int | None) -> None:
        self.index = index
        self.id = ""
        self.name = ""
        self.pieces: list[str] = []
        self.custom = False
        self.given = False

    def arguments(self) -> str | None:
        text = "".join(self.pieces)
        return msgspec.json.encode({"input": text}).decode() if self.custom else object_text(text)

    def is_closed(self) -> bool:
        """Tell whether its arguments are whole already; a call without any may still get some."""
        return not self.custom and any(self.pieces) and self.arguments() is not None

    def add(self, part: CallPart) -> None:
        self.id = self.id or part.id or ""
        if part.custom is not None:
            self.custom = True
            self.name = self.name or part.custom.name or ""
            self.pieces.append(part.custom.input or "")
        elif part.function is not None:
            self.name = self.name or part.function.name or ""
            self.pieces.append(_piece(part.function.arguments))


class Assembler:
    """The tool calls of one answer, over all its choices."""

    def __init__(self, seed: str) -> None:
        """Make one; `seed` goes into the ids that must be made up."""
        self._seed = seed
        self._calls: dict[int, list[_Call]] = {}

    @property
    def is_open(self) -> bool:
        """A call was begun that has not been given."""
        return any(not call.given for calls in self._calls.values() for call in calls)

    def seen(self, choice: int) -> bool:
        """Tell whether `choice` has called a tool at all."""
        return bool(self._calls.get(choice))

    def add(self, choice: int, part: CallPart) -> list[ToolCall | Failure]:
        """Take one fragment; return the calls before it that it shows to be whole."""
        calls = self._calls.setdefault(choice, [])
        call = _continued(calls, part)
        whole: list[ToolCall | Failure] = []
        if call is None:
            whole = [
                self._give(choice, at) for at, earlier in enumerate(calls) if not earlier.given and earlier.is_closed()
            ]
            call = _Call(part.index)
            calls.append(call)
        elif call.given and part.function is not None and _piece(part.function.arguments).strip():
            return [Failure("malformed", f"the arguments of the call of {call.name} went on after they were whole")]
        call.add(part)
        return whole

    def close(self, choice: int, *, cut: bool = False) -> list[ToolCall | Failure]:
        """Return the calls of `choice` that were still open, when it is complete.

        One whose arguments are no JSON object is a failure, or is left out when the upstream itself says that it was
        `cut` by the bound on the answer's length.
        """
        left = [at for at, call in enumerate(self._calls.get(choice, ())) if not call.given]
        given = (self._give(choice, at) for at in left)
        return [call for call in given if not cut or isinstance(call, ToolCall)]

    def _give(self, choice: int, at: int) -> ToolCall | Failure:
        call = self._calls[choice][at]
        call.given = True
        arguments = call.arguments()
        if arguments is None:
            return Failure("malformed", f"the arguments of the call of {call.name or 'a tool'} are no JSON object")
        if not call.name:
            return Failure("malformed", "a tool call has no name")
        return ToolCall(call.id or made_id(self._seed, choice, at), call.name, arguments, choice)


def _continued(calls: list[_Call], part: CallPart) -> _Call | None:
    """Return the call that `part` goes on with, or None when it begins one."""
    name = (part.function and part.function.name) or (part.custom and part.custom.name)
    if part.index is None:
        call = calls[-1] if calls else None
    else:
        call = next((call for call in reversed(calls) if call.index == part.index), None)
    if call is None or not name or not call.name:
        return call
    if part.id and call.id:
        return call if part.id == call.id else None
    repeated = part.function is None or not _piece(part.function.arguments) or not call.is_closed()
    return call if repeated and (name == call.name or part.index is not None) else None


def _piece(arguments: Any) -> str:
    if arguments is None:
        return ""
    return arguments if isinstance(arguments, str) else msgspec.json.encode(arguments).decode()
