"""Writing a conversation as Gemini's generateContent wants it. Source: google-genai 3.6.1, ai.google.dev (Nov 2026).

What the model of that name no longer takes is left out (`gemini_models`). More than five `stopSequences`, which is all
Gemini takes, are written all the same: it answers 400, and the next candidate is asked (`gemini_errors`), since the
first five alone would let the model run on. No safety settings are sent: Google's own defaults stand.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import msgspec

from cortex.chat import Chat, JsonSchema, Tool, ToolCall
from cortex.providers.base import Wire
from cortex.providers.gemini_contents import contents_of, system_of
from cortex.providers.gemini_models import NOT_GEMINI, SIGNED, generation, takes, thinking_config
from cortex.providers.signatures import Signatures

UNSIGNED = "skip_thought_signature_validator"
"""Instead of a signature that is lost, or of a call that another model made; literally so, not in base64 (Bifrost
PR #2226, Mar 2026)."""

Json = dict[str, Any]

_SAYS_NOTHING = frozenset({"type", "required", "$schema", "title", "description"})
_SEED_MASK = 0x7FFF_FFFF
"""`seed` is an int32 here; what a client gives may be longer, and the same one must stay the same."""

_encoder = msgspec.json.Encoder()


def written(chat: Chat, model: str, signatures: Signatures) -> Wire:
    """Return the request for a whole or a streamed answer of `model`."""
    body: Json = {"contents": contents_of(chat.messages, _Signer(model, signatures))}
    system = system_of(chat.messages)
    if system:
        body["systemInstruction"] = {"parts": [{"text": system}]}
    if chat.tools:
        body |= _tools(chat)
    config = _config(chat, model)
    if config:
        body["generationConfig"] = config
    method = "streamGenerateContent?alt=sse" if chat.stream else "generateContent"
    return Wire(path_of(model, method), _encoder.encode(body))


def path_of(model: str, method: str) -> str:
    """Return the path of a method of `model`, whatever its name holds."""
    return f"/models/{quote(model, safe='')}:{method}"


class _Signer:
    """Knows which signature goes with a call to one model."""

    def __init__(self, model: str, signatures: Signatures) -> None:
        self._signatures = signatures
        self._generation = generation(model)

    def __call__(self, call: ToolCall, is_first: bool) -> str:  # noqa: FBT001  as contents_of calls it
        if self._generation == NOT_GEMINI:
            return ""
        known = call.signature or self._signatures.of(call)
        return known or (UNSIGNED if is_first and self._generation >= SIGNED else "")


def _tools(chat: Chat) -> Json:
    fields: Json = {"tools": [{"functionDeclarations": [_declaration(tool) for tool in chat.tools]}]}
    choice = chat.tool_choice
    if choice.startswith("="):
        calling: Json = {"mode": "ANY", "allowedFunctionNames": [choice[1:]]}
    else:
        calling = {"mode": {"auto": "AUTO", "none": "NONE", "required": "ANY"}[choice]}
    return fields | {"toolConfig": {"functionCallingConfig": calling}}


def _declaration(tool: Tool) -> Json:
    """Write a function; one without arguments has no parameters at all, since an empty object is refused."""
    written: Json = {"name": tool.name}
    if tool.description:
        written["description"] = tool.description
    if _asks_for_any(tool.parameters):
        written["parametersJsonSchema"] = tool.parameters
    return written


def _asks_for_any(schema: Mapping[str, Any]) -> bool:
    """Tell whether a schema of arguments says more than: an object."""
    return any(value and key not in _SAYS_NOTHING for key, value in schema.items())


def _config(chat: Chat, model: str) -> Json:
    drawn = chat.sampling
    options: Json = {
        "maxOutputTokens": chat.max_tokens,
        "temperature": drawn.temperature,
        "topP": drawn.top_p,
        "topK": drawn.top_k,
        "seed": None if drawn.seed is None else drawn.seed & _SEED_MASK,
        "presencePenalty": drawn.presence_penalty,
        "frequencyPenalty": drawn.frequency_penalty,
        "stopSequences": list(chat.stop) or None,
        "thinkingConfig": thinking_config(model, chat.reasoning) or None,
        **_shape(chat),
    }
    return {name: value for name, value in options.items() if value is not None and takes(model, name)}


def _shape(chat: Chat) -> Json:
    bound = chat.response_format
    if bound == "text":
        return {}
    shape: Json = {"responseMimeType": "application/json"}
    if isinstance(bound, JsonSchema):
        described = {"description": bound.description} if bound.description else {}
        shape["responseJsonSchema"] = {**described, **bound.schema}
    return shape
