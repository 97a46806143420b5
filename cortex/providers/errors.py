"""What an upstream's error says, and which word it is: shared by all providers that answer errors as JSON.

Theory of operation: `heard` reads any body into a `Said`, wherever that server keeps its message. A provider brings a
table of `Rule`s, most particular first; the first that fits the status and the text decides. What no rule knows falls
to a table by status. An error inside a 200 (an SSE event, an NDJSON line, a JSON body) has no status of its own, so one
is implied by its code and type, and the same rules run.

Status alone is not enough: a 429 may mean this minute, this day, or that somebody else's machine is full, and a 400 may
mean that only this upstream cannot do it.
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Literal

import msgspec
from msgspec import Struct

from cortex.messages import Allowance, Failure, Period, Word
from cortex.providers.durations import retry_after_s, spent_quotas, without_waits
from cortex.providers.foreign import UNREADABLE

MAX_DETAIL = 500
"""Characters of an upstream's message that are kept."""

_LOOKED_AT = 4_096
"""Characters of a body that are searched; an error's message is in the first of them, and searching costs."""

_SECRET = re.compile(
    r"(?i)\bbearer\s+(?!tokens?\b)[^\s\"',;]+"
    r"|authorization[\"']?\s*[:=]\s*[\"']?[^\s\"',;]+(?:\s+[^\s\"',;]+)?"
    r"|(?<=api key provided: )\S+"
    r"|\b(?:sk|gsk|csk|nvapi|xai|hf|pk|rk)[-_][\w*.-]{4,}"
    r"|\bAIza[\w*-]{4,}"
)
_TAGS = re.compile(r"(?is)<(script|style)\b.*?</\1\s*>|<[^>]*>")
_TITLE = re.compile(r"(?is)<title[^>]*>(.*?)</title>")
_PERIODS: dict[Period, re.Pattern[str]] = {
    "second": re.compile(r"(?i)\bper[- ]sec(?:ond)?\b|\b[RT]PS\b"),
    "minute": re.compile(r"(?i)minute|per[- ]min\b|\b[RTIO]?[RT]PM\b"),
    "hour": re.compile(r"(?i)\bhour|\b[RT]PH\b|\bASH\b"),
    "day": re.compile(r"(?i)\bday\b|daily|week|session|insufficient_quota|credit|balance|\b[RTIO]?[RT]PD\b|\bASD\b"),
    "month": re.compile(r"(?i)month"),
}
"""How the windows of quotas are named, the shortest first. Of a week or a session (5 h at Ollama) the day is nearest."""


class Said(Struct, frozen=True):
    """An upstream's error in its own words."""

    message: str = ""
    code: str = ""
    kind: str = ""
    """`error.type`."""
    param: str = ""
    relayed_from: str = ""
    """Whose error it is, where the server relays another's (OpenRouter's `metadata.provider_name`)."""
    status: int = 0
    """The HTTP status that the body itself claims, as a code or beside it; 0 for none."""
    headers: Mapping[str, str] = {}
    """Headers that the body repeats, names in lower case (OpenRouter's `metadata.headers`)."""
    is_json: bool = True

    @property
    def text(self) -> str:
        """Everything that a rule may look at."""
        relayed = f" relayed from {self.relayed_from}" if self.relayed_from else ""
        return f"{self.code} {self.kind} {self.message}{relayed}"


Reads = Callable[[Said, Mapping[str, str]], tuple[Allowance, ...]]
"""From an error and its headers, the quota windows that it names with their sizes."""


class Rule(Struct, frozen=True):
    """One row of a provider's table: when `status` is among `statuses` and the text matches `says`, it is `word`."""

    word: Word
    statuses: frozenset[int] = frozenset()
    """Empty for any."""
    says: str = ""
    """A regular expression, searched without regard to case in `Said.text`; empty for any text."""
    code: str = ""
    """For `bad_request`: the code to give where the upstream has none of its own that clients know."""
    window: Period | Literal[""] = ""
    """For `rate_limited`: the window that is spent; empty reads it from the headers and the text."""
    json: bool | None = None
    """Whether the body must be JSON; None for either."""
    scope: Literal["model", "key", ""] = ""
    """What is spent, or busy: one model of this key's, or all of it."""
    holds: Callable[[Said], bool] | None = None
    """What must be so besides, where a pattern cannot say it (one number above another)."""
    reads: Reads | None = None
    """For `rate_limited`: finds the sizes of the windows that the error names."""

    def fits(self, status: int, said: Said) -> bool:
        """Tell whether this row is about that error."""
        return (
            (not self.statuses or status in self.statuses)
            and (self.json is None or self.json == said.is_json)
            and (not self.says or re.search(self.says, said.text, re.IGNORECASE) is not None)
            and (self.holds is None or self.holds(said))
        )


