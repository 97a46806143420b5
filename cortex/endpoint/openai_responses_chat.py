"""From a responses body to the neutral `Chat`, its checks on the way. Pure.

No upstream is asked in this API, so a body is translated when it is read, and what it needs is what its translation
needs. Beyond that are files and OpenAI's own tools, which no conversation can say (`beyond`).

What the assistant did in one turn comes as items of their own, what it thought, said and called, in that order. A turn
ends where that order begins again, or where anybody else comes.
"""

from collections.abc import Iterator, Sequence
from typing import Literal

from cortex.chat import Chat, Image, JsonSchema, Message, Need, Part, Sampling, Text, Tool, ToolCall
from cortex.endpoint import openai_responses_body as sent
from cortex.endpoint.arguments import object_text
from cortex.endpoint.openai_chat import image_of
from cortex.endpoint.problems import echo, refuse
from cortex.endpoint.reading import thaw

_LOGPROBS = "message.output_text.logprobs"
_STATE = ("previous_response_id", "conversation", "prompt", "background")


def check(body: sent.ResponsesBody) -> None:
    """Raise BadRequest for what refers to something that OpenAI would keep, and for fields that do not fit together."""
    for name in _STATE:
        if getattr(body, name):
            raise _kept(name)
    for index, tool in enumerate(body.tools or ()):
        if tool.type == "function" and tool.name is None:
            raise refuse("required, but missing", f"tools[{index}].name", "missing_required_parameter")
    if body.tool_choice is not None:
        _check_choice(body)


def _kept(param: str) -> Exception:
    return refuse(
        "Córtex keeps no responses, items, conversations or prompts, and answers nothing in the background: expected the"
        " whole conversation in input",
        param,
        "unsupported_parameter",
    )


def _check_choice(body: sent.ResponsesBody) -> None:
    """Every function that the choice names must be offered, and something must be where a call is required."""
    if _choice(body) not in {"auto", "none"} and not body.tools:
        raise refuse("expected tools to choose from, found none", "tool_choice")
    offered = {tool.name for tool in body.tools or () if tool.type == "function"}
    for name in _chosen(body.tool_choice):
        if name not in offered:
            raise refuse(f"expected the name of one of the tools, found {echo(name or '')!r}", "tool_choice")


def to_chat(body: sent.ResponsesBody) -> tuple[Chat, frozenset[Need]]:
    """Translate a body; return with it what it needs beyond its translation. Raises BadRequest."""
    if not body.input:
        raise refuse("expected a text or an array of items, found none", "input", "missing_required_parameter")
    items = list(sent.items_of(body))
    beyond = _beyond(body, items)
    instructions = (Message("system", (Text(body.instructions),)),) if body.instructions else ()
    chat = Chat(
        messages=(*instructions, *_messages(items)),
        stream=bool(body.stream),
        tools=tuple(_tools(body)),
        tool_choice=_choice(body),
        parallel_tool_calls=body.parallel_tool_calls,
        max_tokens=body.max_output_tokens,
        sampling=Sampling(temperature=body.temperature, top_p=body.top_p),
        response_format=_response_format(body.text.format if body.text else None),
        reasoning=body.reasoning.effort if body.reasoning else None,
        logprobs=_LOGPROBS in (body.include or ()),
        top_logprobs=body.top_logprobs if _LOGPROBS in (body.include or ()) else None,
    )
    if len(chat.messages) == len(instructions) and not beyond:
        raise refuse("expected at least one message, found only what was thought", "input")
    return chat, beyond


def _beyond(body: sent.ResponsesBody, items: Sequence[sent.Item]) -> frozenset[Need]:
    """Return what has no neutral form. Raises BadRequest for a reference to an item of an earlier answer."""
    needs: set[Need] = set()
    choice = body.tool_choice
    if any(tool.type != "function" for tool in body.tools or ()) or any(isinstance(item, sent.Other) for item in items):
        needs.add("custom_tools")
    if isinstance(choice, sent.Choice) and choice.type not in {"function", "allowed_tools"}:
        needs.add("custom_tools")
    for index, item in enumerate(items):
        if isinstance(item, sent.Other) and item.type == "item_reference":
            raise _kept(f"input[{index}]")
        if any(_is_file(part) for part in _parts_of(item)):
            needs.add("files")
    return frozenset(needs)


def _parts_of(item: sent.Item) -> Sequence[sent.Part]:
    match item:
        case sent.Message(content=list() as said):
            return said
        case sent.FunctionCallOutput(output=list() as answered):
            return answered
    return ()


def _is_file(part: sent.Part) -> bool:
    return isinstance(part, sent.InputFile) or (isinstance(part, sent.InputImage) and part.image_url is None)


