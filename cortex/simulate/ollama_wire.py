"""Ollama's requests and answers as bytes: bodies read into a `Prompt`, a `Script` written as NDJSON. Pure.

Source: ollama/ollama server and api types, main of 21 Aug 2026.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec
from msgspec import Struct, field

from cortex.simulate.answer import Prompt, Script, Tool, Turn, logprobs_of, turns_of_chatml
from cortex.simulate.model import SimulatedModel
from cortex.simulate.refusal import ollama_error
from cortex.simulate.reply import Reply

NDJSON = "application/x-ndjson"
NANOSECONDS = 1_000_000_000
DEFAULT_NUM_CTX = 4096
THINK_LEVELS = frozenset({"low", "medium", "high", "max"})
UNITS_S = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
DURATION = re.compile(r"(\d+\.?\d*)(h|ms|m|s|us|µs|ns)")


class Function(Struct):
    """A tool as it is offered."""

    name: str
    parameters: dict[str, Any] = field(default_factory=dict)


class OfferedTool(Struct):
    """One entry of `tools`."""

    function: Function


class CalledFunction(Struct):
    """What was called; `arguments` is an object here, not a string."""

    name: str
    arguments: dict[str, Any] = field(default_factory=dict)


class ToolCall(Struct):
    """One call in an assistant's message."""

    function: CalledFunction


class Message(Struct):
    """One message of a chat."""

    role: str
    content: str = ""
    images: list[str] | None = None
    tool_calls: list[ToolCall] | None = None

    def turn(self) -> Turn:
        """Return it in no dialect."""
        calls = tuple(call.function.name for call in self.tool_calls or ())
        return Turn(self.role.lower(), self.content, len(self.images or ()), calls)


class Options(Struct):
    """Those options that change what is said or how it is loaded; others are ignored, as Ollama does."""

    num_predict: int = -1
    num_ctx: int = 0
    stop: list[str] | str | None = None

    @property
    def context(self) -> int:
        """The context size that the model must be loaded with."""
        return self.num_ctx or DEFAULT_NUM_CTX


class Common(Struct, kw_only=True):
    """What chat and generate have in common."""

    model: str = ""
    stream: bool | None = None
    format: Any = None
    options: Options | None = None
    keep_alive: float | str | None = None
    think: bool | str | None = None
    logprobs: bool = False
    top_logprobs: int = 0

    @property
    def streams(self) -> bool:
        """Whether the answer is streamed: yes, unless it says no."""
        return self.stream is not False

    def schema(self) -> Mapping[str, Any] | None:
        """Return the schema of the answer, an empty one for any JSON; None for text. Raises Refused."""
        if self.format is None or self.format == "":
            return None
        if self.format == "json":
            return {}
        if not isinstance(self.format, dict):
            raise ollama_error(400, f'invalid format: {self.format!r}; expected "json" or a JSON schema')
        return self.format

    def prompt(self, model: SimulatedModel, turns: tuple[Turn, ...], tools: tuple[Tool, ...] = ()) -> Prompt:
        """Return it in no dialect."""
        options = self.options or Options()
        stop = [options.stop] if isinstance(options.stop, str) else options.stop or []
        return Prompt(
            turns=turns,
            tools=tools,
            schema=self.schema(),
            thinks=model.can("thinking") if self.think is None else bool(self.think),
            max_tokens=options.num_predict if options.num_predict >= 0 else None,
            stop=tuple(stop),
            restarts=model.restarts,
        )


class ChatBody(Common):
    """`POST /api/chat`."""

    messages: list[Message] | None = None
    tools: list[OfferedTool] | None = None


class GenerateBody(Common):
    """`POST /api/generate`."""

    prompt_: str = field(default="", name="prompt")
    system: str = ""
    suffix: str = ""
    template: str = ""
    context: list[int] | None = None
    raw: bool = False
    images: list[str] | None = None

    def turns(self) -> tuple[Turn, ...]:
        """Return the bare prompt as turns."""
        if self.raw:
            return turns_of_chatml(self.prompt_)
        user = Turn("user", self.prompt_, len(self.images or ()))
        return (Turn("system", self.system), user) if self.system else (user,)


Body = TypeVar("Body", bound=Struct)


class Timing(Struct, frozen=True):
    """What the counts at the end say about time, in seconds."""

    load_s: float
    first_token_s: float
    tokens_per_s: float


def keep_alive_s(value: float | str | None, default_s: float) -> float:
    """Return seconds; negative for ever. Raises Refused for what Go would not read as a duration.

    >>> keep_alive_s("1h30m", 0), keep_alive_s(2.5, 0), keep_alive_s(None, 300), keep_alive_s("-1s", 0)
    (5400.0, 2.5, 300, -1.0)
    """
    if value is None:
        return default_s
    if not isinstance(value, str):
        return float(value)
    digits = value.lstrip("-")
    found = DURATION.findall(digits)
    if not found or "".join(number + unit for number, unit in found) != digits:
        raise ollama_error(400, f'time: missing unit in duration "{value}"')
    seconds = sum(float(number) * UNITS_S[unit] for number, unit in found)
    return -seconds if value.startswith("-") else seconds


def stamp(wall_ns: int) -> str:
    """Write a wall-clock time as Go does, with up to nine digits behind the second.

    >>> stamp(1_795_000_000_123_456_789)
    '2026-11-18T11:06:40.123456789Z'
    """
    seconds, rest = divmod(wall_ns, NANOSECONDS)
    fraction = f".{rest:09d}".rstrip("0").rstrip(".")
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}{fraction}Z"


