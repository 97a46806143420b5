"""The provider for every server that speaks the OpenAI dialect: OpenAI, Groq, OpenRouter, vLLM, llama.cpp, LM Studio.

The parts: `openai_request` writes, `openai_switches` bends to one server, `openai_answer` and `openai_stream` read,
`openai_embedding` does both for vectors, `openai_errors` classifies, `openai_limits` and `openai_models` read what is
said of quotas and models. The worker's base URL ends where OpenAI's does, in `/v1`.
"""

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct, structs

from cortex.chat import Ask, Chat, Delta, Embed, Need, Usage, Vectors
from cortex.messages import Allowance, Failure, Request
from cortex.providers import openai_embedding as embedding
from cortex.providers.base import Decoder, Findings, Passage, Whole, Wire
from cortex.providers.calls import CallPart, object_text
from cortex.providers.errors import classified, heard, inband, inband_text, safe
from cortex.providers.foreign import UNREADABLE
from cortex.providers.openai_answer import GroqBody, Reader, UsageBody, unreadable
from cortex.providers.openai_errors import RULES
from cortex.providers.openai_limits import STYLES, header_allowances, with_headers
from cortex.providers.openai_models import models_of
from cortex.providers.openai_request import written
from cortex.providers.openai_stream import RewordedPassage, StreamDecoder, StreamPassage, reworded
from cortex.providers.openai_switches import Switches, bent, is_plain
from cortex.providers.rewrite import opened, raw, sealed

_PATHS = {"chat": "/chat/completions", "complete": "/completions", "embed": "/embeddings"}
_DECISIVE = {"chat": b'"messages"', "complete": b'"prompt"', "embed": b'"input"'}
"""The field of each operation that holds what is asked."""


class _Message(Struct):
    tool_calls: list[CallPart] | None = None


class _Choice(Struct):
    message: _Message | None = None
    text: str | None = None
    finish_reason: str | None = None
    error: Any = None


class _Answer(Struct):
    choices: list[_Choice] | None = None
    usage: UsageBody | None = None
    error: Any = None
    x_groq: GroqBody | None = None


_answer = msgspec.json.Decoder(_Answer)


