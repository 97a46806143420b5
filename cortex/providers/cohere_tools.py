"""Tools as Cohere wants them, and their names there and back. Pure.

A name may hold letters, digits and underscores and not begin with a digit (OpenAPI document, 20 Aug 2026), while hyphens
and dots are common in what clients send. Every other character is written as `_xHH_`, its code in hexadecimal, and read
back from the calls; a name that looks so by itself is escaped as well, so no two names ever meet.
"""

import re
from typing import Any

import msgspec

from cortex.chat import Chat, Tool, ToolCall
from cortex.messages import Failure
from cortex.providers.calls import CallPart, FunctionPart, made_id, object_text
from cortex.providers.cohere_schema import bindable

_ODD = re.compile(r"[^A-Za-z0-9_]|^[0-9]|_(?=x[0-9a-f])")
_CODE = re.compile(r"_x([0-9a-f]{1,6})_")
_NO_PARAMETERS = {"type": "object", "properties": {}}


def outer_name(name: str) -> str:
    """Return the name of a tool as Cohere takes it.

    >>> outer_name("get-weather"), outer_name("get_weather")
    ('get_x2d_weather', 'get_weather')
    """
    return _ODD.sub(lambda odd: f"_x{ord(odd[0]):x}_", name)


def inner_name(name: str) -> str:
    """Return the client's name of a tool that Cohere called.

    >>> inner_name("get_x2d_weather")
    'get-weather'
    """
    return _CODE.sub(_character, name)


def tools_of(chat: Chat) -> dict[str, Any]:
    """Return the fields that offer tools; none where nothing may be called and the answer is to be bound to JSON.

    (Cohere refuses a response format beside tools, even beside those that may not be called.) There is no choice of one
    tool by name, so it is offered alone, and a call is required.
    """
    choice = chat.tool_choice
    if not chat.tools or (choice == "none" and chat.response_format != "text"):
        return {}
    offered = [tool for tool in chat.tools if not choice.startswith("=") or tool.name == choice[1:]]
    fields = _offered(offered)
    if choice != "auto":
        fields["tool_choice"] = "NONE" if choice == "none" else "REQUIRED"
    if not chat.documents:
        fields["citation_options"] = {"mode": "OFF"}  # else what tools answer is cited, event by event, for nobody
    return fields


def written_call(call: ToolCall) -> dict[str, Any]:
    """Return a call of an earlier turn."""
    function = {"name": outer_name(call.name), "arguments": call.arguments or "{}"}
    return {"id": call.id, "type": "function", "function": function}


def read_call(part: CallPart, seed: str, position: int) -> ToolCall | Failure:
    """Read a whole call, the one at `position` in its answer; no arguments at all are an empty object."""
    function = part.function
    if function is None or not function.name:
        return Failure("malformed", "a tool call has no name")
    name = inner_name(function.name)
    arguments = object_text(arguments_of(function))
    if arguments is None:
        return Failure("malformed", f"the arguments of the call of {name} are no JSON object")
    return ToolCall(part.id or made_id(seed, 0, position), name, arguments)


def arguments_of(function: FunctionPart | None) -> str:
    """Return the arguments that a part of a call has, as text; Cohere writes text, and an object is read as well."""
    given = function.arguments if function else None
    return given if isinstance(given, str) else "" if given is None else msgspec.json.encode(given).decode()


def _offered(tools: list[Tool]) -> dict[str, Any]:
    """Return the tools, bound to their schemas where each is to be and can be: Cohere knows only all or none."""
    are_strict = bool(tools) and all(tool.strict for tool in tools)
    bound = [bindable(tool.parameters) for tool in tools] if are_strict else []
    if not bound or None in bound:
        return {"tools": [_written(tool, tool.parameters or _NO_PARAMETERS) for tool in tools]}
    return {"tools": [_written(*pair) for pair in zip(tools, bound, strict=True)], "strict_tools": True}


def _written(tool: Tool, parameters: Any) -> dict[str, Any]:
    function: dict[str, Any] = {"name": outer_name(tool.name), "parameters": parameters}
    if tool.description:
        function["description"] = tool.description
    return {"type": "function", "function": function}


def _character(code: re.Match[str]) -> str:
    point = int(code[1], 16)
    return chr(point) if point < 0xD800 or 0xE000 <= point <= 0x10FFFF else code[0]
