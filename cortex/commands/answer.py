"""One streamed answer, read as its lines come. Pure: the clock is an argument.

The lines are those of a stream of server-sent events in the OpenAI dialect. What a comment says (`: waiting for desk,
loading qwen3:32b`) is passed on too: it is all there is to show while a model loads.
"""

import json
from typing import Any, Literal, NamedTuple


class Piece(NamedTuple):
    """Something to show."""

    kind: Literal["text", "thought", "comment"]
    text: str


class Answer:
    """What has come of an answer, and when. Times are seconds by one clock, whichever it is."""

    def __init__(self, asked_s: float) -> None:
        self.model = ""
        """Who answers, in the upstream's own word."""
        self.finish = ""
        """Why it ended (`stop`, `length`, …); empty while it has not."""
        self.problem = ""
        """What the daemon said went wrong; empty when nothing did."""
        self.tokens: int | None = None
        """How many were made; None where the upstream does not count."""
        self._asked_s = asked_s
        self._first_s: float | None = None
        self._last_s = asked_s
        self._texts: list[str] = []

    def __repr__(self) -> str:
        return f"<Answer {len(self._texts)} pieces {self.finish or self.problem or 'so far'}>"

    @property
    def text(self) -> str:
        """All text so far, thoughts excluded."""
        return "".join(self._texts)

    @property
    def is_whole(self) -> bool:
        """Whether it came to its own end."""
        return bool(self.finish) and not self.problem

    def line(self, line: str, now_s: float) -> list[Piece]:
        """Take in a line and return what it has to show; one that cannot be read has nothing."""
        field, colon, value = line.partition(":")
        value = value.strip()
        if colon and not field:
            return [Piece("comment", value)]
        if field != "data" or value == "[DONE]":
            return []
        try:
            event = json.loads(value)
        except ValueError:
            return []
        return self._event(event, now_s) if isinstance(event, dict) else []

    def pace(self) -> str:
        """Say how fast it was: `first token 0.31 s, 48 tokens/s`; as much of it as is known."""
        if self._first_s is None:
            return ""
        said = f"first token {self._first_s - self._asked_s:.2f} s"
        took_s = self._last_s - self._first_s
        if self.tokens and self.tokens > 1 and took_s > 0:
            said += f", {(self.tokens - 1) / took_s:.0f} tokens/s"
        return said

    def _event(self, event: dict[str, Any], now_s: float) -> list[Piece]:
        if error := event.get("error"):
            self.problem = str(error.get("message") if isinstance(error, dict) else error)
            return []
        self.model = event.get("model") or self.model
        usage = event.get("usage") or {}
        self.tokens = usage.get("completion_tokens", self.tokens)
        pieces = [piece for choice in event.get("choices") or () for piece in self._choice(choice)]
        if pieces:
            self._first_s = now_s if self._first_s is None else self._first_s
            self._last_s = now_s
        return pieces

    def _choice(self, choice: dict[str, Any]) -> list[Piece]:
        delta = choice.get("delta") or {}
        self.finish = choice.get("finish_reason") or self.finish
        thought = delta.get("reasoning_content") or ""
        text = delta.get("content") or delta.get("refusal") or ""
        if text:
            self._texts.append(text)
        pieces = (Piece("thought", thought), Piece("text", text))
        return [piece for piece in pieces if piece.text]
