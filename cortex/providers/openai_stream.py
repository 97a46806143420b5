"""A streamed answer of an OpenAI-like server: as deltas (`StreamDecoder`), or let through as it is (`StreamPassage`).

Both read events with the same `Reader`; the passage also decides which bytes may go. Before the commit, and wherever
a tool call is open, each event is parsed and held. After the commit most chunks are nothing but text: a handful of
searches over the raw bytes shows that no event in them can finish, fail, count or call, and the chunk goes on as it is
(0.3 µs an event where 32 come at once). That is sound, since a quote inside a JSON string is escaped: `"error"` in the
bytes is a key, or a string that is exactly that word, and then parsing tells.

What is never let through: an event cut in two, an error (the caller writes its own), the usage event that only Córtex
asked for, anything after the end.
"""

from collections.abc import Sequence
from typing import Literal

from cortex.chat import Delta, FinishReason, Usage
from cortex.messages import Failure
from cortex.providers.errors import Rule
from cortex.providers.openai_answer import Reader
from cortex.providers.sse import Event, data_of, datas, event_at, is_whole, last_end
from cortex.providers.sse_decoder import MAX_HELD, TOO_LONG, closes

_DONE = b"[DONE]"
_FINISH = b'"finish_reason"'
_USAGE = b'"usage"'
_DONE_EVENT = b"data: [DONE]\n\n"
_OBJECT = b"data: {"
_CUT = "the stream ended without a finish reason"


class StreamDecoder:
    """One streamed answer, turned into deltas as its bytes come, whatever way they are cut."""

    def __init__(self, rules: Sequence[Rule], seed: str, *, has_many_choices: bool = False) -> None:
        """Make one that classifies errors by `rules`; `seed` goes into made-up ids."""
        self._reader = Reader(rules, seed)
        self._has_many = has_many_choices
        self._rest = b""
        self._ended = False
        self.finished = False

    def feed(self, data: bytes) -> list[Delta | Failure]:
        """Return what `data` completes, in order; nothing after a failure or `[DONE]`."""
        if self._ended:
            return []
        data = self._rest + data if self._rest else data
        end = last_end(data)
        self._rest = data[end:]
        deltas = self._read(datas(data[:end]))
        if len(self._rest) > MAX_HELD and not self._ended:
            deltas.append(self._fail(Failure("malformed", TOO_LONG)))
        return deltas

    def close(self) -> list[Delta | Failure]:
        """Say that the stream ended; a last event without its blank line counts when its JSON is whole."""
        if self._ended:
            return []
        deltas = self._read(datas(_last(self._rest)))
        self.finished = self.finished or (self._reader.is_finished and not self._ended)
        if not self._ended and not self.finished:
            deltas.append(self._fail(Failure("malformed", _CUT)))
        self._ended = True
        return deltas

    def _read(self, found: list[bytes]) -> list[Delta | Failure]:
        deltas: list[Delta | Failure] = []
        for text in found:
            is_done = text == _DONE
            new = self._reader.done() if is_done else self._reader.read(text)
            if new and isinstance(new[-1], Failure):
                if self.finished:
                    continue  # the answer is whole; what comes after cannot change that
                self._fail(new[-1])
            deltas += new
            if self._ended:
                break
            self.finished = is_done or (self._reader.is_finished and not self._has_many)
            self._ended = is_done
        return deltas

    def _fail(self, failure: Failure) -> Failure:
        self._ended = True
        return failure


