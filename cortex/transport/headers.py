"""Request heads out, header fields in. Pure.

A head is written only from parts that were checked, so that nothing a client or a settings file says can add a line to
it. What a refused value was is never repeated, since it may be a key.
"""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

from cortex import __version__
from cortex.transport.origin import Origin

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_PATH = re.compile(r"/[\x21-\x7e\x80-\xff]*")

_OURS = frozenset({
    "accept-encoding", "connection", "content-length", "expect", "host", "keep-alive", "te", "trailer",
    "transfer-encoding", "upgrade",
})  # fmt: skip
"""What frames a message or governs its connection: two opinions about these are how requests are smuggled."""

_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
"""Methods whose Content-Length is sent even when it is 0 (RFC 9110 § 8.6)."""


def request_head(method: str, path: str, origin: Origin, headers: Sequence[tuple[str, str]], body_length: int) -> bytes:
    """Return a request's head, up to and including its blank line.

    Adds Host, User-Agent (unless given), Accept-Encoding: identity and Content-Length. Raises ValueError for a line
    break, a control character or anything outside latin-1, and for a header that is the transport's own to write.
    """
    if not _is_token(method):
        raise ValueError("the method of a request is one word")
    if not _PATH.fullmatch(path):
        raise ValueError("the path of a request begins with / and has no spaces, control or non-latin-1 characters")
    lines = [f"{method} {path} HTTP/1.1", f"Host: {origin.authority}", "Accept-Encoding: identity"]
    named = False
    for name, value in headers:
        _check(name, value)
        named = named or name.lower() == "user-agent"
        lines.append(f"{name}: {value}")
    if not named:
        lines.append(f"User-Agent: cortex/{__version__}")
    if body_length or method in _WITH_BODY:
        lines.append(f"Content-Length: {body_length}")
    lines.append("\r\n")
    return "\r\n".join(lines).encode("latin-1")


def fold(raw: Sequence[tuple[bytes, bytes]]) -> Mapping[str, str]:
    """Return header fields by lower-case name; the values of a repeated one are joined by a comma and a space.

    >>> fold([(b"A", b"1"), (b"b", b"2"), (b"a", b"3")])
    {'a': '1, 3', 'b': '2'}
    """
    folded: dict[str, str] = {}
    for name_bytes, value_bytes in raw:
        name, value = name_bytes.decode("latin-1").lower(), value_bytes.decode("latin-1")
        folded[name] = f"{folded[name]}, {value}" if name in folded else value
    return folded


def _check(name: str, value: str) -> None:
    if not _is_token(name):
        raise ValueError(f"{name[:40]!r} is not a header name")
    if not _VALUE.fullmatch(value):
        raise ValueError(f"the value of header {name} has a line break, a control or a non-latin-1 character")
    if name.lower() in _OURS:
        raise ValueError(f"header {name} is the transport's own to write")


@lru_cache(maxsize=256)  # names are few; values, which may be keys, are never kept
def _is_token(text: str) -> bool:
    return _TOKEN.fullmatch(text) is not None
