"""Which word an error of an OpenAI-like server is: one table for OpenAI itself and all that speak its dialect.

Rows are tried from the top; the statuses that no row knows are decided in `errors`. Sources, all read 24 Nov 2026:
OpenAI's API reference and SDK 3.57.0; console.groq.com/docs/errors (Oct 2026), Groq's bodies in langchain #23629,
beeai-framework #1215, pluely #219; the docs of OpenRouter (its 429 in openclaude #936), DeepSeek, Cerebras (its 429 in
explyt #35), Mistral; Cloudflare Workers AI errors (29 Jul 2026); llama.cpp #15780 (Sep 2025); vLLM, LM Studio (Nov 2026).
"""

from cortex.providers.errors import Rule
from cortex.providers.openai_limits import free_limits, is_too_large, text_allowances

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
    r"model_not_found|model_decommissioned|unknown_model|NotFoundError.*\bmodel\b|no endpoints found"
    r"|\bmodel\b.*(?:does not exist|not found|decommissioned|not loaded|not available|no access|blocked)"
    r"|(?:no|not a valid|unknown|invalid) model\b|does not have access to model"
)
_CANNOT = (
    r"does not support (?:tools|tool|function|thinking|chat|image|vision|embeddings)|--jinja|--enable-auto-tool-choice"
    r"|image input is not supported|multimodal.*not supported"
    r"|image_url is only supported by certain models|\b(?:tools|functions) (?:is|are) not supported in this model"
    r"|no endpoints found that support"  # OpenRouter
    r"|response.?format\W* does not support|does not support response.?format|invalid schema for response.?format"  # Groq
    r"|response.?format\b.*\b(?:with|and) (?:streaming|tools?)\b"  # Groq, whose schemas go with neither
    r"|reasoning_(?:effort|format)\W* (?:must be one of|is not supported)|property '[^']*' is unsupported"  # Groq
)
_MONEY = r"insufficient (?:balance|credit|fund|quota)|\bcredits?\b|\bbalance\b|billing|payment"

RULES: tuple[Rule, ...] = (
    # The request does not fit this upstream, though it may fit another
    Rule("unsupported", _CLIENT | _SERVER, _CANNOT),  # llama.cpp answers an image to a text model with 500
    Rule("unsupported", frozenset({413, 429}), holds=is_too_large),  # more than a whole window: never retried here
    Rule("unsupported", frozenset({413}), r"request_too_large|rate_limit_exceeded|tokens per minute|\bTPM\b"),
    # A model that is not there, whatever the status
    Rule("model_missing", _GONE | frozenset({403}), _NO_MODEL),
    # A network that is blocked answers with a page (Cloudflare 1010): nothing is wrong with the key
    Rule("server_error", _AUTH, json=False),
    # The model's own mistakes, which Groq reports as 400 (another try may succeed)
    Rule("malformed", frozenset({400}), r"tool_use_failed|json_validate_failed"),
    # The client's
    Rule("bad_request", frozenset({400, 413, 422, 500}), _CONTEXT, code="context_length_exceeded"),
    Rule("bad_request", frozenset({400}), r"content_filter|content_policy", code="content_filter"),
    # OpenRouter's moderation, whose 403 is no verdict on the key
    Rule("bad_request", frozenset({403}), r"input was flagged|requires moderation", code="content_filter"),
    # OpenRouter relays another's error, or found nobody to ask: that model has to wait, and nothing is wrong with the key
    Rule("busy", _AUTH | _LIMIT | _SERVER | _UNAVAILABLE, r"relayed from|no available model provider", scope="model"),
    # Money, and what a whole account has used
    Rule("rate_limited", _LIMIT, r"insufficient_quota|exceeded your current quota", window="day", scope="key"),
    Rule("rate_limited", frozenset({403}), _MONEY, window="day", scope="key"),
    Rule("rate_limited", _LIMIT, r"\b3036\b", window="day", scope="key"),  # Cloudflare: 10,000 neurons, until 00:00 UTC
    # The machines are full
    Rule("busy", _LIMIT | _UNAVAILABLE, r"\b3505\b|\b3040\b|capacity|\bqueue", scope="model"),
    Rule("busy", _LIMIT, r"overloaded|concurren"),  # DeepSeek counts what runs at once
    Rule(
        "busy",
        _UNAVAILABLE,
        r"overload|busy|loading|unavailable_error|queue|too_many_requests|try again|retry",
    ),
    # Quota windows
    Rule("rate_limited", _LIMIT, r"free-models-per-", reads=free_limits),  # OpenRouter
    Rule("rate_limited", _LIMIT, r"requests rate limit exceeded", window="second"),  # Mistral counts them by the second
    Rule("rate_limited", _LIMIT, r"rate limit reached for|\): Limit", scope="model", reads=text_allowances),
)
