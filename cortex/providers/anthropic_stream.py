"""A streamed answer of Anthropic let through as it is. As deltas it is read by `sse_decoder`.

Both read events with the same `Reader`; the passage also decides which bytes may go. Before the commit, and wherever a
call of a tool is open, each event is parsed and held. After the commit nearly all events are pieces of text or of
thinking: when each `data:` of a chunk begins as such a piece does, nothing in it can end, fail, count or call, and it
goes on as it is. That is sound, since the type stands first in what Anthropic sends, a line break inside a JSON string
is escaped, and a text that speaks of `data:` only makes its chunk be parsed.

What is never let through: an event cut in two, an error (the caller writes its own), a call that is not whole but for
one that the bound on the answer's length cut, why an answer ends without its end, anything after the end.
"""

from typing import Literal

from cortex.chat import FinishReason, Usage
from cortex.messages import Failure
from cortex.providers.anthropic_answer import Reader
from cortex.providers.sse import Event, data_of, event_at, is_whole, last_end
from cortex.providers.sse_decoder import MAX_HELD, TOO_LONG, closes

_DATA = b"data:"
_PIECE = b'data: {"type":"content_block_delta",'
_CUT = "the stream ended without message_stop"


class StreamPassage:
    """One streamed answer let through to a client of the Anthropic dialect: whole events only, untouched."""

    def __init__(self, seed: str) -> None:
        """Make one; `seed` goes into made-up ids, which nobody sees."""
        self._reader = Reader(seed)
        self._rest = b""
        self._held: list[bytes] = []
        self._held_size = 0
        self.committed = False
        self.finished = False
        self.failure: Failure | None = None
        self.usage: Usage | None = None

    @property
    def silent(self) -> FinishReason | Literal[""]:
        """Why an answer ended that is whole and says nothing; empty for any other."""
        return self._reader.reason if self.finished and not self._reader.has_content else ""

    def feed(self, data: bytes) -> bytes:
        """Return the bytes that may go to the client now."""
        if self._is_over():
            return b""
        if self._rest:
            data = self._rest + data
        if is_whole(data):
            self._rest = b""
        else:
            end = last_end(data)
            data, self._rest = data[:end], data[end:]
            if len(self._rest) > MAX_HELD:
                self._fail(Failure("malformed", TOO_LONG))
                return b""
        return self._watched(data)

    def close(self) -> bytes:
        """Say that the stream ended; a last event without its blank line gets one when its JSON is whole."""
        if self._is_over():
            return b""
        last = self._watched(_last(self._rest))
        if not self._is_over():
            self._fail(Failure("malformed", _CUT))
        return last

    def _watched(self, data: bytes) -> bytes:
        """Parse event by event what is more than a piece, and return what may go."""
        gone: list[bytes] = []
        at = 0
        has_skipped = False
        while at < len(data) and not self._is_over():
            if not has_skipped and self._flows():  # once: where no event is a piece, looking again would be quadratic
                has_skipped = True
                quiet = _quiet_size(data[at:])
                if quiet == len(data):
                    return data
                gone.append(data[at : at + quiet])
                at += quiet
                continue
            event = event_at(data, at)
            at += len(event.raw)
            self._take(event)
            if self._may_go():
                gone += self._held
                self._held.clear()
                self._held_size = 0
        return b"".join(gone)

    def _flows(self) -> bool:
        """Tell whether pieces may go without being parsed."""
        return self.committed and not self._held

    def _take(self, event: Event) -> None:
        """Read one event and hold its bytes."""
        deltas = self._reader.read(event.data) if event.data else []
        self.usage = self._reader.usage
        if deltas and isinstance(deltas[-1], Failure):
            self._fail(deltas[-1])
            return
        self.finished = self._reader.is_finished
        self._held.append(event.raw)
        self._held_size += len(event.raw)
        if self._held_size > MAX_HELD:
            self._fail(Failure("malformed", TOO_LONG))

    def _may_go(self) -> bool:
        if self.failure is not None or self._reader.is_holding or self._reader.is_ending:
            return False
        self.committed = self.committed or self._reader.has_content or self.finished
        return self.committed

    def _is_over(self) -> bool:
        return self.finished or self.failure is not None

    def _fail(self, failure: Failure) -> None:
        self.failure = failure
        self.finished = False
        self._held.clear()
        self._rest = b""


def _quiet_size(data: bytes) -> int:
    """Return how many bytes of `data`, from its start, are events that are nothing but pieces of text or thinking."""
    at = data.find(_DATA)
    while at >= 0 and data.startswith(_PIECE, at):
        at = data.find(_DATA, at + len(_PIECE))
    return len(data) if at < 0 else last_end(data[:at])


def _last(rest: bytes) -> bytes:
    """Return a last event that lacks only its blank line, with it; nothing where its JSON does not close."""
    return rest.rstrip(b"\r\n") + b"\n\n" if closes(data_of(rest)) else b""
