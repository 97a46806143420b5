"""`$NAME` in any string of the file: taken from the environment; `$$` is a dollar. Pure.

Runs over the whole document before anything is checked, so that every missing name is found at once. A text that came
from a reference remembers how it was written: that is what a problem shows, never the value.
"""

import re
from collections.abc import Mapping

from cortex.config.problem import Place, nearest

_REFERENCE = re.compile(
    r"\$(?:(?P<dollar>\$)|(?P<name>[A-Za-z_][A-Za-z0-9_]*)|\{(?P<braced>[A-Za-z_][A-Za-z0-9_]*)\}|)"
)


class Resolved(str):
    """A text with its references replaced."""

    __slots__ = ("written",)
    written: str
    """As the file has it."""


def resolve(value: object, environ: Mapping[str, str], place: Place) -> object:
    """Return `value` with every reference in it, however deep, replaced; what is missing is reported and left as it is.

    `${NAME}` is the same as `$NAME`, for where a letter follows. An empty variable counts as missing.
    """
    if isinstance(value, dict):
        return {key: resolve(entry, environ, place.into(key)) for key, entry in value.items()}
    if isinstance(value, list):
        return [resolve(entry, environ, place.into(index)) for index, entry in enumerate(value)]
    if isinstance(value, str) and "$" in value:
        return _replace(value, environ, place)
    return value


def _replace(written: str, environ: Mapping[str, str], place: Place) -> str:
    sound = True

    def replacement(match: re.Match[str]) -> str:
        nonlocal sound
        name = match["name"] or match["braced"]
        if match["dollar"]:
            return "$"
        if name and environ.get(name):
            return environ[name]
        sound = False
        if name:
            what = "is empty" if name in environ else "is not set"
            place.add(f"${name} in the environment or .env", f"that it {what}", _similar(name, environ))
        else:
            place.add("$NAME, or $$ for a dollar", "a $ without a name")
        return match[0]

    text = Resolved(_REFERENCE.sub(replacement, written))
    text.written = written
    if not sound:
        place.report.settled(place.path)
    return text


def _similar(name: str, environ: Mapping[str, str]) -> str:
    found = nearest(name, environ)
    return f"${found}" if found else ""
