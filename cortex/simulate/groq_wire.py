"""Groq's answers as bytes: OpenAI's, with `x_groq`, `reasoning`, and the times in `usage`. Pure.

Sources: the SDK groq 1.7.0 (Nov 2026), console.groq.com/docs/reasoning and /docs/text-chat (Aug to Nov 2026).
"""

from typing import Any, ClassVar

import msgspec

from cortex.simulate.answer import Script
from cortex.simulate.model import SimulatedModel
from cortex.simulate.openai_wire import AnswerWriter, ChatBody, model_entry, usage_of
from cortex.simulate.quota import Left, limit_headers

SECONDS_A_TOKEN = 0.002
RAW_BY_DEFAULT = "qwen/"
IN_HEADERS = {("requests", "day_bucket"), ("tokens", "minute_bucket")}
"""What the headers tell of: requests of the day, tokens of the minute. Neither RPM nor TPD is in them."""


class GroqBody(ChatBody, kw_only=True):
    """`POST /openai/v1/chat/completions`."""

    reasoning_format: str | None = None
    include_reasoning: bool | None = None

    @property
    def shows(self) -> str:
        """How what was thought is shown: `parsed`, `raw` in the text, or `hidden`."""
        if self.include_reasoning is not None:
            return "parsed" if self.include_reasoning else "hidden"
        is_text = not self.tools and (self.response_format is None or self.response_format.type == "text")
        default = "raw" if is_text and self.model.startswith(RAW_BY_DEFAULT) else "parsed"
        return self.reasoning_format or default

    def thinks_for(self, model: SimulatedModel) -> bool:
        """Return whether the model thinks: it does, unless it is told not to."""
        return model.can("thinking") and self.reasoning_effort != "none"


class GroqWriter(AnswerWriter):
    """Writes one answer."""

    reasoning: ClassVar[str] = "reasoning"

    def __init__(self, body: ChatBody, scripts: list[Script], created: int, serial: int) -> None:
        shows = body.shows if isinstance(body, GroqBody) else "parsed"
        super().__init__(body, [_shown(script, shows) for script in scripts], created, serial)
        thought = sum(len(script.thinking) for script in scripts)
        used = usage_of(scripts[0].prompt_tokens, scripts) | _times(scripts)
        self._usage = used | {"completion_tokens_details": {"reasoning_tokens": thought}}

    def opening(self, index: int) -> bytes:
        """Write the first chunk, which names the request."""
        return self._chunk(index, {"role": "assistant", "content": ""}, x_groq=self._x_groq())

    def finish(self, index: int, script: Script) -> bytes:
        """Write the last chunk, which has the usage in any case."""
        return self._chunk(index, {}, script.finish, x_groq=self._x_groq() | {"usage": self.usage()})

    def error(self, message: str) -> bytes:
        """Write the end of a stream that broke off, an event of its own kind."""
        error = {"message": message, "type": "internal_server_error", "code": "internal_error", "status_code": 500}
        return b"event: error\ndata: " + msgspec.json.encode({"error": error}) + b"\n\n"

    def whole(self, *, is_finished: bool = True) -> dict[str, Any]:
        """Return the answer in one piece."""
        whole = super().whole(is_finished=is_finished)
        for choice in whole["choices"]:
            del choice["message"]["refusal"], choice["message"]["annotations"]
            if choice["message"]["content"] is None:
                del choice["message"]["content"]
        return whole | {"service_tier": "on_demand", "x_groq": self._x_groq()}

    def usage(self) -> dict[str, Any]:
        """Return what it cost, and the seconds it took."""
        return self._usage

    def _x_groq(self) -> dict[str, Any]:
        return {"id": f"req_{self._scripts[0].fingerprint}{self._serial:06d}"}


def groq_headers(windows: list[Left]) -> dict[str, str]:
    """Write what is left, of those two windows that Groq tells of."""
    headers: dict[str, str] = {}
    for left in windows:
        if (left.limit.what, left.limit.window) in IN_HEADERS:
            headers |= limit_headers(left.limit.what, left)
    return headers


def groq_model_entry(model: SimulatedModel) -> dict[str, Any]:
    """Write a model as `/openai/v1/models` lists it."""
    owner = model.name.partition("/")[0]
    more = {"context_window": model.context_length, "max_completion_tokens": model.context_length // 2}
    return model_entry(model) | {"owned_by": owner, "active": True, "public_apps": None} | more


def _shown(script: Script, shows: str) -> Script:
    if shows == "parsed" or not script.thinking:
        return script
    raw = ("<think>", *script.thinking, "</think>") if shows == "raw" else ()
    return msgspec.structs.replace(script, thinking=(), text=(*raw, *script.text))


def _times(scripts: list[Script]) -> dict[str, float]:
    prompt_s = scripts[0].prompt_tokens * SECONDS_A_TOKEN
    answer_s = sum(script.answer_tokens for script in scripts) * SECONDS_A_TOKEN
    times = {
        "queue_time": 0.001,
        "prompt_time": prompt_s,
        "completion_time": answer_s,
        "total_time": prompt_s + answer_s,
    }
    return {name: round(seconds, 6) for name, seconds in times.items()}
