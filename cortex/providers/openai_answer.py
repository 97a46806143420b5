"""Reading what an OpenAI-like server answers: one JSON text at a time, a stream's event or a whole body, into deltas.

The shapes are read leniently where servers are known to differ (vLLM, llama.cpp, LM Studio, Ollama, OpenRouter, Groq,
DeepSeek, Mistral; read Nov 2026), and each leniency stands beside its field. What cannot be read is `malformed`.
"""

from collections.abc import Sequence
from typing import Any, Literal

import msgspec
from msgspec import Struct, field

from cortex.chat import Delta, Finish, FinishReason, ReasoningDelta, TextDelta, Usage
from cortex.messages import Failure
from cortex.providers.calls import Assembler, CallPart, FunctionPart
from cortex.providers.errors import Rule, heard, inband, inband_text, safe
from cortex.providers.foreign import UNREADABLE

_FINISH: dict[str, FinishReason] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",  # legacy
    "content_filter": "content_filter",
    "max_tokens": "length",
    "model_length": "length",  # Mistral
    "eos": "stop",  # Together
    "eos_token": "stop",
}


class _Details(Struct):
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None


class UsageBody(Struct):
    """The `usage` of an answer; null and missing counts are 0."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: _Details | None = None
    completion_tokens_details: _Details | None = None
    prompt_cache_hit_tokens: int | None = None
    """DeepSeek's name of the cached ones (Oct 2026)."""

    def usage(self) -> Usage:
        """Return it in the neutral form."""
        prompt, completion = self.prompt_tokens_details, self.completion_tokens_details
        return Usage(
            input_tokens=self.prompt_tokens or 0,
            output_tokens=self.completion_tokens or 0,
            cached_tokens=(prompt and prompt.cached_tokens) or self.prompt_cache_hit_tokens or 0,
            reasoning_tokens=(completion and completion.reasoning_tokens) or 0,
        )


class GroqBody(Struct):
    """Groq's own part: usage in the last event always, and an error that ended the generation early (Oct 2026)."""

    usage: UsageBody | None = None
    error: Any = None


class _Logprobs(Struct):
    content: list[dict[str, Any]] | None = None


class _Said(Struct):
    """A `delta` or a `message`."""

    content: Any = None
    """Text, null, or a list of parts (Mistral sends thinking that way)."""
    reasoning_content: str | None = None
    reasoning: Any = None
    """Text; the newer name of the same. An object in answers of other kinds."""
    refusal: str | None = None
    tool_calls: list[CallPart] | None = None
    function_call: FunctionPart | None = None
    audio: Any = None


class _Choice(Struct):
    index: int | None = None
    delta: _Said | None = None
    message: _Said | None = None
    text: str | None = None
    """In answers of the legacy /completions."""
    finish_reason: str | None = None
    """An empty one is as good as null (Ollama before 2025, ollama #4357)."""
    logprobs: Any = None
    error: Any = None


class _Body(Struct):
    choices: list[_Choice] | None = None
    usage: UsageBody | None = None
    error: Any = None
    x_groq: GroqBody | None = None
    kind: str | None = field(default=None, name="object")
    """`error` in the flat errors of Mistral and older vLLM."""


_decoder = msgspec.json.Decoder(_Body)


