"""One streamed answer across two dialects: upstream bytes in, client bytes out, event by event.

It has the same face as `providers.base.Passage`, so the relay does not know which of the two it drives.
"""

from collections.abc import Iterable
from typing import TypeVar

from cortex.chat import Delta, Finish, ReasoningDelta, TextDelta, ToolCall, Usage
from cortex.endpoint.dialect import Renderer
from cortex.messages import Failure
from cortex.providers.base import Decoder

T = TypeVar("T")


class Translation:
    """See the module's docstring."""

    def __init__(self, decoder: Decoder, renderer: Renderer, *, is_one_call: bool = False) -> None:
        """Let `decoder` read and `renderer` write; `is_one_call` keeps only the first tool call of each choice."""
        self._calls: set[int] | None = set() if is_one_call else None
        self._decoder = decoder
        self._renderer = renderer
        self._held: list[Delta] = []
        self.committed = False
        self.failure: Failure | None = None
        self.usage: Usage | None = None

    @property
    def finished(self) -> bool:
        """The upstream's terminal event came."""
        return self._decoder.finished

    def feed(self, data: bytes) -> bytes:
        """Return what may go to the client now."""
        return self._take(self._decoder.feed(data))

    def close(self) -> bytes:
        """Say that the upstream's stream ended; the client's is ended too when the answer is whole."""
        out = self._take(self._decoder.close())
        if self.failure is not None or not self.finished:
            return out
        return out + self._renderer.close()

    def _take(self, items: list[Delta | Failure]) -> bytes:
        for item in items if self._calls is None else first_calls(items, self._calls):
            if isinstance(item, Failure):
                self.failure = item
                break
            if isinstance(item, Usage):
                self.usage = item
            elif is_content(item):
                self.committed = True
            self._held.append(item)
        if not self.committed or not self._held:
            return b""
        deltas, self._held = self._held, []
        return self._renderer.render(deltas)


def first_calls(items: Iterable[T], seen: set[int]) -> list[T]:
    """Return `items` without the second and later tool calls of a choice; `seen` holds the choices that had one."""
    kept = []
    for item in items:
        if isinstance(item, ToolCall):
            if item.choice in seen:
                continue
            seen.add(item.choice)
        kept.append(item)
    return kept


def is_content(delta: Delta) -> bool:
    """Whether a client that has got this has got something of the answer; an answer may be whole and empty."""
    match delta:
        case TextDelta(text=text) | ReasoningDelta(text=text):
            return bool(text)
        case ToolCall() | Finish():
            return True
        case _:
            return False
