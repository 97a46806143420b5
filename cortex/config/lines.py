"""Where each key of a TOML text stands. Pure.

Theory of operation: tomllib says what a text means but not where, and the libraries that keep positions are made for
editing, ten times its size. A mistake needs only the line of a key. So the text, which tomllib has read before, is cut
into tokens by one regular expression and walked once, with just enough grammar to follow tables, dotted keys, arrays
and inline tables. Values are skipped; nothing is checked.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

Path = tuple[str | int, ...]
"""Keys, and indexes from 0 into arrays."""

_TOKEN = re.compile(
    r'''
      (?P<skip>[ \t\r]+|\#[^\n]*)
    | (?P<newline>\n)
    | (?P<string>"""(?:\\.|[^\\])*?"""(?:"{0,2}) | \'\'\'.*?\'\'\'(?:'{0,2}) | "(?:\\.|[^"\\\n])*" | '[^'\n]*')
    | (?P<mark>[\[\]{}=,.])
    | (?P<bare>[^\s\[\]{}=,.\#"']+|["'])
    ''',
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|(.))", re.DOTALL)
_ESCAPES = {"b": "\b", "t": "\t", "n": "\n", "f": "\f", "r": "\r", "e": "\x1b"}


class Lines:
    """The line of every key of a text."""

    def __init__(self, text: str) -> None:
        self._lines: dict[Path, int] = {(): 1}
        for path, line in definitions(text):
            for end in range(1, len(path) + 1):
                self._lines.setdefault(path[:end], line)

    def __contains__(self, path: Path) -> bool:
        return path in self._lines

    def of(self, path: Path) -> int:
        """Return the line of `path`, from 1; of the nearest table around it when it is not there."""
        while path not in self._lines:
            path = path[:-1]
        return self._lines[path]


def definitions(text: str) -> Iterator[tuple[Path, int]]:
    """Yield each table header, key and array entry with its line, in the order of the text.

    Of a text that is no TOML it yields what it can make out. Lazy: what follows a mistake need not be walked.
    """
    return _Walk(text).document()


def twice(text: str) -> tuple[Path, int, int] | None:
    """Return the first path that is defined twice, with its first and second line."""
    first: dict[Path, int] = {}
    for path, line in definitions(text):
        if path in first:
            return path, first[path], line
        first[path] = line
    return None


class _Token(NamedTuple):
    kind: str
    text: str
    line: int


_END = _Token("end", "", 0)


class _Walk:
    """Recursive descent over the tokens of one text, one token ahead."""

    def __init__(self, text: str) -> None:
        self._tokens = _tokens(text)
        self._next = next(self._tokens, _END)
        self._arrays: dict[Path, int] = {}

    def document(self) -> Iterator[tuple[Path, int]]:
        table: Path = ()
        while self._next is not _END:
            if self._next.text == "[" and self._next.kind == "mark":
                line = self._next.line
                table = self._header()
                yield table, line
            elif self._next.kind in {"bare", "string"}:
                yield from self._assignment(table)
            else:
                self._take()

    def _header(self) -> Path:
        self._take()
        of_array = self._took("[")
        written = self._key()
        path: Path = ()
        for step in written[:-1]:
            path = self._latest((*path, step))
        path = (*path, *written[-1:])
        if of_array:
            self._arrays[path] = self._arrays.get(path, -1) + 1
            path = self._latest(path)
        while self._next.kind not in {"newline", "end"}:
            self._take()
        return path

    def _latest(self, path: Path) -> Path:
        """`[a.b]` below `[[a]]` is in the newest entry of a."""
        return (*path, self._arrays[path]) if path in self._arrays else path

    def _key(self) -> tuple[str, ...]:
        parts = []
        while self._next.kind in {"bare", "string"}:
            token = self._take()
            parts.append(_plain(token.text) if token.kind == "string" else token.text)
            if not self._took("."):
                break
        return tuple(parts)

    def _assignment(self, table: Path) -> Iterator[tuple[Path, int]]:
        line = self._next.line
        path = (*table, *self._key())
        yield path, line
        if self._took("="):
            yield from self._value(path)

    def _value(self, path: Path) -> Iterator[tuple[Path, int]]:
        if self._took("["):
            yield from self._array(path)
        elif self._took("{"):
            yield from self._inline_table(path)
        else:
            while self._next.kind in {"bare", "string"} or self._next.text in {".", "="}:
                self._take()

    def _array(self, path: Path) -> Iterator[tuple[Path, int]]:
        index = 0
        while self._next is not _END and not self._took("]"):
            if self._next.kind == "newline" or self._next.text in set(",}=."):
                self._take()
            else:
                yield (*path, index), self._next.line
                yield from self._value((*path, index))
                index += 1

    def _inline_table(self, path: Path) -> Iterator[tuple[Path, int]]:
        while self._next is not _END and not self._took("}"):
            if self._next.kind in {"bare", "string"}:
                yield from self._assignment(path)
            else:
                self._take()

    def _take(self) -> _Token:
        token, self._next = self._next, next(self._tokens, _END)
        return token

    def _took(self, mark: str) -> bool:
        taken = self._next.kind == "mark" and self._next.text == mark
        if taken:
            self._take()
        return taken


def _tokens(text: str) -> Iterator[_Token]:
    line = 1
    for match in _TOKEN.finditer(text):
        kind = str(match.lastgroup)
        if kind != "skip":
            yield _Token(kind, match[0], line)
        line += match[0].count("\n")


def _plain(string: str) -> str:
    """Take the quotes off a key, and the escapes off one in double quotes."""
    if string[0] == "'":
        return string[1:-1]
    return _ESCAPE.sub(_unescape, string[1:-1])


def _unescape(match: re.Match[str]) -> str:
    digits = match[1] or match[2]
    if not digits:
        return _ESCAPES.get(match[3], match[3])
    return chr(code) if (code := int(digits, 16)) <= 0x10FFFF else match[0]
