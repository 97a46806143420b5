"""What differs between the servers that speak the OpenAI dialect, as data; and bending a request to it.

A request is first written in the standard's own words (or came so from the client), then bent by the switches of the
server that gets it. So a new server is a few lines of settings, and both ways to it, translated and passed through,
agree. Which server needs what was read on 24 Nov 2026 in the documents of each that is named below.
"""

import hashlib
import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Literal, TypeVar

import msgspec
from msgspec import Raw, Struct, structs

from cortex.chat import Need
from cortex.providers.openai_limits import Style
from cortex.providers.rewrite import Fields, is_set, opened, raw

T = TypeVar("T")

_TRUE = raw(value=True)
_SYSTEM = raw("system")
_DEVELOPER = raw("developer")
_FUNCTION = raw("function")
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
    """Keys of messages, and of the tool calls in them, that it refuses (`reasoning_content`, `annotations`, `name`, …).
    The name of a `function` message stays: it is what was called."""
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
    """Where earlier thinking goes in an assistant's message (DeepSeek and OpenRouter want it back for tool turns); what a
    client sent under the other name is renamed. Empty leaves it out of translated requests: OpenAI and others refuse
    keys that they do not know. Answers are read under both names."""
    repeat_penalty_field: str = "repeat_penalty"
    """Its name of that option (`repetition_penalty` in vLLM)."""
    prefill: Literal["plain", "prefix", "continue_final_message"] = "plain"
    """How the beginning of an answer is given to be continued: as a last message of the assistant and no more (llama.cpp, Groq,
    OpenRouter), marked `prefix` (Mistral, which refuses it otherwise; docs.mistral.ai, Nov 2026), or by vLLM's field."""
    extra_sampling: bool = True
    """Takes options beyond OpenAI's: `top_k`, `min_p`, a repeat penalty (vLLM, llama.cpp, LM Studio)."""
    models_response: Literal["openai", "array", "none"] = "openai"
    """What GET /models gives: OpenAI's list, a bare array (Together), or nothing of use (Cloudflare): it is not asked.
    Of the first two either is read, whichever is named."""
    only_models: tuple[str, ...] = ()
    """Of the models that it lists, those to take; names may hold `*`. Empty: all."""
    skip_models: tuple[str, ...] = ()
    """Of the models that it lists, those that no request of Córtex is for: speech, pictures, classifiers."""
    limits_style: Style = "openai"
    """What its `x-ratelimit-*` headers count, and over what; see `openai_limits`."""
    completions: bool = True
    """Has the legacy /completions."""
    embeddings: bool = True
    """Has /embeddings."""
    efforts: Mapping[str, Mapping[str, str | Mapping[str, object]]] = {}
    """By model (names may hold `*`; the first that fits counts): what a `reasoning_effort` becomes there. Either its own
    word for it, or the fields that say it instead; `*` is every word without an entry. Without a `*` such a word stays."""
    service_tiers: Mapping[str, str] = {}
    """Its words for OpenAI's values of `service_tier`; in its answers they are turned back."""
    extra_fields: Mapping[str, Mapping[str, object]] = {}
    """By model, as above: what is added to a chat, unless the client sent any field that is named here for some model
    (Groq refuses two that say the same thing)."""
    lacks: tuple[Need, ...] = ()
    """What it cannot do at all (`tools`, `images`, `n`, …)."""


def is_plain(switches: Switches) -> bool:
    """Tell whether a client's request can go to this server as it came: they differ in nothing that a request holds."""
    passing = structs.replace(
        switches,
        # What concerns answers, lists and whole operations …
        lacks=(),
        completions=True,
        embeddings=True,
        limits_style="openai",
        models_response="openai",
        only_models=(),
        skip_models=(),
        # … and what a translated request is written with
        extra_sampling=True,
        repeat_penalty_field="repeat_penalty",
        prefill="plain",
    )
    return passing == Switches()


