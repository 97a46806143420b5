"""The conversation in no dialect at all: what every client dialect is read into and every provider writes out of.

Theory of operation: with C client dialects and P providers, translating each pair would take C x P translators that
drift apart. Instead a client dialect reads its request into a `Chat`, a provider writes a `Chat` in its own words; a
provider reads its answer into `Delta`s, a client dialect writes those. Where both speak the same dialect none of this
runs: bytes pass through (see `providers.base.Passage`).

Two simplifications carry far. A tool call is always *whole* here: arguments that arrive in fragments are held back until
their JSON closes, so a stream that breaks inside one has not yet given it to the client. And what a provider cannot
express is not dropped: each `Chat` says what it needs (`needs_of`), and a worker whose provider lacks that is no candidate.
"""

from collections.abc import Mapping
from typing import Any, Literal

from msgspec import Struct, field

Role = Literal["system", "user", "assistant", "tool"]
FinishReason = Literal["stop", "length", "tool_calls", "content_filter"]
ReasoningEffort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max", "on"]
"""How much to think; `on` is a client that asked for thinking without saying how much (Ollama's `think: true`)."""

Need = Literal[
    "chat",  # a conversation (every provider of chat models)
    "raw_prompt",  # generate with raw, suffix, template or context: only a server that takes a bare prompt
    "legacy_completion",  # /v1/completions with echo, best_of, logprobs, token ids or several prompts
    "embeddings",  # vectors instead of an answer
    "token_inputs",  # embeddings of token ids
    "tools",
    "tool_choice",  # forcing a tool, or one by name
    "images",
    "json_object",
    "json_schema",
    "n",  # more than one choice
    "logit_bias",
    "logprobs",
    "audio",  # audio in or out
    "files",
    "custom_tools",  # tools that are not JSON functions
    "image_urls",  # images by address, which the upstream itself would have to fetch
    "documents",  # texts to answer from, with citations (Cohere)
    "top_k",
    "local_sampling",  # min_p, a repeat penalty and other options of local servers
]


class Text(Struct, frozen=True, tag="text"):
    """A piece of text in a message."""

    text: str


class Image(Struct, frozen=True, tag="image"):
    """An image in a message: either `data` (base64, no prefix) with its `media_type`, or a `url`."""

    media_type: str = ""
    data: str = ""
    url: str = ""
    detail: str = ""
    """OpenAI's `auto`, `low`, `high`; empty when not given."""


Part = Text | Image


class ToolCall(Struct, frozen=True, tag="tool_call"):
    """One whole call of a tool: in an assistant's message, and as a delta of an answer."""

    id: str
    """Never empty: whoever reads an upstream that gave none makes one (`call_` and 8 or more characters)."""
    name: str
    arguments: str
    """JSON text of an object; `{}` for no arguments."""
    choice: int = 0
    """Which of several answers (`n`) it belongs to; 0 in a message."""
    signature: str = ""
    """What the upstream wants back with this call to know its own thinking again (Gemini's thought signature)."""


class Message(Struct, frozen=True):
    """One turn of a conversation."""

    role: Role
    parts: tuple[Part, ...] = ()
    reasoning: str = ""
    """What the assistant thought in this turn, when the client sent it back."""
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str = ""
    """For role `tool`: the call that this answers."""
    name: str = ""
    """For role `tool`: the name of the tool, looked up from the call where the client gave only its id."""


class Tool(Struct, frozen=True):
    """A function the model may call."""

    name: str
    description: str = ""
    parameters: Mapping[str, Any] = {}
    """JSON Schema of its arguments; empty when it takes none."""
    strict: bool | None = None


class JsonSchema(Struct, frozen=True):
    """An answer bound to a schema."""

    schema: Mapping[str, Any]
    name: str = "answer"
    description: str = ""
    strict: bool | None = None


class Sampling(Struct, frozen=True):
    """How tokens are drawn; None leaves it to the upstream."""

    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    seed: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    repeat_penalty: float | None = None


class RawPrompt(Struct, frozen=True):
    """The parts of Ollama's generate that are no conversation; present only when the client used one of them."""

    prompt: str
    suffix: str = ""
    template: str = ""
    context: tuple[int, ...] = ()
    raw: bool = False


