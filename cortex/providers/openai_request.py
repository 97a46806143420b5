"""Writing a conversation as OpenAI's /chat/completions wants it, in the standard's own words.

What one server wants otherwise is bent afterwards (`openai_switches`). Source: OpenAI's OpenAPI document 2.3.0,
21 Aug 2026; the names of the sampling options beyond it are those of llama.cpp, vLLM and LM Studio (Nov 2026).
"""

from typing import Any

from cortex.chat import Chat, Image, JsonSchema, Message, Part, Text, Tool, ToolCall
from cortex.providers.openai_switches import Switches
from cortex.providers.rewrite import Fields, raw
from cortex.providers.tool_images import images_apart

LOAD_OPTIONS = frozenset(
    {"num_ctx", "num_batch", "num_gpu", "main_gpu", "use_mmap", "num_thread", "draft_num_predict", "low_vram", "numa"}
)
"""Ollama's options that say how a model is loaded: no other server lets a request decide that."""

_NO_PARAMETERS = {"type": "object", "properties": {}}


def written(chat: Chat, model: str, switches: Switches) -> Fields:
    """Return the fields of the request body; every part of `chat` is in it that is not left to the upstream."""
    messages = [_message(message, switches) for message in images_apart(chat.messages)]
    fields: dict[str, Any] = {"model": model, "messages": messages}
    if chat.stream:
        fields["stream"] = True
    if is_begun(chat):
        fields |= _begun(messages[-1], switches)
    fields |= _tools(chat) | _sampling(chat, switches) | _shape(chat)
    return {name: raw(value) for name, value in fields.items()}


def is_begun(chat: Chat) -> bool:
    """Tell whether the last message is the beginning of the answer."""
    last = chat.messages[-1] if chat.messages else None
    return last is not None and last.role == "assistant" and not last.tool_calls


def _begun(message: dict[str, Any], switches: Switches) -> dict[str, Any]:
    """Mark `message` as the beginning of the answer, in it or beside it, as the server wants it."""
    if switches.prefill == "prefix":
        message["prefix"] = True
    elif switches.prefill == "continue_final_message":
        return {"continue_final_message": True, "add_generation_prompt": False}
    return {}


def _message(message: Message, switches: Switches) -> dict[str, Any]:
    written: dict[str, Any] = {"role": message.role, "content": _content(message)}
    if message.role == "tool":
        written["tool_call_id"] = message.tool_call_id
    if message.tool_calls:
        written["tool_calls"] = [_call(call) for call in message.tool_calls]
    if message.reasoning and switches.reasoning_field:
        written[switches.reasoning_field] = message.reasoning
    return written


def _content(message: Message) -> str | list[dict[str, Any]] | None:
    """Return one text as a string, which every server takes, and parts only where there is more to say."""
    if not message.parts:
        return None if message.tool_calls else ""
    if len(message.parts) == 1 and isinstance(message.parts[0], Text):
        return message.parts[0].text
    return [_part(part) for part in message.parts]


def _part(part: Part) -> dict[str, Any]:
    if isinstance(part, Text):
        return {"type": "text", "text": part.text}
    return {"type": "image_url", "image_url": _image(part)}


def _image(image: Image) -> dict[str, str]:
    address = image.url or f"data:{image.media_type or 'image/png'};base64,{image.data}"
    return {"url": address, "detail": image.detail} if image.detail else {"url": address}


def _call(call: ToolCall) -> dict[str, Any]:
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}


def _tools(chat: Chat) -> dict[str, Any]:
    if not chat.tools:
        return {}
    choice = chat.tool_choice
    fields: dict[str, Any] = {"tools": [_tool(tool) for tool in chat.tools]}
    if choice.startswith("="):
        fields["tool_choice"] = {"type": "function", "function": {"name": choice[1:]}}
    elif choice != "auto":
        fields["tool_choice"] = choice
    if chat.parallel_tool_calls is not None:
        fields["parallel_tool_calls"] = chat.parallel_tool_calls
    return fields


def _tool(tool: Tool) -> dict[str, Any]:
    function: dict[str, Any] = {"name": tool.name, "parameters": tool.parameters or _NO_PARAMETERS}
    if tool.description:
        function["description"] = tool.description
    if tool.strict is not None:
        function["strict"] = tool.strict
    return {"type": "function", "function": function}


def _sampling(chat: Chat, switches: Switches) -> dict[str, Any]:
    drawn = chat.sampling
    fields: dict[str, Any] = {
        "temperature": drawn.temperature,
        "top_p": drawn.top_p,
        "seed": drawn.seed,
        "presence_penalty": drawn.presence_penalty,
        "frequency_penalty": drawn.frequency_penalty,
        "max_tokens": chat.max_tokens,
        "stop": list(chat.stop) or None,
        "logit_bias": chat.logit_bias or None,
    }
    if switches.extra_sampling:
        fields |= {"top_k": drawn.top_k, "min_p": drawn.min_p, switches.repeat_penalty_field: drawn.repeat_penalty}
        fields |= {name: value for name, value in chat.options.items() if name not in LOAD_OPTIONS}
    return {name: value for name, value in fields.items() if value is not None}


def _shape(chat: Chat) -> dict[str, Any]:
    """Return what concerns the answer's form and the effort put into it."""
    fields: dict[str, Any] = {}
    if chat.n > 1:
        fields["n"] = chat.n
    if chat.logprobs:
        fields["logprobs"] = True
        if chat.top_logprobs is not None:
            fields["top_logprobs"] = chat.top_logprobs
    if chat.reasoning is not None:
        # `on` says to think and not how much; this dialect has no word for that, and medium is its usual default.
        fields["reasoning_effort"] = "medium" if chat.reasoning == "on" else chat.reasoning
    if isinstance(chat.response_format, JsonSchema):
        fields["response_format"] = {"type": "json_schema", "json_schema": _schema(chat.response_format)}
    elif chat.response_format == "json":
        fields["response_format"] = {"type": "json_object"}
    return fields


def _schema(bound: JsonSchema) -> dict[str, Any]:
    written: dict[str, Any] = {"name": bound.name, "schema": bound.schema}
    if bound.description:
        written["description"] = bound.description
    if bound.strict is not None:
        written["strict"] = bound.strict
    return written
