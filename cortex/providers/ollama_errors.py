"""Which word an error of Ollama is.

Ollama says `{"error": "text"}` and uses few statuses for many things, so the text decides more often than not. Rows are
tried from the top; the statuses that no row knows are decided in `errors`. Source: ollama/ollama server/routes.go and
server/sched.go, 21 Aug 2026; texts of the hosted service as reported in May 2026.
"""

from cortex.providers.errors import Rule

RULES: tuple[Rule, ...] = (
    Rule("unauthorized", says=r"^\W*unauthorized\b|signin_url|not signed in"),
    # 'x' on most routes, "x" on embed; "pull model manifest: file does not exist" from the registry
    Rule("model_missing", says=r"model ['\"].*['\"] not found|try pulling it first|model manifest"),
    Rule("unsupported", says=r"does not support \w+|cloud is disabled|cloud models? (?:is|are) disabled"),
    # The two 403s: what is left is a foreign Host, so this worker's url or the proxy before it is wrong. That is a
    # strike against the worker and leads to the next candidate; the client's request is in order and there is no key.
    Rule("server_error", frozenset({403})),
    Rule(
        "bad_request",
        says=r"longer than the (?:available )?context|exceeds? the (?:available )?context|input length exceeds",
        code="context_length_exceeded",
    ),
    # A known option with a wrong JSON type is answered with 500 in some versions
    Rule("bad_request", says=r"option \"[^\"]*\" must be of type|invalid option"),
    Rule("busy", says=r"server busy|maximum pending requests|server overloaded|\boverloaded\b"),
)
