"""The deltas of an answer put together, for clients that want it whole. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from msgspec import Struct, field

from cortex.chat import Delta, Finish, FinishReason, ReasoningDelta, TextDelta, ToolCall, Usage, Vectors


class Choice(Struct):
    """One of the answers to a request (`n`), put together."""

    index: int
    texts: list[str] = field(default_factory=list)
    thoughts: list[str] = field(default_factory=list)
    calls: list[ToolCall] = field(default_factory=list)
    logprobs: list[Mapping[str, Any]] = field(default_factory=list)
    finish: FinishReason = "length"
    """`length` where the upstream gave none: whoever reads on must not take a cut answer for a whole one."""

    @property
    def text(self) -> str:
        """All of its text."""
        return "".join(self.texts)

    @property
    def reasoning(self) -> str:
        """All that was thought before it."""
        return "".join(self.thoughts)


def joined(parts: Sequence[Vectors]) -> Vectors:
    """Return the vectors of several answers as those of one, their tokens added up."""
    if len(parts) == 1:
        return parts[0]
    tokens = sum(part.usage.input_tokens for part in parts)
    return Vectors(tuple(vector for part in parts for vector in part.values), Usage(input_tokens=tokens))


def put_together(deltas: Iterable[Delta]) -> tuple[list[Choice], Usage]:
    """Return the choices in order of their index, the first always among them, and the last usage (else zeros)."""
    choices = {0: Choice(0)}
    usage = Usage()
    for delta in deltas:
        if isinstance(delta, Usage):
            usage = delta
            continue
        choice = choices.get(delta.choice) or choices.setdefault(delta.choice, Choice(delta.choice))
        match delta:
            case TextDelta():
                choice.texts.append(delta.text)
                choice.logprobs.extend(delta.logprobs)
            case ReasoningDelta():
                choice.thoughts.append(delta.text)
            case ToolCall():
                choice.calls.append(delta)
            case Finish():
                choice.finish = delta.reason
    return sorted(choices.values(), key=lambda choice: choice.index), usage
