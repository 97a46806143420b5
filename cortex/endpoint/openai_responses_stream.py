"""One streamed response as OpenAI's typed server-sent events. Pure.

Every event says its type twice, as SSE's `event` and in its data, and has a number that grows by one. The first two tell
that the response has begun, the last one brings it whole; there is no `[DONE]`. One that breaks off ends, as OpenAI's
own do, with `error` and then `response.failed`: the official SDK raises at the former (at any event with a truthy
`error`), Codex and others wait for the latter.
"""

from collections.abc import Callable, Iterable
from typing import Any

import msgspec
from msgspec import Raw

from cortex.chat import Delta, Usage
from cortex.endpoint.dialect import Problem
from cortex.endpoint.openai_responses_output import Event, Output
from cortex.endpoint.openai_responses_shape import Envelope, is_incomplete
from cortex.endpoint.openai_shape import error_of
from cortex.endpoint.openai_stream import comment_of

_encode = msgspec.json.Encoder().encode


class ResponsesRenderer:
    """Writes the events; `now` is the wall clock in seconds, for when the response was completed."""

    def __init__(self, envelope: Envelope, output: Output, now: Callable[[], float]) -> None:
        self._envelope = envelope
        self._output = output
        self._now = now
        self._number = 0

    @property
    def has_begun(self) -> bool:
        """Events have been written: the client has heard of this answer."""
        return self._number > 0

    def render(self, deltas: list[Delta]) -> bytes:
        """Return the events for `deltas`."""
        events: list[bytes] = []
        for delta in deltas:
            if not isinstance(delta, Usage):
                events.append(self._opened())
            events.append(self._events(self._output.take(delta)))
        return b"".join(events)

    def go_on(self, sent: bytes, said: list[Delta]) -> None:
        """Count as written what was `said`: this API is always translated, so whoever wrote it wrote as this does."""
        del sent  # part of the protocol
        self.render(said)

    def close(self) -> bytes:
        """Return the last event, which brings the whole response."""
        output = self._output
        before = self._opened() + self._events(output.end())
        last = "response.incomplete" if is_incomplete(output.finish) else "response.completed"
        response = self._envelope.ended(output.finish, output.items, output.usage, int(self._now()))
        return before + self._event(last, {"response": response})

    def comment(self, text: str) -> bytes:
        """Return a comment."""
        return comment_of(text)

    def error(self, problem: Problem) -> bytes:
        """Return the events that end the stream as an error."""
        flat = {"code": problem.code or None, "message": problem.message, "param": problem.param or None}
        failed: Raw = self._envelope.failed(problem, self._output.items)
        events = [("error", flat | error_of(problem)), ("response.failed", {"response": failed})]
        return self._opened() + self._events(events)

    def _opened(self) -> bytes:
        """Return what opens the stream, or nothing where it is open."""
        if self.has_begun:
            return b""
        response = self._envelope.in_progress()
        return self._events(
            [("response.created", {"response": response}), ("response.in_progress", {"response": response})]
        )

    def _events(self, events: Iterable[Event]) -> bytes:
        return b"".join([self._event(name, fields) for name, fields in events])

    def _event(self, name: str, fields: dict[str, Any]) -> bytes:
        data = _encode({"type": name, "sequence_number": self._number, **fields})
        self._number += 1
        return b"event: %b\ndata: %b\n\n" % (name.encode(), data)
