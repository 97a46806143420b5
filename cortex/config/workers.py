"""`[workers.NAME]`: one table, one worker; or one for each of its keys. Pure."""

import re
from collections.abc import Collection, Mapping
from math import isfinite
from typing import Any, get_args
from urllib.parse import urlsplit

from msgspec import structs

from cortex.chat import Need
from cortex.config.addresses import is_local
from cortex.config.kinds import (
    boolean,
    choice,
    duration,
    integer,
    keep_alive,
    many,
    named,
    number,
    secret,
    text,
    url,
)
from cortex.config.model import Limits, Preset, Worker
from cortex.config.presets import PRESETS
from cortex.config.problem import Place, Unusable, kind_of, shown
from cortex.config.schema import LIMITS, Field, Fields, Reading, read_fields
from cortex.config.secret import Secret

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}")
_RESERVED = frozenset(
    {
        *("root", "telemetry", "history", "ledger", "cache", "workers", "dispatcher", "health", "roster", "config"),
        *("endpoint", "auto"),
    }
)
"""What a worker cannot be called: the other actors of the tree, and the model name that leaves the choice open."""

_ELSEWHERE: Mapping[str, str] = {"openai": "openai-compatible"}
"""Whose preset a worker takes that has a url of its own: `openai` is OpenAI's service, and with a url any server."""

_ONLY_FOR: Mapping[str, str] = {"num_ctx": "ollama", "keep_alive": "ollama", "switches": "openai"}
"""Keys that mean something in one dialect only."""


def _keys(value: object, place: Place) -> Mapping[str, Secret]:
    """Read an array of keys, named by their number from 1, or a table of named ones; each key once."""
    if not isinstance(value, list | dict) or not value:
        place.refuse(
            "an array of keys, or a table that names each of them", "an empty one" if not value else kind_of(value)
        )
    if isinstance(value, dict):
        keys = named(secret, _named)(value, place)
        if len(set(keys.values())) < len(keys):
            place.refuse("each key once", "one under two names")
        return keys
    return {str(number): key for number, key in enumerate(many(secret)(value, place), 1)}


def _switches(value: object, place: Place) -> Mapping[str, Any]:
    reading = read_fields(value, place, SWITCHES)
    if reading.failed:
        raise Unusable
    return reading.found


def _said(value: object, place: Place) -> Any:
    """Read what a field of a request is to hold: anything that TOML and JSON both have."""
    match value:
        case bool() | int():
            return value
        case float() if isfinite(value):
            return value
        case str():
            return str(value)
        case list():
            return list(many(_said, once=False)(value, place))
        case dict():
            return named(_said)(value, place)
    return place.refuse("a value that JSON has too", kind_of(value))


def _effort(value: object, place: Place) -> Any:
    if isinstance(value, str | dict):
        return _said(value, place)
    return place.refuse("a word, or a table of fields that say it", kind_of(value))


_TEXTS = many(text)
SWITCHES: Fields = {
    "supports_stream_options": Field(boolean),
    "max_tokens_field": Field(choice("max_tokens", "max_completion_tokens")),
    "drop_fields": Field(_TEXTS),
    "strip_message_keys": Field(_TEXTS),
    "strip_message_nulls": Field(boolean),
    "developer_to_system": Field(boolean),
    "tool_id_pattern": Field(choice("any", "alnum9")),
    "tool_choice_required_value": Field(text),
    "seed_field": Field(text),
    "reasoning_field": Field(choice("reasoning_content", "reasoning", "")),
    "repeat_penalty_field": Field(text),
    "prefill": Field(choice("plain", "prefix", "continue_final_message")),
    "extra_sampling": Field(boolean),
    "models_response": Field(choice("openai", "array", "none")),
    "only_models": Field(_TEXTS),
    "skip_models": Field(_TEXTS),
    "limits_style": Field(choice("openai", "groq", "cerebras", "mistral", "openrouter", "none")),
    "completions": Field(boolean),
    "embeddings": Field(boolean),
    "efforts": Field(named(named(_effort))),
    "service_tiers": Field(named(text)),
    "extra_fields": Field(named(named(_said))),
    "lacks": Field(many(choice(*get_args(Need)))),
}
"""How an upstream may deviate from the OpenAI dialect; what each means stands with that provider."""

