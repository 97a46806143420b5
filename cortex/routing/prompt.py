"""What a conversation asks for: its kind, how hard it is, and what comes with it. Pure.

Only the newest thing that the user said is looked at; what a tool returned, or the assistant answered, is not what was asked.
"""

from collections.abc import Iterator
from typing import Literal, NamedTuple, cast

from cortex.chat import Chat, Image, Message, Text
from cortex.routing.prompt_text import features_of, fold, shares, weights

Kind = Literal["code", "writing", "translation", "math", "extraction", "summary", "question", "chat"]

MERE = 40
"""Characters of the longest message that may be a mere "go on"."""

_ASSENT = frozenset(
    [
        "again",
        "and",
        "and then",
        "continue",
        "do it",
        "exactly",
        "go",
        "go ahead",
        "go on",
        "keep going",
        "more",
        "next",
        "ok",
        "okay",
        "please",
        "please continue",
        "please do",
        "right",
        "sure",
        "try again",
        "y",
        "yeah",
        "yep",
        "yes",
        "yes please",
        "yup",
        "adelante",
        "claro",
        "continua",
        "continua por favor",
        "dale",
        "de acuerdo",
        "hazlo",
        "mas",
        "ok",
        "otra vez",
        "por favor",
        "prosigue",
        "s",
        "si",
        "si claro",
        "si por favor",
        "sigue",
        "sigue por favor",
        "siguiente",
        "va",
        "vale",
        "venga",
    ]
)


class Traits(NamedTuple):
    """What is known of a request's prompt."""

    kind: Kind
    difficulty: float
    """From 0 (a phrase book) to 1 (several steps, at each of which an expert may err)."""
    certainty: float
    """The probability of `kind`."""
    has_images: bool
    has_tools: bool


def classify(text: str) -> tuple[Kind, float, float]:
    """Return the kind of a prompt, its difficulty and the probability of that kind, each of the two from 0 to 1.

    Costs at most some 150 µs, however long the text.
    """
    known = weights()
    scores, difficulty = known.judge(features_of(text, known.cues))
    certainties = shares(scores)
    certainty = max(certainties)
    return cast("Kind", known.kinds[certainties.index(certainty)]), difficulty, certainty


def text_of(chat: Chat) -> str:
    """Return what is classified: the user's newest message; where that only assents, with the one it assents to before it."""
    said: list[str] = []
    for text in _newest_first(chat):
        said.insert(0, text)
        if not is_assent(text):
            break
    return "\n".join(said)


def traits_of(chat: Chat) -> Traits:
    """Return what strategies and rules look at."""
    kind, difficulty, certainty = classify(text_of(chat))
    has_images = any(isinstance(part, Image) for message in chat.messages for part in message.parts)
    return Traits(kind, difficulty, certainty, has_images, bool(chat.tools) and chat.tool_choice != "none")


def is_assent(text: str) -> bool:
    """Whether it says no more than "yes" or "go on".

    >>> is_assent("Sí, por favor."), is_assent("yes, but in French")
    (True, False)
    """
    return len(text) <= MERE and " ".join(fold(text).replace(",", " ").strip(" .!\n").split()) in _ASSENT


def _newest_first(chat: Chat) -> Iterator[str]:
    if chat.raw_prompt is not None:
        yield chat.raw_prompt.prompt
        return
    for message in reversed(chat.messages):
        if message.role == "user" and (text := _text(message)):
            yield text


def _text(message: Message) -> str:
    return "\n".join(part.text for part in message.parts if isinstance(part, Text))
