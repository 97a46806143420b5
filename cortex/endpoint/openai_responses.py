"""OpenAI's `POST /v1/responses`, without the state that OpenAI keeps behind it. Pure.

Requests are always translated, whatever the upstream speaks: few servers have this API, and of those each its own part.
What a body may hold is in `openai_responses_body`, what it means in `openai_responses_chat`; what goes back is put
together in `openai_responses_output` and written in `openai_responses_shape` and `openai_responses_stream`.
"""

from collections.abc import Callable

import msgspec

from cortex.chat import Chat, Delta, Need, needs_of
from cortex.endpoint.openai_responses_body import EXPECTED, ResponsesBody
from cortex.endpoint.openai_responses_chat import check, to_chat
from cortex.endpoint.openai_responses_output import Output
from cortex.endpoint.openai_responses_shape import Envelope
from cortex.endpoint.openai_responses_stream import ResponsesRenderer
from cortex.endpoint.problems import refuse
from cortex.endpoint.reading import read_as
from cortex.messages import Request

_NOWHERE: dict[Need, str] = {"files": "input", "custom_tools": "tools"}
"""What has no neutral form, with the field that asks for it."""

_decoder = msgspec.json.Decoder(ResponsesBody)


class Asked:
    """A body that was read, and the one writer of its stream."""

    __slots__ = ("body", "chat", "writer")

    def __init__(self, body: ResponsesBody, chat: Chat) -> None:
        self.body = body
        self.chat = chat
        self.writer: ResponsesRenderer | None = None
        """Once it has begun, whoever asks for a writer (to end the stream with an error) gets this one: it knows the
        number of the next event."""


class Responses:
    """The operation `respond`; `now` is the wall clock in seconds."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now

    def read(self, body: bytes) -> Request:
        """Read, check and translate a body. Raises BadRequest."""
        parsed = read_as(_decoder, body, EXPECTED)
        check(parsed)
        chat, beyond = to_chat(parsed)
        return Request(
            dialect="openai",
            operation="respond",
            model=parsed.model or "",
            stream=chat.stream,
            body=body,
            parsed=Asked(parsed, chat),
            needs=needs_of(chat) | beyond,
            max_tokens=chat.max_tokens,
        )

    def neutral(self, request: Request) -> Chat:
        """Return the translation. Raises BadRequest for files, and for tools and items of OpenAI's own."""
        for need, param in _NOWHERE.items():
            if need in request.needs:
                what = need.replace("_", " ")
                raise refuse(
                    f"Córtex translates this API, and {what} have no translation: expected functions, text and images",
                    param,
                    "unsupported_parameter",
                )
        chat: Chat = request.parsed.chat
        return chat

    def answer(self, request: Request, model: str, deltas: list[Delta]) -> bytes:
        """Write a whole response."""
        output = Output(request.id)
        for delta in deltas:
            for _ in output.take(delta):
                pass  # the events of a stream
        for _ in output.end():
            pass
        envelope = self._envelope(request, model)
        return bytes(envelope.ended(output.finish, output.items, output.usage, int(self._now())))

    def renderer(self, request: Request, model: str) -> ResponsesRenderer:
        """Make the writer of one stream, or return the one that has begun it."""
        asked: Asked = request.parsed
        if asked.writer is None or not asked.writer.has_begun:
            asked.writer = ResponsesRenderer(self._envelope(request, model), Output(request.id), self._now)
        return asked.writer

    def _envelope(self, request: Request, model: str) -> Envelope:
        return Envelope(request.parsed.body, response_id=f"resp_{request.id}", created=int(self._now()), model=model)
