"""The body of `POST /v1/chat/completions`, as typed structs. Pure.

Every field of the official SDK (openai 3.57.0, November 2026) and of OpenAI's document (spec 2.3.0, 21 August 2026) is
here with its type and bounds; null is taken for absent wherever the API does so. Unknown fields are ignored: clients
put the extras of one server there, and where the bytes pass through they still arrive.

Left to the upstream are vocabularies that grow with its models (`service_tier`, `verbosity`, `detail`) and limits that
are only OpenAI's (four stop sequences, names of 64 characters): a server at home may allow more.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from cortex.endpoint.reading import Object

Name = Annotated[str, Meta(min_length=1)]
Tokens = Annotated[int, Meta(ge=1)]
Penalty = Annotated[float, Meta(ge=-2, le=2)]
Bias = Annotated[float, Meta(ge=-100, le=100)]
Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]


class TextPart(Struct, frozen=True, tag="text"):
    """Text in a message."""

    text: str


class RefusalPart(Struct, frozen=True, tag="refusal"):
    """A refusal of the assistant's, sent back to it."""

    refusal: str


class ImageUrl(Struct, frozen=True):
    """Where an image is."""

    url: str
    """`https://…`, or `data:image/png;base64,…`."""
    detail: str | None = None


class ImagePart(Struct, frozen=True, tag="image_url"):
    """An image in a user's message."""

    image_url: ImageUrl


class AudioPart(Struct, frozen=True, tag="input_audio"):
    """Sound in a user's message: `data` and `format`."""

    input_audio: Object


class FilePart(Struct, frozen=True, tag="file"):
    """A file in a user's message: `file_data` or `file_id`, and `filename`."""

    file: Object


UserPart = TextPart | ImagePart | AudioPart | FilePart
AssistantPart = TextPart | RefusalPart


class Named(Struct, frozen=True):
    """A function or tool by its name."""

    name: Name


class FunctionCall(Struct, frozen=True):
    """What an assistant called."""

    name: Name
    arguments: str
    """JSON text, as the model wrote it."""


class Google(Struct, frozen=True):
    """What Gemini's own OpenAI layer adds to a call."""

    thought_signature: str | None = None


class ExtraContent(Struct, frozen=True):
    """What a vendor adds to a call, for the client to send back."""

    google: Google | None = None


class ToolCall(Struct, frozen=True):
    """One call in an assistant's message."""

    id: Name
    type: str = "function"
    function: FunctionCall | None = None
    """Absent in calls of other types."""
    extra_content: ExtraContent | None = None
    """No official field: as Gemini's OpenAI layer has it (ai.google.dev, read Nov 2026)."""


class System(Struct, frozen=True, tag_field="role", tag="system"):
    """Instructions."""

    content: str | list[TextPart]
    name: str | None = None


class Developer(Struct, frozen=True, tag_field="role", tag="developer"):
    """Instructions, as newer OpenAI models call them."""

    content: str | list[TextPart]
    name: str | None = None


class User(Struct, frozen=True, tag_field="role", tag="user"):
    """What the user said."""

    content: str | list[UserPart]
    name: str | None = None


class Assistant(Struct, frozen=True, tag_field="role", tag="assistant"):
    """What the model said in an earlier turn."""

    content: str | list[AssistantPart] | None = None
    tool_calls: list[ToolCall] | None = None
    function_call: FunctionCall | None = None
    refusal: str | None = None
    reasoning_content: str | None = None
    """No official field: the words of DeepSeek, older vLLM, LiteLLM; `reasoning` those of Ollama, Groq, OpenRouter."""
    reasoning: str | None = None
    audio: Object | None = None
    name: str | None = None


class ToolResult(Struct, frozen=True, tag_field="role", tag="tool"):
    """What a tool answered."""

    tool_call_id: Name
    content: str | list[TextPart]
    name: str | None = None


class FunctionResult(Struct, frozen=True, tag_field="role", tag="function"):
    """What a function answered, in the words of before November 2023."""

    name: Name
    content: str | None


Message = System | Developer | User | Assistant | ToolResult | FunctionResult


class Function(Struct, frozen=True):
    """A function that the model may call."""

    name: Name
    description: str | None = None
    parameters: Object | None = None
    strict: bool | None = None


