"""The JSON shapes that Ollama's whole answers and streamed lines have in common. Pure.

Facts: the server's source as of 21 August 2026; what the clients need of it was tried with the Python client 0.6.3 on
24 November 2026. The server leaves out counts that are zero, and clients fail on the missing key: here all are present.
"""

from datetime import UTC, datetime
from typing import Any

from msgspec import Raw

from cortex.chat import FinishReason, ToolCall, Usage
from cortex.endpoint.arguments import object_text

_DONE_REASONS: dict[FinishReason, str] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "stop",
    "content_filter": "content_filter",
}
"""A tool call is no reason of its own in Ollama; a filter is not known to it, and must not look like a normal end."""


class Stamp:
    """Writes wall-clock seconds as `created_at`; within one second it formats only the fraction.

    Six digits, since Python before 3.11 cannot read the server's nine.
    """

    def __init__(self) -> None:
        self._second = -1
        self._text = b""

    def __call__(self, now: float) -> bytes:
        """Return `now` as in `2026-11-24T10:00:00.123456Z`."""
        second = int(now)
        if second != self._second:
            self._second = second
            self._text = f"{datetime.fromtimestamp(second, UTC):%Y-%m-%dT%H:%M:%S}".encode()
        return b"%b.%06dZ" % (self._text, (now - second) * 1e6)


def done_of(reason: FinishReason) -> str:
    """Return `done_reason`."""
    return _DONE_REASONS[reason]


def counts_of(usage: Usage, *, total_s: float, eval_s: float) -> dict[str, int]:
    """Return the counts and durations (nanoseconds) of the last line.

    `eval_s` is how long the answer came, for upstreams that do not say. Reading the prompt took what is left of it all.
    """
    eval_s = usage.eval_s or eval_s
    return {
        "total_duration": _ns(total_s),
        "load_duration": _ns(usage.load_s),
        "prompt_eval_count": usage.input_tokens,
        "prompt_eval_duration": _ns(total_s - usage.load_s - eval_s),
        "eval_count": usage.output_tokens,
        "eval_duration": _ns(eval_s),
    }


def _ns(seconds: float) -> int:
    return max(0, round(seconds * 1e9))


def call_of(call: ToolCall, index: int) -> dict[str, Any]:
    """Return a tool call, its arguments an object."""
    arguments = Raw(object_text(call.arguments).encode())
    return {"id": call.id, "function": {"index": index, "name": call.name, "arguments": arguments}}
