"""The last lines of the log, for who looks at them live; and how loud a line must be to be written at all. Pure.

One for the process, as its log is: what writes lines asks `is_heard` and gives them to `TAIL`.
"""

from collections import deque
from itertools import islice
from typing import Any

LINES_KEPT = 500
LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}
"""The levels by name, as the standard library numbers them."""


class Tail:
    """See the module's docstring."""

    def __init__(self) -> None:
        self.lines: deque[dict[str, Any]] = deque(maxlen=LINES_KEPT)
        """The facts of each line, `timestamp` (a datetime), `level` and `event` among them; who reads them does not change them."""
        self.count = 0
        """Lines so far."""
        self.level = "info"
        """Quieter lines are not written."""
        self._least = LEVELS["info"]

    def __repr__(self) -> str:
        return f"<Tail {self.level} {self.count} lines>"

    def is_heard(self, level: str) -> bool:
        """Whether lines of that level are written."""
        return LEVELS.get(level, 40) >= self._least

    def hear(self, level: str) -> None:
        """Write lines of `level` and worse from now on. Raises KeyError."""
        self._least = LEVELS[level]
        self.level = level

    def put(self, line: dict[str, Any]) -> None:
        """Keep one more line."""
        self.lines.append(line)
        self.count += 1

    def since(self, count: int, most: int) -> list[dict[str, Any]]:
        """Return the lines after the first `count` of all, the newest `most` of them, the oldest first."""
        new = min(self.count - count, most, len(self.lines))
        return list(islice(self.lines, len(self.lines) - new, None))


TAIL = Tail()
"""This process's."""
