"""A streamed answer of Cohere, as deltas. Pure.

Server-sent events with a type in the data itself (the `event:` line repeats it and is not read). Usage and the finish
reason come only in `message-end`, and nothing but that is an end; a `[DONE]`, which no document promises and Cohere's own SDK
tolerates (7.3.1, Nov 2026), is passed over.
"""

import msgspec

from cortex.chat import Delta
from cortex.messages import Failure
from cortex.providers.cohere_answer import Reader
from cortex.providers.foreign import UNREADABLE
from cortex.providers.sse import data_of, datas, last_end

MAX_HELD = 8 * 1024 * 1024
"""Bytes held back for one event or for tool calls; beyond it the stream is `malformed`."""

_DONE = b"[DONE]"
_CUT = "the stream ended without message-end"
_TOO_LONG = f"more than {MAX_HELD} bytes without a whole answer to show"


class StreamDecoder:
    """One streamed answer, turned into deltas as its bytes come, whatever way they are cut."""

    def __init__(self, seed: str) -> None:
        """Make one; `seed` goes into made-up ids."""
        self._reader = Reader(seed)
        self._rest = b""
        self._failed = False
        self.finished = False
        """The event `message-end` came."""

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
            deltas.append(Failure("malformed", _TOO_LONG))
        return deltas

    def close(self) -> list[Delta | Failure]:
        """Say that the stream ended; a last event without its blank line counts when its JSON is whole."""
        if self._failed or self.finished:
            return []
        last = data_of(self._rest)
        deltas = self._read([last]) if _closes(last) else []
        if not self.finished and not self._failed:
            self._failed = True
            deltas.append(Failure("malformed", _CUT))
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


def _closes(text: bytes) -> bool:
    try:
        msgspec.json.decode(text, type=dict[str, msgspec.Raw])
    except UNREADABLE:
        return False
    return True