class Chat(Struct, frozen=True, kw_only=True):
    """A request for a completion of a conversation."""

    messages: tuple[Message, ...]
    stream: bool = False
    tools: tuple[Tool, ...] = ()
    tool_choice: str = "auto"
    """`auto`, `none`, `required`, or `=NAME` for the tool of that name."""
    parallel_tool_calls: bool | None = None
    """False: at most one call in an answer; where the upstream knows no such bound, Córtex keeps the first (`flow`)."""
    max_tokens: int | None = None
    """Upper bound of the answer in tokens, thinking included; None leaves it to the upstream."""
    sampling: Sampling = field(default_factory=Sampling)
    stop: tuple[str, ...] = ()
    response_format: Literal["text", "json"] | JsonSchema = "text"
    reasoning: ReasoningEffort | None = None
    """None: the client did not say."""
    n: int = 1
    logprobs: bool = False
    top_logprobs: int | None = None
    logit_bias: Mapping[str, float] = {}
    options: Mapping[str, Any] = {}
    """Ollama's `options` that have no field above (num_keep, typical_p, mirostat, …), as the client gave them."""
    raw_prompt: RawPrompt | None = None
    documents: tuple[Mapping[str, Any] | str, ...] = ()
    """Texts to answer from, as Cohere takes them: a string, or an object with `data` and perhaps `id`."""


class Embed(Struct, frozen=True, kw_only=True):
    """A request for the vectors of some texts."""

    inputs: tuple[str, ...] = ()
    token_inputs: tuple[tuple[int, ...], ...] = ()
    """Instead of `inputs`: texts as token ids of the model's own tokenizer."""
    dimensions: int | None = None
    """Of each vector; None: as many as the model gives."""
    purpose: str = ""
    """What the vectors are for, in Cohere's words (`search_document`, `search_query`, `classification`, `clustering`);
    empty: the client did not say."""
    truncate: bool | None = None
    """Cut a text that is too long (True), refuse it (False), or whatever the upstream does (None)."""


Ask = Chat | Embed
"""What a client dialect makes of any request that is for a model."""


class TextDelta(Struct, frozen=True, tag="text"):
    """More text of the answer."""

    text: str
    choice: int = 0
    logprobs: tuple[Mapping[str, Any], ...] = ()
    """Tokens in OpenAI's and Ollama's common shape: `token`, `logprob`, `bytes`, `top_logprobs`."""


class ReasoningDelta(Struct, frozen=True, tag="reasoning"):
    """More of what the model thinks before it answers."""

    text: str
    choice: int = 0


class Finish(Struct, frozen=True, tag="finish"):
    """The upstream's own word that a choice is complete. Its absence means that the answer was cut."""

    reason: FinishReason
    choice: int = 0


class Usage(Struct, frozen=True, tag="usage"):
    """Tokens as the upstream counted them, for the whole answer; a later one replaces an earlier one."""

    input_tokens: int = 0
    """All of the prompt, the cached part included."""
    output_tokens: int = 0
    """All that was generated, thinking included."""
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    load_s: float = 0.0
    """Seconds the upstream spent loading the model, where it says so (Ollama)."""
    eval_s: float = 0.0
    """Seconds it spent generating, where it says so (Ollama)."""


Delta = TextDelta | ReasoningDelta | ToolCall | Finish | Usage


class Vectors(Struct, frozen=True):
    """The answer to an `Embed`: one vector for each of its texts, in their order."""

    values: tuple[tuple[float, ...], ...]
    usage: Usage = Usage()


def needs_of_embed(embed: Embed) -> frozenset[Need]:
    """Return what a provider must be able to express so that nothing of `embed` is lost."""
    return frozenset({"embeddings", "token_inputs"} if embed.token_inputs else {"embeddings"})


def needs_of(chat: Chat) -> frozenset[Need]:  # noqa: C901, PLR0912  one plain question for each need
    """Return what a provider must be able to express so that nothing of `chat` is lost."""
    needs: set[Need] = {"raw_prompt" if chat.raw_prompt is not None else "chat"}
    if chat.tools and chat.tool_choice != "none":
        needs.add("tools")
        if chat.tool_choice not in {"auto", "none"}:
            needs.add("tool_choice")
    for message in chat.messages:
        for part in message.parts:
            if isinstance(part, Image):
                needs.add("image_urls" if part.url else "images")
    if isinstance(chat.response_format, JsonSchema):
        needs.add("json_schema")
    elif chat.response_format == "json":
        needs.add("json_object")
    if chat.n > 1:
        needs.add("n")
    if chat.logit_bias:
        needs.add("logit_bias")
    if chat.logprobs:
        needs.add("logprobs")
    if chat.sampling.top_k is not None:
        needs.add("top_k")
    if chat.options or chat.sampling.min_p is not None or chat.sampling.repeat_penalty is not None:
        needs.add("local_sampling")
    if chat.documents:
        needs.add("documents")
    return frozenset(needs)
