"""Reading a request body into a dialect's typed struct, with a useful word for every mistake. Pure.

Theory of operation: msgspec checks types, bounds, tags and required fields while it parses, at about a microsecond for
a small chat, and stops at the first mistake with its path. It does not say what it found there, so a body that is wrong
(and only such a one) is parsed a second time without types, and the path is walked to the value at fault.

What is only passed on, such as the JSON Schema of a tool, is an `Object`: checked to be one, its values left unparsed
until a translation needs them (`thaw`). An agent sends dozens of tools with every request.
"""

import re
from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec
from msgspec import DecodeError, Raw, ValidationError

from cortex.endpoint.dialect import BadRequest
from cortex.endpoint.problems import echo, refuse

T = TypeVar("T")

Object = dict[str, Raw]
"""A JSON object whose values are left as they came."""

_LOCATED = re.compile(r"(?P<what>.*?)(?: - at `\$\.?(?P<path>[^`]*)`)?", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(?P<field>[^`]+)`")
_ANY_KEY = "[...]"
"""What msgspec writes for a key of a map, which it does not name: there the whole map is what was found."""
_STEP = re.compile(r"\[(\d+)\]|([^.\[\]]+)")
_WORDS = {"str": "string", "int": "integer", "float": "number", "bool": "boolean"}


def read_as(decoder: "msgspec.json.Decoder[T]", body: bytes, expected: Mapping[str, str]) -> T:
    """Parse `body` into the decoder's type. Raises BadRequest.

    `expected` says what is allowed at a place of a fixed vocabulary, which msgspec does not: its keys are paths without
    their numbers (`messages[].role`).
    """
    if not body:
        raise refuse("missing request body: expected a JSON object, found nothing", code="invalid_json")
    try:
        if not body.isascii():
            body.decode()  # msgspec looks only into the strings that it keeps
        return decoder.decode(body)
    except ValidationError as error:
        raise _mistake(str(error), body, expected) from error
    except (DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _not_json(error) from error


def thaw(fields: Object, param: str) -> dict[str, Any]:
    """Parse the values of an object that was passed over while reading. Raises BadRequest naming `param`."""
    try:
        thawed: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(fields))
    except (DecodeError, RecursionError) as error:
        raise refuse(
            f"expected a JSON object, found something that cannot be read ({_reason(error)})", param
        ) from error
    return thawed


def _not_json(error: Exception) -> BadRequest:
    return refuse(f"the body is not valid JSON: expected a JSON object, found {_reason(error)}", code="invalid_json")


def _reason(error: Exception) -> str:
    """Return what is wrong with the bytes, without the bytes."""
    if isinstance(error, UnicodeDecodeError):
        return "text that is not UTF-8"
    if isinstance(error, RecursionError):
        return "too many levels of nesting"
    return str(error).removeprefix("JSON is malformed: ")


def _mistake(message: str, body: bytes, expected: Mapping[str, str]) -> BadRequest:
    located = _LOCATED.fullmatch(message)
    what, path = (located["what"], located["path"] or "") if located else (message, "")
    missing = _MISSING.fullmatch(what)
    if missing:
        return refuse("required, but missing", _join(path, missing["field"]), "missing_required_parameter")
    param = path.partition(_ANY_KEY)[0]
    wanted = expected.get(re.sub(r"\d+", "", path)) or _plain(what)
    code = "invalid_type" if ", got " in what else "invalid_value"
    return refuse(f"{'' if param else 'the body: '}expected {wanted}, found {_found(body, param)}", param, code)


def _join(path: str, field: str) -> str:
    return f"{path}.{field}" if path else field


def _plain(what: str) -> str:
    """Turn msgspec's "Expected `str | null`, got `int`" into "string or null"."""
    if what == "Number out of range":
        return "a smaller number"
    wanted = what.removeprefix("Expected ").split(", got ")[0]
    wanted = re.sub(r"\w+", lambda word: _WORDS.get(word[0], word[0]), wanted)
    return wanted.replace("`", "").replace(" | ", " or ")


def _found(body: bytes, path: str) -> str:
    """Return the value at `path` as JSON, cut short."""
    try:
        value = msgspec.json.decode(body)
        for index, name in _STEP.findall(path):
            value = value[int(index) if index else name]
    except (DecodeError, RecursionError, LookupError, TypeError):
        # Broken further on, or a key that comes twice: then the first value is at fault and the last one is here.
        return "something else"
    return echo(msgspec.json.encode(value).decode())
