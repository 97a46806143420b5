"""Where the two halves of one answer meet: the end of what a client has, and the beginning of what continues it. Pure.

Theory of operation: a model that is given the beginning of an answer as its own does one of these. It goes on where the text
ends; or it says the last words once more and goes on; or it begins anew, and says it all again. The first must reach the client
as it is, of the others only what the client does not have. So the beginning of what comes is held back until it is plain which
it is, seldom longer than a word. What is not plain, or does not fit, is a failure, and nothing of it goes out: a gap or a
repetition that the client cannot see is worse than an answer that says it broke off.

Of a model that was measured to continue nothing is held back or cut: a refrain is a repetition too.
"""

from typing import Literal

LEAST = 12
"""Characters that must agree with the answer's beginning for it to be the same beginning."""

LEAST_OVERLAP = 16
"""Characters said twice in a row that are an overlap and no rhyme."""

LOOKED_BACK = 400
"""Characters of the end in which an overlap may lie."""

ENDINGS = (".", "!", "?", "…", ":", ";", ")", "]", "}", '"', "'", "`", "”", "»", "*", "|", "。", "\uff01", "\uff1f")
"""What an answer may well end with; one that stops behind anything else was hardly at its end."""

Joined = Literal["", "continued", "overlapped", "restarted"]


class Seam:
    """See the module's docstring. One for each attempt to continue."""

    def __init__(self, told: str, *, is_trusted: bool = False) -> None:
        """Join on to `told`; `is_trusted`: this model was measured to continue."""
        self._told = told
        self.is_proof = False
        """It went on in the middle of a sentence: no coincidence, so the model can be trusted."""
        self._is_open = is_trusted or not told.strip()
        self._head = "" if self._is_open else _head(told.lstrip())
        self._tail = told[-LOOKED_BACK:]
        self._held = ""
        self.joined: Joined = "continued" if self._is_open else ""
        """How it goes on; empty while that is not plain."""
        self.flaw = ""
        """Why it does not; nothing is returned from then on."""

    def feed(self, text: str) -> str:
        """Return what of `text` and of what was held back is new."""
        if self._is_open:
            return text
        self._held += text
        return self._settled(is_last=False)

    def finish(self) -> str:
        """Say that the text is whole; return what was still held back."""
        if self._is_open:
            return ""
        if not self._held.strip():
            if self._told.rstrip().endswith(ENDINGS):
                self._join("continued")
            else:
                self.flaw = "took an answer for whole that breaks off in the middle"
            return ""
        return self._settled(is_last=True)

    def _settled(self, *, is_last: bool) -> str:
        said = self._held.lstrip()
        if said.startswith(self._head):
            return self._skipped(said, is_last=is_last)
        if not is_last and (self._head.startswith(said) or self._held in self._tail):
            return ""
        return self._continued(self._held)

    def _skipped(self, said: str, *, is_last: bool) -> str:
        """Return what comes behind a repetition of all the client has."""
        told = self._told.lstrip()
        if said.startswith(told):
            self._join("restarted")
            return said[len(told) :]
        if not told.startswith(said):
            self.flaw = "began the answer anew, in other words"
        elif is_last:
            self.flaw = "began the answer anew, and stopped short of where it was"
        return ""

    def _continued(self, held: str) -> str:
        size = self._overlap(held)
        if not size and self._told[-1].islower() and held[:1].isupper():
            self.flaw = "began a new sentence in the middle of one"
            return ""
        is_middle = not self._told.rstrip().endswith(ENDINGS)
        self.is_proof = not size and is_middle and not held.lstrip()[:1].isupper()
        self._join("overlapped" if size else "continued")
        return held[size:]

    def _join(self, joined: Joined) -> None:
        self.joined, self._is_open, self._held = joined, True, ""

    def _overlap(self, held: str) -> int:
        """Return how much of `held` the client has as its last words; nothing where these were a refrain before."""
        for size in range(min(len(held), len(self._tail)), LEAST_OVERLAP - 1, -1):
            if self._tail.endswith(held[:size]):
                return size if self._told.count(held[:size]) == 1 else 0
        return 0


def _head(told: str) -> str:
    r"""Return the beginning that is found nowhere else in `told`: a list's next line begins like its first.

    >>> _head("- one thing\n- one other"), _head("Hello")
    ('- one thing\n', 'Hello')
    """
    size = LEAST
    while size < min(len(told), LOOKED_BACK) and told.find(told[:size], 1) >= 0:
        size += 1
    return told[:size]
