"""From an Anthropic body, read and checked, to the neutral `Chat`. Pure.

What goes on in the messages is in `anthropic_turns`; here are the fields beside them.

Thinking is a wish in this dialect: `adaptive` leaves it to the model whether it thinks at all, and so to the upstream what
it does when nobody asks. Only a budget or an effort says how much.
"""

from collections.abc import Iterator

from cortex.chat import Chat, JsonSchema, Message, Need, ReasoningEffort, Sampling, Text, Tool
from cortex.endpoint import anthropic_body as sent
from cortex.endpoint.anthropic_check import format_of
from cortex.endpoint.anthropic_names import short_name
from cortex.endpoint.anthropic_turns import messages_of
from cortex.endpoint.problems import refuse
from cortex.endpoint.reading import thaw

_PASS_ONLY: dict[Need, tuple[str, str]] = {
    "files": ("files other than text", "messages"),
    "documents": ("citations", "messages"),
    "custom_tools": ("tools that Anthropic defines", "tools"),
}
"""What has no neutral form and can only pass through: its name, and the field that asks for it."""

_ATTRIBUTION = "x-anthropic-billing-header:"
"""How the first system block of Claude Code begins (since 2.1.36; ollama #14918, claude-code #68900, read 25 Nov 2026).

It is for Anthropic's accounts, and a hash in it changes with every request: left where it is, at the very beginning, no
upstream could ever reuse the prompt that it has read before.
"""

_BUDGETS: tuple[tuple[int, ReasoningEffort], ...] = ((2_048, "low"), (8_192, "medium"))
"""Thinking tokens up to which an effort is meant; above them, `high`."""


def refuse_pass_only(needs: frozenset[Need]) -> None:
    """Raise BadRequest for what `to_chat` would have to leave out."""
    for need, (what, param) in _PASS_ONLY.items():
        if need in needs:
            raise refuse(f"{what} can only go to Anthropic itself", param, "unsupported_parameter")


def to_chat(body: sent.Body) -> Chat:
    """Translate a body; what has no neutral form is left out. Raises BadRequest for a schema that cannot be read."""
    bound = format_of(body)
    choice = body.tool_choice
    return Chat(
        messages=(*_system(body.system), *messages_of(body.messages)),
        stream=bool(body.stream),
        tools=tuple(_tools(body.tools or [])),
        tool_choice=_tool_choice(choice),
        parallel_tool_calls=False if choice is not None and choice.disable_parallel_tool_use else None,
        max_tokens=body.max_tokens,
        sampling=Sampling(temperature=body.temperature, top_p=body.top_p, top_k=body.top_k),
        stop=tuple(filter(None, body.stop_sequences or ())),
        response_format="text" if bound is None else JsonSchema(schema=thaw(bound.schema, _param_of_format(body))),
        reasoning=_reasoning(body),
    )


def _system(system: str | list[sent.Text] | None) -> Iterator[Message]:
    """Give the instructions as one message, its blocks a blank line apart: not every upstream takes more than one."""
    texts = [system or ""] if not isinstance(system, list) else [block.text for block in system]
    text = "\n\n".join(text for text in texts if text and not text.startswith(_ATTRIBUTION))
    if text:
        yield Message(role="system", parts=(Text(text),))


def _tools(tools: list[sent.Tool]) -> Iterator[Tool]:
    for index, tool in enumerate(tools):
        if tool.is_own and tool.name is not None and tool.input_schema is not None:
            yield Tool(
                name=short_name(tool.name),
                description=tool.description or "",
                parameters=thaw(tool.input_schema, f"tools[{index}].input_schema"),
                strict=tool.strict,
            )


def _tool_choice(choice: object) -> str:
    match choice:
        case sent.AnyChoice():
            return "required"
        case sent.ToolChoice(name=name):
            return f"={short_name(name)}"
        case sent.NoChoice():
            return "none"
    return "auto"


def _param_of_format(body: sent.Body) -> str:
    config = body.output_config
    return "output_format.schema" if config is None or config.format is None else "output_config.format.schema"


def _reasoning(body: sent.Body) -> ReasoningEffort | None:
    """Return how much to think: an effort says it plainly, a budget by its size."""
    if isinstance(body.thinking, sent.Disabled):
        return "none"
    if body.output_config is not None and body.output_config.effort is not None:
        return body.output_config.effort
    if isinstance(body.thinking, sent.Enabled):
        budget = body.thinking.budget_tokens
        return next((effort for most, effort in _BUDGETS if budget <= most), "high")
    return None
