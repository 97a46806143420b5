"""From an OpenAI chat body, read and checked, to the neutral `Chat`. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from cortex.chat import Chat, Image, JsonSchema, Message, Need, Part, Sampling, Text, ToolCall
from cortex.endpoint import openai_body as sent
from cortex.endpoint.arguments import object_text
from cortex.endpoint.openai_check import is_address
from cortex.endpoint.openai_tools import choice_of, is_legacy, tools_of
from cortex.endpoint.problems import refuse
from cortex.endpoint.reading import Object, thaw

if TYPE_CHECKING:
    from cortex.endpoint.openai_completion_body import CompletionBody

_PASS_ONLY: dict[Need, str] = {
    "audio": "messages",
    "files": "messages",
    "custom_tools": "tools",
}
"""What has no neutral form and can only pass through, with the field that asks for it."""


def to_chat(body: sent.ChatBody, needs: frozenset[Need]) -> Chat:
    """Translate a body. Raises BadRequest for what has no neutral form."""
    for need, param in _PASS_ONLY.items():
        if need in needs:
            what = need.replace("_", " ")
            raise refuse(
                f"{what} can only go to a worker that speaks the OpenAI dialect", param, "unsupported_parameter"
            )
    return Chat(
        messages=tuple(_messages(body.messages)),
        stream=bool(body.stream),
        tools=tuple(tools_of(body)),
        tool_choice=choice_of(body),
        # A client that knows only functions has room for one call in an answer.
        parallel_tool_calls=False if is_legacy(body) else body.parallel_tool_calls,
        max_tokens=body.max_tokens if body.max_completion_tokens is None else body.max_completion_tokens,
        sampling=sampling_of(body),
        stop=stop_of(body.stop),
        response_format=_response_format(body.response_format),
        reasoning=body.reasoning_effort,
        n=body.n or 1,
        logprobs=bool(body.logprobs),
        top_logprobs=body.top_logprobs,
        logit_bias=body.logit_bias or {},
        documents=tuple(_documents(body.documents or ())),
    )


def sampling_of(body: "sent.ChatBody | CompletionBody") -> Sampling:
    """Return how tokens are to be drawn."""
    return Sampling(
        temperature=body.temperature,
        top_p=body.top_p,
        top_k=body.top_k,
        min_p=body.min_p,
        seed=body.seed,
        presence_penalty=body.presence_penalty,
        frequency_penalty=body.frequency_penalty,
        repeat_penalty=body.repetition_penalty if body.repeat_penalty is None else body.repeat_penalty,
    )


def stop_of(stop: str | list[str] | None) -> tuple[str, ...]:
    """Return the texts that end an answer; an empty one never does."""
    return tuple(filter(None, (stop,) if isinstance(stop, str) else stop or ()))


def _response_format(wanted: object) -> Literal["text", "json"] | JsonSchema:
    match wanted:
        case sent.JsonObjectFormat():
            return "json"
        case sent.JsonSchemaFormat(json_schema=spec):
            return JsonSchema(
                schema=thaw(spec.schema, "response_format.json_schema.schema") if spec.schema else {},
                name=spec.name,
                description=spec.description or "",
                strict=spec.strict,
            )
    return "text"


def _documents(documents: Sequence[str | Object]) -> Iterator[Mapping[str, Any] | str]:
    """Translate documents; an object without `data` (vLLM's way: `title` and `text`) is itself the data."""
    for index, document in enumerate(documents):
        if isinstance(document, str):
            yield document
        else:
            fields = thaw(document, f"documents[{index}]")
            yield fields if "data" in fields else {"data": fields}


def _messages(messages: Sequence[sent.Message]) -> Iterator[Message]:
    """Translate the turns; the name of a tool is looked up from its call, where the client gave only the call's id."""
    names: dict[str, str] = {}
    function_call_id = ""
    for index, message in enumerate(messages):
        match message:
            case sent.System() | sent.Developer():
                yield Message(role="system", parts=_parts(message.content))
            case sent.User():
                yield Message(role="user", parts=_parts(message.content))
            case sent.Assistant():
                turn = _assistant(message, index)
                names.update((call.id, call.name) for call in turn.tool_calls)
                function_call_id = turn.tool_calls[-1].id if turn.tool_calls else function_call_id
                yield turn
            case sent.ToolResult():
                name = names.get(message.tool_call_id) or message.name or ""
                yield Message("tool", _parts(message.content), tool_call_id=message.tool_call_id, name=name)
            case sent.FunctionResult():
                call_id = function_call_id or _function_call_id(index)
                yield Message("tool", _parts(message.content), tool_call_id=call_id, name=message.name)


def _assistant(message: sent.Assistant, index: int) -> Message:
    calls = [
        ToolCall(
            id=call.id,
            name=call.function.name,
            arguments=object_text(call.function.arguments),
            signature=_signature(call.extra_content),
        )
        for call in message.tool_calls or ()
        if call.function is not None
    ]
    if message.function_call is not None:
        called = message.function_call
        calls.append(ToolCall(_function_call_id(index), called.name, object_text(called.arguments)))
    refusal = (Text(message.refusal),) if message.refusal else ()
    return Message(
        role="assistant",
        parts=_parts(message.content) + refusal,
        reasoning=message.reasoning_content or message.reasoning or "",
        tool_calls=tuple(calls),
    )


def _signature(extra: sent.ExtraContent | None) -> str:
    return (extra and extra.google and extra.google.thought_signature) or ""


def _function_call_id(index: int) -> str:
    """Make the id that a call of the first generation lacks, the same each time the conversation is sent."""
    return f"call_message{index:04d}"


def _parts(content: "str | Sequence[sent.UserPart | sent.AssistantPart] | None") -> tuple[Part, ...]:
    """Translate content; empty text is left out, since some upstreams refuse an empty block (Anthropic: 400)."""
    if content is None or isinstance(content, str):
        return (Text(content),) if content else ()
    return tuple(_part(part) for part in content if part not in _EMPTY)


_EMPTY = (sent.TextPart(""), sent.RefusalPart(""))


def _part(part: "sent.UserPart | sent.AssistantPart") -> Part:
    match part:
        case sent.TextPart(text=text) | sent.RefusalPart(refusal=text):
            return Text(text)
        case sent.ImagePart(image_url=image):
            return image_of(image.url, image.detail)
    raise AssertionError(f"{type(part).__name__} is refused before the messages are translated")


def image_of(url: str, detail: str | None) -> Image:
    """Return an image by its address, or by the bytes that a data URI holds."""
    if is_address(url):
        return Image(url=url, detail=detail or "")
    media_type, _, data = url.removeprefix("data:").partition(";base64,")
    return Image(media_type=media_type, data=data, detail=detail or "")
