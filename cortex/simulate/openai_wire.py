"""OpenAI's chat requests and answers as bytes: a body read into a `Prompt`, scripts written as JSON or SSE. Pure.

Sources: OpenAI's OpenAPI document 2.3.0 (21 Aug 2026) and the SDK openai 3.57.0 (Nov 2026).
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import Any, ClassVar, TypeVar

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

Body = TypeVar("Body", bound=Struct)


Texts = str | list[str | int | list[int]]
"""One text or several, each as it is or as tokens; a list of numbers is one text."""


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
    def most_tokens(self) -> int | None:
        """How long the answer may be, None for no bound."""
        return self.max_tokens if self.max_completion_tokens is None else self.max_completion_tokens

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
            thinks=self.thinks_for(model),
            max_tokens=self.most_tokens,
            stop=tuple(stop),
            restarts=model.restarts,
            choice=choice,
        )

    def thinks_for(self, model: SimulatedModel) -> bool:
        """Return whether the model thinks: where it can and is told to."""
        return model.can("thinking") and self.reasoning_effort not in {None, "none"}

    def _forced_tool(self) -> str:
        if isinstance(self.tool_choice, dict):
            return str(self.tool_choice.get("function", {}).get("name", "*"))
        return "*" if self.tool_choice == "required" else ""

    def _schema(self) -> Mapping[str, Any] | None:
        wanted = self.response_format
        if wanted is None or wanted.type == "text":
            return None
        return wanted.json_schema.schema if wanted.json_schema is not None else {}


def texts_of(given: Texts) -> list[str]:
    """Return the texts, tokens written as text.

    >>> texts_of("a"), texts_of(["a", "b"]), texts_of([1, 2]), texts_of([[1, 2], [3]])
    (['a'], ['a', 'b'], ['1 2'], ['1 2', '3'])
    """
    if isinstance(given, str):
        return [given]
    if given and isinstance(given[0], int):
        return [" ".join(map(str, given))]
    return [" ".join(map(str, one)) if isinstance(one, list) else str(one) for one in given]


def read(body: bytes, kind: type[Body]) -> Body:
    """Read a request's body. Raises Refused."""
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as error:
        raise bad_request(str(error)) from error
    except msgspec.DecodeError as error:
        raise bad_request(f"We could not parse the JSON body of your request. ({error})") from error


def read_chat(body: bytes, kind: type[ChatBody]) -> ChatBody:
    """Read the body of a chat. Raises Refused."""
    asked = read(body, kind)
    if not asked.messages:
        raise bad_request("Invalid 'messages': empty array. Expected an array with minimum length 1.", "messages")
    if asked.stream_options is not None and not asked.stream:
        raise bad_request("The 'stream_options' parameter is only allowed when 'stream' is enabled.", "stream_options")
    return asked


def bad_request(message: str, param: str | None = None) -> Refused:
    """Return the refusal of a request that is wrong."""
    return openai_error(400, message, "invalid_request_error", param=param)


