"""OpenAI's chat requests and answers as bytes: a body read into a `Prompt`, scripts written as JSON or SSE. Pure.

Sources: OpenAI's OpenAPI document 2.3.0 (21 Aug 2026) and the SDK openai 3.57.0 (Nov 2026).
"""

from collections.abc import Iterator, Mapping
from itertools import zip_longest
from typing import Any

import msgspec
from msgspec import Struct, field

from cortex.simulate.answer import Call, Prompt, Script, Tool, Turn, logprobs_of
from cortex.simulate.model import SimulatedModel
from cortex.simulate.refusal import Refused, openai_error
from cortex.simulate.reply import Reply

EVENT_STREAM = "text/event-stream"
DONE = b"data: [DONE]\n\n"
FRAGMENT_CHARACTERS = 7
MAX_CHOICES = 8
FINGERPRINT = "fp_simulated"


class Part(Struct):
    """A part of a message: text, or an image."""

    type: str
    text: str = ""


class CalledFunction(Struct):
    """What was called; `arguments` is a string here."""

    name: str
    arguments: str = ""


class ToolCall(Struct):
    """One call in an assistant's message."""

    function: CalledFunction


class Message(Struct):
    """One message."""

    role: str
    content: str | list[Part] | None = None
    tool_calls: list[ToolCall] | None = None

    def turn(self) -> Turn:
        """Return it in no dialect."""
        parts = [Part("text", self.content)] if isinstance(self.content, str) else self.content or []
        text = "\n".join(part.text for part in parts if part.type == "text")
        images = sum(part.type == "image_url" for part in parts)
        role = "system" if self.role == "developer" else self.role
        return Turn(role, text, images, tuple(call.function.name for call in self.tool_calls or ()))


class Function(Struct):
    """A tool as it is offered."""

    name: str
    parameters: dict[str, Any] = field(default_factory=dict)


class OfferedTool(Struct):
    """One entry of `tools`."""

    function: Function


class StreamOptions(Struct):
    """`stream_options`."""

    include_usage: bool = False


class JsonSchema(Struct):
    """`response_format.json_schema`."""

    schema: dict[str, Any] = field(default_factory=dict)


class ResponseFormat(Struct):
    """`response_format`."""

    type: str
    json_schema: JsonSchema | None = None


class ChatBody(Struct, kw_only=True):
    """`POST /v1/chat/completions`; what has no say in the answer is ignored."""

    model: str
    messages: list[Message]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    stop: str | list[str] | None = None
    n: int | None = None
    tools: list[OfferedTool] | None = None
    tool_choice: str | dict[str, Any] | None = None
    response_format: ResponseFormat | None = None
    reasoning_effort: str | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None

    @property
    def choices(self) -> int:
        """How many answers are wanted, from 1 to MAX_CHOICES."""
        return min(max(self.n or 1, 1), MAX_CHOICES)

    @property
    def wants_usage(self) -> bool:
        """Whether a stream ends with a usage chunk."""
        return self.stream_options is not None and self.stream_options.include_usage

    def prompt(self, model: SimulatedModel, choice: int) -> Prompt:
        """Return it in no dialect."""
        offered = () if self.tool_choice == "none" else self.tools or ()
        stop = [self.stop] if isinstance(self.stop, str) else self.stop or []
        return Prompt(
            turns=tuple(message.turn() for message in self.messages),
            tools=tuple(Tool(tool.function.name, tool.function.parameters) for tool in offered),
            forced_tool=self._forced_tool(),
            schema=self._schema(),
            thinks=model.can("thinking") and self.reasoning_effort not in {None, "none"},
            max_tokens=self.max_tokens if self.max_completion_tokens is None else self.max_completion_tokens,
            stop=tuple(stop),
            restarts=model.restarts,
            choice=choice,
        )

    def _forced_tool(self) -> str:
        if isinstance(self.tool_choice, dict):
            return str(self.tool_choice.get("function", {}).get("name", "*"))
        return "*" if self.tool_choice == "required" else ""

    def _schema(self) -> Mapping[str, Any] | None:
        wanted = self.response_format
        if wanted is None or wanted.type == "text":
            return None
        return wanted.json_schema.schema if wanted.json_schema is not None else {}


def read(body: bytes) -> ChatBody:
    """Read a request's body. Raises Refused."""
    try:
        asked = msgspec.json.decode(body, type=ChatBody)
    except msgspec.ValidationError as error:
        raise bad_request(str(error)) from error
    except msgspec.DecodeError as error:
        raise bad_request(f"We could not parse the JSON body of your request. ({error})") from error
    if not asked.messages:
        raise bad_request("Invalid 'messages': empty array. Expected an array with minimum length 1.", "messages")
    if asked.stream_options is not None and not asked.stream:
        raise bad_request("The 'stream_options' parameter is only allowed when 'stream' is enabled.", "stream_options")
    return asked


def bad_request(message: str, param: str | None = None) -> Refused:
    """Return the refusal of a request that is wrong."""
    return openai_error(400, message, "invalid_request_error", param=param)


