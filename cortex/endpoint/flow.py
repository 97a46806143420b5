"""One streamed answer across two dialects: upstream bytes in, client bytes out, event by event.

It has the same face as `providers.base.Passage`, so the relay does not know which of the two it drives.
"""

import re
from collections.abc import Callable, Iterable
from typing import Literal, TypeVar

from cortex.chat import Delta, Finish, FinishReason, ReasoningDelta, TextDelta, ToolCall, Usage
from cortex.endpoint.dialect import Renderer
from cortex.messages import Failure
from cortex.providers.base import Decoder, Passage

T = TypeVar("T")

CALL = re.compile(rb'"tool_calls"\s*:\s*\[\s*\{|"function_call"\s*:\s*\{|"type"\s*:\s*"tool_use"')
"""How a call of a tool begins in the clients' dialects; text that says the same has its quotes escaped."""


Holds = Literal["", "calls", "all"]
"""What of an answer is held back until it is whole: nothing, all that comes from the first tool call on, or all of it."""


Judge = Callable[[FinishReason], Failure | None]
"""Says whether an answer that is whole, says nothing and ended for that reason is an answer, or a failure."""


class Translation:
    """See the module's docstring."""

    def __init__(
        self,
        decoder: Decoder,
        renderer: Renderer,
        *,
        is_one_call: bool = False,
        holds: Holds = "",
        limit: int = 0,
        judge: "Judge | None" = None,
    ) -> None:
        """Let `decoder` read and `renderer` write; `is_one_call` keeps only the first tool call of each choice.

        An answer that is whole and says nothing is left to `judge`.

        What `holds` says is held back, up to `limit` bytes of the upstream's; what is longer goes as it comes.
        """
        self._calls: set[int] | None = set() if is_one_call else None
        self._decoder = decoder
        self.renderer = renderer
        self._holds = holds
        self._judge = judge
        self._is_holding = holds == "all"
        self._room = limit
        self._held: list[Delta] = []
        self.said: list[Delta] | None = []
        """What went to the client; None from when on nobody wants it."""
        self.committed = False
        self.failure: Failure | None = None
        self.usage: Usage | None = None

    @property
    def finished(self) -> bool:
        """The upstream's terminal event came."""
        return self._decoder.finished

    @property
    def silent(self) -> FinishReason | Literal[""]:
        """Return nothing: that was judged before anything was written."""
        return ""

    def feed(self, data: bytes) -> bytes:
        """Return what may go to the client now."""
        if self._is_holding:
            self._room -= len(data)
        return self._take(self._decoder.feed(data))

    def close(self) -> bytes:
        """Say that the upstream's stream ended; the client's is ended too when the answer is whole."""
        out = self._take(self._decoder.close())
        if self.failure is not None or not self.finished:
            return out
        return out + self.renderer.close()

    def _take(self, items: list[Delta | Failure]) -> bytes:
        for item in items if self._calls is None else first_calls(items, self._calls):
            if isinstance(item, Failure):
                self.failure = item
                break
            if self._is_no_answer(item):
                break
            if isinstance(item, Usage):
                self.usage = item
            elif is_content(item):
                self.committed = True
                if self._holds and isinstance(item, ToolCall):
                    self._is_holding = True
            self._held.append(item)
        if not self.committed or not self._held:
            return b""
        if self._is_holding and self._room > 0 and not self.finished:
            return b""
        deltas, self._held = self._held, []
        if self.said is not None:
            self.said += deltas
        return self.renderer.render(deltas)

    def _is_no_answer(self, item: Delta) -> bool:
        """Whether it ends an answer that says nothing and is to be taken for a failure."""
        if isinstance(item, Finish) and not self.committed and self._judge is not None:
            self.failure = self._judge(item.reason)
        return self.failure is not None


class HeldPassage:
    """A passage of which is held back until it is whole what `Holds` says. It has a passage's face."""

    def __init__(self, passage: Passage, holds: Holds, limit: int) -> None:
        """Hold back `limit` bytes at most; what is longer goes as it comes."""
        self._passage = passage
        self._is_holding = holds == "all"
        self._limit = limit
        self._held: list[bytes] = []
        self._size = 0

    @property
    def committed(self) -> bool:
        """Content came, though it may be held back."""
        return self._passage.committed

    @property
    def finished(self) -> bool:
        """The upstream's terminal event came."""
        return self._passage.finished

    @property
    def silent(self) -> FinishReason | Literal[""]:
        """Why an answer ended that is whole and says nothing; empty for any other."""
        return self._passage.silent

    @property
    def failure(self) -> Failure | None:
        """Why it is not whole."""
        return self._passage.failure

    @property
    def usage(self) -> Usage | None:
        """What it took."""
        return self._passage.usage

    def feed(self, data: bytes) -> bytes:
        """Return the bytes that may go to the client now."""
        return self._checked(self._passage.feed(data))

    def close(self) -> bytes:
        """Say that the stream ended."""
        return self._checked(self._passage.close())

    def _checked(self, out: bytes) -> bytes:
        if not self._is_holding:
            if not out or CALL.search(out) is None:
                return out
            self._is_holding = True
        self._held.append(out)
        self._size += len(out)
        if not self.finished and self._size <= self._limit:
            return b""
        whole = b"".join(self._held)
        self._held.clear()
        return whole


Flow = Passage | HeldPassage | Translation


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
