"""An answer that broke off after its client had some of it, and how another attempt goes on with it. Pure.

Theory of operation: while an answer streams, what went to the client is only held: its bytes where they passed through, its
deltas where they were translated. When it breaks off they are read once: the text so far is put behind the conversation as
the beginning of the assistant's own answer, whoever gets the next lease is asked for the rest, and what comes is joined on
(`seam`) and written by a renderer that goes on where the last writer stood. So the client has one answer: one id, one model, one
role, one end.

What cannot be continued is not: an answer of several choices, with log probabilities, of a bound form (those are held back
until they are whole), with a tool call that is already out. What was thought and not yet said is asked anew, and what is
thought the second time is not shown.
"""

from collections.abc import Sequence

from msgspec import structs

from cortex.chat import Ask, Chat, Delta, Finish, Message, Need, ReasoningDelta, Text, TextDelta, ToolCall, Usage
from cortex.endpoint.dialect import Dialect, Renderer, neutral_if_any
from cortex.endpoint.flow import Flow, Holds, Translation
from cortex.endpoint.seam import LEAST, Seam, given
from cortex.messages import BYTES_PER_TOKEN, Failure, Request, Word
from cortex.providers.base import Decoder
from cortex.providers.foreign import UNREADABLE
from cortex.telemetry.record import Attempt
from cortex.workers.continues import Verdict, digest_of
from cortex.workers.lease import Lease

NOT_RESUMED: frozenset[Need] = frozenset(
    {
        "audio",
        "custom_tools",
        "files",
        "json_object",
        "json_schema",
        "legacy_completion",
        "logprobs",
        "n",
    }
)
"""What an answer has no middle of in which another could begin."""

REFUSALS: frozenset[Word] = frozenset({"bad_request", "unsupported"})
"""With which a server says that it takes no begun answer."""


def may_be_resumed(request: Request) -> bool:
    """Whether it is worth holding what goes to the client of `request`; nearly free, since it is asked of each stream."""
    return request.needs.isdisjoint(NOT_RESUMED)


class Begun:
    """What a client has of one answer, and all it takes to go on. One for each streamed answer."""

    __slots__ = (
        "_parts", "_room", "ask", "attempt", "failure", "flow", "lease", "prefilled", "renderer", "text", "tokens",
    )  # fmt: skip

    def __init__(self, flow: Flow, lease: Lease, limit: int) -> None:
        """Hold what goes out of the first attempt, `limit` bytes at most."""
        self.flow = flow
        self.lease = lease
        """Of the one that began it."""
        self._room = limit
        self._parts: list[bytes] | None = None if isinstance(flow, Translation) else []
        """What passed through to the client."""
        self.attempt: Attempt | None = None
        """The one that broke off first, and why: told to the client where nobody goes on."""
        self.failure: Failure | None = None
        self.ask: Chat | None = None
        """What is to be asked for the rest."""
        self.renderer: Renderer | None = None
        self.text = ""
        """Of the answer, as far as the client has it."""
        self.tokens = 0
        """About how many the client has, thoughts included."""
        self.prefilled = 0
        """About how many of those the next one is given as the beginning of its own answer."""

    @property
    def is_broken(self) -> bool:
        """It broke off, and somebody may go on with it."""
        return self.failure is not None

    @property
    def model(self) -> str:
        """The normal name of the model that began it."""
        return self.lease.link.provider.normal_name(self.lease.model)

    @property
    def digest(self) -> str:
        """Of its weights; empty where nobody tells."""
        return digest_of(self.lease.standing, self.lease.model)

    def add(self, out: bytes) -> None:
        """Hold what went to the client."""
        self._room -= len(out)
        if self._room < 0:
            self._let_go()
        elif self._parts is not None:
            self._parts.append(out)

    def _let_go(self) -> None:
        """Hold nothing any more: the answer is too long to be continued."""
        self._parts = None
        if isinstance(self.flow, Translation):
            self.flow.said = None

    def broke(self, dialect: Dialect, request: Request, attempt: Attempt, failure: Failure) -> bool:
        """Note that an attempt broke off that the client has heard of; False where nobody can go on."""
        if self.failure is None:
            self.attempt, self.failure = attempt, failure
        said = self._said(dialect, request)
        if said is None or any(isinstance(delta, ToolCall | Finish) for delta in said):
            return False
        text = "".join(delta.text for delta in said if isinstance(delta, TextDelta))
        thought = "".join(delta.text for delta in said if isinstance(delta, ReasoningDelta))
        usage = self.flow.own_usage if isinstance(self.flow, Continuation) else self.flow.usage
        self.text += text
        self.tokens += max(_tokens(text + thought), usage.output_tokens if usage else 0)
        self.prefilled = _tokens(self.text)
        self.ask = self._asked(dialect, request)
        return self.ask is not None

    def _said(self, dialect: Dialect, request: Request) -> Sequence[Delta] | None:
        """Return what the attempt told the client, and have a renderer that knows it; None where that was let go."""
        flow = self.flow
        if isinstance(flow, Translation):
            self.renderer = flow.renderer
            return flow.said
        if self._parts is None:
            return None
        sent = b"".join(self._parts)
        self._parts = None  # whoever goes on is translated
        said: list[Delta] = []
        for item in self.lease.link.provider.decoder(request).feed(sent):
            if isinstance(item, Failure):
                return None  # something passed through that was no answer
            said.append(item)
        self.renderer = dialect.renderer(request, request.model)
        try:
            self.renderer.go_on(sent, said)
        except UNREADABLE:
            return None
        return said

    def _asked(self, dialect: Dialect, request: Request) -> Chat | None:
        ask = neutral_if_any(dialect, request)
        return None if ask is None else begun_with(ask, given(self.text), self.tokens)

    def continuation(
        self, decoder: Decoder, worker: str, *, is_trusted: bool, holds: Holds, limit: int
    ) -> "Continuation":
        """Make what joins the rest on; `is_trusted`: that model was measured to continue."""
        assert self.attempt is not None  # noqa: S101  it broke off before
        note = f"{self.attempt.worker} broke off, {worker} goes on"
        seam = Seam(self.text, is_trusted=is_trusted)
        self.flow = flow = Continuation(decoder, self, seam, note, holds=holds, limit=limit)
        return flow

    def total(self, usage: Usage) -> Usage:
        """Return the usage of the whole answer, of which `usage` is what its last part took."""
        asked = usage.input_tokens - min(self.prefilled, usage.input_tokens)
        return structs.replace(
            usage,
            input_tokens=asked,
            output_tokens=usage.output_tokens + self.tokens,
            cached_tokens=min(usage.cached_tokens, asked),
        )