class Tool(Struct, frozen=True):
    """A tool that the model may use."""

    type: str
    """`function`; anything else is a vendor's own tool (`custom`, `browser_search`, …), which can only pass through."""
    function: Function | None = None


class FunctionChoice(Struct, frozen=True, tag="function"):
    """This function and no other."""

    function: Named


class CustomChoice(Struct, frozen=True, tag="custom"):
    """This custom tool and no other."""

    custom: Named


class AllowedTool(Struct, frozen=True):
    """One of the tools that may be used this time."""

    type: str
    function: Named | None = None


class AllowedTools(Struct, frozen=True):
    """Which of the tools may be used this time."""

    mode: Literal["auto", "required"]
    tools: Annotated[list[AllowedTool], Meta(min_length=1)]


class AllowedChoice(Struct, frozen=True, tag="allowed_tools"):
    """Some of the tools."""

    allowed_tools: AllowedTools


class TextFormat(Struct, frozen=True, tag="text"):
    """An answer in prose."""


class JsonObjectFormat(Struct, frozen=True, tag="json_object"):
    """An answer that is a JSON object."""


class SchemaSpec(Struct, frozen=True):
    """The schema of an answer."""

    name: Name
    schema: Object | None = None
    description: str | None = None
    strict: bool | None = None


class JsonSchemaFormat(Struct, frozen=True, tag="json_schema"):
    """An answer bound to a schema."""

    json_schema: SchemaSpec


class StreamOptions(Struct, frozen=True):
    """What else a stream is to carry."""

    include_usage: bool | None = None
    include_obfuscation: bool | None = None


class ChatBody(Struct, frozen=True):
    """A request for a chat completion."""

    messages: Annotated[list[Message], Meta(min_length=1)]
    model: str | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    n: Annotated[int, Meta(ge=1, le=128)] | None = None
    max_completion_tokens: Tokens | None = None
    max_tokens: Tokens | None = None
    stop: str | list[str] | None = None
    seed: int | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    presence_penalty: Penalty | None = None
    frequency_penalty: Penalty | None = None
    logit_bias: dict[str, Bias] | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Meta(ge=0, le=20)] | None = None
    response_format: TextFormat | JsonObjectFormat | JsonSchemaFormat | None = None
    tools: list[Tool] | None = None
    tool_choice: Literal["none", "auto", "required"] | FunctionChoice | CustomChoice | AllowedChoice | None = None
    parallel_tool_calls: bool | None = None
    functions: list[Function] | None = None
    """What tools were before November 2023, with `function_call` and the role `function`; old clients still send it."""
    function_call: Literal["none", "auto"] | Named | None = None
    reasoning_effort: Effort | None = None

    top_k: int | None = None
    """Of servers at home (vLLM, llama.cpp, LM Studio), as are the next three."""
    min_p: float | None = None
    repeat_penalty: float | None = None
    repetition_penalty: float | None = None

    documents: list[str | Object] | None = None
    """No official field: texts to answer from, as Cohere and the chat templates of vLLM take them."""

    modalities: list[Literal["text", "audio"]] | None = None
    audio: Object | None = None
    web_search_options: Object | None = None

    # What follows says nothing of the answer itself: it is checked, and passes through.
    prediction: Object | None = None
    moderation: Object | None = None
    metadata: dict[str, str] | None = None
    store: bool | None = None
    verbosity: str | None = None
    service_tier: str | None = None
    user: str | None = None
    safety_identifier: str | None = None
    prompt_cache_key: str | None = None
    prompt_cache_options: Object | None = None
    prompt_cache_retention: str | None = None


_ROLES = "one of developer, system, user, assistant, tool, function"

EXPECTED = {
    "messages": "an array of at least one message",
    "messages[].role": _ROLES,
    "messages[].content[].type": "a type of part that its role may have (text; user: image_url, input_audio, file too)",
    "modalities[]": "text or audio",
    "reasoning_effort": "one of none, minimal, low, medium, high, xhigh, max",
    "response_format.type": "one of text, json_object, json_schema",
    "tool_choice": "none, auto, required, or an object that names a tool",
    "tool_choice.type": "one of function, custom, allowed_tools",
    "tool_choice.allowed_tools.mode": "auto or required",
    "function_call": "none, auto, or an object that names a function",
}
"""What is allowed where msgspec only says that a value is not."""