_BY_STATUS: dict[int, Word] = {
    401: "unauthorized",
    402: "rate_limited",  # no credits: good again once topped up, so a rest and not the retirement of the key
    403: "unauthorized",
    404: "server_error",  # no model is named: the base URL is wrong, and that is nothing the client could mend
    405: "server_error",  # as 404
    407: "server_error",
    408: "timeout",
    409: "server_error",  # the SDKs of OpenAI retry 409 (3.57.0, Nov 2026)
    410: "server_error",
    421: "server_error",
    423: "busy",
    424: "server_error",
    425: "server_error",
    429: "rate_limited",
    498: "busy",  # Groq's flex tier is full (Oct 2026)
    499: "server_error",  # it believes that we left, and we did not
    504: "timeout",
    529: "busy",
}

_IMPLIED = (
    (r"insufficient_quota|rate.?limit|too.?many.?requests|quota", 429),
    (r"invalid_api_key|authentication|unauthori[sz]ed", 401),
    (r"permission|forbidden", 403),
    (r"model_not_found|not_found", 404),
    (r"context_length|exceed_context|invalid_request|unsupported_|content_filter|bad_request", 400),
    (r"overloaded|unavailable|capacity", 503),
    (r"timeout|timed.?out", 408),
)
"""The status that an error inside a 200 would have had, by its code and type."""


def safe(text: str) -> str:
    """Return `text` on one line, without anything that looks like a key, cut to `MAX_DETAIL` characters."""
    masked = _SECRET.sub("[key]", " ".join(text[:_LOOKED_AT].split()))
    return masked if len(masked) <= MAX_DETAIL else masked[: MAX_DETAIL - 1] + "…"


def heard(body: bytes) -> Said:
    """Read an error's body, whatever it is; never raises."""
    try:
        value = msgspec.json.decode(body)
    except UNREADABLE:
        return Said(message=safe(_plain(body)), is_json=False)
    return heard_value(value)


def heard_value(value: Any, depth: int = 4) -> Said:
    """Read an error from decoded JSON: the whole body, or what stood under its `error`, up to `depth` levels down."""
    if isinstance(value, list):  # Gemini's OpenAI layer wraps its error in a list (Nov 2026)
        value = value[0] if value else ""
    if not isinstance(value, Mapping) or not depth:
        return Said(message=safe(_text(value)))
    for wrapper in ("error", "errors"):  # `errors` is Cloudflare's (Jul 2026)
        inner = value.get(wrapper)
        if inner:
            said = heard_value(inner, depth - 1)
            return msgspec.structs.replace(said, code=said.code or _code(value), status=said.status or _status(value))
    metadata = value.get("metadata")
    relayed = metadata if isinstance(metadata, Mapping) else {}
    return Said(
        message=safe(": ".join(filter(None, (_message(value), _text(relayed.get("raw") or ""))))),
        code=_code(value),
        kind=safe(_text(value.get("type") or "")),
        param=safe(_text(value.get("param") or "")),
        relayed_from=safe(str(relayed.get("provider_name") or "")),
        status=_status(value),
        headers=_headers(relayed.get("headers")),
    )


def classified(rules: Sequence[Rule], status: int, headers: Mapping[str, str], said: Said) -> Failure:
    """Find the word for an error answered with `status`."""
    detail = said.message or said.code or f"HTTP {status} without a message"
    if said.headers:
        headers = {**said.headers, **headers}
    if 300 <= status < 400:
        target = headers.get("location", "").partition("?")[0]
        return Failure(
            "server_error", safe(f"redirected to {target or 'nowhere'}; its url is not the right one"), status
        )
    for rule in rules:
        if rule.fits(status, said):
            return _failure(rule, status, headers, said, detail)
    word = _BY_STATUS.get(status) or _by_class(status, headers)
    rule = Rule(word, window="day", scope="key") if status == 402 else Rule(word)
    return _failure(rule, status, headers, said, detail)


