"""Reading what Gemini answers, one GenerateContentResponse at a time: a stream's event or a whole body, into deltas.

Text comes in pieces, a call comes whole. Usage is repeated with growing numbers, so the last one counts (summing them is
LiteLLM's old mistake). A `finishReason` is believed only at the end: old models put one into every event (LiteLLM #2195),
newer ones send it behind the call in an event of its own (#21577), so `done` turns it into a `Finish` when nothing can
follow. A blocked prompt has no candidates at all. proto3 leaves out every zero, false and empty text.
Source: google-genai 3.6.1, ai.google.dev (Nov 2026).
"""

from collections.abc import Mapping

import msgspec
from msgspec import Raw, Struct

from cortex.chat import Delta, Finish, FinishReason, ReasoningDelta, TextDelta, ToolCall, Usage
from cortex.messages import Failure, Word
from cortex.providers.calls import made_id, object_text
from cortex.providers.errors import heard, safe
from cortex.providers.foreign import UNREADABLE
from cortex.providers.gemini_errors import said_in
from cortex.providers.signatures import Signatures

_ABSENT = Raw()

_FINISH: Mapping[str, FinishReason] = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    "CONTINUATION": "length",  # the 4 series' long decode: one hop of it is what Córtex gives
    "SAFETY": "content_filter",
    "RECITATION": "content_filter",
    "LANGUAGE": "content_filter",
    "BLOCKLIST": "content_filter",
    "PROHIBITED_CONTENT": "content_filter",
    "SPII": "content_filter",
    "MODEL_ARMOR": "content_filter",
    "ESCALATION": "content_filter",
    "IMAGE_SAFETY": "content_filter",
    "IMAGE_PROHIBITED_CONTENT": "content_filter",
    "IMAGE_RECITATION": "content_filter",
    "IMAGE_OTHER": "content_filter",
    "NO_IMAGE": "content_filter",
    "PUP_LIMITED_DISABLED": "content_filter",
    "OTHER": "content_filter",
}
"""What an end means; any that is not here is an ordinary one."""

_BROKEN: Mapping[str, Word] = {
    "MALFORMED_FUNCTION_CALL": "malformed",
    "UNEXPECTED_TOOL_CALL": "malformed",
    "TOO_MANY_TOOL_CALLS": "malformed",
    "MALFORMED_RESPONSE": "malformed",
    "MISSING_THOUGHT_SIGNATURE": "server_error",
}
"""Ends that are the upstream's failure; once a client has some of the answer it is ended as an ordinary one."""


class _Call(Struct):
    id: str | None = None
    name: str | None = None
    args: Raw = _ABSENT


class _Blob(Struct, rename="camel"):
    mime_type: str = "image/png"
    data: str = ""


class _Code(Struct):
    language: str = ""
    code: str = ""


class _CodeResult(Struct):
    outcome: str = ""
    output: str = ""


class _Part(Struct, rename="camel"):
    text: str | None = None
    thought: bool = False
    thought_signature: str = ""
    function_call: _Call | None = None
    executable_code: _Code | None = None
    code_execution_result: _CodeResult | None = None
    inline_data: _Blob | None = None


class _Content(Struct):
    parts: list[_Part] | None = None


class _Candidate(Struct, rename="camel"):
    content: _Content | None = None
    finish_reason: str | None = None
    finish_message: str | None = None


class _Feedback(Struct, rename="camel"):
    block_reason: str | None = None


class Counts(Struct, rename="camel"):
    """The `usageMetadata` of an answer."""

    prompt_token_count: int | None = None
    """The cached ones are among them."""
    cached_content_token_count: int | None = None
    candidates_token_count: int | None = None
    thoughts_token_count: int | None = None
    tool_use_prompt_token_count: int | None = None

    def usage(self) -> Usage:
        """Return it in the neutral form; thoughts are billed as output."""
        thoughts = self.thoughts_token_count or 0
        return Usage(
            input_tokens=(self.prompt_token_count or 0) + (self.tool_use_prompt_token_count or 0),
            output_tokens=(self.candidates_token_count or 0) + thoughts,
            cached_tokens=self.cached_content_token_count or 0,
            reasoning_tokens=thoughts,
        )


class _Body(Struct, rename="camel"):
    candidates: list[_Candidate] | None = None
    prompt_feedback: _Feedback | None = None
    usage_metadata: Counts | None = None
    error: Raw = _ABSENT