class AnswerWriter:
    """Writes one answer with its choices."""

    def __init__(self, body: ChatBody, scripts: list[Script], created: int, serial: int) -> None:
        self._body = body
        self._scripts = scripts
        self._head = {"id": f"chatcmpl-{scripts[0].fingerprint}{serial:06d}", "created": created}

    def reply(self, headers: Mapping[str, str]) -> Reply:
        """Return the answer, streamed and whole."""
        opening = [self._chunk(index, {"role": "assistant", "content": ""}) for index in range(len(self._scripts))]
        rounds = zip_longest(*(list(self._tokens(index)) for index in range(len(self._scripts))))
        finish = [self._chunk(index, {}, script.finish) for index, script in enumerate(self._scripts)]
        usage = [self._event({"choices": [], "usage": self._usage()})] if self._body.wants_usage else []
        return Reply(
            stream=bool(self._body.stream),
            content_type=EVENT_STREAM,
            opening=b"".join(opening),
            tokens=tuple(token for one_each in rounds for token in one_each if token is not None),
            closing=(*finish, *usage, DONE),
            whole=msgspec.json.encode(self._whole()),
            unfinished=msgspec.json.encode(self._whole(is_finished=False)),
            error=lambda message: _data({"error": _server_error(message)}),
            whole_error=lambda message: (200, msgspec.json.encode({"error": _server_error(message)})),
            garbage=lambda text: f"data: {text}\n\n".encode(),
            headers=headers,
        )

    def _tokens(self, index: int) -> Iterator[bytes]:
        script = self._scripts[index]
        for token in script.thinking:
            yield self._chunk(index, {"reasoning_content": token})
        for token in script.text:
            yield self._chunk(index, {"content": token}, logprobs=self._logprobs((token,)))
        if script.call is not None:
            yield from self._fragments(index, script.call)

    def _fragments(self, index: int, call: Call) -> Iterator[bytes]:
        """Write a call as OpenAI does: id and name first, then the arguments in pieces."""
        arguments = msgspec.json.encode(call.arguments).decode()
        first = {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": ""}}
        yield self._chunk(index, {"tool_calls": [{"index": 0, **first}]})
        for start in range(0, len(arguments), FRAGMENT_CHARACTERS):
            piece = {"arguments": arguments[start : start + FRAGMENT_CHARACTERS]}
            yield self._chunk(index, {"tool_calls": [{"index": 0, "function": piece}]})

    def _chunk(
        self, index: int, delta: Mapping[str, Any], finish: str | None = None, logprobs: dict[str, Any] | None = None
    ) -> bytes:
        choice = {"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": finish}
        return self._event({"choices": [choice]} | ({"usage": None} if self._body.wants_usage else {}))

    def _event(self, rest: Mapping[str, Any]) -> bytes:
        head = {**self._head, "object": "chat.completion.chunk", "model": self._body.model}
        return _data({**head, "system_fingerprint": FINGERPRINT, **rest})

    def _whole(self, *, is_finished: bool = True) -> dict[str, Any]:
        head = {**self._head, "object": "chat.completion", "model": self._body.model}
        choices = [self._choice(index, script, is_finished) for index, script in enumerate(self._scripts)]
        end = {"usage": self._usage(), "service_tier": "default", "system_fingerprint": FINGERPRINT}
        return {**head, "choices": choices, **end}

    def _choice(self, index: int, script: Script, is_finished: bool) -> dict[str, Any]:  # noqa: FBT001  private
        message: dict[str, Any] = {"role": "assistant", "content": "".join(script.text), "refusal": None}
        message["annotations"] = []
        if script.thinking:
            message["reasoning_content"] = "".join(script.thinking)
        if script.call is not None:
            called = {"name": script.call.name, "arguments": msgspec.json.encode(script.call.arguments).decode()}
            message["content"] = None
            message["tool_calls"] = [{"id": script.call.id, "type": "function", "function": called}]
        finish = script.finish if is_finished else None
        logprobs = self._logprobs(script.text)
        return {"index": index, "message": message, "logprobs": logprobs, "finish_reason": finish}

    def _logprobs(self, tokens: tuple[str, ...]) -> dict[str, Any] | None:
        if not self._body.logprobs:
            return None
        return {"content": logprobs_of(tokens, self._body.top_logprobs or 0), "refusal": None}

    def _usage(self) -> dict[str, Any]:
        prompt = self._scripts[0].prompt_tokens
        completion = sum(script.answer_tokens for script in self._scripts)
        thought = sum(len(script.thinking) for script in self._scripts)
        return {
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "total_tokens": prompt + completion,
            "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
            "completion_tokens_details": {
                "reasoning_tokens": thought,
                "audio_tokens": 0,
                "accepted_prediction_tokens": 0,
                "rejected_prediction_tokens": 0,
            },
        }


def model_entry(model: SimulatedModel) -> dict[str, Any]:
    """Write a model as `/v1/models` lists it."""
    return {"id": model.name, "object": "model", "created": 1_700_000_000, "owned_by": "simulated"}


def _server_error(message: str) -> dict[str, Any]:
    return {"message": message, "type": "server_error", "param": None, "code": None}


def _data(event: Mapping[str, Any]) -> bytes:
    return b"data: " + msgspec.json.encode(event) + b"\n\n"