def inband(rules: Sequence[Rule], error: Any) -> Failure:
    """Find the word for an error that came inside a 200: the decoded value of its `error`, or the whole event."""
    return _inband(rules, heard_value(error))


def inband_text(rules: Sequence[Rule], text: bytes) -> Failure:
    """Find the word for an error whose whole event or body is `text`; never raises.

    A field that nobody looks for may hold what is no UTF-8: that shows only when all of it is read.
    """
    return _inband(rules, heard(text))


def _inband(rules: Sequence[Rule], said: Said) -> Failure:
    names = f"{said.code} {said.kind}"
    if not names.strip() and " " not in said.message:  # a bare word is a code (Groq's `x_groq.error`)
        names = said.message
    implied = next((status for pattern, status in _IMPLIED if re.search(pattern, names, re.IGNORECASE)), 500)
    failure = classified(rules, said.status or implied, {}, said)
    return msgspec.structs.replace(failure, status=said.status)


def _failure(rule: Rule, status: int, headers: Mapping[str, str], said: Said, detail: str) -> Failure:
    failure = Failure(rule.word, detail, status)
    if rule.word == "bad_request":
        code = rule.code or ("" if said.code.isdecimal() else said.code)
        return msgspec.structs.replace(failure, param=said.param, code=code)
    if rule.word not in {"rate_limited", "busy"}:
        return failure
    wait_s = retry_after_s(headers, said.message)
    if rule.word == "busy":
        return msgspec.structs.replace(failure, retry_after_s=wait_s, scope=rule.scope)
    named = rule.reads(said, headers) if rule.reads else ()
    return msgspec.structs.replace(
        failure,
        retry_after_s=wait_s,
        window=rule.window or longest([allowance.period for allowance in named]) or _window(headers, said),
        scope=rule.scope,
        allowances=named,
    )


def _by_class(status: int, headers: Mapping[str, str]) -> Word:
    if status == 503 and "retry-after" in headers:
        return "busy"  # whoever says when to come back is alive
    if 400 <= status < 500:
        return "bad_request"
    return "server_error" if status >= 500 else "malformed"


def longest(periods: Collection[Period]) -> Period | Literal[""]:
    """Return the longest of some periods; empty for none."""
    return next((period for period in reversed(_PERIODS) if period in periods), "")


def _window(headers: Mapping[str, str], said: Said) -> Period | Literal[""]:
    """Say which window is spent.

    Of those that headers show as spent the longest counts. Of two that prose names it is the shorter: the other is where
    an upgrade would lead to, and too short a rest costs one more request, too long a one all of them.
    """
    spent = [period for name in spent_quotas(headers) if (period := _period(name.replace("-", " ")))]
    return longest(spent) or _period(without_waits(said.text))


def _period(text: str) -> Period | Literal[""]:
    return next((period for period, named in _PERIODS.items() if named.search(text)), "")


def _message(value: Mapping[str, Any]) -> str:
    for key in ("message", "detail", "title", "msg"):  # `detail` is FastAPI's and Mistral's, `title` NIM's (2026)
        if value.get(key):
            return _text(value[key])
    return _text(value) if value else ""


def _code(value: Mapping[str, Any]) -> str:
    """Return the error's code, which may be a number; Ollama's hosted errors and Groq's give a status instead."""
    code = value.get("code") or value.get("status_code") or value.get("status") or ""
    return safe(_text(code))


def _status(value: Mapping[str, Any]) -> int:
    """Return the HTTP status that an error claims to be, wherever it says so."""
    for key in ("status_code", "code", "status"):
        text = str(value.get(key))
        if text.isascii() and text.isdecimal() and len(text) == len("404") and 400 <= int(text) < 600:
            return int(text)
    return 0


def _headers(value: Any) -> dict[str, str]:
    return {str(name).lower(): str(text) for name, text in value.items()} if isinstance(value, Mapping) else {}


def _text(value: Any) -> str:
    """Return a string as it is, and anything else as JSON; for FastAPI's list of problems, their messages."""
    if isinstance(value, str):
        return value
    if isinstance(value, list) and value and all(isinstance(item, Mapping) and "msg" in item for item in value):
        return "; ".join(str(item["msg"]) for item in value)
    return msgspec.json.encode(value).decode()


def _plain(body: bytes) -> str:
    text = body[:_LOOKED_AT].decode(errors="replace")
    title = _TITLE.search(text)
    return title[1] if title and title[1].strip() else _TAGS.sub(" ", text)