_decoder = msgspec.json.Decoder(_Body)


class Reader:
    """The reader of one answer, event by event."""

    def __init__(self, seed: str, signatures: Signatures) -> None:
        """Make one that keeps signatures in `signatures`; `seed` goes into made-up ids."""
        self._seed = seed
        self._signatures = signatures
        self._calls = 0
        self._reason = ""
        self._message = ""
        self._is_blocked = False
        self._counts: Counts | None = None
        self.has_content = False
        """Text, thinking or a tool call has been read."""

    def read(self, text: bytes) -> list[Delta | Failure]:
        """Return what one event says, but for its end and its usage; a failure is the last item."""
        try:
            body = _decoder.decode(text)
        except UNREADABLE as error:
            return self._failed(unreadable(text, error))
        if body.error != _ABSENT and (failure := said_in(text)) is not None:
            return self._failed(failure)
        if body.usage_metadata is not None:
            self._counts = body.usage_metadata
        if body.prompt_feedback is not None and body.prompt_feedback.block_reason:
            self._is_blocked = True
        return self._candidate(body.candidates[0]) if body.candidates else []

    def done(self, *, was_sent: bool) -> list[Delta | Failure]:
        """Say that no event follows: return the end and the usage, or the failure that it is.

        `was_sent`: the client may have got what was read, so that no other candidate can be asked.
        """
        if not self._reason and not self._is_blocked:
            return self._failed(Failure("malformed", "the answer ended without a finishReason"))
        broken = _BROKEN.get(self._reason) if not (was_sent and self.has_content) else None
        if self._reason == "OTHER" and not self.has_content:
            broken = "server_error"
        if broken is not None:
            said = f"{self._reason}: {self._message}" if self._message else self._reason
            return self._failed(Failure(broken, safe(f"the upstream ended the answer with {said}")))
        return [Finish(self._finish()), *self._usage()]

    def _finish(self) -> FinishReason:
        if self._calls:
            return "tool_calls"
        return _FINISH.get(self._reason, "content_filter" if self._is_blocked else "stop")

    def _usage(self) -> list[Usage]:
        return [self._counts.usage()] if self._counts is not None else []

    def _failed(self, failure: Failure) -> list[Delta | Failure]:
        return [*self._usage(), failure]

    def _candidate(self, candidate: _Candidate) -> list[Delta | Failure]:
        if candidate.finish_reason:
            self._reason = candidate.finish_reason
            self._message = candidate.finish_message or ""
        deltas: list[Delta | Failure] = []
        for part in (candidate.content and candidate.content.parts) or ():
            if part.function_call is not None:
                deltas.append(self._call(part.function_call, part.thought_signature))
                if isinstance(deltas[-1], Failure):
                    break
            elif text := part.text or _written_out(part):
                deltas.append(ReasoningDelta(text) if part.thought else TextDelta(text))
        self.has_content = self.has_content or bool(deltas)
        return deltas

    def _call(self, call: _Call, signature: str) -> ToolCall | Failure:
        if not call.name:
            return Failure("malformed", "a function call has no name")
        arguments = object_text(bytes(call.args))
        if arguments is None:
            return Failure("malformed", f"the arguments of the call of {safe(call.name)} are no JSON object")
        self._calls += 1
        call_id = call.id or made_id(self._seed, 0, self._calls - 1)
        compact = msgspec.json.format(arguments, indent=-1)
        kept = ToolCall(call_id, call.name, compact, signature=signature)
        self._signatures.keep(kept)
        return kept


def unreadable(text: bytes, error: Exception) -> Failure:
    """Say why a text is no answer of Gemini; one whose other fields are odd, or a list, may still be an error."""
    detail = f"this is not in Gemini's dialect ({error}): {heard(text).message}"
    return said_in(text) or Failure("malformed", safe(detail))


def _written_out(part: _Part) -> str:
    """Return a part that is no text as Markdown: code that the model ran, what came out, a picture."""
    if part.executable_code is not None:
        return f"\n```{part.executable_code.language.lower()}\n{part.executable_code.code}\n```\n"
    if part.code_execution_result is not None:
        return f"\n```\n{part.code_execution_result.output}\n```\n"
    if part.inline_data is not None:
        return f"![](data:{part.inline_data.mime_type};base64,{part.inline_data.data})"
    return ""
