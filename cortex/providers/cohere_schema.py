"""Which JSON Schemas Cohere can bind an answer or a tool's arguments to. Pure.

Its constrained decoding knows a part of JSON Schema (docs.cohere.com/docs/structured-outputs-json, 20 Aug 2026): an
object at the top, something `required` in every object, no composition, no bounds on numbers, lengths or counts, and four
formats. `additionalProperties: false`, which OpenAI demands in strict schemas, is refused too, but says nothing more
than what is done anyway: only named properties are generated. So it is taken out, and any other keyword of these
makes a schema one that Cohere cannot be bound to.
"""

from collections.abc import Mapping
from typing import Any

_BEYOND = frozenset(
    {
        *("anyOf", "oneOf", "allOf", "not", "if"),
        *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
        *("minLength", "maxLength", "minItems", "maxItems", "uniqueItems", "minProperties", "maxProperties"),
        *("patternProperties", "propertyNames", "unevaluatedProperties"),
    }
)
_FORMATS = frozenset({"date-time", "uuid", "date", "time"})
_NAMED = ("properties", "$defs", "definitions")
"""Keywords whose values are schemas by name."""
_MAX_DEPTH = 32


def bindable(schema: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return `schema` as Cohere takes it, or None where Cohere cannot be bound to all that it says.

    >>> bindable({"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}) is None
    False
    >>> bindable({"type": "object", "properties": {"a": {"type": "string", "minLength": 1}}, "required": ["a"]}) is None
    True
    """
    return _bindable(schema, _MAX_DEPTH) if schema.get("type") == "object" else None


def _bindable(schema: Any, depth: int) -> dict[str, Any] | None:
    if not depth or not isinstance(schema, Mapping) or not _is_known(schema):
        return None
    bound = {key: value for key, value in schema.items() if key != "additionalProperties"}
    for key in _NAMED:
        if key in bound:
            inner = _all_of(bound[key], depth)
            if inner is None:
                return None
            bound[key] = inner
    if "items" in bound:
        bound["items"] = _bindable(bound["items"], depth - 1)
    return None if bound.get("items", bound) is None else bound


def _all_of(named: Any, depth: int) -> dict[str, Any] | None:
    if not isinstance(named, Mapping):
        return None
    inner = {name: _bindable(schema, depth - 1) for name, schema in named.items()}
    return None if None in inner.values() else inner


def _is_known(schema: Mapping[str, Any]) -> bool:
    return (
        _BEYOND.isdisjoint(schema)
        and schema.get("additionalProperties", False) is False
        and schema.get("format", "date") in _FORMATS
        and (schema.get("type") != "object" or bool(schema.get("required")))
    )
