"""The decoder of a streamed answer whose dialect has a terminal event: its bytes, however cut, as deltas. Pure.

What an event means is the reader's affair; here is what all of them share. Nothing is given after a failure or after the
end, a stream that ends before its terminal event is `malformed`, and no more than `MAX_HELD` bytes are held back.
"""

from typing import Protocol

import msgspec

from cortex.chat import Delta
from cortex.messages import Failure
from cortex.providers.foreign import UNREADABLE
from cortex.providers.sse import data_of, datas, last_end

MAX_HELD = 8 * 1024 * 1024
"""Bytes held back for one event or for tool calls; beyond it the stream is `malformed`."""

TOO_LONG = f"more than {MAX_HELD} bytes without a whole answer to show"

_DONE = b"[DONE]"
"""No document of these dialects promises one; where it comes all the same, it is passed over."""


class EventReader(Protocol):
    """Reads one answer, event by event."""

    is_finished: bool
    """The terminal event came."""

    @property
    def held_size(self) -> int:
        """Bytes of what was read and is not given yet."""
        ...

    def read(self, text: bytes) -> list[Delta | Failure]:
        """Return what one event says; a failure is the last item."""
        ...


class EventDecoder:
    """See the module's docstring."""

    def __init__(self, reader: EventReader, terminal: str) -> None:
        """Make one that reads with `reader`, which is its own; `terminal` names the event that a cut stream lacks."""
        self._reader = reader
        self._terminal = terminal
        self._rest = b""
        self._failed = False
        self.finished = False

    def feed(self, data: bytes) -> list[Delta | Failure]:
        """Return what `data` completes, in order; nothing after a failure or the end."""
        if self._failed or self.finished:
            return []
        data = self._rest + data if self._rest else data
        end = last_end(data)
        self._rest = data[end:]
        deltas = self._read(datas(data[:end])) if end else []
        if len(self._rest) + self._reader.held_size > MAX_HELD and not self._failed:
            self._failed = True
            deltas.append(Failure("malformed", TOO_LONG))
        return deltas

    def close(self) -> list[Delta | Failure]:
        """Say that the stream ended; a last event without its blank line counts when its JSON is whole."""
        if self._failed or self.finished:
            return []
        last = data_of(self._rest)
        deltas = self._read([last]) if closes(last) else []
        if not self.finished and not self._failed:
            self._failed = True
            deltas.append(Failure("malformed", f"the stream ended without {self._terminal}"))
        return deltas

    def _read(self, found: list[bytes]) -> list[Delta | Failure]:
        deltas: list[Delta | Failure] = []
        for text in found:
            if text == _DONE:
                continue
            deltas += self._reader.read(text)
            self.finished = self._reader.is_finished
            self._failed = bool(deltas) and isinstance(deltas[-1], Failure)
            if self._failed or self.finished:
                break
        return deltas


def closes(text: bytes) -> bool:
    """Tell whether `text` is a whole JSON object; one that is cut anywhere is none."""
    try:
        msgspec.json.decode(text, type=dict[str, msgspec.Raw])
    except UNREADABLE:
        return False
    return True
