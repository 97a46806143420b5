"""The provider for every server that speaks the OpenAI dialect: OpenAI, Groq, OpenRouter, vLLM, llama.cpp, LM Studio.

The parts: `openai_request` writes, `openai_switches` bends to one server, `openai_answer` and `openai_stream` read,
`openai_errors` classifies. The worker's base URL ends where OpenAI's does, in `/v1`.
"""

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct, structs

from cortex.chat import Ask, Chat, Delta, Need, Usage, Vectors
from cortex.messages import Allowance, Failure, Request
from cortex.providers.base import Decoder, Findings, Model, Passage, Whole, Wire
from cortex.providers.calls import CallPart, object_text
from cortex.providers.errors import classified, heard, inband, safe
from cortex.providers.foreign import UNREADABLE
from cortex.providers.openai_answer import Reader, UsageBody, unreadable
from cortex.providers.openai_errors import RULES
from cortex.providers.openai_request import written
from cortex.providers.openai_stream import StreamDecoder, StreamPassage
from cortex.providers.openai_switches import Switches, bent
from cortex.providers.rewrite import opened, raw, sealed

_PATHS = {"chat": "/chat/completions", "complete": "/completions"}
_CONTEXT_FIELDS = ("max_model_len", "context_window", "context_length", "max_context_length")
"""Where vLLM, Groq, OpenRouter and LM Studio say how long a context may be (Nov 2026)."""


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


class _Listed(Struct):
    id: str


_answer = msgspec.json.Decoder(_Answer)


class OpenAI:
    """Translates to and from one OpenAI-like server."""

    dialect = "openai"
    key_header = ("Authorization", "Bearer ")

    def __init__(self, *, name: str = "openai", switches: Switches = Switches()) -> None:  # noqa: B008  it is frozen
        """Make the provider `name` for a server that differs by `switches`."""
        self.name = name
        self._switches = switches
        self._is_plain = structs.replace(switches, lacks=()) == Switches()
        unable: set[Need] = {"raw_prompt", "documents", "embeddings", *switches.lacks}
        if not switches.extra_sampling:
            unable |= {"top_k", "local_sampling"}
        self.lacks: frozenset[Need] = frozenset(unable)

    def normal_name(self, name: str) -> str:
        """Return `name` itself: these servers tell names apart by every letter."""
        return name

    def passes(self, request: Request) -> bool:
        """Tell whether a request is in this dialect, for an operation that the server has."""
        return request.dialect == "openai" and request.operation in _PATHS

    def encode(self, request: Request, ask: Ask | None, model: str) -> Wire:
        """Write `request` for `model`; without an `ask` the client's bytes go on, bent where the server needs it."""
        if isinstance(ask, Chat):
            fields = bent(written(ask, model, self._switches), self._switches, stream=ask.stream)
            return Wire(_PATHS["chat"], sealed(fields, {}, b""))
        if self._is_plain and model == request.model and not request.stream and _is_straight(request.body):
            return Wire(_PATHS[request.operation], request.body)
        before = opened(request.body)
        fields = bent(before, self._switches, stream=request.stream)
        fields["model"] = raw(model)
        return Wire(_PATHS[request.operation], sealed(fields, before, request.body))

    def vectors(self, request: Request, body: bytes) -> Vectors | Failure:
        """Read the vectors of an answer."""
        raise NotImplementedError

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
        many = "n" in request.needs
        return StreamPassage(RULES, request.id, wants_usage=request.include_usage, has_many_choices=many)

    def whole(self, request: Request, body: bytes) -> Whole | Failure:
        """Check a whole answer: it has choices, none of them an error, and its tool calls have JSON arguments."""
        del request  # part of the protocol; an answer says all by itself
        try:
            answer = _answer.decode(body)
        except UNREADABLE as error:
            return unreadable(body, error, RULES)
        if answer.error:
            return inband(RULES, answer.error)
        if not answer.choices:
            return _no_answer(body)
        for choice in answer.choices:
            failure = _flaw(choice)
            if failure is not None:
                return failure
        return Whole(body, answer.usage.usage() if answer.usage else None)

    def classify(self, status: int, headers: Mapping[str, str], body: bytes) -> Failure:
        """Read an HTTP error."""
        return classified(RULES, status, headers, heard(body))

    def allowances(self, headers: Mapping[str, str]) -> tuple[Allowance, ...]:
        """Read what the headers of a good answer say of this key's quota."""
        del headers
        return ()

    def probes(self) -> Mapping[str, str]:
        """Return the one free GET that these servers share, or none."""
        return {} if self._switches.models_response == "none" else {"models": "/models"}

    def findings(self, answers: Mapping[str, bytes]) -> Findings | Failure:
        """Read the list of models: OpenAI's, or a bare array."""
        if "models" not in answers:
            return Findings()
        try:
            listed = msgspec.json.decode(answers["models"])
            entries = listed["data"] or [] if isinstance(listed, dict) else listed
            known = [entry for entry in msgspec.convert(entries, list[dict[str, Any]]) if entry.get("active", True)]
            return Findings(models=tuple(_model(entry) for entry in known))
        except (*UNREADABLE, KeyError) as error:
            return Failure("malformed", f"the list of models cannot be read: {error}")

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
        return inband(RULES, msgspec.json.decode(body))
    return Failure("malformed", safe(f"the answer has no choices: {said.message}"))


def _model(entry: dict[str, Any]) -> Model:
    meta = entry.get("meta")
    lengths = [entry.get(name) for name in _CONTEXT_FIELDS]
    if isinstance(meta, dict):  # llama.cpp: what it was started with, else what the model was trained for
        lengths += [meta.get("n_ctx"), meta.get("n_ctx_train")]
    length = next((length for length in lengths if isinstance(length, int) and length > 0), 0)
    return Model(name=msgspec.convert(entry, _Listed).id, context_length=length, raw=entry)


def _is_straight(body: bytes) -> bool:
    """Tell, without parsing it, that a body has no role to rename, and no key twice that decides where it goes."""
    return b'"developer"' not in body and body.count(b'"model"') == 1 and body.count(b'"messages"') == 1
