"""Finding out whether a model goes on with an answer that was begun for it, while nobody needs to know yet. Pure.

Theory of operation: a model of one's own that is in memory, on a machine that has had nothing to do for a while, is asked to count,
and is given the first numbers as the beginning of its answer. Whoever goes on says the next one; whoever begins anew says
`one`. That costs a few tokens of one's own hardware, once for each model; it loads nothing, and changes neither with how much
context a model is loaded nor, by much, for how long. Clouds are never asked: they are measured when the first need comes.
"""

import re
from collections.abc import Collection, Iterable
from datetime import datetime

from cortex.chat import Chat, Delta, Message, Sampling, Text, TextDelta
from cortex.messages import Request
from cortex.providers.base import Model
from cortex.workers.continues import Continues, Verdict
from cortex.workers.standing import Standing

IDLE_S = 30.0
"""How long a machine must have had nothing to do."""

STAYS_S = 360.0
"""A model that is to stay in memory for longer (Ollama's default is five minutes) was asked to by somebody: not by this."""

TOKENS = 8
_QUESTION = "Count from one to twelve in words, with commas, and say nothing else."
_BEGUN = "one, two, three, four,"
_NEXT = re.compile(r"\W*five\b", re.IGNORECASE)
_FIRST = re.compile(r"\W*one\b", re.IGNORECASE)


def to_measure(
    standing: Standing, continues: Continues, asked: Collection[tuple[str, str]], now: float, wall: float
) -> Model | None:
    """Return a model of which that is to be found out just now; None for none.

    `asked` are names and digests of those that were asked already; `now` is monotonic, `wall` is not.
    """
    is_idle = standing.obstacle(now) is None and not standing.in_flight and not standing.promised
    if not is_idle or not standing.local:
        return None
    for model in (standing.models or {}).values():
        if (model.name, model.digest) in asked or not _may_be_asked(standing, model, wall):
            continue
        if continues.verdict(standing, model.name) is None:
            return model
    return None


def _may_be_asked(standing: Standing, model: Model, wall: float) -> bool:
    """Whether asking it a question loads nothing, costs nothing and leaves it as it is."""
    is_talker = model.capabilities is None or "completion" in model.capabilities
    stays = standing.settings.keep_alive is not None or _left_s(model.expires_at, wall) < STAYS_S
    context = standing.settings.num_ctx or model.loaded_context
    return bool(model.loaded and is_talker and stays and context and standing.link.provider.warm(model.name))


def question(model: Model) -> tuple[Request, Chat]:
    """Return what to ask `model`, and the request that it counts as."""
    chat = Chat(
        messages=(Message("user", (Text(_QUESTION),)), Message("assistant", (Text(_BEGUN),))),
        max_tokens=TOKENS,
        sampling=Sampling(temperature=0.0),
        options={"num_ctx": model.loaded_context} if model.loaded_context else {},
    )
    request = Request(
        dialect="", operation="chat", model=model.name, stream=False, body=b"", parsed=None, needs=frozenset()
    )
    return request, chat


def verdict_of(answer: Iterable[Delta]) -> Verdict | None:
    """Return what the answer shows; None for nothing."""
    text = "".join(delta.text for delta in answer if isinstance(delta, TextDelta))
    if _NEXT.match(text):
        return "continues"
    return "restarts" if _FIRST.match(text) else None


def _left_s(expires_at: str, wall: float) -> float:
    """Return for how many seconds a model stays in memory; infinite where that cannot be read."""
    try:
        # Go writes nine digits of a second, of which Python reads six
        return datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", expires_at)).timestamp() - wall
    except (ValueError, OverflowError):
        return float("inf")
