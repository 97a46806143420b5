"""Gemini's requests as structs: a body read as strictly as the real server reads it, into a `Prompt`. Pure.

Sources: the SDK google-genai 3.6.1 (Nov 2026), ai.google.dev/api/generate-content (Oct and Nov 2026). Names may be
written in lowerCamelCase or with underscores, as protobuf's JSON allows; an unknown one is refused, as there.
"""

import re
from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec
from msgspec import Struct, field

from cortex.simulate.answer import Prompt, Tool, Turn
from cortex.simulate.gemini_refusal import invalid
from cortex.simulate.model import SimulatedModel

UNDERSCORE = re.compile(r"_([a-z0-9])")
FREE = frozenset({"args", "response", "parameters", "responseSchema", "labels"})
FREE |= {"parametersJsonSchema", "responseJsonSchema"}
"""In these the names are not Google's."""
UNKNOWN_FIELD = re.compile(r"unknown field `(?P<name>[^`]+)`(?: - at `\$\.?(?P<where>[^`]*)`)?")
METHODS = {
    "generateContent": "completion",
    "countTokens": "completion",
    "embedContent": "embedding",
    "predictLongRunning": "video",
}
"""What the list of models calls their abilities."""
TRANSCRIPT_ROLES = {"user": "user", "model": "assistant", "function": "user", "": "user"}


class Message(Struct, rename="camel", forbid_unknown_fields=True, kw_only=True):
    """Anything in a body: lowerCamelCase, nothing unknown."""


class Blob(Message):
    """Bytes in base64."""

    mime_type: str = ""
    data: str = ""
    display_name: str = ""


class FunctionCall(Message):
    """What was called; `args` may be missing."""

    name: str = ""
    id: str = ""
    args: dict[str, Any] = {}


class FunctionResponse(Message):
    """What came of it, an object."""

    name: str = ""
    id: str = ""
    response: dict[str, Any] | None = None
    parts: list[Any] = []
    will_continue: bool = False
    scheduling: str = ""


class Part(Message):
    """A part of a content: one of its kinds, and flags."""

    text: str | None = None
    inline_data: Blob | None = None
    file_data: Any = None
    function_call: FunctionCall | None = None
    function_response: FunctionResponse | None = None
    executable_code: Any = None
    code_execution_result: Any = None
    tool_call: Any = None
    tool_response: Any = None
    thought: bool = False
    thought_signature: str = ""
    video_metadata: Any = None
    media_resolution: Any = None

    @property
    def kinds(self) -> int:
        """How many kinds of data it has; it should be one."""
        kinds = (self.text, self.inline_data, self.file_data, self.function_call, self.function_response)
        others = (self.executable_code, self.code_execution_result, self.tool_call, self.tool_response)
        return sum(kind is not None for kind in (*kinds, *others))


class Content(Message):
    """One turn."""

    role: str = ""
    parts: list[Part] = []

    @property
    def calls(self) -> list[Part]:
        """The parts that call a function."""
        return [part for part in self.parts if part.function_call is not None]

    @property
    def responses(self) -> list[FunctionResponse]:
        """What came of calls."""
        return [part.function_response for part in self.parts if part.function_response is not None]

    def turn(self) -> Turn:
        """Return it in no dialect."""
        calls = tuple(part.function_call.name for part in self.parts if part.function_call is not None)
        if self.responses:
            text = "\n".join(_result(one) for one in self.responses)
            return Turn("tool", text)
        text = "\n".join(part.text for part in self.parts if part.text and not part.thought)
        images = sum(part.inline_data is not None or part.file_data is not None for part in self.parts)
        return Turn(TRANSCRIPT_ROLES[self.role], text, images, calls)


class FunctionDeclaration(Message):
    """A function that may be called."""

    name: str = ""
    description: str = ""
    parameters: dict[str, Any] | None = None
    parameters_json_schema: Any = None
    response: Any = None
    response_json_schema: Any = None
    behavior: str = ""


class ToolSet(Message):
    """One entry of `tools`; of those that Google runs itself nothing is simulated."""

    function_declarations: list[FunctionDeclaration] = []
    google_search: Any = None
    code_execution: Any = None
    url_context: Any = None
    google_maps: Any = None
    file_search: Any = None
    computer_use: Any = None


class FunctionCallingConfig(Message):
    """Whether functions are called, and which."""

    mode: str = "AUTO"
    allowed_function_names: list[str] = []


class ToolConfig(Message):
    """`toolConfig`."""

    function_calling_config: FunctionCallingConfig = field(default_factory=FunctionCallingConfig)
    retrieval_config: Any = None
    include_server_side_tool_invocations: bool = False


class ThinkingConfig(Message):
    """`thinkingConfig`."""

    include_thoughts: bool = False
    thinking_budget: int | None = None
    thinking_level: str = ""


class GenerationConfig(Message):
    """`generationConfig`."""

    temperature: float | None = None
    top_p: float | None = None
    top_k: float | None = None
    candidate_count: int | None = None
    max_output_tokens: int | None = None
    stop_sequences: list[str] = []
    response_logprobs: bool = False
    logprobs: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    seed: int | None = None
    response_mime_type: str = ""
    response_schema: dict[str, Any] | None = None
    response_json_schema: Any = None
    response_modalities: list[str] = []
    media_resolution: str = ""
    speech_config: Any = None
    image_config: Any = None
    enable_enhanced_civic_answers: bool = False
    audio_transcription_config: Any = None
    thinking_config: ThinkingConfig = field(default_factory=ThinkingConfig)

    def schema(self) -> Mapping[str, Any] | None:
        """Return the schema of the answer, an empty one for any JSON; None for text."""
        if self.response_mime_type != "application/json":
            return None
        given = self.response_json_schema if self.response_schema is None else json_schema(self.response_schema)
        return given if isinstance(given, Mapping) else {}