class Reader:
    """The reader of one answer, event by event."""

    def __init__(self, rules: Sequence[Rule], seed: str) -> None:
        """Make one that classifies errors by `rules`; `seed` goes into made-up ids."""
        self._rules = rules
        self._calls = Assembler(seed)
        self._choices: set[int] = set()
        self._finished: set[int] = set()
        self.has_content = False
        """Text, reasoning, audio or a whole tool call has been read."""
        self.reason: FinishReason | Literal[""] = ""
        """Why a choice ended; of several, the last that did."""
        self.read_only_usage = False
        """The last text read was a usage and no choice."""

    @property
    def is_holding(self) -> bool:
        """A tool call was begun and is not whole."""
        return self._calls.is_open

    @property
    def is_finished(self) -> bool:
        """Every choice that was begun had its finish reason."""
        return bool(self._finished) and self._finished == self._choices

    def done(self) -> list[Delta | Failure]:
        """Take the upstream's `[DONE]`: choices that had no finish reason are complete by it."""
        if not self._choices:
            return [Failure("malformed", "the stream was ended before it began an answer")]
        deltas: list[Delta | Failure] = []
        for choice in sorted(self._choices - self._finished):
            deltas += self._finish(choice, "stop")
        return deltas

    def read(self, text: bytes) -> list[Delta | Failure]:
        """Return what one JSON text says; a failure is the last item."""
        try:
            body = _decoder.decode(text)
        except UNREADABLE as error:
            return [unreadable(text, error, self._rules)]
        trouble = body.error or (body.x_groq and body.x_groq.error)
        if trouble:
            return [inband(self._rules, trouble)]
        if body.kind == "error":
            return [inband_text(self._rules, text)]
        deltas: list[Delta | Failure] = []
        for position, choice in enumerate(body.choices or ()):
            deltas += self._choice(choice, position)
        usage = body.usage or (body.x_groq and body.x_groq.usage)
        if usage:
            deltas.append(usage.usage())
        self.read_only_usage = bool(usage) and not body.choices
        for at, delta in enumerate(deltas):
            if isinstance(delta, Failure):
                return deltas[: at + 1]
        return deltas

    def _choice(self, choice: _Choice, position: int) -> list[Delta | Failure]:
        index = position if choice.index is None else choice.index
        if choice.error or choice.finish_reason == "error":
            return [inband(self._rules, choice.error or "the upstream ended the answer with an error")]
        if index in self._finished:
            return []
        self._choices.add(index)
        deltas: list[Delta | Failure] = []
        said = choice.delta or choice.message
        logprobs = _logprobs(choice.logprobs)
        if choice.text:
            deltas.append(TextDelta(choice.text, index, logprobs))
        if said is not None:
            deltas += _texts(said, index, logprobs)
            deltas += self._tool_calls(said, index, is_whole=choice.message is not None)
            self.has_content = self.has_content or bool(said.audio)
        self.has_content = self.has_content or bool(deltas)
        if choice.finish_reason:
            deltas += self._finish(index, choice.finish_reason)
        return deltas

    def _tool_calls(self, said: _Said, index: int, *, is_whole: bool) -> list[Delta | Failure]:
        deltas: list[Delta | Failure] = []
        for position, part in enumerate(said.tool_calls or ()):
            if is_whole:
                part.index = position  # each entry of a message is a call of its own, whatever index it says
            deltas += self._calls.add(index, part)
        if said.function_call is not None:
            deltas += self._calls.add(index, CallPart(index=0, function=said.function_call))
        return deltas

    def _finish(self, index: int, reason: str) -> list[Delta | Failure]:
        self._finished.add(index)
        word = _FINISH.get(reason, "stop")
        deltas: list[Delta | Failure] = [*self._calls.close(index, cut=word == "length")]
        self.has_content = self.has_content or bool(deltas)
        if word == "stop" and self._calls.seen(index):
            word = "tool_calls"  # servers say stop after tool calls (Ollama, Gemini's OpenAI layer; LiteLLM #12481)
        self.reason = word
        deltas.append(Finish(word, index))
        return deltas


def _texts(said: _Said, index: int, logprobs: tuple[dict[str, Any], ...]) -> list[Delta | Failure]:
    content, thought = said.content, said.reasoning_content or said.reasoning
    if isinstance(content, list):
        content, thinking = _parts(content)
        thought = thought or thinking
    deltas: list[Delta | Failure] = []
    if thought and isinstance(thought, str):
        deltas.append(ReasoningDelta(thought, index))
    if (content and isinstance(content, str)) or logprobs:
        deltas.append(TextDelta(content if isinstance(content, str) else "", index, logprobs))
    if said.refusal:
        deltas.append(TextDelta(said.refusal, index))
    return deltas


def _parts(parts: list[Any]) -> tuple[str, str]:
    """Return the text and the thinking of a content in parts."""
    text, thinking = "", ""
    for part in parts:
        if not isinstance(part, dict):
            continue
        text += str(part.get("text") or "")
        thought = part.get("thinking") or ""
        thinking += _parts(thought)[0] if isinstance(thought, list) else str(thought)
    return text, thinking


def _logprobs(value: Any) -> tuple[dict[str, Any], ...]:
    """Return the tokens of a chat's logprobs; those of /completions have another shape and no neutral form."""
    try:
        return tuple(msgspec.convert(value, _Logprobs).content or ()) if value else ()
    except msgspec.ValidationError:
        return ()


def unreadable(text: bytes, error: Exception, rules: Sequence[Rule]) -> Failure:
    """Say why a text is none of this dialect's; one whose other fields are odd may still be an error."""
    try:
        value = msgspec.json.decode(text)
    except UNREADABLE:
        value = None
    if isinstance(value, dict) and value.get("error"):
        return inband(rules, value["error"])
    return Failure("malformed", safe(f"this is not in the OpenAI dialect ({error}): {heard(text).message}"))