WORKER: Fields = {
    "provider": Field(choice(*PRESETS), required=True),
    "url": Field(url),
    "key": Field(secret),
    "keys": Field(_keys),
    "slots": Field(integer(1, 1024)),
    "weight": Field(number(0, 1000)),
    "num_ctx": Field(integer(1, 100_000_000)),
    "keep_alive": Field(keep_alive),
    "models": Field(many(text)),
    "free": Field(boolean),
    "bucket": Field(choice("per-key", "shared")),
    "limits": Field(named(LIMITS.read)),
    "key_limits": Field(LIMITS.read),
    "switches": Field(_switches),
    "cost_per_hour": Field(number(0, 10_000)),
    "first_token_timeout": Field(duration, "first_token_timeout_s"),
}


def read_workers(value: object, place: Place) -> Mapping[str, Worker]:
    """Read all of `[workers]`, in the order of the file. Raises Unusable after every problem was reported."""
    pools = named(_pool, _named)(value, place)
    return {worker.name: worker for pool in pools.values() for worker in pool}


def _named(name: str, place: Place) -> None:
    if not _NAME.fullmatch(name):
        place.refuse("a name of up to 32 letters, digits, dots, dashes and underscores", "another")
    if name in _RESERVED:
        place.refuse("a name that Córtex does not use itself", f'"{name}"')


def _pool(value: object, place: Place) -> tuple[Worker, ...]:
    reading = read_fields(value, place, WORKER)
    if not _fits_its_provider(reading, place) or reading.failed:
        raise Unusable
    return _expand(str(place.path[-1]), dict(reading.found))


def _fits_its_provider(reading: Reading, place: Place) -> bool:
    """Check what depends on the provider, and that there is one way in which keys are given."""
    fits = True
    if {"key", "keys"} <= reading.given.keys():
        place.into("key").add("either key or keys", "both")
        fits = False
    provider = reading.found.get("provider")
    if provider is None:
        return fits
    preset = preset_of(provider, reading.given)
    if not preset.url and "url" not in reading.given:
        like = f' (such as "{preset.url_like}")' if preset.url_like else ""
        place.into("url").add(f"this key{like}, which the {provider} provider needs", "none")
        fits = False
    if preset.needs_key and not {"key", "keys"} & reading.given.keys():
        if provider in _ELSEWHERE:
            like = PRESETS[_ELSEWHERE[provider]].url_like
            ways = f'this key (such as "{like}") for a server that speaks the dialect, or keys for {preset.url}'
            place.into("url").add(ways, "neither")
        else:
            place.into("keys").add(f'this key, as ["$NAME"], which the {provider} provider needs', "none")
        fits = False
    if preset.needs_key and "url" in reading.found and not _keeps_its_key(reading.found["url"]):
        place.into("url").add(
            "an https:// URL: over http:// a key goes only to this machine or a private address",
            shown(reading.given["url"][0]),
        )
        fits = False
    for key in reading.given:
        if _ONLY_FOR.get(key, preset.speaks) != preset.speaks:
            place.into(key).add(f"only keys that the {provider} provider knows", f"one for {_ONLY_FOR[key]}")
            fits = False
    return fits


def _keeps_its_key(url: str) -> bool:
    """Whether nobody on the way to a hosted service can read the key that is sent there."""
    parts = urlsplit(url)
    return parts.scheme == "https" or is_local(str(parts.hostname))


def _expand(pool: str, found: dict[str, Any]) -> tuple[Worker, ...]:
    keys: Mapping[str, Secret] | None = found.pop("keys", None)
    settings = {"pool": pool, **preset_settings(found["provider"], found)}
    if keys is None:
        return (Worker(name=pool, **settings),)
    return tuple(Worker(name=f"{pool}/{label}", key=key, **settings) for label, key in keys.items())


def preset_of(provider: str, given: Collection[str]) -> Preset:
    """Return what is known of a worker's provider; `given` are the keys of its settings."""
    return PRESETS[_ELSEWHERE.get(provider, provider) if "url" in given else provider]


def preset_settings(provider: str, found: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a worker of `provider`: what is known of it, and over that what was `found`.

    What a free plan gives is not assumed of a key that is said not to be on it.
    """
    preset = preset_of(provider, found)
    free = found.get("free", preset.free)
    plan = preset.plan if free else structs.replace(preset.plan, limits={}, key_limits=Limits())
    known = {
        "speaks": preset.speaks,
        "url": preset.url,
        "free": free,
        "slots": preset.slots,
        "plan": plan,
        "headers": preset.headers,
        "hosted": preset.needs_key,
    }
    return {**known, **found, "switches": {**preset.switches, **found.get("switches", {})}}
