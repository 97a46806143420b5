"""Which word an error of Anthropic is, and which limit a spent one. Pure.

Anthropic's 400 means many things: a request that is wrong, one that only this model or this version of the API refuses,
and an account without money, whose key would else be asked again and again. Rows are tried from the top; statuses that
no row knows are decided in `errors` (402 and 529 among them). Sources, read 25 Nov 2026: the types of the SDK 2.13.0; bodies
in claude-code #66314 (credit), #38035 (spent), #55132 and #64982 (429), #21612 (extra inputs), laravel/ai #715 (schemas),
cline #13203 (thinking), LiteLLM #15097 (sampling), LibreChat #11949, oh-my-pi #341. How a prefill, a blank stop sequence,
or a foreign signature is refused is not confirmed to the letter.
"""

import re
from collections.abc import Mapping

from msgspec import structs

from cortex.messages import Failure
from cortex.providers.anthropic_limits import header_allowances, text_allowances
from cortex.providers.durations import wait_s
from cortex.providers.errors import Rule, classified, heard
from cortex.providers.openai_limits import with_headers

_CLIENT = frozenset({400, 422})
_TOO_LONG = r"prompt is too long|exceed context limit|exceeds? the (?:model's )?(?:maximum )?context"
_CANNOT = (
    r"Extra inputs are not permitted|does(?: not|n't) support|(?:is|are) not (?:yet )?supported|unsupported"
    r"|is deprecated for this model|cannot both be specified|may only be set|unexpected value.*anthropic-beta"
    r"|prefill|must end with a user message|Thinking may not be enabled|expected `thinking`|invalid `?signature`?"
    r"|stop_sequences|output_config|input_schema|additionalProperties|schema is too complex"
)
_BACK = re.compile(r"regain access on (\d{4}-\d{2}-\d{2}) at (\d{2}:\d{2}) UTC", re.IGNORECASE)


RULES: tuple[Rule, ...] = (
    Rule("busy", says=r"overloaded_error"),
    # Money, and what the account's owner allows it to spend in a month
    Rule("rate_limited", says=r"billing_error|credit balance is too low", window="day", scope="key"),
    Rule("rate_limited", says=r"reached your specified (?:API|workspace) usage limits", window="month", scope="key"),
    # Waiting gives this account no longer prompts
    Rule("unsupported", frozenset({429}), r"required for long context"),
    Rule("model_missing", frozenset({403, 404}), r"(?:not_found|permission)_error .*\bmodel\b"),
    # A network that is blocked answers with a page: nothing is wrong with the key
    Rule("server_error", frozenset({401, 403}), json=False),
    Rule("bad_request", _CLIENT, _TOO_LONG, code="context_length_exceeded"),
    Rule("bad_request", says=r"request_too_large", code="request_too_large"),
    Rule("bad_request", frozenset({413}), code="request_too_large"),
    Rule("bad_request", _CLIENT, r"content filtering policy", code="content_filter"),
    # The request was checked before it was sent, so what only Anthropic or this model refuses, another may take
    Rule("unsupported", _CLIENT, _CANNOT),
    Rule(
        "rate_limited",
        frozenset({429}),
        r"per minute \(org: .*model:",
        window="minute",
        scope="model",
        reads=text_allowances,
    ),
    Rule("rate_limited", frozenset({429}), r"per.minute", window="minute", reads=text_allowances),
)


def classified_of(status: int, headers: Mapping[str, str], body: bytes) -> Failure:
    """Find the word for an error answered with `status`, and for a spent limit which one and how long."""
    failure = classified(RULES, status, headers, heard(body))
    if failure.word != "rate_limited":
        return failure
    failure = with_headers(failure, header_allowances(headers))
    back = _BACK.search(failure.detail)
    if back:
        return structs.replace(failure, retry_after_s=wait_s(f"{back[1]}T{back[2]}:00+00:00", headers))
    if not failure.window and failure.retry_after_s is None and headers.get("x-should-retry") == "false":
        return structs.replace(failure, window="day", scope="key")  # waiting is said to be no use: no passing thing
    return failure
