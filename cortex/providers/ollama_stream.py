"""A streamed answer of Ollama: as deltas (`StreamDecoder`), or let through as it is (`StreamPassage`).

NDJSON, an object a line. After the commit a chunk in whose bytes neither `"done":true` nor `"error"` stands, and whose lines
all look like objects, holds nothing but more of the answer and goes on as it came; a quote inside a JSON string is escaped, so
nothing that a model says can look like either key. (The arguments of a tool call are an object and may hold such a key:
then parsing tells.)
"""

from collections.abc import Sequence
from typing import Literal

from cortex.chat import Delta, FinishReason, Usage
from cortex.messages import Failure
from cortex.providers.errors import Rule
from cortex.providers.ollama_answer import Reader

MAX_HELD = 8 * 1024 * 1024
"""Bytes held back before the commit or for one line; Ollama's own clients stop at the same length."""

_LOUD = (b'"error"', b'"done":true', b'"done": true')
_CUT = "the stream ended without done: true"
_TOO_LONG = f"more than {MAX_HELD} bytes without a whole answer to show"


class StreamDecoder:
    """One streamed answer, turned into deltas as its bytes come, whatever way they are cut."""

    def __init__(self, rules: Sequence[Rule], seed: str) -> None:
        """Make one that classifies errors by `rules`; `seed` goes into made-up ids."""
        self._reader = Reader(rules, seed)
        self._rest = b""
        self._failed = False
        self.finished = False
        """The line with `done: true` came."""

    def feed(self, data: bytes) -> list[Delta | Failure]:
        """Return what `data` completes, in order; nothing after a failure or the last line."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        deltas: list[Delta | Failure] = []
        for line in lines:
            if self._failed or self.finished:
                break
            if line.strip():
                deltas += self._read(line)
        if len(self._rest) > MAX_HELD and not self._failed:
            deltas.append(Failure("malformed", _TOO_LONG))
            self._failed = True
        return deltas

    def close(self) -> list[Delta | Failure]:
        """Say that the stream ended; a last line without its line end counts when its JSON is whole."""
        if self._failed or self.finished:
            return []
        deltas = self._read(self._rest) if self._rest.rstrip().endswith(b"}") else []
        if not self.finished and not self._failed:
            deltas.append(Failure("malformed", _CUT))
            self._failed = True
        return deltas

    def _read(self, line: bytes) -> list[Delta | Failure]:
        deltas = self._reader.read(line)
        self._failed = bool(deltas) and isinstance(deltas[-1], Failure)
        self.finished = self._reader.is_finished
        return deltas


class StreamPassage:
    """One streamed answer let through to a client of Ollama's dialect: whole lines only, untouched."""

    def __init__(self, rules: Sequence[Rule], seed: str) -> None:
        """Make one that classifies errors by `rules`; `seed` is not seen, since ids go through as they are."""
        self._reader = Reader(rules, seed)
        self._rest = b""
        self._held: list[bytes] = []
        self._held_size = 0
        self.committed = False
        self.finished = False
        """The line with `done: true` came."""
        self.failure: Failure | None = None
        self.usage: Usage | None = None

    @property
    def silent(self) -> FinishReason | Literal[""]:
        """Why an answer ended that is whole and says nothing; empty for any other."""
        return self._reader.reason if self.finished and not self._reader.has_content else ""

    def feed(self, data: bytes) -> bytes:
        """Return the bytes that may go to the client now."""
        if self.failure is not None or self.finished:
            return b""
        if self._rest:
            data = self._rest + data
        if data.endswith(b"\n"):
            self._rest = b""
        else:
            end = data.rfind(b"\n") + 1
            data, self._rest = data[:end], data[end:]
            if len(self._rest) > MAX_HELD:
                self.failure = Failure("malformed", _TOO_LONG)
                return b""
        if not self.committed:
            return self._watched(data)
        if b'"error"' not in data and b'"done":true' not in data and b'"done": true' not in data and _is_objects(data):
            return data
        quiet = _quiet_size(data) if _is_objects(data) else 0
        return data[:quiet] + self._watched(data[quiet:])

    def close(self) -> bytes:
        """Say that the stream ended; a last line without its line end goes when its JSON is whole."""
        if self.failure is not None or self.finished:
            return b""
        rest = self._rest.rstrip()
        last = self._watched(rest + b"\n") if rest.endswith(b"}") else b""
        if not self._is_over():
            self.failure = Failure("malformed", _CUT)
        return last

    def _watched(self, data: bytes) -> bytes:
        """Parse each line, and return those that may go."""
        gone: list[bytes] = []
        for line in data.splitlines(keepends=True):
            self._take(line)
            if self.failure is None and (self._reader.has_content or self.finished):
                self.committed = True
                gone += self._held
                self._held.clear()
            if self._is_over():
                break
        return b"".join(gone)

    def _is_over(self) -> bool:
        return self.finished or self.failure is not None

    def _take(self, line: bytes) -> None:
        """Read one line and hold its bytes."""
        deltas = self._reader.read(line) if line.strip() else []
        if deltas and isinstance(deltas[-1], Failure):
            self.failure = deltas[-1]
            self._held.clear()
            return
        self.finished = self._reader.is_finished
        self.usage = next((delta for delta in deltas if isinstance(delta, Usage)), self.usage)
        self._held.append(line)
        self._held_size += len(line)
        if self._held_size > MAX_HELD and not self.committed:
            self.failure = Failure("malformed", _TOO_LONG)


def _is_objects(data: bytes) -> bool:
    """Tell whether each line begins as an object does; what does not, a proxy's page say, is parsed."""
    lines = data.count(b"\n")
    return data.startswith(b"{") and (lines == 1 or lines == data.count(b"\n{") + 1)


def _quiet_size(data: bytes) -> int:
    """Return how many bytes of `data`, from its start, are lines without a mark."""
    first = min((at for at in map(data.find, _LOUD) if at >= 0), default=len(data))
    return data.rfind(b"\n", 0, first) + 1
