"""The bodies of `POST /api/chat` and `POST /api/generate`, as typed structs. Pure.

Facts: the server's source as of 21 August 2026 and the official Python client 0.6.3 (29 September 2026). Null is taken
for absent, an empty list of tools too (the Python client always sends one). Unknown fields are ignored, and so are
unknown options, as the server itself does.
"""

import re
from typing import Annotated, Literal

from msgspec import Meta, Struct

from cortex.endpoint.reading import Object

Think = bool | Literal["low", "medium", "high", "max"]
Format = Literal["json", ""] | Object
Whole = int | float
"""The server takes 40.0 where it wants a whole number, and cuts off the fraction."""

_ZERO = re.compile(r"[^1-9]*")
"""A duration that is none, in whatever unit."""


class Options(Struct, frozen=True):
    """How to draw tokens, and how to load the model."""

    temperature: float | None = None
    top_k: Whole | None = None
    top_p: float | None = None
    min_p: float | None = None
    seed: Whole | None = None
    """Negative: a random one."""
    stop: list[str] | None = None
    num_predict: Whole | None = None
    """Tokens of the answer at most; below 1: no limit."""
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    repeat_penalty: float | None = None

    # More of drawing, for which the neutral form has no field.
    repeat_last_n: Whole | None = None
    typical_p: float | None = None
    tfs_z: float | None = None
    num_keep: Whole | None = None
    mirostat: Whole | None = None
    mirostat_tau: float | None = None
    mirostat_eta: float | None = None
    penalize_newline: bool | None = None

    # Of loading: the settings of a worker decide these, since another value reloads the model.
    num_ctx: Whole | None = None
    num_batch: Whole | None = None
    num_gpu: Whole | None = None
    main_gpu: Whole | None = None
    num_thread: Whole | None = None
    draft_num_predict: Whole | None = None
    use_mmap: bool | None = None
    use_mlock: bool | None = None
    low_vram: bool | None = None
    numa: bool | None = None


OTHER_SAMPLING = (
    "repeat_last_n",
    "typical_p",
    "tfs_z",
    "num_keep",
    "mirostat",
    "mirostat_tau",
    "mirostat_eta",
    "penalize_newline",
)
"""The options that go on as `Chat.options`."""


class FunctionCall(Struct, frozen=True):
    """What an assistant called."""

    name: Annotated[str, Meta(min_length=1)]
    arguments: Object | None = None
    index: int | None = None


class ToolCall(Struct, frozen=True):
    """One call in an assistant's message."""

    function: FunctionCall
    id: str | None = None
    """Servers give one since 2025; older clients send none back."""


class Message(Struct, frozen=True):
    """One turn of a conversation."""

    role: str
    """In any case: the server lowers it."""
    content: str | None = None
    thinking: str | None = None
    images: list[str] | None = None
    """Base64, without a `data:` prefix."""
    tool_calls: list[ToolCall] | None = None
    tool_name: str | None = None
    tool_call_id: str | None = None


class Function(Struct, frozen=True):
    """A function that the model may call."""

    name: Annotated[str, Meta(min_length=1)]
    description: str | None = None
    parameters: Object | None = None


class Tool(Struct, frozen=True):
    """A tool that the model may use."""

    function: Function
    type: Literal["function"] | None = None


class _Body(Struct, frozen=True):
    model: str | None = None
    stream: bool | None = None
    """Absent means true."""
    format: Format | None = None
    options: Options | None = None
    keep_alive: float | str | None = None
    """Seconds, or a duration with units; negative: for ever; 0: not at all."""
    think: Think | None = None
    truncate: bool | None = None
    shift: bool | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Meta(ge=0, le=20)] | None = None

    @property
    def unloads(self) -> bool:
        """The model is to leave memory at once."""
        if isinstance(self.keep_alive, str):
            return bool(_ZERO.fullmatch(self.keep_alive))
        return self.keep_alive == 0


class ChatBody(_Body, frozen=True):
    """A request for the next turn of a conversation."""

    messages: list[Message] | None = None
    tools: list[Tool] | None = None

    @property
    def is_load(self) -> bool:
        """Nothing is asked: the model is to be loaded, or unloaded where `unloads` is true."""
        return not self.messages


class GenerateBody(_Body, frozen=True):
    """A request for a completion of one prompt."""

    prompt: str | None = None
    suffix: str | None = None
    """What comes after the answer: the model fills the middle."""
    system: str | None = None
    template: str | None = None
    context: list[int] | None = None
    """What an earlier answer gave, to go on from there."""
    raw: bool | None = None
    """The prompt goes to the model as it is."""
    images: list[str] | None = None

    @property
    def is_load(self) -> bool:
        """Nothing is asked: the model is to be loaded, or unloaded where `unloads` is true."""
        return not self.prompt

    @property
    def is_bare(self) -> bool:
        """It uses what no conversation has, and so only a server that takes a bare prompt can answer it."""
        return bool(self.raw or self.suffix or self.template or self.context)


EXPECTED = {
    "format": 'the string "json" or a JSON Schema',
    "think": "true, false, low, medium, high or max",
    "tools[].type": "function",
}
"""What is allowed where msgspec only says that a value is not."""