class OpenAI:
    """Translates to and from one OpenAI-like server."""

    dialect = "openai"
    key_header = ("Authorization", "Bearer ")
    texts_at_once = embedding.MAX_TEXTS
    only_passes: frozenset[Need] = frozenset({"audio", "custom_tools", "files", "legacy_completion", "raw_prompt"})

    def __init__(self, *, name: str = "openai", switches: Switches = Switches()) -> None:  # noqa: B008  it is frozen
        """Make the provider `name` for a server that differs by `switches`."""
        self.name = name
        self._switches = switches
        self._is_plain = is_plain(switches)
        unable: set[Need] = {"documents", *switches.lacks}
        if not switches.extra_sampling:
            unable |= {"top_k", "local_sampling"}
        missing = set()
        if not switches.completions:
            missing.add("complete")
            unable.add("legacy_completion")
        if not switches.embeddings:
            missing.add("embed")
            unable |= {"embeddings", "token_inputs"}
        self.lacks: frozenset[Need] = frozenset(unable)
        self._operations = frozenset(_PATHS) - missing
        self._windows = STYLES[switches.limits_style]
        self.tells_limits = bool(self._windows)
        self._tiers = [(_tier(its), _tier(word)) for word, its in switches.service_tiers.items()]

    def normal_name(self, name: str) -> str:
        """Return `name` itself: these servers tell names apart by every letter."""
        return name

    def passes(self, request: Request) -> bool:
        """Tell whether a request is in this dialect, for an operation that the server has."""
        return request.dialect == "openai" and request.operation in self._operations

    def encode(self, request: Request, ask: Ask | None, model: str) -> Wire:
        """Write `request` for `model`; without an `ask` the client's bytes go on, bent where the server needs it."""
        if isinstance(ask, Chat):
            fields = bent(written(ask, model, self._switches), self._switches, stream=ask.stream)
            return Wire(_PATHS["chat"], sealed(fields, {}, b""))
        if isinstance(ask, Embed):
            return self._embedding(ask, model)
        if self._is_plain and model == request.model and not request.stream and _is_straight(request):
            return Wire(_PATHS[request.operation], request.body)
        before = opened(request.body)
        fields = bent({**before, "model": raw(model)}, self._switches, stream=request.stream)
        return Wire(_PATHS[request.operation], sealed(fields, before, request.body))

    def _embedding(self, embed: Embed, model: str) -> Wire:
        """Write the request for some vectors, and with it those for the rest where one does not take them all."""
        bodies = [
            sealed(bent(fields, self._switches, stream=False), {}, b"") for fields in embedding.written(embed, model)
        ]
        first, *more = [Wire(_PATHS["embed"], body) for body in bodies]
        return structs.replace(first, more=tuple(more))

    def vectors(self, request: Request, body: bytes) -> Vectors | Failure:
        """Read the vectors of an answer."""
        del request  # part of the protocol; an answer says all by itself
        return embedding.vectors(body)

    def decode(self, request: Request, body: bytes) -> list[Delta] | Failure:
        """Read a whole answer."""
        checked = self.whole(request, body)
        if isinstance(checked, Failure):
            return checked
        reader = Reader(RULES, request.id)
        read = reader.read(body)
        read += reader.done()  # a choice without a finish reason is whole all the same, since its JSON closed
        failure = next((delta for delta in read if isinstance(delta, Failure)), None)
        deltas = [delta for delta in read if not isinstance(delta, Failure)]
        return failure or sorted(deltas, key=lambda delta: isinstance(delta, Usage))

    def decoder(self, request: Request) -> Decoder:
        """Make the decoder of one streamed answer."""
        return StreamDecoder(RULES, request.id, has_many_choices="n" in request.needs)

    def passage(self, request: Request) -> Passage:
        """Make the watcher of one streamed answer to a client of the OpenAI dialect."""
        many, wants_usage = "n" in request.needs, request.include_usage
        if self._tiers:
            return RewordedPassage(self._tiers, RULES, request.id, wants_usage=wants_usage, has_many_choices=many)
        return StreamPassage(RULES, request.id, wants_usage=wants_usage, has_many_choices=many)

    def whole(self, request: Request, body: bytes) -> Whole | Failure:
        """Check a whole answer: it has choices, none of them an error, and its tool calls have JSON arguments; or data."""
        if request.operation == "embed":
            return embedding.whole(body)
        try:
            answer = _answer.decode(body)
        except UNREADABLE as error:
            return unreadable(body, error, RULES)
        groq = answer.x_groq or GroqBody()
        trouble = answer.error or groq.error
        if trouble:
            return inband(RULES, trouble)
        if not answer.choices:
            return _no_answer(body)
        for choice in answer.choices:
            failure = _flaw(choice)
            if failure is not None:
                return failure
        usage = answer.usage or groq.usage
        return Whole(reworded(body, self._tiers), usage.usage() if usage else None)

    def classify(self, status: int, headers: Mapping[str, str], body: bytes) -> Failure:
        """Read an HTTP error."""
        failure = classified(RULES, status, headers, heard(body))
        return with_headers(failure, self.allowances(headers)) if failure.word == "rate_limited" else failure

    def allowances(self, headers: Mapping[str, str]) -> tuple[Allowance, ...]:
        """Read what the headers of a good answer say of this key's quota."""
        return header_allowances(headers, self._windows)

    def probes(self) -> Mapping[str, str]:
        """Return the one free GET that these servers share, or none."""
        return {} if self._switches.models_response == "none" else {"models": "/models"}

    def findings(self, answers: Mapping[str, bytes]) -> Findings | Failure:
        """Read the list of models: OpenAI's, or a bare array."""
        if "models" not in answers:
            return Findings()
        models = models_of(answers["models"], self._switches)
        return models if isinstance(models, Failure) else Findings(models=models)

    def warm(self, model: str) -> Wire | None:
        """Return None: no request of this dialect loads a model and generates nothing."""
        del model  # part of the protocol
        return None


def _flaw(choice: _Choice) -> Failure | None:
    if choice.error or choice.finish_reason == "error":
        return inband(RULES, choice.error or "the upstream ended the answer with an error")
    if choice.message is None:
        return None if choice.text is not None else Failure("malformed", "a choice of the answer has no message")
    if choice.finish_reason == "length":
        return None
    for call in choice.message.tool_calls or ():
        arguments = call.function.arguments if call.function else None
        if isinstance(arguments, str) and object_text(arguments) is None:
            return Failure("malformed", "the arguments of a tool call are no JSON object")
    return None


def _no_answer(body: bytes) -> Failure:
    said = heard(body)
    if said.code or said.kind == "error":
        return inband_text(RULES, body)
    return Failure("malformed", safe(f"the answer has no choices: {said.message}"))


def _tier(word: str) -> bytes:
    return b'"service_tier":"%s"' % word.encode()


def _is_straight(request: Request) -> bool:
    """Tell, without parsing it, that a body has no role to rename, and no key twice that decides where it goes."""
    body = request.body
    return b'"developer"' not in body and body.count(b'"model"') == 1 and body.count(_DECISIVE[request.operation]) == 1