class AnswerWriter:
    """Writes one answer with its choices; a cloud that writes some of it in another way overrides that."""

    reasoning: ClassVar[str] = "reasoning_content"
    """The field of what was thought."""

    def __init__(self, body: ChatBody, scripts: list[Script], created: int, serial: int) -> None:
        self._body = body
        self._scripts = scripts
        self._serial = serial
        self._head = {"id": f"chatcmpl-{scripts[0].fingerprint}{serial:06d}", "created": created}

    def reply(self, headers: Mapping[str, str]) -> Reply:
        """Return the answer, streamed and whole."""
        opening = [self.opening(index) for index in range(len(self._scripts))]
        rounds = zip_longest(*(list(self._tokens(index)) for index in range(len(self._scripts))))
        finish = [self.finish(index, script) for index, script in enumerate(self._scripts)]
        usage = [self._event({"choices": [], "usage": self.usage()})] if self._body.wants_usage else []
        return Reply(
            stream=bool(self._body.stream),
            content_type=EVENT_STREAM,
            opening=b"".join(opening),
            tokens=tuple(token for one_each in rounds for token in one_each if token is not None),
            closing=(*finish, *usage, DONE),
            whole=msgspec.json.encode(self.whole()),
            unfinished=msgspec.json.encode(self.whole(is_finished=False)),
            error=self.error,
            whole_error=broke_off,
            garbage=lambda text: f"data: {text}\n\n".encode(),
            headers=headers,
        )

    def opening(self, index: int) -> bytes:
        """Write the first chunk of a choice."""
        return self._chunk(index, {"role": "assistant", "content": ""})

    def finish(self, index: int, script: Script) -> bytes:
        """Write the last chunk of a choice."""
        return self._chunk(index, {}, script.finish)

    def error(self, message: str) -> bytes:
        """Write the end of a stream that broke off."""
        return sse({"error": server_error(message)})

    def whole(self, *, is_finished: bool = True) -> dict[str, Any]:
        """Return the answer in one piece."""
        head = {**self._head, "object": "chat.completion", "model": self._body.model}
        choices = [self._choice(index, script, is_finished) for index, script in enumerate(self._scripts)]
        end = {"usage": self.usage(), "service_tier": "default", "system_fingerprint": FINGERPRINT}
        return {**head, "choices": choices, **end}

    def usage(self) -> dict[str, Any]:
        """Return what it cost."""
        return usage_of(self._scripts[0].prompt_tokens, self._scripts)

    def _tokens(self, index: int) -> Iterator[bytes]:
        script = self._scripts[index]
        for token in script.thinking:
            yield self._chunk(index, {self.reasoning: token})
        for token in script.text:
            yield self._chunk(index, {"content": token}, logprobs=self._logprobs((token,)))
        for number, call in enumerate(script.calls):
            yield from self._fragments(index, number, call)

    def _fragments(self, index: int, number: int, call: Call) -> Iterator[bytes]:
        """Write a call as OpenAI does: id and name first, then the arguments in pieces."""
        arguments = msgspec.json.encode(call.arguments).decode()
        first = {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": ""}}
        yield self._chunk(index, {"tool_calls": [{"index": number, **first}]})
        for start in range(0, len(arguments), FRAGMENT_CHARACTERS):
            piece = {"arguments": arguments[start : start + FRAGMENT_CHARACTERS]}
            yield self._chunk(index, {"tool_calls": [{"index": number, "function": piece}]})

    def _chunk(
        self, index: int, delta: Mapping[str, Any], finish: str | None = None, logprobs: Any = None, **beside: Any
    ) -> bytes:
        choice = {"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": finish}
        return self._event({"choices": [choice], **beside} | ({"usage": None} if self._body.wants_usage else {}))

    def _event(self, rest: Mapping[str, Any]) -> bytes:
        head = {**self._head, "object": "chat.completion.chunk", "model": self._body.model}
        return sse({**head, "system_fingerprint": FINGERPRINT, **rest})

    def _choice(self, index: int, script: Script, is_finished: bool) -> dict[str, Any]:  # noqa: FBT001  private
        message: dict[str, Any] = {"role": "assistant", "content": "".join(script.text), "refusal": None}
        message["annotations"] = []
        if script.thinking:
            message[self.reasoning] = "".join(script.thinking)
        if script.calls:
            message["content"] = None
            message["tool_calls"] = [_called(call) for call in script.calls]
        finish = script.finish if is_finished else None
        logprobs = self._logprobs(script.text)
        return {"index": index, "message": message, "logprobs": logprobs, "finish_reason": finish}

    def _logprobs(self, tokens: tuple[str, ...]) -> dict[str, Any] | None:
        if not self._body.logprobs:
            return None
        return {"content": logprobs_of(tokens, self._body.top_logprobs or 0), "refusal": None}


def usage_of(prompt: int, scripts: Sequence[Script]) -> dict[str, Any]:
    """Return the `usage` of an answer with these choices."""
    completion = sum(script.answer_tokens for script in scripts)
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": sum(len(script.thinking) for script in scripts),
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def model_entry(model: SimulatedModel) -> dict[str, Any]:
    """Write a model as `/v1/models` lists it."""
    return {"id": model.name, "object": "model", "created": 1_700_000_000, "owned_by": "simulated"}


def server_error(message: str) -> dict[str, Any]:
    """Return the error of an answer that broke off."""
    return {"message": message, "type": "server_error", "param": None, "code": None}


def broke_off(message: str) -> tuple[int, bytes]:
    """Return status and body of a whole answer that broke off: its head was sent before."""
    return 200, msgspec.json.encode({"error": server_error(message)})


def _called(call: Call) -> dict[str, Any]:
    function = {"name": call.name, "arguments": msgspec.json.encode(call.arguments).decode()}
    return {"id": call.id, "type": "function", "function": function}


def sse(event: Mapping[str, Any]) -> bytes:
    """Write one event of a stream."""
    return b"data: " + msgspec.json.encode(event) + b"\n\n"
