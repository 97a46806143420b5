"""The bodies of `POST /v1/messages` and `/v1/messages/count_tokens`, as typed structs. Pure.

Every field of the official SDK (anthropic 2.13.0, November 2026) that says something of the answer is here with its type
and bounds; null is taken for absent. Unknown fields are ignored everywhere: Claude Code sends the extras of a dozen betas
(`cache_control`, `defer_loading`, `context_management`, …), and to refuse one ends a session (claude-code #31033).

`temperature`, `top_p` and `top_k` are gone from Anthropic's API of 21 October 2026; older clients send them, and they are
taken whatever `anthropic-version` says.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from cortex.endpoint.reading import Object

Name = Annotated[str, Meta(min_length=1)]
Tokens = Annotated[int, Meta(ge=1)]
Share = Annotated[float, Meta(ge=0, le=1)]
Effort = Literal["low", "medium", "high", "xhigh", "max"]
Display = Literal["summarized", "omitted"]


class Text(Struct, frozen=True, tag="text"):
    """Text in a message."""

    text: str


class Base64(Struct, frozen=True, tag="base64"):
    """The bytes of an image or a file."""

    media_type: Name
    data: Name
    """Without a `data:` prefix."""


class Address(Struct, frozen=True, tag="url"):
    """Where an image or a file is."""

    url: str


class Stored(Struct, frozen=True, tag="file"):
    """A file that was uploaded to Anthropic before."""

    file_id: Name


class Image(Struct, frozen=True, tag="image"):
    """An image in a user's message or in what a tool answered."""

    source: Base64 | Address | Stored


class Plain(Struct, frozen=True, tag="text"):
    """The text of a document."""

    data: str


class Content(Struct, frozen=True, tag="content"):
    """A document in parts."""

    content: str | list[Text | Image]


class Citations(Struct, frozen=True):
    """Whether the answer is to cite."""

    enabled: bool | None = None


class Document(Struct, frozen=True, tag="document"):
    """A document in a user's message or in what a tool answered."""

    source: Base64 | Address | Stored | Plain | Content
    title: str | None = None
    context: str | None = None
    citations: Citations | None = None


class SearchResult(Struct, frozen=True, tag="search_result"):
    """Something that the client found, as a text to answer from."""

    source: str
    title: str
    content: list[Text]
    citations: Citations | None = None


class ToolReference(Struct, frozen=True, tag="tool_reference"):
    """A tool that a search for tools found: one of `tools`, which elsewhere the model has seen all along."""

    tool_name: str


class ToolResult(Struct, frozen=True, tag="tool_result"):
    """What a tool answered."""

    tool_use_id: Name
    content: str | list[Text | Image | Document | SearchResult | ToolReference] | None = None
    is_error: bool | None = None


class Thinking(Struct, frozen=True, tag="thinking"):
    """What the model thought in an earlier turn; its signature means something to Anthropic only."""

    thinking: str


class RedactedThinking(Struct, frozen=True, tag="redacted_thinking"):
    """The same, readable by Anthropic only."""


class ToolUse(Struct, frozen=True, tag="tool_use"):
    """One call of a tool in an earlier turn."""

    id: Name
    name: Name
    input: Object


UserBlock = Text | Image | Document | SearchResult | ToolResult
AssistantBlock = Text | Thinking | RedactedThinking | ToolUse
Block = UserBlock | AssistantBlock | ToolReference


class User(Struct, frozen=True, tag_field="role", tag="user"):
    """What the user said, and what the tools answered."""

    content: str | list[UserBlock]


class Assistant(Struct, frozen=True, tag_field="role", tag="assistant"):
    """What the model said in an earlier turn; as the last message, the beginning of its answer."""

    content: str | list[AssistantBlock]


class System(Struct, frozen=True, tag_field="role", tag="system"):
    """Instructions that came up during the conversation."""

    content: str | list[Text]


Message = User | Assistant | System


