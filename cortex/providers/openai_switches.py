"""What differs between the servers that speak the OpenAI dialect, as data; and bending a request to it.

A request is first written in the standard's own words (or came so from the client), then bent by the switches of the
server that gets it. So a new server is a few lines of settings, and both ways to it, translated and passed through,
agree. Which server needs what was read on 24 Nov 2026 in the documents of each that is named below.
"""

import hashlib
import re
from typing import Literal

import msgspec
from msgspec import Raw, Struct

from cortex.chat import Need
from cortex.providers.rewrite import Fields, is_set, opened, raw

_TRUE = raw(value=True)
_SYSTEM = raw("system")
_DEVELOPER = raw("developer")
_REQUIRED = raw("required")
_LETTERS_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_ALNUM9 = re.compile(r"[A-Za-z0-9]{9}")


class Switches(Struct, frozen=True):
    """How one server differs from OpenAI's own API."""

    supports_stream_options: bool = True
    """Takes `stream_options`; where it does not (older Mistral, llamafile), no usage is asked for."""
    max_tokens_field: Literal["max_tokens", "max_completion_tokens"] | None = None
    """The only name it knows for the bound on the answer; None passes on what the client sent."""
    drop_fields: tuple[str, ...] = ()
    """Fields of the request that it answers with an error and that change nothing of weight (`store`, `user`, …)."""
    strip_message_keys: tuple[str, ...] = ()
    """Keys of messages that it refuses (`reasoning_content`, `annotations`, `refusal`, `audio`, `name`)."""
    strip_message_nulls: bool = False
    """Refuses keys of messages that are null (Groq, LiteLLM #5839)."""
    developer_to_system: bool = True
    """Write role `developer` as `system`: OpenAI takes both, most others only the latter."""
    tool_id_pattern: Literal["any", "alnum9"] = "any"
    """`alnum9`: ids of tool calls are nine letters and digits (Mistral); others are replaced, each always alike."""
    tool_choice_required_value: str = "required"
    """Its word for a forced tool (`any` at Mistral)."""
    seed_field: str = "seed"
    """Its name of `seed` (`random_seed` at Mistral)."""
    reasoning_field: Literal["reasoning_content", "reasoning", ""] = ""
    """Where earlier thinking goes in an assistant's message (DeepSeek and OpenRouter want it back for tool turns).
    Empty leaves it out: OpenAI and others refuse keys that they do not know. Answers are read under both names."""
    repeat_penalty_field: str = "repeat_penalty"
    """Its name of that option (`repetition_penalty` in vLLM)."""
    extra_sampling: bool = True
    """Takes options beyond OpenAI's: `top_k`, `min_p`, a repeat penalty (vLLM, llama.cpp, LM Studio)."""
    models_response: Literal["openai", "array", "none"] = "openai"
    """What GET /models gives: OpenAI's list, a bare array (Together), or nothing of use (Cloudflare): it is not asked.
    Of the first two either is read, whichever is named."""
    lacks: tuple[Need, ...] = ()
    """What it cannot do at all (`tools`, `images`, `n`, …)."""


def bent(fields: Fields, switches: Switches, *, stream: bool) -> Fields:
    """Return the fields of a request as this server wants them; `fields` itself is not changed."""
    fields = dict(fields)
    _ask_for_usage(fields, switches, stream=stream)
    _bound(fields, switches)
    _rename(fields, "seed", switches.seed_field)
    if fields.get("tool_choice") == _REQUIRED and switches.tool_choice_required_value != "required":
        fields["tool_choice"] = raw(switches.tool_choice_required_value)
    for name in switches.drop_fields:
        fields.pop(name, None)
    messages = fields.get("messages")
    if messages is not None and _concerns(messages, switches):
        fields["messages"] = _messages(messages, switches)
    return fields


def nine(tool_id: str) -> str:
    """Return nine letters and digits for the id of a tool call: itself, or always the same for the same one."""
    if _ALNUM9.fullmatch(tool_id):
        return tool_id
    number = int.from_bytes(hashlib.blake2b(tool_id.encode(), digest_size=8).digest(), "big")
    return "".join(_LETTERS_DIGITS[number // 62**place % 62] for place in range(9))


def _ask_for_usage(fields: Fields, switches: Switches, *, stream: bool) -> None:
    if not switches.supports_stream_options:
        fields.pop("stream_options", None)
    elif stream:
        given = fields.get("stream_options")
        options = opened(given) if is_set(given) else {}
        if options.get("include_usage") != _TRUE:
            fields["stream_options"] = raw({**options, "include_usage": _TRUE})


def _bound(fields: Fields, switches: Switches) -> None:
    """Give the bound of the answer under the name that the server knows; of two, `max_completion_tokens` wins."""
    wanted = switches.max_tokens_field
    if wanted is None:
        return
    legacy, newer = fields.pop("max_tokens", None), fields.pop("max_completion_tokens", None)
    bound = newer if is_set(newer) else legacy
    if bound is not None:
        fields[wanted] = bound


def _rename(fields: Fields, name: str, to: str) -> None:
    if to != name and name in fields:
        fields[to] = fields.pop(name)


def _concerns(messages: Raw, switches: Switches) -> bool:
    """Tell, without parsing them, whether any message may have to change."""
    text = bytes(messages)
    return (
        (switches.developer_to_system and b'"developer"' in text)
        or (switches.strip_message_nulls and b"null" in text)
        or any(b'"%s"' % key.encode() in text for key in switches.strip_message_keys)
        or (switches.tool_id_pattern == "alnum9" and (b'"tool_calls"' in text or b'"tool_call_id"' in text))
    )


def _messages(messages: Raw, switches: Switches) -> Raw:
    return raw([_message(message, switches) for message in msgspec.json.decode(messages, type=list[Fields])])


def _message(message: Fields, switches: Switches) -> Fields:
    if switches.developer_to_system and message.get("role") == _DEVELOPER:
        message["role"] = _SYSTEM
    if switches.tool_id_pattern == "alnum9":
        _shorten_ids(message)
    return {
        key: value
        for key, value in message.items()
        if key not in switches.strip_message_keys and (is_set(value) or not switches.strip_message_nulls)
    }


def _shorten_ids(message: Fields) -> None:
    answered = message.get("tool_call_id")
    if is_set(answered):
        message["tool_call_id"] = raw(nine(msgspec.json.decode(answered, type=str)))
    given = message.get("tool_calls")
    if not is_set(given):
        return
    calls = msgspec.json.decode(given, type=list[Fields])
    for call in calls:
        if is_set(call.get("id")):
            call["id"] = raw(nine(msgspec.json.decode(call["id"], type=str)))
    message["tool_calls"] = raw(calls)