class GenerateBody(Message):
    """`:generateContent` and `:streamGenerateContent`."""

    contents: list[Content] = []
    system_instruction: Content | None = None
    tools: list[ToolSet] = []
    tool_config: ToolConfig = field(default_factory=ToolConfig)
    safety_settings: list[Any] = []
    generation_config: GenerationConfig = field(default_factory=GenerationConfig)
    cached_content: str = ""
    labels: dict[str, str] = {}
    service_tier: str = ""
    continuation_token: str = ""
    store: bool = False
    model: str = ""

    @property
    def functions(self) -> list[FunctionDeclaration]:
        """All functions that are declared."""
        return [function for tools in self.tools for function in tools.function_declarations]

    def prompt(self, model: SimulatedModel, *, thinks: bool) -> Prompt:
        """Return it in no dialect."""
        calling = self.tool_config.function_calling_config
        allowed = calling.allowed_function_names or [function.name for function in self.functions]
        offered = [one for one in self.functions if calling.mode != "NONE" and one.name in allowed]
        system = () if self.system_instruction is None else (Turn("system", self.system_instruction.turn().text),)
        return Prompt(
            turns=(*system, *(content.turn() for content in self.contents)),
            tools=tuple(
                Tool(one.name, one.parameters_json_schema or json_schema(one.parameters or {})) for one in offered
            ),
            forced_tool="*" if calling.mode == "ANY" else "",
            schema=self.generation_config.schema(),
            thinks=thinks,
            max_tokens=self.generation_config.max_output_tokens,
            stop=tuple(self.generation_config.stop_sequences),
            restarts=model.restarts,
        )


class CountBody(Message):
    """`:countTokens`: contents, or a whole request."""

    contents: list[Content] = []
    generate_content_request: GenerateBody | None = None

    def prompt(self, model: SimulatedModel) -> Prompt:
        """Return what is to be counted."""
        body = self.generate_content_request or GenerateBody(contents=self.contents)
        return body.prompt(model, thinks=False)


class EmbedBody(Message):
    """`:embedContent`, and each of `:batchEmbedContents`."""

    model: str = ""
    content: Content = field(default_factory=Content)
    task_type: str = ""
    title: str = ""
    output_dimensionality: int | None = None
    embed_content_config: Any = None


class BatchBody(Message):
    """`:batchEmbedContents`."""

    requests: list[EmbedBody] = []


Body = TypeVar("Body", bound=Message)


def read(body: bytes, kind: type[Body]) -> Body:
    """Read a request's body. Raises Refused."""
    try:
        return msgspec.convert(_camel(msgspec.json.decode(body or b"{}")), kind)
    except msgspec.ValidationError as error:
        unknown = UNKNOWN_FIELD.search(str(error))
        if unknown is None:
            raise invalid(f"Invalid JSON payload received. {error}") from error
        where = f" at '{unknown['where']}'" if unknown["where"] else ""
        message = f'Invalid JSON payload received. Unknown name "{unknown["name"]}"{where}: Cannot find field.'
        raise invalid(message) from error
    except msgspec.DecodeError as error:
        raise invalid(f"Invalid JSON payload received. {error}") from error


def model_entry(model: SimulatedModel) -> dict[str, Any]:
    """Write a model as the list has it."""
    talks = model.can("completion")
    sampling = {"temperature": 1, "topP": 0.95, "topK": 64, "maxTemperature": 2} if talks else {}
    thinking = {"thinking": True} if model.can("thinking") else {}
    return {
        "name": f"models/{model.name}",
        "version": "001",
        "displayName": model.name.replace("-", " ").title(),
        "description": f"A simulated {model.name}",
        "inputTokenLimit": model.context_length,
        "outputTokenLimit": min(65_536, model.context_length),
        "supportedGenerationMethods": [name for name, ability in METHODS.items() if model.can(ability)],
        **sampling,
        **thinking,
    }


def _result(response: FunctionResponse) -> str:
    said = response.response or {}
    only = next(iter(said.values())) if len(said) == 1 else said
    return only if isinstance(only, str) else msgspec.json.encode(only).decode()


def camel(name: str) -> str:
    """Write a name in lowerCamelCase.

    >>> camel("include_thoughts"), camel("anyOf")
    ('includeThoughts', 'anyOf')
    """
    return UNDERSCORE.sub(lambda found: found[1].upper(), name)


def json_schema(schema: Any) -> Any:
    """Return a schema of Google's subset as JSON Schema: its names may have underscores, its types be in capitals."""
    if not isinstance(schema, Mapping):
        return schema
    plain = {camel(name): value for name, value in schema.items()}
    if isinstance(plain.get("type"), str):
        plain["type"] = plain["type"].lower()
    if isinstance(plain.get("properties"), Mapping):
        plain["properties"] = {name: json_schema(inner) for name, inner in plain["properties"].items()}
    if "items" in plain:
        plain["items"] = json_schema(plain["items"])
    if isinstance(plain.get("anyOf"), list):
        plain["anyOf"] = [json_schema(inner) for inner in plain["anyOf"]]
    return plain


def _camel(value: Any) -> Any:
    """Return a body with its own names in lowerCamelCase, and what people name left alone."""
    if isinstance(value, list):
        return [_camel(item) for item in value]
    if not isinstance(value, dict):
        return value
    named = {camel(name): inner for name, inner in value.items()}
    return {name: inner if name in FREE else _camel(inner) for name, inner in named.items()}
