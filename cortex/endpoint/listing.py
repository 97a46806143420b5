"""What clients see of the models: the listings of OpenAI, Anthropic and Ollama, from what the workers have. Pure.

Facts that an Ollama upstream gave go on as they are; for models of other upstreams the fields that clients insist on
are made up so that nothing breaks: a digest from the name, a family from its first letters, empty strings for the rest.
What clients insist on was read in Open WebUI, the Python and JavaScript clients, the Go command line, VS Code Copilot,
LangChain and Continue (November 2026). Names from `[models]`, and `auto`, are listed like models.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import msgspec
from msgspec import Struct

from cortex.providers.base import Model

OLLAMA_VERSION = "0.33.0"
"""The server whose API this is (August 2026). Clients compare it: below 0.6.0 they use neither tools nor thinking."""

DEFAULT_CONTEXT = 8192
"""Tokens said of a model whose context is unknown: clients want a number, and every chat model of 2026 has as much."""

_LATEST = 1 << 32
"""Seconds; a `created` beyond the year 2106 is no time but an upstream's mistake (milliseconds, most often)."""
_FOR_EVER = "2318-01-01T00:00:00.000000+00:00"
_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)")
_FAMILY = re.compile(r"[a-z]+")


class Listed(Struct, frozen=True):
    """A model as clients may ask for it."""

    name: str
    workers: tuple[str, ...]
    """Those that have it, best first."""
    model: Model
    aliases: tuple[str, ...] = ()
    """Names from `[models]` that lead to it; the first model with a name stands for it."""


def _all(models: Sequence[Listed]) -> Iterator[Listed]:
    """Yield every name once: the models, then the names that lead to them, then `auto`."""
    seen: set[str] = set()
    auto = [Listed("auto", (), _any_of(models))] if models else []
    named = [Listed(alias, listed.workers, listed.model) for listed in models for alias in listed.aliases]
    for listed in (*models, *named, *auto):
        if listed.name not in seen:
            seen.add(listed.name)
            yield listed


def _any_of(models: Sequence[Listed]) -> Model:
    """Return what `auto` can do: whatever one of them can, since a request goes where its needs are met."""
    known = [listed.model.capabilities for listed in models]
    capabilities = None if None in known else frozenset().union(*(each or () for each in known))
    return Model(name="auto", capabilities=capabilities)


# OpenAI and Anthropic, which share a path: one body that the clients of both take


def v1_models(models: Sequence[Listed]) -> bytes:
    """Write `GET /v1/models`. All in one page, whatever `limit` a client of Anthropic asks for."""
    entries = [_v1_entry(listed) for listed in _all(models)]
    ends = (
        {"first_id": entries[0]["id"], "last_id": entries[-1]["id"]} if entries else {"first_id": None, "last_id": None}
    )
    return msgspec.json.encode({"object": "list", "data": entries, "has_more": False, **ends})


def v1_model(models: Sequence[Listed], name: str) -> bytes | None:
    """Write `GET /v1/models/{id}`, or return None for a name that is not listed."""
    return next((v1_entry(listed) for listed in _all(models) if listed.name == name), None)


def v1_entry(listed: Listed) -> bytes:
    """Write `GET /v1/models/{id}` for that model, under its name."""
    return msgspec.json.encode(_v1_entry(listed))


def _v1_entry(listed: Listed) -> dict[str, Any]:
    created = _created(listed.model.raw)
    return {
        "id": listed.name,
        "object": "model",
        "created": created,
        "owned_by": ", ".join(listed.workers) or "cortex",
        "type": "model",
        "display_name": listed.name,
        "created_at": datetime.fromtimestamp(created, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


def _created(raw: Mapping[str, object]) -> int:
    """Return seconds: the upstream's `created`, or what an Ollama calls `modified_at`, or 0."""
    created = raw.get("created")
    if isinstance(created, int) and 0 <= created < _LATEST:
        return created
    modified = _time(raw.get("modified_at"))
    return max(0, int(datetime.fromisoformat(modified).timestamp())) if modified else 0


# Ollama


def ollama_version() -> bytes:
    """Write `GET /api/version`."""
    return msgspec.json.encode({"version": OLLAMA_VERSION})


def ollama_tags(models: Sequence[Listed]) -> bytes:
    """Write `GET /api/tags`."""
    return msgspec.json.encode({"models": [_tag(listed) for listed in _all(models)]})


def ollama_ps(models: Sequence[Listed]) -> bytes:
    """Write `GET /api/ps`: what is in memory now, where an upstream tells."""
    return msgspec.json.encode({"models": [_running(listed) for listed in models if listed.model.loaded]})


def ollama_show(listed: Listed, upstream: bytes = b"") -> bytes:
    """Write `POST /api/show`; `upstream` is the body that the model's own Ollama gave, which goes on instead."""
    if upstream:
        return upstream
    details = _details(listed)
    architecture = details["family"] or "unknown"
    context = listed.model.context_length or DEFAULT_CONTEXT
    return msgspec.json.encode(
        {
            "license": "",
            "modelfile": "",
            "parameters": "",
            "template": "{{ .Prompt }}",
            "details": details,
            "model_info": {"general.architecture": architecture, f"{architecture}.context_length": context},
            "capabilities": _capabilities(listed.model),
            "modified_at": _modified(listed),
        }
    )


def _tag(listed: Listed) -> dict[str, Any]:
    """Return the entry of a model, its upstream's own entry where that was an Ollama."""
    model = listed.model
    own = model.raw if "details" in model.raw else {}
    return {
        **own,
        "name": listed.name,
        "model": listed.name,
        "modified_at": _modified(listed),
        "size": model.size_bytes or own.get("size", 0),
        "digest": _digest(listed),
        "details": _details(listed),
        "capabilities": _capabilities(model),
    }


def _running(listed: Listed) -> dict[str, Any]:
    model = listed.model
    return {
        "name": listed.name,
        "model": listed.name,
        "size": model.size_bytes,
        "digest": _digest(listed),
        "details": _details(listed),
        "expires_at": _time(model.expires_at) or _FOR_EVER,
        "size_vram": model.vram_bytes,
        "context_length": model.context_length,
    }


def _digest(listed: Listed) -> str:
    return listed.model.digest.removeprefix("sha256:") or sha256(listed.model.name.encode()).hexdigest()


def _details(listed: Listed) -> dict[str, Any]:
    family = _FAMILY.match(listed.model.name.rsplit("/", 1)[-1].lower())
    name = family[0] if family else ""
    made_up = {
        "parent_model": "",
        "format": "",
        "family": name,
        "families": [name] if name else [],
        "parameter_size": "",
        "quantization_level": "",
    }
    own = listed.model.raw.get("details")
    given = own if isinstance(own, Mapping) else {}
    return made_up | {key: value for key, value in given.items() if value is not None}


def _capabilities(model: Model) -> list[str]:
    """Return what it can do; where nobody says, what nearly every chat model can: clients hide one without tools."""
    return ["completion", "tools"] if model.capabilities is None else sorted(model.capabilities)


def _modified(listed: Listed) -> str:
    raw = listed.model.raw
    return _time(raw.get("modified_at")) or datetime.fromtimestamp(_created(raw), UTC).isoformat()


def _time(text: object) -> str:
    """Return an upstream's time as Python 3.10 can read it (six digits, `+00:00` for `Z`); empty where it is none."""
    found = _TIME.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        return ""
    seconds, fraction, zone = found.groups()
    time = f"{seconds}.{(fraction or '')[:6]:0<6}{'+00:00' if zone == 'Z' else zone}"
    try:
        datetime.fromisoformat(time)
    except ValueError:
        return ""
    return time
