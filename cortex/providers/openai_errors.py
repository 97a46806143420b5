"""Which word an error of an OpenAI-like server is: one table for OpenAI itself and all that speak its dialect.

Rows are tried from the top; the statuses that no row knows are decided in `errors`. Sources, all read 24 Nov 2026:
OpenAI's API reference and SDK 3.57.0; console.groq.com/docs/errors (Oct 2026); the docs of OpenRouter, DeepSeek,
Cerebras, Mistral; Cloudflare Workers AI errors (29 Jul 2026); llama.cpp #15780 (Sep 2025); vLLM, LM Studio (Nov 2026).
"""

from cortex.providers.errors import Rule

_AUTH = frozenset({401, 403})
_LIMIT = frozenset({429})
_GONE = frozenset({400, 404, 410})
_CLIENT = frozenset({400, 404, 413, 422})
_SERVER = frozenset({500, 501, 502})
_UNAVAILABLE = frozenset({503})

_CONTEXT = (
    r"context_length_exceeded|exceed_context_size|exceeds the (?:available|maximum) context|maximum context length"
    r"|longer than the (?:available )?context"
)
_NO_MODEL = (
    r"model_not_found|model_decommissioned|unknown_model|NotFoundError.*\bmodel\b"
    r"|\bmodel\b.*(?:does not exist|not found|decommissioned|not loaded|not available|no access|blocked)"
    r"|(?:no|not a valid|unknown|invalid) model\b|does not have access to model"
)
_CANNOT = (
    r"does not support (?:tools|tool|function|thinking|chat|image|vision|embeddings)|--jinja|--enable-auto-tool-choice"
    r"|image input is not supported|multimodal.*not supported"
    r"|image_url is only supported by certain models|\b(?:tools|functions) (?:is|are) not supported in this model"
)

RULES: tuple[Rule, ...] = (
    # A model that is not there, whatever the status
    Rule("model_missing", _GONE | frozenset({403}), _NO_MODEL),
    # A network that is blocked answers with a page (Cloudflare 1010): nothing is wrong with the key
    Rule("server_error", _AUTH, json=False),
    # The request does not fit this upstream, though it may fit another
    Rule(
        "unsupported", frozenset({413}), r"rate_limit_exceeded|tokens per minute|\bTPM\b"
    ),  # Groq: above the plan's TPM
    Rule("unsupported", _CLIENT | _SERVER, _CANNOT),  # llama.cpp answers an image to a text model with 500
    # The model's own mistakes, which Groq reports as 400 (another try may succeed)
    Rule("malformed", frozenset({400}), r"tool_use_failed|json_validate_failed"),
    # The client's
    Rule("bad_request", frozenset({400, 413, 422, 500}), _CONTEXT, code="context_length_exceeded"),
    Rule("bad_request", frozenset({400}), r"content_filter|content_policy", code="content_filter"),
    # Too much, of different kinds
    Rule("rate_limited", _LIMIT, r"insufficient_quota|\b3036\b|exceeded your current quota", window="day"),
    Rule("busy", _LIMIT, r"\b3505\b|\b3040\b|capacity|overloaded|queue_exceeded|\bqueue\b|relayed from"),
    Rule(
        "busy",
        _UNAVAILABLE,
        r"overload|busy|loading|unavailable_error|queue|capacity|too_many_requests|try again|retry",
    ),
    Rule("rate_limited", frozenset({402, 403}), r"insufficient|credit|balance|billing|payment", window="day"),
)
