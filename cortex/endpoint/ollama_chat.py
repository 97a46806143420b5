"""From an Ollama body, read and checked, to the neutral `Chat`. Pure.

A plain `generate` becomes a conversation of a system and a user message, so that any worker can answer it. One that
uses `raw`, `suffix`, `template` or `context` keeps them beside it, as `Chat.raw_prompt`.

Of the options, those of loading a model stay behind: only an Ollama knows them, and to an Ollama the bytes pass on.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Literal, cast

import msgspec

from cortex.chat import (
    Chat,
    Image,
    JsonSchema,
    Message,
    Part,
    RawPrompt,
    ReasoningEffort,
    Role,
    Sampling,
    Text,
    Tool,
    ToolCall,
)
from cortex.endpoint import ollama_body as sent
from cortex.endpoint.arguments import object_text
from cortex.endpoint.reading import thaw

_MEDIA_TYPES = {"/9j/": "image/jpeg", "iVBORw": "image/png", "R0lGOD": "image/gif", "UklGR": "image/webp"}
"""How base64 begins for the formats that models take."""

_NO_OPTIONS = sent.Options()


def chat_of(body: sent.ChatBody) -> Chat:
    """Translate a chat."""
    return Chat(messages=tuple(_messages(body.messages or ())), tools=tuple(_tools(body)), **_common(body))


def chat_of_generate(body: sent.GenerateBody) -> Chat:
    """Translate a prompt."""
    system = (Message(role="system", parts=(Text(body.system),)),) if body.system else ()
    user = Message(role="user", parts=_parts(body.prompt, body.images))
    raw_prompt = RawPrompt(
        prompt=body.prompt or "",
        suffix=body.suffix or "",
        template=body.template or "",
        context=tuple(body.context or ()),
        raw=bool(body.raw),
    )
    return Chat(messages=(*system, user), raw_prompt=raw_prompt if body.is_bare else None, **_common(body))


def _common(body: sent.ChatBody | sent.GenerateBody) -> dict[str, Any]:
    options = body.options or _NO_OPTIONS
    limit = _whole(options.num_predict)
    return {
        "stream": body.stream is not False,
        "max_tokens": limit if limit is not None and limit > 0 else None,
        "sampling": _sampling(options),
        "stop": tuple(filter(None, options.stop or ())),
        "response_format": _response_format(body.format),
        "reasoning": _reasoning(body.think),
        "logprobs": bool(body.logprobs),
        "top_logprobs": body.top_logprobs if body.logprobs else None,
        "options": {name: value for name in sent.OTHER_SAMPLING if (value := getattr(options, name)) is not None},
    }


def _sampling(options: sent.Options) -> Sampling:
    seed = _whole(options.seed)
    return Sampling(
        temperature=options.temperature,
        top_p=options.top_p,
        top_k=_whole(options.top_k),
        min_p=options.min_p,
        seed=seed if seed is not None and seed >= 0 else None,
        presence_penalty=options.presence_penalty,
        frequency_penalty=options.frequency_penalty,
        repeat_penalty=options.repeat_penalty,
    )


def _whole(number: float | None) -> int | None:
    return None if number is None else int(number)


def _response_format(wanted: sent.Format | None) -> Literal["text", "json"] | JsonSchema:
    if isinstance(wanted, dict):
        return JsonSchema(schema=thaw(wanted, "format")) if wanted else "text"
    return "json" if wanted == "json" else "text"


def _reasoning(think: sent.Think | None) -> ReasoningEffort | None:
    if isinstance(think, bool):
        return "on" if think else "none"
    return think


def _tools(body: sent.ChatBody) -> Iterator[Tool]:
    for index, tool in enumerate(body.tools or ()):
        function = tool.function
        yield Tool(
            name=function.name,
            description=function.description or "",
            parameters=thaw(function.parameters, f"tools[{index}].function.parameters") if function.parameters else {},
        )


def _messages(messages: Sequence[sent.Message]) -> Iterator[Message]:
    """Translate the turns; a tool's answer is bound to a call of the turn before it."""
    open_calls: list[ToolCall] = []
    for index, message in enumerate(messages):
        role = cast("Role", message.role.lower())
        if role == "tool":
            call = _answered(message, open_calls, index)
            yield Message(role, _parts(message.content, message.images), tool_call_id=call.id, name=call.name)
            continue
        calls = tuple(_calls(message.tool_calls or (), index))
        open_calls = list(calls) or open_calls
        yield Message(
            role=role,
            parts=_parts(message.content, message.images),
            reasoning=message.thinking or "",
            tool_calls=calls,
        )


def _calls(calls: Sequence[sent.ToolCall], message: int) -> Iterator[ToolCall]:
    """Translate calls; an id that is missing is made from the call's place, the same each time it is sent."""
    for index, call in enumerate(calls):
        arguments = msgspec.json.encode(call.function.arguments or {}).decode()
        call_id = call.id or f"call_{message:04d}{index:04d}"
        yield ToolCall(id=call_id, name=call.function.name, arguments=object_text(arguments))


def _answered(message: sent.Message, open_calls: list[ToolCall], index: int) -> ToolCall:
    """Take the call that a tool's message answers out of `open_calls`; make one up where none fits.

    It is found by its id where the client gave one, else by the tool's name, else by its order.
    """
    for call in open_calls:
        given, own = (message.tool_call_id, call.id) if message.tool_call_id else (message.tool_name, call.name)
        if not given or given == own:
            open_calls.remove(call)
            return call
    return ToolCall(message.tool_call_id or f"call_{index:04d}0000", message.tool_name or "", "{}")


def _parts(content: str | None, images: Sequence[str] | None) -> tuple[Part, ...]:
    text: tuple[Part, ...] = (Text(content),) if content else ()
    return text + tuple(Image(media_type=_media_type(image), data=image) for image in images or ())


def _media_type(image: str) -> str:
    """Tell the format from the first bytes; JPEG where they say nothing, as the format that most runners take."""
    return next((kind for start, kind in _MEDIA_TYPES.items() if image.startswith(start)), "image/jpeg")