def _tools(body: sent.ResponsesBody) -> Iterator[Tool]:
    """Translate the functions that may be called: all of them, or those that `allowed_tools` names."""
    is_bounded = isinstance(body.tool_choice, sent.Choice) and body.tool_choice.type == "allowed_tools"
    allowed = _chosen(body.tool_choice)
    for index, tool in enumerate(body.tools or ()):
        if tool.name is not None and tool.type == "function" and (not is_bounded or tool.name in allowed):
            yield Tool(
                name=tool.name,
                description=tool.description or "",
                parameters=thaw(tool.parameters, f"tools[{index}].parameters") if tool.parameters else {},
                strict=tool.strict,
            )


def _choice(body: sent.ResponsesBody) -> str:
    """Return the choice as `Chat.tool_choice` has it."""
    match body.tool_choice:
        case str() as word:
            return word
        case sent.Choice(type="function", name=name):
            return f"={name}"
        case sent.Choice(type="allowed_tools", mode=mode):
            return mode or "auto"
        case sent.Choice():
            return "required"
    return "auto"


def _chosen(choice: object) -> list[str | None]:
    """Return the names of functions in the choice."""
    match choice:
        case sent.Choice(type="function", name=name):
            return [name]
        case sent.Choice(type="allowed_tools", tools=tools):
            return [tool.name for tool in tools or () if tool.type == "function"]
    return []


def _response_format(wanted: object) -> Literal["text", "json"] | JsonSchema:
    match wanted:
        case sent.JsonObjectFormat():
            return "json"
        case sent.JsonSchemaFormat():
            return JsonSchema(
                schema=thaw(wanted.schema, "text.format.schema"),
                name=wanted.name,
                description=wanted.description or "",
                strict=wanted.strict,
            )
    return "text"


class _Turn:
    """What the assistant did in one turn, as far as it has been read."""

    def __init__(self) -> None:
        self.thoughts: list[str] = []
        self.parts: tuple[Part, ...] = ()
        self.calls: list[ToolCall] = []

    def is_over(self, item: sent.Item) -> bool:
        """Say whether `item` belongs to another turn."""
        match item:
            case sent.FunctionCall():
                return False
            case sent.Reasoning() | sent.Message(role="assistant"):
                return bool(self.parts or self.calls)
        return True

    def message(self) -> Iterator[Message]:
        """Return it as a message; what was only thought, and came to nothing, is none."""
        if self.parts or self.calls:
            yield Message("assistant", self.parts, reasoning="\n".join(self.thoughts), tool_calls=tuple(self.calls))


def _messages(items: Sequence[sent.Item]) -> Iterator[Message]:
    """Translate the items; the name of a tool is looked up from its call."""
    names: dict[str, str] = {}
    turn = _Turn()
    for index, item in enumerate(items):
        place = f"input[{index}]"
        if turn.is_over(item):
            yield from turn.message()
            turn = _Turn()
        match item:
            case sent.Reasoning():
                turn.thoughts += [piece.text for piece in item.summary or item.content or ()]
            case sent.FunctionCall(call_id=call_id, name=name):
                names[call_id] = name
                turn.calls.append(ToolCall(call_id, name, object_text(item.arguments)))
            case sent.FunctionCallOutput(call_id=call_id):
                parts = tuple(_parts(item.output, f"{place}.output"))
                yield Message("tool", parts, tool_call_id=call_id, name=names.get(call_id, ""))
            case sent.Message(role="assistant"):
                turn.parts = tuple(_parts(item.content, f"{place}.content"))
            case sent.Message():
                role: Literal["user", "system"] = "user" if item.role == "user" else "system"
                yield Message(role, tuple(_parts(item.content, f"{place}.content")))
    yield from turn.message()


def _parts(content: "str | Sequence[sent.Part]", param: str) -> Iterator[Part]:
    """Translate content; empty text is left out, and files, which only `_beyond` speaks of."""
    if isinstance(content, str):
        content = [sent.InputText(content)]
    for index, part in enumerate(content):
        match part:
            case sent.InputText(text=text) | sent.OutputText(text=text) | sent.Refusal(refusal=text):
                if text:
                    yield Text(text)
            case sent.InputImage(image_url=str() as url):
                yield _image(url, part.detail, f"{param}[{index}].image_url")


def _image(url: str, detail: str | None, param: str) -> Image:
    image = image_of(url, detail)
    if not (image.url or (image.data and image.media_type.startswith("image/"))):
        raise refuse(f"expected an http(s) address or data:image/TYPE;base64,DATA, found {echo(url)!r}", param)
    return image
