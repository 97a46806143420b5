"""Writing a conversation as Ollama's native API wants it, and fixing what a worker decides for all its requests.

Differences from OpenAI that matter: a message's content is one string with its images beside it, a call's arguments are
an object, a tool's answer is found by the tool's name, and sampling goes into `options`. Source: ollama/ollama
api/types.go and docs/api.md, 21 Aug 2026.

A worker's `num_ctx` is in every request, since another one would reload the model (ollama #8029); its `keep_alive` wins
for the same reason, and a client's that would unload the model or does not parse is left out (private-gpt #2088).
"""

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Raw

from cortex.chat import Chat, Image, JsonSchema, Message, RawPrompt, Text, Tool, ToolCall
from cortex.providers.durations import duration_s
from cortex.providers.foreign import UNREADABLE
from cortex.providers.rewrite import Fields, is_set, opened, raw

CHAT = "/api/chat"
GENERATE = "/api/generate"

_THINK: Mapping[str, bool | str] = {
    "none": False,
    "on": True,
    "minimal": "low",
    "low": "low",
    "medium": "medium",
    "high": "high",
    "xhigh": "max",
    "max": "max",
}


def written(chat: Chat, model: str) -> tuple[str, Fields]:
    """Return the path and the fields of the request body."""
    fields: dict[str, Any] = {"model": model, "stream": chat.stream}
    if chat.raw_prompt is not None:
        fields |= _prompt(chat, chat.raw_prompt)
    else:
        fields["messages"] = [_message(message, chat.messages) for message in chat.messages]
        if chat.tools and chat.tool_choice != "none":
            fields["tools"] = [_tool(tool) for tool in chat.tools]
    fields |= _shape(chat)
    options = _options(chat)
    if options:
        fields["options"] = options
    return CHAT if chat.raw_prompt is None else GENERATE, {name: raw(value) for name, value in fields.items()}


def settled(fields: Fields, num_ctx: int | None, keep_alive: str | float | None) -> Fields:
    """Return the fields with what the worker fixes; `fields` itself is not changed."""
    fields = dict(fields)
    if num_ctx is not None:
        given = fields.get("options")
        options = opened(given) if is_set(given) else {}
        fields["options"] = raw({**options, "num_ctx": num_ctx})
    if keep_alive is not None:
        fields["keep_alive"] = raw(keep_alive)
    elif "keep_alive" in fields and not _keeps(fields["keep_alive"]):
        del fields["keep_alive"]
    return fields


def _keeps(given: Raw) -> bool:
    """Tell whether a client's `keep_alive` is one that Ollama reads and that does not unload the model."""
    value = msgspec.json.decode(given)
    if isinstance(value, str):
        seconds = duration_s(value.removeprefix("-"))
        has_unit = not value.removeprefix("-").replace(".", "", 1).isdigit()  # a bare "300" does not parse there
        return bool(seconds) and has_unit
    return isinstance(value, int | float) and not isinstance(value, bool) and value != 0


def _message(message: Message, all_of_them: tuple[Message, ...]) -> dict[str, Any]:
    written: dict[str, Any] = {"role": message.role, "content": _text(message)}
    images = _images(message)
    if images:
        written["images"] = images
    if message.reasoning:
        written["thinking"] = message.reasoning
    if message.tool_calls:
        written["tool_calls"] = [_call(call) for call in message.tool_calls]
    if message.role == "tool":
        written["tool_name"] = message.name or _called(message.tool_call_id, all_of_them)
        written["tool_call_id"] = message.tool_call_id
    return {key: value for key, value in written.items() if value or key in {"role", "content"}}


def _text(message: Message) -> str:
    """Join the texts as lines: each part was a paragraph of its own to the client."""
    return "\n".join(part.text for part in message.parts if isinstance(part, Text))


def _images(message: Message) -> list[str]:
    return [part.data for part in message.parts if isinstance(part, Image)]


def _called(tool_call_id: str, messages: tuple[Message, ...]) -> str:
    """Return the name of the tool that the call of that id asked for."""
    calls = (call for message in messages for call in message.tool_calls)
    return next((call.name for call in calls if call.id == tool_call_id), "")


def _call(call: ToolCall) -> dict[str, Any]:
    return {"id": call.id, "function": {"name": call.name, "arguments": _arguments(call.arguments)}}


def _arguments(text: str) -> Any:
    """Return the object that `text` is; a client's history may hold a call whose arguments are none."""
    try:
        return msgspec.json.decode(text, type=Fields) if text.strip() else {}
    except UNREADABLE:
        return {"input": text}


def _tool(tool: Tool) -> dict[str, Any]:
    function: dict[str, Any] = {"name": tool.name}
    if tool.description:
        function["description"] = tool.description
    function["parameters"] = tool.parameters or {"type": "object", "properties": {}}
    return {"type": "function", "function": function}


def _prompt(chat: Chat, prompt: RawPrompt) -> dict[str, Any]:
    """Return the parts of a bare prompt; Ollama refuses `raw` together with system, template or context."""
    fields: dict[str, Any] = {
        "prompt": prompt.prompt,
        "suffix": prompt.suffix,
        "template": prompt.template,
        "context": list(prompt.context),
        "raw": prompt.raw,
        "system": "\n".join(_text(message) for message in chat.messages if message.role == "system"),
        "images": [image for message in chat.messages for image in _images(message)],
    }
    return {name: value for name, value in fields.items() if value or name == "prompt"}


def _shape(chat: Chat) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    if isinstance(chat.response_format, JsonSchema):
        fields["format"] = chat.response_format.schema
    elif chat.response_format == "json":
        fields["format"] = "json"
    if chat.reasoning is not None:
        fields["think"] = _THINK[chat.reasoning]
    if chat.logprobs:
        fields["logprobs"] = True
        if chat.top_logprobs is not None:
            fields["top_logprobs"] = chat.top_logprobs
    return fields


def _options(chat: Chat) -> dict[str, Any]:
    drawn = chat.sampling
    named: dict[str, Any] = {
        "temperature": drawn.temperature,
        "top_p": drawn.top_p,
        "top_k": drawn.top_k,
        "min_p": drawn.min_p,
        "seed": drawn.seed,
        "presence_penalty": drawn.presence_penalty,
        "frequency_penalty": drawn.frequency_penalty,
        "repeat_penalty": drawn.repeat_penalty,
        "num_predict": chat.max_tokens,
        "stop": list(chat.stop) or None,
    }
    return {**chat.options, **{name: value for name, value in named.items() if value is not None}}
