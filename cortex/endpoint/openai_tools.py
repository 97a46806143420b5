"""Tools and the choice among them in an OpenAI chat body, in both of their generations. Pure.

Until November 2023 a tool was one of `functions`, the choice was `function_call`, its result had the role `function`;
clients of that age are still in use. Everything below `endpoint` sees tools only.
"""

from collections.abc import Iterator

from cortex.chat import Tool
from cortex.endpoint import openai_body as sent
from cortex.endpoint.reading import thaw


def is_legacy(body: sent.ChatBody) -> bool:
    """Say whether the client knows functions and no tools, so that its answer must have `function_call`."""
    return bool(body.functions) and not body.tools


def functions_of(body: sent.ChatBody) -> list[sent.Function]:
    """Return the functions offered; tools of other types are left out."""
    if body.tools:
        return [tool.function for tool in body.tools if tool.function is not None]
    return body.functions or []


def choice_of(body: sent.ChatBody) -> str:
    """Return the choice as `Chat.tool_choice` has it: `auto`, `none`, `required` or `=NAME`."""
    match _choice(body):
        case str() as word:
            return word
        case sent.FunctionChoice(function=named) | sent.CustomChoice(custom=named) | (sent.Named() as named):
            return f"={named.name}"
        case sent.AllowedChoice(allowed_tools=allowed):
            return allowed.mode
    return "auto"


def chosen_functions(body: sent.ChatBody) -> list[str]:
    """Return the names of functions in the choice; a vendor's own kinds of tools are for the upstream to check."""
    match _choice(body):
        case sent.FunctionChoice(function=named) | (sent.Named() as named):
            return [named.name]
        case sent.AllowedChoice(allowed_tools=allowed):
            return [tool.function.name for tool in allowed.tools if tool.function is not None]
    return []


def tools_of(body: sent.ChatBody) -> Iterator[Tool]:
    """Translate the functions that may be called: all of them, or those that `allowed_tools` names."""
    allowed = chosen_functions(body) if isinstance(body.tool_choice, sent.AllowedChoice) else None
    field = "tools[{}].function.parameters" if body.tools else "functions[{}].parameters"
    for index, function in enumerate(functions_of(body)):
        if allowed is None or function.name in allowed:
            yield Tool(
                name=function.name,
                description=function.description or "",
                parameters=thaw(function.parameters, field.format(index)) if function.parameters else {},
                strict=function.strict,
            )


def _choice(body: sent.ChatBody) -> object:
    return body.tool_choice if body.tool_choice is not None else body.function_call