def bent(fields: Fields, switches: Switches, *, stream: bool) -> Fields:
    """Return the fields of a request as this server wants them; `fields` itself is not changed.

    Its `model` is the upstream's own name of it.
    """
    fields = dict(fields)
    _ask_for_usage(fields, switches, stream=stream)
    _bound(fields, switches)
    _rename(fields, "seed", switches.seed_field)
    if switches.efforts and is_set(fields.get("reasoning_effort")):
        _set_effort(fields, switches)
    if switches.service_tiers and is_set(fields.get("service_tier")):
        _translate(fields, "service_tier", switches.service_tiers)
    if switches.extra_fields and "messages" in fields:
        _add_extras(fields, switches)
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


def _set_effort(fields: Fields, switches: Switches) -> None:
    words = _first_fit(switches.efforts, _text(fields["model"])) or {}
    said = words.get(_text(fields["reasoning_effort"]), words.get("*"))
    if isinstance(said, str):
        fields["reasoning_effort"] = raw(said)
    elif said is not None:
        del fields["reasoning_effort"]
        fields |= {name: raw(value) for name, value in said.items() if name not in fields}


def _translate(fields: Fields, name: str, words: Mapping[str, str]) -> None:
    said = _text(fields[name])
    fields[name] = raw(words.get(said, said))


def _add_extras(fields: Fields, switches: Switches) -> None:
    if any(name in fields for added in switches.extra_fields.values() for name in added):
        return
    added = _first_fit(switches.extra_fields, _text(fields["model"])) or {}
    fields |= {name: raw(value) for name, value in added.items()}


def _first_fit(table: Mapping[str, T], model: str) -> T | None:
    """Return the entry of the first pattern that fits the model's name."""
    return next((entry for pattern, entry in table.items() if fnmatchcase(model, pattern)), None)


def _text(value: Raw) -> str:
    """Return a JSON string, and the JSON itself of anything else, which the upstream may judge."""
    try:
        return msgspec.json.decode(value, type=str)
    except msgspec.ValidationError:
        return bytes(value).decode()


def _concerns(messages: Raw, switches: Switches) -> bool:
    """Tell, without parsing them, whether any message may have to change."""
    text = bytes(messages)
    return (
        (switches.developer_to_system and b'"developer"' in text)
        or (switches.strip_message_nulls and b"null" in text)
        or any(b'"%s"' % key.encode() in text for key in switches.strip_message_keys)
        or (switches.reasoning_field != "" and b'"%s"' % _other(switches).encode() in text)
        or (switches.tool_id_pattern == "alnum9" and (b'"tool_calls"' in text or b'"tool_call_id"' in text))
    )


def _other(switches: Switches) -> str:
    """Return the name of earlier thinking that is not this server's."""
    return "reasoning" if switches.reasoning_field == "reasoning_content" else "reasoning_content"


def _messages(messages: Raw, switches: Switches) -> Raw:
    return raw([_message(message, switches) for message in msgspec.json.decode(messages, type=list[Fields])])


def _message(message: Fields, switches: Switches) -> Fields:
    if switches.developer_to_system and message.get("role") == _DEVELOPER:
        message["role"] = _SYSTEM
    if switches.reasoning_field and is_set(message.get(_other(switches))):
        message.setdefault(switches.reasoning_field, message.pop(_other(switches)))
    answered, calls = message.get("tool_call_id"), message.get("tool_calls")
    if switches.tool_id_pattern == "alnum9" and is_set(answered):
        message["tool_call_id"] = _shortened(answered)
    if is_set(calls):
        message["tool_calls"] = raw([_call(call, switches) for call in msgspec.json.decode(calls, type=list[Fields])])
    stripped = set(switches.strip_message_keys)
    if message.get("role") == _FUNCTION:
        stripped.discard("name")
    return {
        key: value
        for key, value in message.items()
        if key not in stripped and (is_set(value) or not switches.strip_message_nulls)
    }


def _call(call: Fields, switches: Switches) -> Fields:
    if switches.tool_id_pattern == "alnum9" and is_set(call.get("id")):
        call["id"] = _shortened(call["id"])
    return {key: value for key, value in call.items() if key not in switches.strip_message_keys}


def _shortened(tool_id: Raw) -> Raw:
    return raw(nine(msgspec.json.decode(tool_id, type=str)))
