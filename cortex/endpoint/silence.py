"""Answers that are whole and say nothing: an upstream's failure, a model's refusal, or what was asked for. Pure.

A model that is asked something and stops before its first word has failed, whatever status its server gave, and the next one
is asked. But a client that set words to stop at, or began the answer itself, may get just that; and a content filter's
refusal is an answer, which goes to the client and is not laundered through another provider, unless the settings say so.
"""

import re
from collections.abc import Iterable

from cortex.chat import Chat, Delta, Finish, FinishReason
from cortex.config.model import Routing
from cortex.endpoint.dialect import Dialect, neutral_if_any
from cortex.endpoint.flow import Judge, is_content
from cortex.messages import Failure, Request

EMPTY = Failure("malformed", "the answer is empty")
REFUSED = Failure("bad_request", "the model's content filter refused to answer", status=400, code="content_filter")

MAY_BE_SILENT = re.compile(rb'"(?:content|response|text)"\s*:\s*(?:""|null|\[\s*\])')
"""What a body looks like that may say nothing; of others none is read for that."""


def judge_of(dialect: Dialect, request: Request, routing: Routing) -> Judge:
    """Return what judges the silent answers to `request`."""

    def judge(reason: FinishReason) -> Failure | None:
        if reason == "content_filter" and routing.on_refusal == "next":
            return REFUSED
        return EMPTY if reason == "stop" and not may_be_silent(dialect, request) else None

    return judge


def may_be_silent(dialect: Dialect, request: Request) -> bool:
    """Whether nothing may be a good answer."""
    if request.is_load:
        return True
    ask = neutral_if_any(dialect, request)
    if not isinstance(ask, Chat) or ask.stop or ask.raw_prompt is not None or not ask.messages:
        return True
    return ask.messages[-1].role == "assistant"


def silent_reason(deltas: Iterable[Delta]) -> FinishReason | None:
    """Return why a whole answer ended that says nothing; None for any other."""
    reason: FinishReason | None = None
    for delta in deltas:
        if isinstance(delta, Finish):
            reason = delta.reason
        elif is_content(delta):
            return None
    return reason
