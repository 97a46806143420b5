"""The log of decisions: who could have been taken, with which probability, who was, and what came of it. Pure.

One JSON line a decision, and no text of any prompt in it. It holds what is needed to say later what another strategy would
have done (`evaluation`): each choice's exact share, and which choice the other strategies would have taken. A client's
feedback may come long after the answer: then the decision is written once more, and the last line of an id counts.
"""

from collections.abc import Iterable, Iterator

from msgspec import DecodeError, Struct
from msgspec.json import Decoder, Encoder

ROUNDING = 1e-6


class Choice(Struct, frozen=True):
    """One candidate of a decision."""

    arm: str
    """`pool/model`: what is learned about."""
    worker: str
    model: str
    share: float
    """The probability with which it was to be taken: its propensity."""


class Decision(Struct, frozen=True, omit_defaults=True):
    """One decision and its outcome. Raises ValueError for one that cannot have been."""

    id: str
    at: float
    """Wall clock seconds."""
    kind: str
    difficulty: float
    choices: list[Choice]
    taken: int
    """Index into `choices`."""
    others: dict[str, int] = {}
    """Name of a strategy → index of the choice that it would have taken."""
    reward: float | None = None
    """0 to 1; None where none can be told (the client went away)."""
    outcome: str = ""
    """`answered`, or the word of the failure."""
    first_token_s: float | None = None
    total_s: float = 0.0
    output_tokens: int = 0
    budget_s: float = 0.0
    usd: float = 0.0
    retried: bool = False
    feedback: float | None = None

    def __post_init__(self) -> None:
        """Check what evaluation divides by and looks up."""
        places = range(len(self.choices))
        if self.taken not in places or any(place not in places for place in self.others.values()):
            raise ValueError("expected an index of a choice")
        shares = [choice.share for choice in self.choices]
        if not all(0.0 <= share <= 1.0 + ROUNDING for share in shares) or abs(sum(shares) - 1.0) > ROUNDING:
            raise ValueError("expected shares that sum to 1")
        if shares[self.taken] <= 0.0:
            raise ValueError("expected a share of the choice that was taken")
        if self.reward is not None and not 0.0 <= self.reward <= 1.0:
            raise ValueError("expected a reward from 0 to 1")


_encoder = Encoder()
_decoder = Decoder(Decision)


class Reading(Iterator[Decision]):
    """The decisions of a log, one after the other."""

    def __init__(self, lines: Iterable[bytes]) -> None:
        self._lines = iter(lines)
        self.damaged = 0
        """Lines so far that were no decision; blank ones are not counted."""

    def __next__(self) -> Decision:
        """Return the next one, over what is damaged."""
        for line in self._lines:
            if line.isspace() or not line:
                continue
            try:
                return _decoder.decode(line)
            except (DecodeError, UnicodeDecodeError, RecursionError):
                self.damaged += 1
        raise StopIteration


def encode(decision: Decision) -> bytes:
    """Return the line of a decision, its end included."""
    return _encoder.encode(decision) + b"\n"


def read(lines: Iterable[bytes]) -> Reading:
    """Return the decisions that `lines` hold; its `damaged` counts what was none. Never raises for a line."""
    return Reading(lines)


def latest(decisions: Iterable[Decision]) -> list[Decision]:
    """Return each decision as it was written last, in the order in which they were first."""
    return list({decision.id: decision for decision in decisions}.values())
