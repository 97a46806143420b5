"""A streamed answer of Gemini (`alt=sse`), as deltas.

There is no `[DONE]` and no terminal event: the end is the end of the connection, so an answer is whole only when that
came in good order and a `finishReason` (or a blocked prompt) before it. Until then `finished` stays false, even though a
finish reason has been read; `close` gives the end and the usage.
"""

from cortex.chat import Delta
from cortex.messages import Failure
from cortex.providers.gemini_answer import Reader
from cortex.providers.sse import data_of
from cortex.transport.frames import Overflow, SseSplitter


class StreamDecoder:
    """One streamed answer, turned into deltas as its bytes come, whatever way they are cut."""

    def __init__(self, reader: Reader) -> None:
        """Make one that reads with `reader`, which is its own."""
        self._reader = reader
        self._splitter = SseSplitter()
        self._ended = False
        self.finished = False

    def feed(self, data: bytes) -> list[Delta | Failure]:
        """Return what `data` completes, in order; nothing after a failure."""
        if self._ended:
            return []
        try:
            return self._read(self._splitter.feed(data))
        except Overflow as error:
            self._ended = True
            return [Failure("malformed", str(error))]

    def close(self) -> list[Delta | Failure]:
        """Say that the stream ended; a last event without its blank line counts, and so does a bare JSON error.

        One that was cut anywhere does not read as JSON, whatever finish reason stood in an earlier one.
        """
        if self._ended:
            return []
        rest = self._splitter.rest
        last = data_of(rest) or (b"" if rest.startswith(b":") else rest)
        deltas = self._read([last] if last else [])
        if not self._ended:
            deltas += self._reader.done(was_sent=True)
            self.finished = not isinstance(deltas[-1], Failure)
        self._ended = True
        return deltas

    def _read(self, events: list[bytes]) -> list[Delta | Failure]:
        deltas: list[Delta | Failure] = []
        for event in events:
            deltas += self._reader.read(event)
            if deltas and isinstance(deltas[-1], Failure):
                self._ended = True
                break
        return deltas
