"""One kept answer, in no dialect. Pure."""

from collections.abc import Sequence
from itertools import groupby

import msgspec
from msgspec import Struct

from cortex.chat import Delta, Finish, ReasoningDelta, TextDelta, Usage, Vectors

LARGEST_BYTES = 1_000_000
"""Of one answer; a larger one is not kept."""


class Stored(Struct, frozen=True):
    """A whole answer, and who gave it when."""

    worker: str
    model: str
    """The upstream's own name."""
    stored_at: float
    """Wall-clock seconds."""
    until: float
    """Wall-clock seconds from which it is no longer given."""
    deltas: tuple[Delta, ...] = ()
    vectors: Vectors | None = None
    usage: Usage | None = None
    cost_nano: int = 0
    """What it would cost to be asked once more, in nano-dollars on the paid plan; 0 where nobody knows."""


_decoder = msgspec.msgpack.Decoder(Stored)


def encode(answer: Stored) -> bytes:
    """Write it for a disk."""
    return msgspec.msgpack.encode(answer)


def decode(data: bytes) -> Stored | None:
    """Read what `encode` wrote; None for anything else: a file may be damaged, or of another version."""
    try:
        return _decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def is_worth_keeping(deltas: Sequence[Delta], *, is_bounded: bool) -> bool:
    """Whether these are a whole answer: each choice ended by itself, or at a bound that the client set."""
    finishes = {delta.choice: delta.reason for delta in deltas if isinstance(delta, Finish)}
    choices = {delta.choice for delta in deltas if not isinstance(delta, Usage)}
    good = {"stop", "tool_calls", "length"} if is_bounded else {"stop", "tool_calls"}
    return bool(finishes) and choices <= finishes.keys() and good.issuperset(finishes.values())


def packed(deltas: Sequence[Delta]) -> tuple[Delta, ...]:
    """Return the same answer in fewer pieces: neighbouring texts of one choice in one, as they would be read anyway."""
    pieces: list[Delta] = []
    for (kind, choice), group in groupby(deltas, key=_alike):
        several = list(group)
        if kind is TextDelta and len(several) > 1:
            texts = [delta for delta in several if isinstance(delta, TextDelta)]
            logprobs = tuple(logprob for delta in texts for logprob in delta.logprobs)
            pieces.append(TextDelta("".join([delta.text for delta in texts]), choice, logprobs))
        elif kind is ReasoningDelta and len(several) > 1:
            thoughts = [delta.text for delta in several if isinstance(delta, ReasoningDelta)]
            pieces.append(ReasoningDelta("".join(thoughts), choice))
        else:
            pieces.extend(several)
    return tuple(pieces)


def _alike(delta: Delta) -> tuple[type[Delta], int]:
    return type(delta), 0 if isinstance(delta, Usage) else delta.choice
