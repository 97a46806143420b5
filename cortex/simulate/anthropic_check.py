"""What Anthropic refuses of a request that is well formed. Pure.

Sources, read 25 Nov 2026: the texts as issues quote them (anthropics/claude-code#21612, BerriAI/litellm#15097, laravel/ai#715,
cline/cline#13203, can1357/oh-my-pi#341), the rest after the SDK 2.13.0; those of prefill, order, ids and signatures are not
confirmed to the letter.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from cortex.simulate.anthropic_family import Family, family_of
from cortex.simulate.anthropic_refusal import invalid
from cortex.simulate.anthropic_wire import Block, Message, MessagesBody
from cortex.simulate.model import SimulatedModel

NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")
NEWEST = "2026-10-21"
"""The version of the API without temperature, top_p and top_k."""
SAMPLING = ("temperature", "top_p", "top_k")
MEDIA_TYPES = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})
SIGNATURE = "c2ltdWxhdGVk"
"""Before each signature that this server gave: it knows its own thoughts again."""
BOUNDS = frozenset(
    {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength"}
)
MIN_BUDGET = 1_024


def check(body: MessagesBody, model: SimulatedModel, version: str) -> None:
    """Raise Refused for the first thing that is wrong."""
    family = family_of(model)
    for problem in (
        *_bounds(body, model, family),
        *_sampling(body, family, version),
        *_thinking(body, family),
        *_messages(body, model, family),
        *_tools(body),
        *_schema(body.schema or {}, "output_config.format.schema"),
    ):
        raise invalid(problem)


def _bounds(body: MessagesBody, model: SimulatedModel, family: Family) -> Iterator[str]:
    if body.max_tokens < 1:
        yield "max_tokens: Input should be greater than or equal to 1"
    if body.max_tokens > family.max_tokens:
        allowed = f"{family.max_tokens}, which is the maximum allowed number of output tokens for {model.name}"
        yield f"max_tokens: {body.max_tokens} > {allowed}"
    tokens = body.prompt(model).tokens
    if tokens > model.context_length:
        yield f"prompt is too long: {tokens} tokens > {model.context_length} maximum"
    if any(not stop.strip() for stop in body.stop_sequences or ()):
        yield "stop_sequences: each stop sequence must contain non-whitespace"


def _sampling(body: MessagesBody, family: Family, version: str) -> Iterator[str]:
    given = [name for name in SAMPLING if getattr(body, name) is not None]
    if given and version == NEWEST:
        yield f"{given[0]}: Extra inputs are not permitted"
    if given and not family.is_sampled:
        yield f"`{given[0]}` is deprecated for this model."
    if {"temperature", "top_p"} <= set(given):
        yield "`temperature` and `top_p` cannot both be specified for this model. Please use only one."
    if body.temperature is not None and not 0 <= body.temperature <= 1:
        yield "temperature: range: 0..1"


def _thinking(body: MessagesBody, family: Family) -> Iterator[str]:
    effort = body.output_config.effort if body.output_config else None
    if effort and effort not in family.efforts:
        yield "This model does not support the effort parameter."
    thinking = body.thinking
    if thinking is None:
        return
    if thinking.type not in family.thinking:
        yield f'"thinking.type.{thinking.type}" is not supported for this model.'
    if thinking.type == "enabled" and (thinking.budget_tokens or 0) < MIN_BUDGET:
        yield "thinking.enabled.budget_tokens: Input should be greater than or equal to 1024"
    if thinking.type == "enabled" and (thinking.budget_tokens or 0) >= body.max_tokens:
        yield "`max_tokens` must be greater than `thinking.budget_tokens`."
    if thinking.type in {"enabled", "adaptive"}:
        if body.tool_choice is not None and body.tool_choice.type in {"any", "tool"}:
            yield "Thinking may not be enabled when tool_choice forces tool use."
        if body.temperature not in {None, 1}:
            yield "`temperature` may only be set to 1 when thinking is enabled."


def _messages(body: MessagesBody, model: SimulatedModel, family: Family) -> Iterator[str]:
    if not body.messages:
        yield "messages: at least one message is required"
        return
    if body.messages[0].role != "user":
        yield "messages: first message must use the user role"
    if body.messages[-1].role == "assistant" and not family.can_prefill:
        yield "This model does not support assistant message prefill. The conversation must end with a user message."
    seen: set[str] = set()
    called: list[str] = []
    for index, message in enumerate(body.messages):
        where = f"messages.{index}"
        yield from _results(message, called, where)
        called = [block.id for block in message.blocks() if block.type == "tool_use"]
        for block in message.blocks():
            yield from _block(block, model, seen, where)
    if called:
        yield f"messages.{len(body.messages) - 1}: `tool_use` ids were found without `tool_result` blocks immediately after"


def _results(message: Message, called: list[str], where: str) -> Iterator[str]:
    """Look whether a message begins with the results of the calls before it, and has no others."""
    kinds = [block.type for block in message.blocks()]
    results = [block.tool_use_id for block in message.blocks() if block.type == "tool_result"]
    if set(called) - set(results):
        yield (
            f"{where}: `tool_use` ids were found without `tool_result` blocks immediately after: "
            f"{', '.join(sorted(set(called) - set(results)))}. Each `tool_use` block must have a corresponding "
            "`tool_result` block in the next message."
        )
    if set(results) - set(called):
        yield f"{where}.content.0: unexpected `tool_use_id` found in `tool_result` blocks: {results[0]}"
    if kinds[: len(results)] != ["tool_result"] * len(results):
        yield f"{where}: `tool_result` blocks must come first"


def _block(block: Block, model: SimulatedModel, seen: set[str], where: str) -> Iterator[str]:
    match block.type:
        case "text" if not block.text.strip():
            yield f"{where}: text content blocks must contain non-whitespace text"
        case "thinking" if not (block.signature or "").startswith(SIGNATURE):
            yield f"{where}.content.0: Invalid `signature` in `thinking` block"
        case "tool_use":
            if not NAME.fullmatch(block.id):
                yield f"{where}.content.0.tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'"
            if block.id in seen:
                yield f"{where}: `tool_use` ids must be unique"
            if not isinstance(block.input, dict):
                yield f"{where}.content.0.tool_use.input: Input should be an object"
            seen.add(block.id)
        case "image":
            yield from _image(block, model, where)
        case "tool_result":
            for inner in block.blocks():
                yield from _block(inner, model, seen, where)


def _image(block: Block, model: SimulatedModel, where: str) -> Iterator[str]:
    if not model.can("vision"):
        yield "This model does not support image input."
    if block.source is None:
        yield f"{where}.content.0.image.source: Field required"
    elif block.source.type == "base64" and block.source.media_type not in MEDIA_TYPES:
        yield f"{where}.content.0.image.source.base64.media_type: Input should be one of {sorted(MEDIA_TYPES)}"


def _tools(body: MessagesBody) -> Iterator[str]:
    for index, tool in enumerate(body.tools or ()):
        where = f"tools.{index}.custom"
        if not NAME.fullmatch(tool.name):
            yield f"{where}.name: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'"
        if tool.input_schema is None and tool.type in {None, "custom"}:
            yield f"{where}.input_schema: Field required"
        if tool.input_schema is not None and tool.input_schema.get("type") != "object":
            yield f"{where}.input_schema.type: Field required"
        if tool.strict:
            yield from _schema(tool.input_schema or {}, f"{where}.input_schema")
    choice = body.tool_choice
    if choice is not None and choice.type != "none" and not body.tools:
        yield "tool_choice: may only be specified while providing tools"
    if choice is not None and choice.type == "tool" and all(tool.name != choice.name for tool in body.tools or ()):
        yield f"Tool '{choice.name}' not found in provided tools"


def _schema(schema: Any, where: str) -> Iterator[str]:
    if not isinstance(schema, Mapping):
        return
    for bound in sorted(BOUNDS & schema.keys()):
        yield f"{where}: For '{schema.get('type')}' type, property '{bound}' is not supported"
    if schema.get("type") == "object" and schema.get("additionalProperties") is not False:
        yield f"{where}: For 'object' type, 'additionalProperties' must be explicitly set to false"
    for inner in (*(schema.get("properties") or {}).values(), schema.get("items"), *(schema.get("anyOf") or ())):
        yield from _schema(inner, where)
