"""Gemini's answers as bytes: a `Script` written as JSON or as server-sent events. Pure.

Each event repeats the usage, with numbers that grow. Newer models end a stream with an event of its own, an empty text
with the reason; older ones give a reason in every event. What is zero or empty is left out, as protobuf does. There is no
mark behind the last event.

Sources: the SDK google-genai 3.6.1 (Nov 2026), ai.google.dev/api/generate-content and /docs/thought-signatures (Nov 2026).
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from cortex.simulate.answer import Script, logprobs_of
from cortex.simulate.embedding import vector
from cortex.simulate.gemini_check import signature
from cortex.simulate.gemini_family import Family
from cortex.simulate.gemini_refusal import INTERNAL, gemini_error, invalid
from cortex.simulate.gemini_wire import EmbedBody, GenerateBody
from cortex.simulate.model import SimulatedModel
from cortex.simulate.reply import Reply, plain

EVENT_STREAM = "text/event-stream"
FINISH = {"stop": "STOP", "length": "MAX_TOKENS", "tool_calls": "STOP"}
BLOCK_REASONS = frozenset(
    {"SAFETY", "OTHER", "BLOCKLIST", "PROHIBITED_CONTENT", "IMAGE_SAFETY", "MODEL_ARMOR", "JAILBREAK"}
)
MAX_BATCH = 100
TASKS = frozenset({"RETRIEVAL_QUERY", "RETRIEVAL_DOCUMENT", "SEMANTIC_SIMILARITY", "CLASSIFICATION", "CLUSTERING"})
TASKS |= {"QUESTION_ANSWERING", "FACT_VERIFICATION", "CODE_RETRIEVAL_QUERY", "TASK_TYPE_UNSPECIFIED", ""}


class AnswerWriter:
    """Writes one answer."""

    def __init__(
        self, body: GenerateBody, script: Script, model: SimulatedModel, family: Family, signed_by: str
    ) -> None:
        self._config = body.generation_config
        self._script = script
        self._family = family
        self._signed_by = signed_by
        self._tail = {"modelVersion": model.name, "responseId": f"resp-{script.fingerprint}"}

    def reply(self, *, stream: bool) -> Reply:
        """Return the answer, streamed and whole."""
        parts = list(self._parts())
        finish = self._finish()
        whole = self._whole(parts)
        return Reply(
            stream=stream,
            content_type=EVENT_STREAM,
            tokens=tuple(_event(chunk) for chunk in self._chunks(parts)),
            closing=(_event(self._chunk([finish] if finish else [], len(parts), is_last=True)),),
            whole=msgspec.json.encode(whole),
            unfinished=msgspec.json.encode(
                whole | {"candidates": [{"content": whole["candidates"][0].get("content", {})}]}
            ),
            error=lambda message: _sse(gemini_error(500, f"{INTERNAL} ({message})").body),
            whole_error=lambda message: (500, gemini_error(500, f"{INTERNAL} ({message})").body),
            garbage=lambda text: _sse(text.encode()),
            nothing=lambda reason: self._blocked(reason, stream=stream),
        )

    def _parts(self) -> Iterator[dict[str, Any]]:
        """Return all parts of a stream, one a token; a thought that is not shown is none."""
        if self._config.thinking_config.include_thoughts:
            yield from ({"text": token, "thought": True} for token in self._script.thinking)
        yield from ({"text": token} for token in self._script.text)
        for number, call in enumerate(self._script.calls):
            identity = {"id": call.id} if self._family.needs_signatures else {}
            part: dict[str, Any] = {"functionCall": {**identity, "name": call.name, "args": call.arguments}}
            if number == 0 and self._family.needs_signatures:
                part["thoughtSignature"] = self._signature()
            yield part

    def _finish(self) -> dict[str, Any]:
        """Return the part that comes with the end: of newer models an empty text, signed where a text was thought over."""
        if not self._family.finishes_apart:
            return {}
        is_signed = bool(self._script.thinking and self._script.text)
        return {"text": ""} | ({"thoughtSignature": self._signature()} if is_signed else {})

    def _chunks(self, parts: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        for number, part in enumerate(parts, 1):
            yield self._chunk([part], number)

    def _chunk(self, parts: list[dict[str, Any]], so_far: int, *, is_last: bool = False) -> dict[str, Any]:
        content: dict[str, Any] = {"content": {"role": "model", **({"parts": parts} if parts else {})}}
        reason = self._reason(is_last=is_last)
        candidate = content | ({"finishReason": reason} if reason else {})
        return {"candidates": [candidate], "usageMetadata": self._usage(so_far, is_last=is_last), **self._tail}

    def _reason(self, *, is_last: bool) -> str:
        if is_last:
            return FINISH[self._script.finish]
        return "" if self._family.finishes_apart else "STOP"

    def _whole(self, parts: list[dict[str, Any]]) -> dict[str, Any]:
        candidate: dict[str, Any] = {"content": {"role": "model"}, "finishReason": FINISH[self._script.finish]}
        joined = _joined([*parts, *([self._finish()] if "thoughtSignature" in self._finish() else [])])
        if joined:
            candidate["content"]["parts"] = joined
        if self._config.response_logprobs:
            candidate |= self._logprobs()
        usage = self._usage(len(parts), is_last=True)
        return {"candidates": [candidate], "usageMetadata": usage, **self._tail}

    def _logprobs(self) -> dict[str, Any]:
        entries = logprobs_of(self._script.text, self._config.logprobs or 0)
        chosen = [_candidate(entry) for entry in entries]
        top = [{"candidates": [_candidate(one) for one in entry["top_logprobs"]]} for entry in entries]
        average = sum(entry["logprob"] for entry in entries) / max(1, len(entries))
        return {"avgLogprobs": average, "logprobsResult": {"chosenCandidates": chosen, "topCandidates": top}}

    def _usage(self, so_far: int, *, is_last: bool) -> dict[str, Any]:
        """Return what was used when `so_far` parts were sent; a thought counts whether it is shown or not."""
        script = self._script
        thoughts = len(script.thinking)
        shown = thoughts if self._config.thinking_config.include_thoughts else 0
        answer = script.answer_tokens - thoughts if is_last else max(0, so_far - shown)
        thought = min(so_far, thoughts) if shown and not is_last else thoughts
        return usage(script.prompt_tokens, answer, thought)

    def _signature(self) -> str:
        return signature(self._signed_by, self._script.fingerprint)

    def _blocked(self, reason: str, *, stream: bool) -> bytes:
        answer = {"promptFeedback": {"blockReason": reason}, "usageMetadata": usage(self._script.prompt_tokens, 0, 0)}
        return _event(answer | self._tail) if stream else msgspec.json.encode(answer | self._tail)


def usage(prompt: int, answer: int, thought: int) -> dict[str, Any]:
    """Write `usageMetadata`; what is zero is left out."""
    counts = {"promptTokenCount": prompt, "candidatesTokenCount": answer, "thoughtsTokenCount": thought}
    counts |= {"totalTokenCount": prompt + answer + thought}
    details = [{"modality": "TEXT", "tokenCount": prompt}]
    return {name: count for name, count in counts.items() if count} | {"promptTokensDetails": details}


def counted(prompt_tokens: int) -> dict[str, Any]:
    """Write the answer to `:countTokens`."""
    return {"totalTokens": prompt_tokens, "promptTokensDetails": [{"modality": "TEXT", "tokenCount": prompt_tokens}]}


def embedded(bodies: Sequence[EmbedBody], model: SimulatedModel, *, batch: bool) -> Reply:
    """Return the vectors; one of another length than the whole is not normalised. Raises Refused."""
    if not 0 < len(bodies) <= MAX_BATCH:
        raise invalid(f"* BatchEmbedContentsRequest.requests: at most {MAX_BATCH} requests can be in one batch\n")
    vectors = [{"values": _vector(body, model)} for body in bodies]
    whole: dict[str, Any] = {"embeddings": vectors} if batch else {"embedding": vectors[0]}
    return plain(msgspec.json.encode(whole), lambda message: (500, gemini_error(500, message).body))


def _vector(body: EmbedBody, model: SimulatedModel) -> list[float]:
    if body.model not in {"", f"models/{model.name}"}:
        raise invalid("* BatchEmbedContentsRequest.requests[0].model: model must match the model of the request\n")
    if not any(part.kinds for part in body.content.parts):
        raise invalid("* EmbedContentRequest.content: contains no parts\n")
    if body.task_type not in TASKS:
        raise invalid(f"Invalid value at 'task_type' (TYPE_ENUM), \"{body.task_type}\"")
    length = model.dimensions if body.output_dimensionality is None else body.output_dimensionality
    if not 0 < length <= model.dimensions:
        raise invalid(f"* EmbedContentRequest.output_dimensionality: must be between 1 and {model.dimensions}\n")
    return vector(f"{model.digest} {body.content.turn().text}", length, of=model.dimensions)


def _joined(parts: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the parts of a whole answer: texts of one kind behind each other are one part."""
    joined: list[dict[str, Any]] = []
    for part in parts:
        last = joined[-1] if joined else {}
        if "text" in part and "text" in last and part.get("thought") == last.get("thought"):
            joined[-1] = last | part | {"text": last["text"] + part["text"]}
        else:
            joined.append(part)
    return joined


def _candidate(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {"token": entry["token"], "logProbability": entry["logprob"]}


def _event(answer: Mapping[str, Any]) -> bytes:
    return _sse(msgspec.json.encode(answer))


def _sse(data: bytes) -> bytes:
    return b"data: " + data + b"\r\n\r\n"