class AnswerWriter:
    """Writes one script in the shape of `chat` or of `generate`."""

    def __init__(self, body: ChatBody | GenerateBody, script: Script, timing: Timing, wall_ns: int) -> None:
        self._body = body
        self._is_chat = isinstance(body, ChatBody)
        self._script = script
        self._timing = timing
        self._created_at = stamp(wall_ns)

    def reply(self) -> Reply:
        """Return the answer, streamed and whole."""
        script = self._script
        events = [self._event(thinking=token) for token in script.thinking]
        events += [self._event(text=token, logprobs=self._logprobs((token,))) for token in script.text]
        events += [self._event(calls=[call]) for call in self._calls()]
        whole = self._event("".join(script.text), "".join(script.thinking), self._calls(), self._logprobs(script.text))
        return Reply(
            stream=self._body.streams,
            content_type=NDJSON,
            tokens=tuple(_line(event) for event in events),
            closing=(_line(self._event() | self._end()),),
            whole=msgspec.json.encode(whole | self._end()),
            unfinished=msgspec.json.encode(whole),
            error=lambda message: _line({"error": message}),
            whole_error=lambda message: (500, msgspec.json.encode({"error": message})),
            garbage=lambda text: f"{text}\n".encode(),
        )

    def _event(
        self,
        text: str = "",
        thinking: str = "",
        calls: list[dict[str, Any]] | None = None,
        logprobs: list[dict[str, Any]] | None = None,
    ) -> dict[str, Any]:
        event: dict[str, Any] = {"model": self._body.model, "created_at": self._created_at}
        said: dict[str, Any] = {"content" if self._is_chat else "response": text}
        if thinking:
            said["thinking"] = thinking
        if calls:
            said["tool_calls"] = calls
        event |= {"message": {"role": "assistant", **said}} if self._is_chat else said
        if logprobs:
            event["logprobs"] = logprobs
        return event | {"done": False}

    def _calls(self) -> list[dict[str, Any]]:
        return [
            {"id": call.id, "function": {"index": index, "name": call.name, "arguments": call.arguments}}
            for index, call in enumerate(self._script.calls)
        ]

    def _logprobs(self, tokens: tuple[str, ...]) -> list[dict[str, Any]]:
        return logprobs_of(tokens, self._body.top_logprobs) if self._body.logprobs else []

    def _end(self) -> dict[str, Any]:
        script, timing = self._script, self._timing
        eval_s = script.answer_tokens / timing.tokens_per_s
        counts = {
            "total_duration": _ns(timing.load_s + timing.first_token_s + eval_s),
            "load_duration": _ns(timing.load_s),
            "prompt_eval_count": script.prompt_tokens,
            "prompt_eval_duration": _ns(timing.first_token_s),
            "eval_count": script.answer_tokens,
            "eval_duration": _ns(eval_s),
        }
        end: dict[str, Any] = {"done": True, "done_reason": "length" if script.finish == "length" else "stop"}
        if isinstance(self._body, GenerateBody) and not self._body.raw:
            end["context"] = [1, 2, 3]
        return end | {name: count for name, count in counts.items() if count}  # Go leaves out what is zero


def loaded(body: ChatBody | GenerateBody, reason: str, wall_ns: int) -> bytes:
    """Write the answer to a request that only loads or unloads: one object, whatever `stream` says."""
    said = {"message": {"role": "assistant", "content": ""}} if isinstance(body, ChatBody) else {"response": ""}
    head = {"model": body.model, "created_at": stamp(wall_ns)}
    return msgspec.json.encode({**head, **said, "done": True, "done_reason": reason})


def tags_entry(model: SimulatedModel, name: str, modified_at: str) -> dict[str, Any]:
    """Write a model as `/api/tags` lists it."""
    return {
        "name": name,
        "model": name,
        "modified_at": modified_at,
        "size": model.size_bytes,
        "digest": model.digest,
        "details": {**_details(model), "context_length": model.context_length, "embedding_length": model.dimensions},
        "capabilities": list(model.capabilities),
    }


def ps_entry(model: SimulatedModel, name: str, num_ctx: int, expires_at: str) -> dict[str, Any]:
    """Write a model as `/api/ps` lists it, all of it in the GPU's memory."""
    size_bytes = model.size_bytes + num_ctx * 131_072
    return {
        "name": name,
        "model": name,
        "size": size_bytes,
        "digest": model.digest,
        "details": _details(model),
        "expires_at": expires_at,
        "size_vram": size_bytes,
        "context_length": num_ctx,
    }


def show(model: SimulatedModel, template: str, modified_at: str) -> dict[str, Any]:
    """Write what `/api/show` says about a model."""
    return {
        "modelfile": f"FROM {model.name}",
        "template": template,
        "details": _details(model),
        "model_info": {
            "general.architecture": model.family,
            f"{model.family}.context_length": model.context_length,
            f"{model.family}.embedding_length": model.dimensions,
        },
        "capabilities": list(model.capabilities),
        "modified_at": modified_at,
    }


def read(body: bytes, kind: type[Body]) -> Body:
    """Read a request's body. Raises Refused, with the parser's own words."""
    if not body:
        raise ollama_error(400, "missing request body")
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.MsgspecError as error:
        raise ollama_error(400, str(error)) from error


def _details(model: SimulatedModel) -> dict[str, Any]:
    return {
        "parent_model": "",
        "format": "gguf",
        "family": model.family,
        "families": [model.family],
        "parameter_size": model.parameter_size,
        "quantization_level": model.quantization,
    }


def _line(event: Mapping[str, Any]) -> bytes:
    return msgspec.json.encode(event) + b"\n"


def _ns(seconds: float) -> int:
    return round(seconds * NANOSECONDS)
