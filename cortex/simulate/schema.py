"""Values that fit a JSON Schema, for answers bound to one and for the arguments of tools. Pure.

It knows the simple schemas that people write: types, properties, items, enum, const, bounds, anyOf, local references.
What it does not know (patterns, conditions) it passes over; an unbounded recursion ends in an empty value.
"""

from collections.abc import Callable, Mapping
from typing import Any

Fit = Callable[[Mapping[str, Any], int], Any]

MAX_DEPTH = 8
WORDS = ("Valparaíso", "harbour", "north", "seven", "blue", "quiet")


def fitting(schema: Mapping[str, Any], salt: int = 0) -> Any:
    """Return a value that fits `schema`; another `salt` gives another where the schema leaves a choice.

    >>> fitting({"type": "object", "properties": {"n": {"type": "integer", "minimum": 3}, "ok": {"type": "boolean"}}})
    {'n': 3, 'ok': True}
    """
    return _Fitting(schema, salt).value(schema, 0)


class _Fitting:
    def __init__(self, root: Mapping[str, Any], salt: int) -> None:
        self._root = root
        self._salt = salt
        self._by_type: Mapping[str, Fit] = {
            "object": self._object,
            "array": self._array,
            "string": self._string,
            "integer": self._integer,
            "number": self._integer,
            "boolean": self._boolean,
            "null": self._null,
        }

    def value(self, schema: Any, depth: int) -> Any:
        if not isinstance(schema, Mapping) or depth > MAX_DEPTH:
            return {}
        if "const" in schema:
            return schema["const"]
        if schema.get("enum"):
            return schema["enum"][self._salt % len(schema["enum"])]
        if "$ref" in schema:
            return self.value(self._referred(schema["$ref"]), depth + 1)
        for several in ("anyOf", "oneOf", "allOf"):
            if schema.get(several):
                return self.value(schema[several][0], depth + 1)
        fit: Fit = self._by_type.get(_type_of(schema), self._string)
        return fit(schema, depth)

    def _referred(self, address: str) -> Any:
        found: Any = self._root
        for step in address.removeprefix("#").strip("/").split("/"):
            found = found.get(step, {}) if step and isinstance(found, Mapping) else found
        return found

    def _object(self, schema: Mapping[str, Any], depth: int) -> dict[str, Any]:
        properties = schema.get("properties", {})
        if depth >= MAX_DEPTH - 1:  # only what must be there, or a recursive schema would never end
            properties = {name: properties[name] for name in schema.get("required", ()) if name in properties}
        return {name: self.value(inner, depth + 1) for name, inner in properties.items()}

    def _array(self, schema: Mapping[str, Any], depth: int) -> list[Any]:
        if depth >= MAX_DEPTH - 2:
            return []
        length = max(1, schema.get("minItems", 1)) if schema.get("maxItems", 1) else 0
        return [self.value(schema.get("items", {"type": "string"}), depth + 1) for _ in range(length)]

    def _string(self, schema: Mapping[str, Any], _depth: int) -> str:
        text = WORDS[self._salt % len(WORDS)].ljust(schema.get("minLength", 0), ".")
        return text[: schema["maxLength"]] if "maxLength" in schema else text

    def _integer(self, schema: Mapping[str, Any], _depth: int) -> int:
        low = schema.get("minimum", schema.get("exclusiveMinimum", -1) + 1)
        high = schema.get("maximum", schema.get("exclusiveMaximum", low + 98) - 1)
        return int(low + self._salt % (int(high - low) + 1)) if high > low else int(low)

    def _boolean(self, _schema: Mapping[str, Any], _depth: int) -> bool:
        return self._salt % 2 == 0

    def _null(self, _schema: Mapping[str, Any], _depth: int) -> None:
        return None


def _type_of(schema: Mapping[str, Any]) -> str:
    kind = schema.get("type", "object" if "properties" in schema else "string")
    if isinstance(kind, list):
        kind = next((one for one in kind if one != "null"), "null")
    return str(kind)
