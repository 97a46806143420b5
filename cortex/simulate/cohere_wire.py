"""Cohere's requests as structs: a body of `/v2/chat` or `/v2/embed`, what is refused of it, and a `Prompt`. Pure.

Sources: Cohere's OpenAPI document (20 Aug 2026), the SDK cohere 7.3.1 (Nov 2026).
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal, TypeVar

import msgspec
from msgspec import Struct, field

from cortex.simulate.answer import Prompt, Tool, Turn
from cortex.simulate.cohere_refusal import invalid
from cortex.simulate.model import SimulatedModel

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
MAX_STOPS = 5
MAX_TEXTS = 96
INPUT_TYPES = frozenset({"search_document", "search_query", "classification", "clustering", "image"})
RANGES: Mapping[str, tuple[float, float]] = {
    "temperature": (0, 1),
    "p": (0.01, 0.99),
    "k": (0, 500),
    "frequency_penalty": (0, 1),
    "presence_penalty": (0, 1),
}
NOT_IN_A_SCHEMA = frozenset(
    {"anyOf", "oneOf", "allOf", "not", "minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems"}
    | {"uniqueItems", "additionalProperties"}
)


class Part(Struct):
    """A part of a message, of a result, or of what is embedded."""

    type: str
    text: str = ""
    thinking: str = ""
    document: Any = None
    image_url: Any = None


class CalledFunction(Struct):
    """What was called; `arguments` is a string."""

    name: str
    arguments: str = ""


class ToolCall(Struct):
    """One call in an assistant's message."""

    id: str
    function: CalledFunction


class Message(Struct, forbid_unknown_fields=True, kw_only=True):
    """One message."""

    role: Literal["user", "system", "assistant", "tool"]
    content: str | list[Part] | None = None
    tool_calls: list[ToolCall] | None = None
    tool_plan: str | None = None
    tool_call_id: str | None = None
    citations: Any = None

    def turn(self) -> Turn:
        """Return it in no dialect."""
        parts = [Part("text", self.content)] if isinstance(self.content, str) else self.content or []
        texts = [part.text if part.type == "text" else _document(part.document) for part in parts]
        images = sum(part.type == "image_url" for part in parts)
        calls = tuple(call.function.name for call in self.tool_calls or ())
        return Turn(self.role, "\n".join(text for text in texts if text), images, calls)


class Function(Struct):
    """A tool as it is offered."""

    name: str
    description: str = ""
    parameters: dict[str, Any] = field(default_factory=dict)


class OfferedTool(Struct):
    """One entry of `tools`."""

    function: Function
    type: Literal["function"] = "function"


class ResponseFormat(Struct, forbid_unknown_fields=True):
    """`response_format`."""

    type: Literal["text", "json_object"]
    json_schema: dict[str, Any] | None = None


class Thinking(Struct, forbid_unknown_fields=True):
    """`thinking`."""

    type: Literal["enabled", "disabled"]
    token_budget: int | None = None


class CitationOptions(Struct):
    """`citation_options`."""

    mode: str = "ENABLED"


class ChatBody(Struct, kw_only=True, forbid_unknown_fields=True):
    """`POST /v2/chat`."""

    model: str
    messages: list[Message]
    stream: bool = False
    tools: list[OfferedTool] | None = None
    tool_choice: Literal["REQUIRED", "NONE"] | None = None
    strict_tools: bool | None = None
    response_format: ResponseFormat | None = None
    documents: list[str | dict[str, Any]] | None = None
    citation_options: CitationOptions | None = None
    safety_mode: Literal["CONTEXTUAL", "STRICT", "OFF"] | None = None
    max_tokens: int | None = None
    stop_sequences: list[str] | None = None
    temperature: float | None = None
    p: float | None = None
    k: int | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    seed: int | None = None
    logprobs: bool | None = None
    thinking: Thinking | None = None
    priority: int | None = None

    @property
    def cites(self) -> bool:
        """Whether the answer has citations."""
        mode = (self.citation_options or CitationOptions()).mode
        return bool(self.documents) and mode not in {"OFF", "DISABLED"}

    def prompt(self, model: SimulatedModel) -> Prompt:
        """Return it in no dialect."""
        is_json = self.response_format is not None and self.response_format.type == "json_object"
        offered = () if self.tool_choice == "NONE" else self.tools or ()
        is_off = self.thinking is not None and self.thinking.type == "disabled"
        return Prompt(
            turns=tuple(message.turn() for message in self.messages),
            tools=tuple(Tool(tool.function.name, tool.function.parameters) for tool in offered),
            forced_tool="*" if self.tool_choice == "REQUIRED" else "",
            schema=((self.response_format.json_schema if self.response_format else None) or {}) if is_json else None,
            thinks=model.can("thinking") and not is_off,
            max_tokens=self.max_tokens,
            stop=tuple(self.stop_sequences or ()),
            restarts=model.restarts,
        )


