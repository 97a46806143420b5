"""Whole server-sent events, with the bytes they came in: what a passage needs that lets those very bytes through.

`transport.frames` splits a stream into the data of its events; here the bytes of an event must survive. An event ends
at a blank line, with LF or CRLF. (A bare CR as line end, which the specification also allows, no server is known to
send.)
"""

import re
from typing import NamedTuple

_END = re.compile(rb"\n\r?\n")
_ENDS = (b"\n\n", b"\n\r\n")
_BOM = b"\xef\xbb\xbf"


class Event(NamedTuple):
    """One event: its bytes with the blank line that ends it, and its data (empty for a comment)."""

    raw: bytes
    data: bytes


def is_whole(data: bytes) -> bool:
    """Tell whether `data` ends where an event ends."""
    return data.endswith(_ENDS)


def last_end(data: bytes) -> int:
    """Return how many bytes of `data` are whole events; 0 for none."""
    plain, carriage = data.rfind(b"\n\n"), data.rfind(b"\n\r\n")
    return max(plain + 2 if plain >= 0 else 0, carriage + 3 if carriage >= 0 else 0)


def datas(data: bytes) -> list[bytes]:
    """Return the data of whole events, those without any (comments) left out."""
    found = data.split(b"\n\n") if b"\r" not in data else _END.split(data)
    return [text for text in map(data_of, found) if text]


def event_at(data: bytes, start: int) -> Event:
    """Return the event that begins at `start`, up to its blank line or the end of `data`."""
    end = _END.search(data, start)
    raw = data[start : end.end() if end else len(data)]
    return Event(raw, data_of(raw))


def data_of(event: bytes) -> bytes:
    """Return the data of one event, its lines joined; other fields and comments are skipped.

    Bare JSON, an error that came instead of a stream, is its own data.
    """
    text = event.removeprefix(_BOM).strip(b"\r\n")
    if text.startswith(b"data:") and b"\n" not in text:
        return text[5:].strip()
    if text.startswith(b"{"):
        return text
    lines = (line.rstrip(b"\r") for line in text.split(b"\n"))
    return b"\n".join(line[5:].removeprefix(b" ") for line in lines if line.startswith(b"data:")).strip()
