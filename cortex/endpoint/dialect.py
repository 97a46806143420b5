"""What a client dialect is: reading requests, writing answers and errors in one API's shapes. Pure.

The counterpart of `providers.base`: together they are the hub through which every dialect reaches every worker.
"""

from typing import Protocol

from msgspec import Struct

from cortex.chat import Ask, Delta, Vectors
from cortex.messages import Request


class Problem(Struct, frozen=True):
    """Something to tell a client instead of an answer, in no dialect yet."""

    status: int
    message: str
    """For people: what was expected, what was found, what to do."""
    code: str = ""
    """A short word for programs: `model_not_found`, `invalid_value`, `unsupported_parameter`, `overloaded`, …"""
    param: str = ""
    """The field of the request at fault."""
    retry_after_s: float | None = None
    allow: str = ""
    """For 405: the methods that the path has."""


class BadRequest(Exception):  # noqa: N818  it is the client's, and named for what it says
    """Raised while a request is read; carries what to tell the client."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


class Renderer(Protocol):
    """Writes one streamed answer in the client's dialect.

    It writes no terminal event that the upstream did not give: `render` ends the stream only for `Finish`, and usage
    goes where the dialect wants it.
    """

    def render(self, deltas: list[Delta]) -> bytes:
        """Return the events for `deltas`; whatever opens a stream comes first, with the first of them."""
        ...

    def go_on(self, sent: bytes, said: list[Delta]) -> None:
        """Take the place of whoever wrote `sent` so far, in which `said` was told: what is rendered next continues it.

        Asked once, before anything else. `sent` is whole events, with content.
        """
        ...

    def close(self) -> bytes:
        """Return what ends a whole stream (`[DONE]`, the final `done: true` line with its counts)."""
        ...

    def comment(self, text: str) -> bytes:
        """Return a comment that clients ignore, to keep a connection alive; empty where the dialect has none."""
        ...

    def error(self, problem: Problem) -> bytes:
        """Return the event that ends a stream as an error; nothing may follow it."""
        ...


class Dialect(Protocol):
    """One client API."""

    name: str
    stream_type: str
    """The media type of its streams."""
    id_header: str
    """The header in which its clients look for the request's id."""

    def read(self, operation: str, body: bytes) -> Request:
        """Read and check a request body for `operation` (see `Request.operation`). Raises BadRequest."""
        ...

    def neutral(self, request: Request) -> Ask:
        """Make the neutral form of a request that `read` returned. Raises BadRequest."""
        ...

    def answer(self, request: Request, model: str, deltas: list[Delta]) -> bytes:
        """Write a whole answer."""
        ...

    def embedded(self, request: Request, model: str, vectors: Vectors) -> bytes:
        """Write the answer to a request for embeddings."""
        ...

    def renderer(self, request: Request, model: str) -> Renderer:
        """Make the writer of one streamed answer; `model` is what the answer says answered."""
        ...

    def error(self, problem: Problem) -> bytes:
        """Write an error body, to go with `problem.status`."""
        ...


def neutral_of(dialect: Dialect, request: Request) -> Ask:
    """Return what a request asks in no dialect; translated once, however many ask. Raises BadRequest as the dialect does."""
    if request.ask is None:
        request.ask = dialect.neutral(request)
    return request.ask


def neutral_if_any(dialect: Dialect, request: Request) -> Ask | None:
    """Return the same, or None for what only its own dialect can say."""
    try:
        return neutral_of(dialect, request)
    except BadRequest:
        return None
