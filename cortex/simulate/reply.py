"""What a dialect hands over to be sent: all bytes of an answer, cut into opening, tokens and closing. Pure."""

from collections.abc import Callable, Mapping

from msgspec import Struct


class Reply(Struct, frozen=True, kw_only=True):
    """One answer, written both ways; which one is sent is the client's choice."""

    stream: bool
    content_type: str
    """Of a stream; a whole answer is JSON."""
    opening: bytes = b""
    tokens: tuple[bytes, ...]
    """The events of a stream, one a token."""
    closing: tuple[bytes, ...]
    """What ends a stream truly, the terminal event last."""
    whole: bytes
    unfinished: bytes
    """A whole answer that says of itself that it is not complete."""
    error: Callable[[str], bytes]
    """Writes the in-band error of a stream."""
    whole_error: Callable[[str], tuple[int, bytes]]
    """Status and body with which a whole answer breaks off."""
    garbage: Callable[[str], bytes]
    """Frames what is no event."""
    headers: Mapping[str, str] = {}
