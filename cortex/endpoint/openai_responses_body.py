"""The body of `POST /v1/responses`, as typed structs. Pure.

Facts: OpenAI's document 2.3.0 (21 August 2026) and the official SDK 3.57.0. Null is taken for absent, unknown fields are
ignored, as in chat completions.

An item of `input` may leave out its `type`, which no tagged union allows; so items are split off unparsed, and each is
read as what its `type` says (`items_of`). What is no message, call, call's output or thought stays an `Other`.
"""

from collections.abc import Iterator
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Raw, Struct, structs

from cortex.endpoint.dialect import BadRequest
from cortex.endpoint.openai_body import Effort, Name, Tokens
from cortex.endpoint.reading import Object, read_as


class InputText(Struct, frozen=True, tag="input_text"):
    """Text of the user's, or of instructions."""

    text: str


class InputImage(Struct, frozen=True, tag="input_image"):
    """An image, by address, as a data URI, or as a file that was uploaded."""

    image_url: str | None = None
    file_id: str | None = None
    detail: str | None = None


class InputFile(Struct, frozen=True, tag="input_file"):
    """A file: `file_data`, `file_url` or `file_id`, and `filename`."""


class OutputText(Struct, frozen=True, tag="output_text"):
    """Text of the assistant's, sent back to it."""

    text: str


class Refusal(Struct, frozen=True, tag="refusal"):
    """A refusal of the assistant's, sent back to it."""

    refusal: str


class SummaryText(Struct, frozen=True, tag="summary_text"):
    """A piece of a summary of what was thought."""

    text: str


class ReasoningText(Struct, frozen=True, tag="reasoning_text"):
    """A piece of what was thought itself."""

    text: str


Part = InputText | InputImage | InputFile | OutputText | Refusal


class Message(Struct, frozen=True):
    """What somebody said."""

    role: Literal["user", "assistant", "system", "developer"]
    content: str | list[Part]


class FunctionCall(Struct, frozen=True):
    """What the assistant called."""

    call_id: Name
    """The call's own id; `id` is that of the item, and says nothing."""
    name: Name
    arguments: str


class FunctionCallOutput(Struct, frozen=True):
    """What a function answered."""

    call_id: Name
    output: str | list[InputText | InputImage | InputFile]


class Reasoning(Struct, frozen=True):
    """What the assistant thought; of `encrypted_content` only the upstream that wrote it could make something."""

    summary: list[SummaryText] | None = None
    content: list[ReasoningText] | None = None


class Other(Struct, frozen=True):
    """An item of a tool that is OpenAI's own, or of a conversation kept there."""

    type: str


Item = Message | FunctionCall | FunctionCallOutput | Reasoning | Other


class Tool(Struct, frozen=True):
    """A tool that the model may use; flat, unlike in chat completions."""

    type: str
    """`function`; anything else is a tool of OpenAI's own."""
    name: Name | None = None
    description: str | None = None
    parameters: Object | None = None
    strict: bool | None = None


class Choice(Struct, frozen=True, omit_defaults=True):
    """Which tools may be used."""

    type: str
    """`function` (by `name`), `allowed_tools` (by `mode` and `tools`), or a tool of OpenAI's own."""
    name: str | None = None
    mode: Literal["auto", "required"] | None = None
    tools: "list[AllowedTool] | None" = None


class AllowedTool(Struct, frozen=True, omit_defaults=True):
    """One of the tools that may be used this time."""

    type: str
    name: str | None = None


class TextFormat(Struct, frozen=True, tag="text"):
    """An answer in prose."""


class JsonObjectFormat(Struct, frozen=True, tag="json_object"):
    """An answer that is a JSON object."""


class JsonSchemaFormat(Struct, frozen=True, tag="json_schema", omit_defaults=True):
    """An answer bound to a schema; flat, unlike in chat completions."""

    name: Name
    schema: Object
    description: str | None = None
    strict: bool | None = None


class TextConfig(Struct, frozen=True, omit_defaults=True):
    """The form of the answer."""

    format: TextFormat | JsonObjectFormat | JsonSchemaFormat | None = None
    verbosity: str | None = None


class ReasoningConfig(Struct, frozen=True):
    """How much to think."""

    effort: Effort | None = None
    summary: str | None = None
    """A summary is always given where the upstream tells its thoughts."""


class ResponsesBody(Struct, frozen=True):
    """A request for a response."""

    input: str | list[Raw] | None = None
    instructions: str | None = None
    model: str | None = None
    stream: bool | None = None
    max_output_tokens: Tokens | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    include: list[str] | None = None
    top_logprobs: Annotated[int, Meta(ge=0, le=20)] | None = None
    tools: list[Tool] | None = None
    tool_choice: Literal["none", "auto", "required"] | Choice | None = None
    parallel_tool_calls: bool | None = None
    text: TextConfig | None = None
    reasoning: ReasoningConfig | None = None

    # State that OpenAI would keep, and Córtex does not.
    previous_response_id: str | None = None
    conversation: str | Object | None = None
    prompt: Object | None = None
    background: bool | None = None

    # What follows says nothing of the answer itself: it is checked, and comes back with it.
    metadata: dict[str, str] | None = None
    max_tool_calls: int | None = None
    store: bool | None = None
    truncation: str | None = None
    user: str | None = None
    safety_identifier: str | None = None
    prompt_cache_key: str | None = None


_PARTS = "one of input_text, input_image, input_file, output_text, refusal"

EXPECTED = {
    "input": "a string or an array of items",
    "role": "one of user, assistant, system, developer",
    "content[].type": _PARTS,
    "output[].type": "one of input_text, input_image, input_file",
    "summary[].type": "summary_text",
    "reasoning.effort": "one of none, minimal, low, medium, high, xhigh, max",
    "text.format.type": "one of text, json_object, json_schema",
    "tool_choice": "none, auto, required, or an object that names a tool",
    "tool_choice.mode": "auto or required",
}
"""What is allowed where msgspec only says that a value is not; paths inside an item begin at that item."""


class _Kind(Struct, frozen=True):
    type: str | None = None
    role: str | None = None
    id: str | None = None


_kind = msgspec.json.Decoder(_Kind)
_ITEMS: dict[str, "msgspec.json.Decoder[Item]"] = {
    "message": msgspec.json.Decoder(Message),
    "function_call": msgspec.json.Decoder(FunctionCall),
    "function_call_output": msgspec.json.Decoder(FunctionCallOutput),
    "reasoning": msgspec.json.Decoder(Reasoning),
}


def items_of(body: ResponsesBody) -> Iterator[Item]:
    """Read the items of the input; a string is one message. Raises BadRequest."""
    if isinstance(body.input, str):
        yield Message("user", body.input)
        return
    for index, item in enumerate(body.input or ()):
        try:
            yield _item(bytes(item))
        except BadRequest as bad:
            raise _inside(bad, f"input[{index}]") from bad


def _item(text: bytes) -> Item:
    kind = read_as(_kind, text, EXPECTED)
    is_reference = kind.role is None and kind.id is not None
    name = kind.type or ("item_reference" if is_reference else "message")
    decoder = _ITEMS.get(name)
    return Other(name) if decoder is None else read_as(decoder, text, EXPECTED)


def _inside(bad: BadRequest, place: str) -> BadRequest:
    """Return the same problem, named from the body on and not from the item."""
    problem = bad.problem
    param = f"{place}.{problem.param}" if problem.param else place
    said = problem.message.removeprefix("the body").removeprefix(problem.param)
    return BadRequest(structs.replace(problem, param=param, message=param + said))