class EmbedBody(Struct, kw_only=True, forbid_unknown_fields=True):
    """`POST /v2/embed`."""

    model: str
    input_type: str | None = None
    texts: list[str] | None = None
    images: list[str] | None = None
    inputs: list[dict[str, list[Part]]] | None = None
    embedding_types: list[Literal["float", "int8", "uint8", "binary", "ubinary", "base64"]] | None = None
    output_dimension: int | None = None
    truncate: Literal["NONE", "START", "END"] = "END"
    max_tokens: int | None = None
    priority: int | None = None

    @property
    def items(self) -> list[str]:
        """All that is embedded, as text."""
        inputs = [" ".join(part.text or str(part.image_url) for part in one["content"]) for one in self.inputs or ()]
        return [*(self.texts or ()), *(self.images or ()), *inputs]


Body = TypeVar("Body", bound=Struct)


def read(body: bytes, kind: type[Body]) -> Body:
    """Read a request's body. Raises Refused."""
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.MsgspecError as error:
        raise invalid(str(error)) from error


def check_chat(body: ChatBody, model: SimulatedModel) -> None:
    """Raise Refused for the first thing that is wrong."""
    for problem in (*_sampling(body), *_messages(body, model), *_binding(body), *_tools(body, model)):
        raise invalid(problem)


def check_embed(body: EmbedBody, model: SimulatedModel) -> None:
    """Raise Refused for the first thing that is wrong."""
    given = [kind for kind in (body.texts, body.images, body.inputs) if kind is not None]
    if body.input_type not in INPUT_TYPES:
        raise invalid(f"valid input_type must be provided with the provided model, one of {sorted(INPUT_TYPES)}")
    if len(given) != 1:
        raise invalid("exactly one of texts, images or inputs must be provided")
    if not 0 < len(body.items) <= MAX_TEXTS:
        raise invalid(f"total number of texts must be at most {MAX_TEXTS} - received {len(body.items)}")
    if body.output_dimension is not None and not 0 < body.output_dimension <= model.dimensions:
        raise invalid(f"output_dimension {body.output_dimension} is not supported by the model")


def _sampling(body: ChatBody) -> Iterator[str]:
    for name, (low, high) in RANGES.items():
        value = getattr(body, name)
        if value is not None and not low <= value <= high:
            yield f"{name} must be between {low} and {high} inclusive."
    if body.frequency_penalty and body.presence_penalty:
        yield "only one of frequency_penalty and presence_penalty may be set."
    if len(body.stop_sequences or ()) > MAX_STOPS:
        yield f"stop_sequences: at most {MAX_STOPS} are allowed."
    if body.max_tokens is not None and body.max_tokens < 1:
        yield "max_tokens must be at least 1."


def _messages(body: ChatBody, model: SimulatedModel) -> Iterator[str]:
    if not body.messages:
        yield "messages: must not be empty."
    called: set[str] = set()
    for index, message in enumerate(body.messages):
        where = f"messages[{index}]"
        if message.role == "tool" and message.tool_call_id not in called:
            yield f"{where}: tool_call_id was not found in the tool calls before it."
        if message.tool_calls and message.content == "":
            yield f"{where}: content must not be empty where there are tool calls; leave it out."
        if not message.tool_calls and message.content is None:
            yield f"{where}: content must be provided."
        if not model.can("vision") and message.turn().images:
            yield f"{where}: model does not support image inputs."
        called |= {call.id for call in message.tool_calls or ()}


def _binding(body: ChatBody) -> Iterator[str]:
    bound = body.response_format
    if bound is None or bound.type == "text":
        return
    if body.tools or body.documents:
        yield "response_format is not supported with tools or documents."
    if bound.json_schema is not None:
        yield from _schema(bound.json_schema, "response_format.json_schema")


def _tools(body: ChatBody, model: SimulatedModel) -> Iterator[str]:
    if body.tools and not model.can("tools"):
        yield "tools are not supported by the model."
    if body.tool_choice is not None and not body.tools:
        yield "tool_choice may only be set with tools."
    for tool in body.tools or ():
        if not NAME.fullmatch(tool.function.name):
            yield f"tool name {tool.function.name!r} may have letters, digits and underscores, and no digit first."
        if body.strict_tools:
            yield from _schema(tool.function.parameters, f"tools.{tool.function.name}")
    if body.thinking is not None and body.thinking.type == "enabled" and not model.can("thinking"):
        yield "thinking is not supported by the model."


def _schema(schema: Mapping[str, Any], where: str) -> Iterator[str]:
    for name in NOT_IN_A_SCHEMA & schema.keys():
        yield f"{where}: {name} is not supported."
    if "properties" in schema and not schema.get("required"):
        yield f"{where}: at least one property must be required."
    for inner in (*(schema.get("properties") or {}).values(), schema.get("items")):
        if isinstance(inner, Mapping):
            yield from _schema(inner, where)


def _document(document: Any) -> str:
    data = document.get("data", document) if isinstance(document, Mapping) else document
    return "" if data is None else data if isinstance(data, str) else msgspec.json.encode(data).decode()