class StreamPassage:
    """One streamed answer let through to a client of the OpenAI dialect: whole events only, untouched.

    `finished` is true from the finish reason on (with several choices, from `[DONE]` or the end of the stream); usage
    and `[DONE]` may follow it and should be fed.
    """

    def __init__(self, rules: Sequence[Rule], seed: str, *, wants_usage: bool, has_many_choices: bool = False) -> None:
        """Make one; with `has_many_choices` every event is parsed, since one choice may end long before another."""
        self._reader = Reader(rules, seed)
        self._wants_usage = wants_usage
        self._has_many = has_many_choices
        self._finish_null, self._usage_null = _null_forms(b"")
        self._rest = b""
        self._held: list[bytes] = []
        self._held_size = 0
        self._done = False
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
            if not end:
                return b""
        if self._flows() and self._is_quiet(data):
            return data
        return self._watched(data)

    def close(self) -> bytes:
        """Say that the stream ended: `[DONE]` is written where the answer is whole and the upstream left it out."""
        if self._is_over():
            return b""
        last = self._watched(_last(self._rest))
        if self._is_over():
            return last
        if not self._reader.is_finished:
            self._fail(Failure("malformed", _CUT))
            return last
        self.finished = self._done = True
        return last + _DONE_EVENT

    def _is_quiet(self, data: bytes) -> bool:
        """Tell whether no event of `data` can be anything but more text."""
        return (
            b'"error"' not in data
            and b'"tool_calls"' not in data
            and _DONE not in data
            and data.count(_FINISH) == data.count(self._finish_null)
            and (_USAGE not in data or data.count(_USAGE) == data.count(self._usage_null))
            and _is_objects(data)
        )

    def _quiet_size(self, data: bytes) -> int:
        """Return how many bytes of `data`, from its start, are events as `_is_quiet` means them."""
        if not _is_objects(data):
            return 0
        marks = [data.find(mark) for mark in (b'"error"', b'"tool_calls"', _DONE)]
        marks += [_first_set(data, _FINISH, self._finish_null), _first_set(data, _USAGE, self._usage_null)]
        return last_end(data[: min((at for at in marks if at >= 0), default=len(data))])

    def _watched(self, data: bytes) -> bytes:
        """Parse event by event what is not quiet, and return what may go."""
        gone: list[bytes] = []
        at = 0
        has_skipped = False
        while at < len(data) and not self._is_over():
            if self._flows() and not has_skipped:  # once: where every event is loud, looking again would be quadratic
                has_skipped = True
                quiet = self._quiet_size(data[at:])
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
        """Tell whether quiet events may go without being parsed."""
        return self.committed and not self._held and not self._has_many

    def _take(self, event: Event) -> None:
        """Read one event and hold its bytes."""
        is_done = event.data == _DONE
        deltas = self._reader.done() if is_done else self._reader.read(event.data) if event.data else []
        if deltas and isinstance(deltas[-1], Failure):
            if not self.finished:  # a whole answer is not spoilt by what comes after
                self._fail(deltas[-1])
            return
        self.usage = next((delta for delta in reversed(deltas) if isinstance(delta, Usage)), self.usage)
        self.finished = is_done or (self._reader.is_finished and not self._has_many)
        self._done = is_done
        if self._wants_usage or not self._reader.read_only_usage or not event.data or is_done:
            self._hold(event.raw)
        if not self.committed and self._reader.has_content:
            self._finish_null, self._usage_null = _null_forms(event.data)

    def _hold(self, raw: bytes) -> None:
        self._held.append(raw)
        self._held_size += len(raw)
        if self._held_size > MAX_HELD:
            self._fail(Failure("malformed", TOO_LONG))

    def _may_go(self) -> bool:
        if self.failure is not None or self._reader.is_holding:
            return False
        self.committed = self.committed or self._reader.has_content or self.finished
        return self.committed

    def _is_over(self) -> bool:
        return self._done or self.failure is not None

    def _fail(self, failure: Failure) -> None:
        self.failure = failure
        self.finished = False
        self._held.clear()
        self._rest = b""


class RewordedPassage(StreamPassage):
    """One streamed answer let through but for some words: all that `feed` returns is whole events, so none is cut."""

    def __init__(
        self,
        words: Sequence[tuple[bytes, bytes]],
        rules: Sequence[Rule],
        seed: str,
        *,
        wants_usage: bool,
        has_many_choices: bool = False,
    ) -> None:
        """Make one; `words` are pairs of what to replace and with what, each a key and value with their quotes."""
        super().__init__(rules, seed, wants_usage=wants_usage, has_many_choices=has_many_choices)
        self._words = words

    def feed(self, data: bytes) -> bytes:
        """Return the bytes that may go to the client now, reworded."""
        return reworded(super().feed(data), self._words)

    def close(self) -> bytes:
        """Say that the stream ended."""
        return reworded(super().close(), self._words)


def reworded(data: bytes, words: Sequence[tuple[bytes, bytes]]) -> bytes:
    """Return whole JSON texts with some of their keys' values exchanged.

    That is sound without parsing: inside a JSON string a quote is escaped, so `"key":"value"` stands only where it is one.
    """
    for theirs, ours in words:
        data = data.replace(theirs, ours)
    return data


def _is_objects(data: bytes) -> bool:
    """Tell whether each event is one line that begins as an object does; what is not so plain is parsed."""
    ends = data.count(b"\n")
    return data.startswith(_OBJECT) and (ends == 2 or ends == 2 * data.count(b"\n\ndata: {") + 2)


def _null_forms(event: bytes) -> tuple[bytes, bytes]:
    """Return finish reason and usage as they stand in a quiet event: null, as this server writes it.

    Python servers write `: null` by default, others `:null`; one that leaves the key out has no null to count.
    """
    gap = b": null" if b'"finish_reason": ' in event else b":null"
    return _FINISH + gap, _USAGE + gap


def _first_set(data: bytes, key: bytes, null: bytes) -> int:
    """Return where `key` first stands with a value, -1 for nowhere; 0 where that is not plain from a few searches."""
    nulls = data.count(null)
    at = data.find(key, data.rfind(null) + len(null) if nulls else 0)
    if at < 0:
        return -1 if data.count(key) == nulls else 0
    return at if data.count(key, 0, at) == nulls else 0


def _last(rest: bytes) -> bytes:
    """Return a last event that lacks only its blank line, with it: `[DONE]`, or JSON that closes; else nothing.

    An object that is cut anywhere does not close.
    """
    data = data_of(rest)
    return rest.rstrip(b"\r\n") + b"\n\n" if data == _DONE or closes(data) else b""