class Tool(Struct, frozen=True):
    """A tool that the model may use."""

    type: str | None = None
    """Absent or `custom`: the client's own. Else one of Anthropic's (`web_search_20260318`), which only it can run."""
    name: Name | None = None
    """Anthropic's toolsets have none."""
    description: str | None = None
    input_schema: Object | None = None
    strict: bool | None = None

    @property
    def is_own(self) -> bool:
        """It is the client's own, described by a schema."""
        return self.type is None or self.type == "custom"


class _Choice(Struct, frozen=True):
    disable_parallel_tool_use: bool | None = None


class AutoChoice(_Choice, frozen=True, tag="auto"):
    """The model decides."""


class AnyChoice(_Choice, frozen=True, tag="any"):
    """Some tool."""


class ToolChoice(_Choice, frozen=True, tag="tool", kw_only=True):
    """This tool and no other."""

    name: Name


class NoChoice(_Choice, frozen=True, tag="none"):
    """No tool."""


class Enabled(Struct, frozen=True, tag="enabled"):
    """Think, this much at most."""

    budget_tokens: Annotated[int, Meta(ge=1024)]
    display: Display | None = None


class Disabled(Struct, frozen=True, tag="disabled"):
    """Do not think."""


class Adaptive(Struct, frozen=True, tag="adaptive"):
    """Think when and as much as the model sees fit."""

    display: Display | None = None


class BetweenTools(Struct, frozen=True, tag="between_tools"):
    """Think between calls of tools, where the model sees fit."""


class JsonFormat(Struct, frozen=True, tag="json_schema"):
    """An answer bound to a schema."""

    schema: Object


class OutputConfig(Struct, frozen=True):
    """How the answer is to be."""

    effort: Effort | None = None
    format: JsonFormat | None = None


class Body(Struct, frozen=True, kw_only=True):
    """A request to count its tokens."""

    model: Name
    messages: Annotated[list[Message], Meta(min_length=1)]
    system: str | list[Text] | None = None
    tools: list[Tool] | None = None
    tool_choice: AutoChoice | AnyChoice | ToolChoice | NoChoice | None = None
    thinking: Enabled | Disabled | Adaptive | BetweenTools | None = None
    output_config: OutputConfig | None = None
    output_format: JsonFormat | None = None
    """What `output_config.format` was in the beta of November 2025."""
    max_tokens: Tokens | None = None
    stream: bool | None = None
    stop_sequences: list[str] | None = None
    temperature: Share | None = None
    top_p: Share | None = None
    top_k: Annotated[int, Meta(ge=0)] | None = None


class MessagesBody(Body, frozen=True, kw_only=True):
    """A request for an answer."""

    max_tokens: Tokens


_BLOCKS = (
    "a block that its role may have (user: text, image, document, search_result, tool_result; "
    "assistant: text, thinking, redacted_thinking, tool_use)"
)
"""Those of the tools that Anthropic runs are not among them: nobody else could read them."""

EXPECTED = {
    "messages": "an array of at least one message",
    "messages[].role": "one of user, assistant, system",
    "messages[].content": "a string or an array of blocks",
    "messages[].content[].type": _BLOCKS,
    "messages[].content[].source.type": "one of base64, url, file; of a document: text, content too",
    "messages[].content[].content[].type": "one of text, image, document, search_result, tool_reference",
    "messages[].content[].content[].source.type": "one of base64, url, file; of a document: text, content too",
    "system": "a string or an array of text blocks",
    "system[].type": "text",
    "tool_choice.type": "one of auto, any, tool, none",
    "thinking.type": "one of enabled, disabled, adaptive, between_tools",
    "thinking.display": "summarized or omitted",
    "output_config.effort": "one of low, medium, high, xhigh, max",
    "output_config.format.type": "json_schema",
    "output_format.type": "json_schema",
}
"""What is allowed where msgspec only says that a value is not."""
