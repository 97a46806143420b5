"""OpenAI's `POST /v1/completions`: its way into a conversation of one message, and its answers. Pure.

A text to complete becomes what the user says, as Ollama itself does with a prompt; one with a suffix stays a bare prompt
beside it. What only the API itself has (echo, scores, token ids, several prompts) can pass through and nothing else.
What the model thinks is not shown: a text completion has no place for it.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from cortex.chat import Chat, Delta, Finish, FinishReason, Message, RawPrompt, Text, TextDelta, Usage
from cortex.endpoint.openai_chat import sampling_of, stop_of
from cortex.endpoint.openai_completion_body import (
    EXPECTED,
    CompletionBody,
    check,
    needs_of_completion,
)
from cortex.endpoint.openai_embedding_input import texts_of
from cortex.endpoint.openai_shape import usage_of
from cortex.endpoint.openai_stream import Chunks, wants_usage
from cortex.endpoint.problems import refuse
from cortex.endpoint.reading import read_as
from cortex.endpoint.whole import put_together
from cortex.messages import Request

_KIND = "text_completion"

_decoder = msgspec.json.Decoder(CompletionBody)
_encode = msgspec.json.Encoder().encode


class Completions:
    """The operation `complete`; `now` is the wall clock in seconds."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now

    def read(self, body: bytes) -> Request:
        """Read and check a body. Raises BadRequest."""
        parsed = read_as(_decoder, body, EXPECTED)
        check(parsed)
        return Request(
            dialect="openai",
            operation="complete",
            model=parsed.model or "",
            stream=bool(parsed.stream),
            body=body,
            parsed=parsed,
            needs=needs_of_completion(parsed),
            include_usage=wants_usage(parsed),
            max_tokens=parsed.max_tokens,
        )

    def neutral(self, request: Request) -> Chat:
        """Translate a request. Raises BadRequest for what no conversation can say."""
        if "legacy_completion" in request.needs:
            raise refuse(
                "echo, best_of, logprobs, token ids and more or less than one text can only go to a worker that has"
                " /v1/completions itself",
                "prompt",
                "unsupported_parameter",
            )
        return _chat(request.parsed)

    def answer(self, request: Request, model: str, deltas: list[Delta]) -> bytes:
        """Write a whole answer."""
        choices, usage = put_together(deltas)
        return _encode(
            {
                "id": _answer_id(request),
                "object": _KIND,
                "created": int(self._now()),
                "model": model,
                "choices": [_choice(choice.index, choice.text, choice.finish) for choice in choices],
                "usage": usage_of(usage),
                "system_fingerprint": None,
            }
        )

    def renderer(self, request: Request, model: str) -> "CompletionRenderer":
        """Make the writer of one stream."""
        return CompletionRenderer(
            answer_id=_answer_id(request),
            kind=_KIND,
            created=int(self._now()),
            model=model,
            include_usage=request.include_usage,
        )


class CompletionRenderer(Chunks):
    """Writes one streamed answer: events that each are a `text_completion`, then `[DONE]`."""

    def render(self, deltas: list[Delta]) -> bytes:
        """Return the events for `deltas`; none for what is thought."""
        events: list[bytes] = []
        for delta in deltas:
            match delta:
                case TextDelta(text=text, choice=choice):
                    events.append(self._event(_choice(choice, text, None)))
                case Finish(reason=reason, choice=choice):
                    events.append(self._event(_choice(choice, "", reason)))
                case Usage():
                    self._usage = delta
        return b"".join(events)

    def _event(self, choice: dict[str, Any]) -> bytes:
        return self._head + b',"choices":[' + _encode(choice) + b"]" + self._tail


def _chat(body: CompletionBody) -> Chat:
    (prompt,) = texts_of(body.prompt, "prompt").words
    return Chat(
        messages=(Message("user", (Text(prompt),)),),
        stream=bool(body.stream),
        max_tokens=body.max_tokens,
        sampling=sampling_of(body),
        stop=stop_of(body.stop),
        n=body.n or 1,
        logit_bias=body.logit_bias or {},
        raw_prompt=RawPrompt(prompt, body.suffix) if body.suffix else None,
    )


def _answer_id(request: Request) -> str:
    return f"cmpl-{request.id}"


def _choice(index: int, text: str, finish: FinishReason | None) -> dict[str, Any]:
    """Return a choice; an end by tool call is none here, since none can be offered."""
    reason = "stop" if finish == "tool_calls" else finish
    return {"text": text, "index": index, "logprobs": None, "finish_reason": reason}