class Continuation(Translation):
    """The rest of an answer, as whoever goes on with it brings it."""

    def __init__(self, decoder: Decoder, begun: Begun, seam: Seam, note: str, *, holds: Holds, limit: int) -> None:
        """Write on with the renderer of `begun`; `note` stands before the rest, where the dialect has comments."""
        assert begun.renderer is not None  # noqa: S101  it broke off before
        assert begun.ask is not None  # noqa: S101  as before
        is_one_call = begun.ask.parallel_tool_calls is False
        super().__init__(decoder, begun.renderer, is_one_call=is_one_call, holds=holds, limit=limit)
        self.seam = seam
        self._begun = begun
        self._note = note
        self._own: Usage | None = None

    @property
    def own_usage(self) -> Usage | None:
        """What this attempt took by itself; `usage` is of the whole answer."""
        return self._own

    def verdict(self, status: int, failure: Failure | None) -> Verdict | None:
        """Return what this attempt says of its model; None where it says nothing new."""
        begun, seam = self._begun, self.seam
        if len(begun.text) < LEAST:
            return None
        if seam.flaw:
            return "restarts"
        if status != 200:
            is_refusal = failure is not None and failure.word in REFUSALS and failure.code != "context_length_exceeded"
            return "refuses" if is_refusal else None
        if seam.joined == "restarted":
            return "repeats"
        return "continues" if seam.is_proof else None

    def _take(self, items: list[Delta | Failure]) -> bytes:
        joined: list[Delta | Failure] = []
        for item in items:
            match item:
                case ReasoningDelta():
                    pass
                case TextDelta(text=text):
                    joined += _text(self.seam.feed(text))
                case Finish() | ToolCall():
                    joined += [*_text(self.seam.finish()), item]
                case Usage():
                    self._own = item
                    joined.append(self._begun.total(item))
                case Failure():
                    joined.append(item)
            if self.seam.flaw:
                joined.append(Failure("unsupported", f"does not continue a begun answer: it {self.seam.flaw}"))
                break
        out = super()._take(joined)
        if not out or not self._note:
            return out
        note, self._note = self._note, ""
        return self.renderer.comment(note) + out


def begun_with(ask: Ask, text: str, tokens: int) -> Chat | None:
    """Return `ask` with the beginning of its answer; None where it has no place for one.

    Its bound is what is left of it; a client's own beginning of the answer comes before.
    """
    if not isinstance(ask, Chat):
        return None
    bound = None if ask.max_tokens is None else max(1, ask.max_tokens - tokens)
    raw = ask.raw_prompt
    if raw is not None:
        if not raw.raw or raw.suffix:
            return None
        return structs.replace(ask, raw_prompt=structs.replace(raw, prompt=raw.prompt + text), max_tokens=bound)
    if not text:
        return structs.replace(ask, max_tokens=bound)
    *before, last = ask.messages
    if last.role == "assistant" and not last.tool_calls:
        prefilled = "\n".join(part.text for part in last.parts if isinstance(part, Text))
        begun = structs.replace(last, parts=(Text(prefilled + text),))
        return structs.replace(ask, messages=(*before, begun), max_tokens=bound)
    return structs.replace(ask, messages=(*ask.messages, Message("assistant", (Text(text),))), max_tokens=bound)


def _text(text: str) -> list[Delta]:
    return [TextDelta(text)] if text else []


def _tokens(text: str) -> int:
    return -(-len(text.encode(errors="replace")) // BYTES_PER_TOKEN)
