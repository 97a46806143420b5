"""Anthropic's requests as structs: a body of `/v1/messages`, and a `Prompt` of it. Pure.

Source: the SDK anthropic 2.13.0 (Nov 2026). A field that is not in it is refused, as the real one does; what has no say in
the answer is taken and not looked at.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal, TypeVar

import msgspec
from msgspec import Struct

from cortex.simulate.answer import Prompt, Tool, Turn
from cortex.simulate.anthropic_refusal import invalid
from cortex.simulate.model import SimulatedModel

UNKNOWN = re.compile(r"Object contains unknown field `([^`]*)`(?: - at `\$\.?([^`]*)`)?")


class Source(Struct):
    """Where an image or a document is."""

    type: Literal["base64", "url", "file", "text", "content"]
    media_type: str = ""
    data: str = ""
    url: str = ""
    content: Any = None


class Block(Struct, kw_only=True):
    """A block of a message, of the instructions, or of what a tool answered."""

    type: str
    text: str = ""
    thinking: str = ""
    signature: str | None = None
    source: Source | None = None
    id: str = ""
    name: str = ""
    input: Any = None
    tool_use_id: str = ""
    content: "str | list[Block] | None" = None

    def said(self) -> str:
        """Return the text in it."""
        if self.type == "document" and self.source is not None:
            return self.source.data if self.source.type == "text" else ""
        return self.text

    def blocks(self) -> "list[Block]":
        """Return what a tool answered."""
        return _blocks(self.content)


class Message(Struct, kw_only=True):
    """One message."""

    role: Literal["user", "assistant"]
    content: str | list[Block]

    def blocks(self) -> list[Block]:
        """Return its blocks; a string is one of text."""
        return _blocks(self.content)

    def turns(self) -> Iterator[Turn]:
        """Yield it in no dialect: what each tool answered, then the rest, if there is any."""
        blocks = self.blocks()
        for block in blocks:
            if block.type == "tool_result":
                yield _turn("tool", block.blocks())
        rest = [block for block in blocks if block.type != "tool_result"]
        if rest:
            yield _turn(self.role, rest)


class OfferedTool(Struct, kw_only=True):
    """One entry of `tools`; without an `input_schema` it is one that Anthropic runs."""

    name: str = ""
    type: str | None = None
    description: str | None = None
    input_schema: dict[str, Any] | None = None
    strict: bool | None = None


class ToolChoice(Struct):
    """`tool_choice`."""

    type: Literal["auto", "any", "tool", "none"]
    name: str = ""
    disable_parallel_tool_use: bool = False


class Thinking(Struct):
    """`thinking`."""

    type: Literal["enabled", "disabled", "adaptive", "between_tools"]
    budget_tokens: int | None = None
    display: Literal["summarized", "omitted"] | None = None


class Format(Struct):
    """`output_config.format`."""

    type: Literal["json_schema"]
    schema: dict[str, Any]


class OutputConfig(Struct, forbid_unknown_fields=True):
    """`output_config`."""

    effort: Literal["low", "medium", "high", "xhigh", "max"] | None = None
    format: Format | None = None


class CountBody(Struct, kw_only=True, forbid_unknown_fields=True):
    """`POST /v1/messages/count_tokens`."""

    model: str
    messages: list[Message]
    system: str | list[Block] | None = None
    tools: list[OfferedTool] | None = None
    tool_choice: ToolChoice | None = None
    thinking: Thinking | None = None
    output_config: OutputConfig | None = None
    cache_control: Any = None

    def prompt(self, model: SimulatedModel, *, thinks: bool = False) -> Prompt:
        """Return it in no dialect."""
        choice = self.tool_choice or ToolChoice("auto")
        offered = () if choice.type == "none" else self.tools or ()
        turns = tuple(turn for message in self.messages for turn in message.turns())
        system = (_turn("system", _blocks(self.system)),) if self.system else ()
        return Prompt(
            turns=system + turns,
            tools=tuple(Tool(tool.name, tool.input_schema) for tool in offered if tool.input_schema is not None),
            forced_tool={"any": "*", "tool": choice.name}.get(choice.type, ""),
            schema=self.schema,
            thinks=thinks,
            restarts=model.restarts,
        )

    @property
    def schema(self) -> Mapping[str, Any] | None:
        """What the answer must fit."""
        return self.output_config.format.schema if self.output_config and self.output_config.format else None


class MessagesBody(CountBody, kw_only=True, forbid_unknown_fields=True):
    """`POST /v1/messages`."""

    max_tokens: int
    stream: bool = False
    stop_sequences: list[str] | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    metadata: Any = None
    container: Any = None
    diagnostics: Any = None
    inference_geo: Any = None
    service_tier: Any = None
    speed: Any = None
    user_profile_id: Any = None
    workspace_id: Any = None


Body = TypeVar("Body", bound=Struct)


def read(body: bytes, kind: type[Body]) -> Body:
    """Read a request's body. Raises Refused."""
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.MsgspecError as error:
        found = UNKNOWN.match(str(error))
        if found:
            where = f"{found[2]}.{found[1]}" if found[2] else found[1]
            raise invalid(f"{where}: Extra inputs are not permitted") from error
        raise invalid(str(error)) from error


def _blocks(content: str | list[Block] | None) -> list[Block]:
    return [Block(type="text", text=content)] if isinstance(content, str) else content or []


def _turn(role: str, blocks: list[Block]) -> Turn:
    text = "\n".join(said for block in blocks if (said := block.said()))
    images = sum(block.type == "image" for block in blocks)
    return Turn(role, text, images, tuple(block.name for block in blocks if block.type == "tool_use"))
