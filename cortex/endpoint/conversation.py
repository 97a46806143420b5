"""What the requests of one conversation have in common: the messages up to the user's first. Pure.

A dialect's whole history comes with each request, so its beginning names the conversation; what a key or an address could add
is not needed: two people who begin alike share the prefix too.
"""

from typing import Any

TEXT_READ = 2_000
"""Characters of a message that count: hashing a long document each time would cost more than it tells."""


def conversation_of(parsed: Any) -> int:
    """Return the number of a conversation, from a body as its dialect parsed it; 0 where it has no messages.

    The same within one process only: a string's hash is another after a restart, and so is who holds the prefix.
    """
    parsed = getattr(parsed, "body", parsed)  # Anthropic keeps more beside it
    messages = getattr(parsed, "messages", None)
    if not messages:
        return 0
    beginning = [_text(getattr(parsed, "system", None))]
    for message in messages:
        beginning.append(_text(message.content))
        if _role(message) == "user":
            break
    return hash(tuple(beginning))


def _role(message: Any) -> str:
    role = getattr(message, "role", None)
    return str(message.__struct_config__.tag if role is None else role).lower()


def _text(content: Any) -> str:
    if content is None:
        return ""
    if isinstance(content, str):
        return content[:TEXT_READ]
    return "\0".join([getattr(part, "text", "")[:TEXT_READ] for part in content])
