"""Reading the list of models of an OpenAI-like server: OpenAI's own shape, or a bare array (Together)."""

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Any

import msgspec
from msgspec import Struct

from cortex.messages import Failure
from cortex.providers.base import Model
from cortex.providers.foreign import UNREADABLE
from cortex.providers.openai_switches import Switches

_CONTEXT_FIELDS = ("max_model_len", "context_window", "context_length", "max_context_length")
"""Where vLLM, Groq, OpenRouter and LM Studio say how long a context may be (Nov 2026)."""

_EMBEDDING = frozenset({"embedding"})


class _Listed(Struct):
    id: str


def models_of(body: bytes, switches: Switches) -> tuple[Model, ...] | Failure:
    """Return the models that a list names and the switches take; those out of service (Groq's `active`) are left out."""
    try:
        listed = msgspec.json.decode(body)
        entries = listed["data"] or [] if isinstance(listed, dict) else listed
        known = [entry for entry in msgspec.convert(entries, list[dict[str, Any]]) if entry.get("active", True)]
        models = [_model(entry) for entry in known]
    except (*UNREADABLE, KeyError) as error:
        return Failure("malformed", f"the list of models cannot be read: {error}")
    return tuple(model for model in models if _is_taken(model.name, switches))


def _is_taken(name: str, switches: Switches) -> bool:
    return not _fits(name, switches.skip_models) and (not switches.only_models or _fits(name, switches.only_models))


def _fits(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _model(entry: dict[str, Any]) -> Model:
    name = msgspec.convert(entry, _Listed).id
    meta = entry.get("meta")
    lengths = [entry.get(field) for field in _CONTEXT_FIELDS]
    if isinstance(meta, dict):  # llama.cpp: what it was started with, else what the model was trained for
        lengths += [meta.get("n_ctx"), meta.get("n_ctx_train")]
    length = next((length for length in lengths if isinstance(length, int) and length > 0), 0)
    # These lists do not tell what a model is for, but every maker says it in the names of these
    capabilities = _EMBEDDING if "embed" in name.lower() else None
    return Model(name=name, context_length=length, capabilities=capabilities, raw=entry)
