"""Where the two halves of one answer meet: the end of what a client has, and the beginning of what continues it. Pure.

Theory of operation: a model that is given the beginning of an answer as its own does one of these. It goes on where the text
ends; or it says the last words once more and goes on; or it begins anew, and says it all again. The first must reach the client
as it is, of the others only what the client does not have. So the beginning of what comes is held back until it is plain which
it is, seldom longer than a word. What is not plain, or does not fit, is a failure, and nothing of it goes out: a gap or a
repetition that the client cannot see is worse than an answer that says it broke off.

Of a model that was measured to continue nothing is held back or cut: a refrain is a repetition too.

White space at the end of the text is not given to the next model: with it before their eyes models go astray, and some servers
refuse it. So it comes again, and as much of it as the client has is left out.
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
        self._told = given(told)
        self._body = self._told.lstrip()
        self._gap = told[len(self._told) :]
        """White space that the client has, and whoever goes on was not given."""
        self.is_proof = False
        """It went on in the middle of a sentence: no coincidence, so the model can be trusted."""
        self._is_open = is_trusted or not self._told
        self._head = "" if self._is_open else _head(told.lstrip())
        self._tail = self._told[-LOOKED_BACK:]
        self._held = ""
        self._skipped: int | None = None
        """How much was said once more of what the client has; None while it is not plain that it is that."""
        self.joined: Joined = "continued" if self._is_open else ""
        """How it goes on; empty while that is not plain."""
        self.flaw = ""
        """Why it does not; nothing is returned from then on."""

    def feed(self, text: str) -> str:
        """Return what of `text` and of what was held back is new."""
        if self._skipped is not None and not self._is_open:
            text = self._skip(text, self._skipped)
        elif not self._is_open:
            self._held += text
            text = self._settled(is_last=False)
        return self._past_gap(text) if self._gap and text else text

    def finish(self) -> str:
        """Say that the text is whole; return what was still held back."""
        if self._is_open:
            return ""
        if self._skipped is not None:
            self.flaw = "began the answer anew, and stopped short of where it was"
            return ""
        if not self._held.strip():
            if self._told.endswith(ENDINGS):
                self._join("continued")
            else:
                self.flaw = "took an answer for whole that breaks off in the middle"
            return ""
        return self._past_gap(self._settled(is_last=True))

    def _settled(self, *, is_last: bool) -> str:
        said = self._held.lstrip()
        if said.startswith(self._head):
            new = self._skip(said, 0)
            return self.finish() if is_last and not self.joined and not self.flaw else new
        if not is_last and (self._head.startswith(said) or self._held in self._tail):
            return ""
        return self._continued(self._held)

    def _skip(self, said: str, start: int) -> str:
        """Return what comes behind a repetition of all the client has; `start` characters of it came before."""
        left = len(self._body) - start
        if not self._body.startswith(said[:left], start):
            self.flaw = "began the answer anew, in other words"
            return ""
        self._skipped = start + len(said)
        if len(said) < left:
            return ""
        self._join("restarted")
        return said[left:]

    def _continued(self, held: str) -> str:
        size = self._overlap(held)
        if not size and not self._gap and self._told[-1].islower() and held[:1].isupper():
            self.flaw = "began a new sentence in the middle of one"
            return ""
        is_middle = not self._told.endswith(ENDINGS)
        self.is_proof = not size and is_middle and not held.lstrip()[:1].isupper()
        self._join("overlapped" if size else "continued")
        return held[size:]

    def _past_gap(self, text: str) -> str:
        """Return `text` without as much white space at its beginning as the client has."""
        size = 0
        while size < len(self._gap) and self._gap[size] == text[size : size + 1]:
            size += 1
        self._gap = self._gap[size:] if size == len(text) else ""
        return text[size:]

    def _join(self, joined: Joined) -> None:
        self.joined, self._is_open, self._held = joined, True, ""

    def _overlap(self, held: str) -> int:
        """Return how much of `held` the client has as its last words; nothing where these were a refrain before."""
        for size in range(min(len(held), len(self._tail)), LEAST_OVERLAP - 1, -1):
            if self._tail.endswith(held[:size]):
                return size if self._told.count(held[:size]) == 1 else 0
        return 0


def given(told: str) -> str:
    """Return what of a text is given to whoever goes on with it."""
    return told.rstrip()


def _head(told: str) -> str:
    r"""Return the beginning that is found nowhere else in `told`: a list's next line begins like its first.

    >>> _head("- one thing\n- one other"), _head("Hello")
    ('- one thing\n', 'Hello')
    """
    size = LEAST
    while size < min(len(told), LOOKED_BACK) and told.find(told[:size], 1) >= 0:
        size += 1
    return told[:size] if size < len(told) else given(told)
