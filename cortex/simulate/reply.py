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
    nothing: Callable[[str], bytes] = lambda _why: b""
    """Writes what comes instead of an answer, for the reasons that the dialect has."""


def plain(
    body: bytes, whole_error: Callable[[str], tuple[int, bytes]], headers: Mapping[str, str] | None = None
) -> Reply:
    """Return an answer that is never streamed, as that to a request for embeddings."""
    return Reply(
        stream=False,
        content_type="",
        tokens=(),
        closing=(),
        whole=body,
        unfinished=b"{}",
        error=lambda _message: b"",
        whole_error=whole_error,
        garbage=str.encode,
        headers=headers or {},
    )
