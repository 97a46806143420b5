"""OpenAI's completions of bare texts as bytes, the older way. Pure.

Source: OpenAI's OpenAPI document 2.3.0 (21 Aug 2026). A prompt in ChatML is read as the conversation that it is.
"""

from collections.abc import Iterator, Mapping
from itertools import accumulate, zip_longest
from typing import Any

import msgspec
from msgspec import Struct

from cortex.simulate.answer import Prompt, Script, logprobs_of, turns_of_chatml
from cortex.simulate.model import SimulatedModel
from cortex.simulate.openai_wire import (
    DONE,
    EVENT_STREAM,
    FINGERPRINT,
    StreamOptions,
    Texts,
    bad_request,
    broke_off,
    server_error,
    sse,
    texts_of,
    usage_of,
)
from cortex.simulate.reply import Reply

DEFAULT_TOKENS = 16


class TextBody(Struct, kw_only=True):
    """`POST /v1/completions`."""

    model: str
    prompt: Texts = "<|endoftext|>"
    max_tokens: int | None = DEFAULT_TOKENS
    n: int | None = None
    stop: str | list[str] | None = None
    echo: bool | None = None
    logprobs: int | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None

    @property
    def wants_usage(self) -> bool:
        """Whether a stream ends with a usage chunk."""
        return self.stream_options is not None and self.stream_options.include_usage

    def prompts(self, model: SimulatedModel) -> list[Prompt]:
        """Return one prompt for each answer that is wanted: all of the first text, then all of the next. Raises Refused."""
        if not self.prompt:
            raise bad_request("Invalid 'prompt': expected a text, or an array of at least one.", "prompt")
        stop = (self.stop,) if isinstance(self.stop, str) else tuple(self.stop or ())
        return [
            Prompt(
                turns=turns_of_chatml(text),
                max_tokens=self.max_tokens,
                stop=stop,
                restarts=model.restarts,
                choice=choice,
            )
            for text in texts_of(self.prompt)
            for choice in range(self.n or 1)
        ]


class TextWriter:
    """Writes one answer with its choices."""

    def __init__(self, body: TextBody, scripts: list[Script], created: int, serial: int) -> None:
        self._body = body
        self._scripts = scripts
        self._head = {
            "id": f"cmpl-{scripts[0].fingerprint}{serial:06d}",
            "object": "text_completion",
            "created": created,
            "model": body.model,
            "system_fingerprint": FINGERPRINT,
        }

    def reply(self, headers: Mapping[str, str]) -> Reply:
        """Return the answer, streamed and whole."""
        rounds = zip_longest(*(list(self._tokens(index)) for index in range(len(self._scripts))))
        finish = [self._event([self._choice(index, (), script.finish)]) for index, script in enumerate(self._scripts)]
        usage = [self._event([], self._usage())] if self._body.wants_usage else []
        choices = [self._choice(index, self._said(index), script.finish) for index, script in enumerate(self._scripts)]
        unfinished = [choice | {"finish_reason": None} for choice in choices]
        return Reply(
            stream=bool(self._body.stream),
            content_type=EVENT_STREAM,
            tokens=tuple(token for one_each in rounds for token in one_each if token is not None),
            closing=(*finish, *usage, DONE),
            whole=msgspec.json.encode({**self._head, "choices": choices, "usage": self._usage()}),
            unfinished=msgspec.json.encode({**self._head, "choices": unfinished, "usage": self._usage()}),
            error=lambda message: sse({"error": server_error(message)}),
            whole_error=broke_off,
            garbage=lambda text: f"data: {text}\n\n".encode(),
            headers=headers,
        )

    def _said(self, index: int) -> tuple[str, ...]:
        echoed = (texts_of(self._body.prompt)[index // (self._body.n or 1)],) if self._body.echo else ()
        return (*echoed, *self._scripts[index].text)

    def _tokens(self, index: int) -> Iterator[bytes]:
        for token in self._said(index):
            yield self._event([self._choice(index, (token,))])

    def _event(self, choices: list[dict[str, Any]], usage: dict[str, Any] | None = None) -> bytes:
        return sse({**self._head, "choices": choices} | ({"usage": usage} if self._body.wants_usage else {}))

    def _choice(self, index: int, tokens: tuple[str, ...], finish: str | None = None) -> dict[str, Any]:
        logprobs = self._logprobs(tokens) if tokens else None
        return {"text": "".join(tokens), "index": index, "logprobs": logprobs, "finish_reason": finish}

    def _logprobs(self, tokens: tuple[str, ...]) -> dict[str, Any] | None:
        if self._body.logprobs is None:
            return None
        entries = logprobs_of(tokens, self._body.logprobs)
        return {
            "tokens": list(tokens),
            "token_logprobs": [entry["logprob"] for entry in entries],
            "top_logprobs": [{one["token"]: one["logprob"] for one in entry["top_logprobs"]} for entry in entries],
            "text_offset": list(accumulate((len(token) for token in tokens[:-1]), initial=0)),
        }

    def _usage(self) -> dict[str, Any]:
        prompt_tokens = sum(script.prompt_tokens for script in self._scripts[:: self._body.n or 1])
        return usage_of(prompt_tokens, self._scripts)
