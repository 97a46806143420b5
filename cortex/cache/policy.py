"""Whether a request may be answered from the cache, and by which key. Pure.

Theory of operation: the key is a hash of the request's JSON with everything in it that could change an answer, also what Córtex
does not know (a server at home may), less what is known to change none. Objects are written with sorted keys, so their order
does not matter. The model stands in it as it was asked for. A chat that holds nothing but what `plain` knows is spelled in no
dialect, so that OpenAI's, Ollama's and Anthropic's clients share its answer. Any other body is a key of its dialect's: a proof
that two mean the same would have to know every field that either may hold.
"""

from hashlib import blake2b
from typing import Any, NamedTuple

import msgspec

from cortex.cache.plain import NO_PART_OF_THE_ANSWER, plain
from cortex.chat import Need
from cortex.config.units import seconds
from cortex.messages import Request

NOT_KEPT: frozenset[Need] = frozenset(
    {"raw_prompt", "legacy_completion", "audio", "files", "custom_tools", "logprobs", "image_urls"}
)
"""What a normalised answer would lose, and what may look different at its address tomorrow."""

KEY_BYTES = 20


class Control(NamedTuple):
    """What a request's `Cache-Control` says (RFC 9111, section 5.2.1); other directives change nothing here."""

    no_store: bool = False
    """Neither look nor keep."""
    no_cache: bool = False
    """Do not look; keep what comes."""
    only_if_cached: bool = False
    max_age_s: float | None = None
    """Take nothing older, and keep what comes no longer."""


SAYS_NOTHING = Control()


def read_control(value: str) -> Control:
    """Read a header. A `max-age` that is no number counts as 0, as the standard asks of caches.

    >>> read_control("no-cache, max-age=60")
    Control(no_store=False, no_cache=True, only_if_cached=False, max_age_s=60.0)
    """
    said = {}
    for directive in value.lower().split(","):
        name, _, argument = directive.strip().partition("=")
        said[name] = argument.strip('" ')
    age = said.get("max-age")
    max_age_s = None if age is None else float(age) if age.isascii() and age.isdigit() else _duration(age)
    return Control("no-store" in said, "no-cache" in said, "only-if-cached" in said, max_age_s)


def _duration(text: str) -> float:
    try:
        return seconds(text)
    except ValueError:
        return 0.0


def may_be_kept(request: Request, *, always: bool) -> bool:
    """Whether `request` could be answered from a cache, as far as its bytes tell without parsing; fast, for every request."""
    if request.is_load or request.operation == "count" or (request.needs and request.needs & NOT_KEPT):
        return False
    return always or b'"temperature"' in request.body or b'"seed"' in request.body or "embeddings" in request.needs


def key_of(request: Request, *, always: bool, tenant: bytes = b"") -> bytes | None:
    """Return the key of a request that `may_be_kept`; None where its answer is left to chance and `always` is not set.

    `tenant` keeps the answers of one client from another. None also for a body that its dialect takes, since it skips what it
    does not know, and that holds something there that JSON cannot say again.
    """
    if not (always or "embeddings" in request.needs or is_deterministic(request.parsed)):
        return None
    try:
        body = msgspec.json.decode(request.body)
        chat = plain(request.dialect, request.operation, body)
        if chat is not None:
            about = f"chat {request.strategy} {request.model} ".encode()
            return blake2b(about + msgspec.json.encode(chat), digest_size=KEY_BYTES, key=tenant).digest()
        for name in NO_PART_OF_THE_ANSWER & body.keys():
            del body[name]
        body["model"] = request.model
        spelled = msgspec.json.encode(body, order="sorted")
    except (ValueError, OverflowError, RecursionError):  # msgspec's errors are ValueErrors, and so is Unicode's
        return None
    about = f"{request.dialect} {request.operation} {request.strategy} ".encode()
    return blake2b(about + spelled, digest_size=KEY_BYTES, key=tenant).digest()


def is_deterministic(parsed: Any) -> bool:
    """Whether a body as its dialect read it asks for the same answer each time, as far as an engine can: temperature 0, or a seed.

    A negative seed is none: local servers draw a random one for it.
    """
    body = getattr(parsed, "body", parsed)
    said = getattr(body, "options", None) or body
    seed = getattr(said, "seed", None)
    return getattr(said, "temperature", None) == 0 or (seed is not None and seed >= 0)
