"""When a file that is being edited may be read. Pure: the clock is an argument.

Editors write in steps: truncate and write, write beside and rename, save twice. A file is read when nothing has
happened to it for `quiet_s`; and, so that endless changes do not keep it from ever being read, `latest_s` after the
first of them.
"""


class Settled:
    """Collects the signs of one edit and says when it is over; made anew for the next."""

    def __init__(self, quiet_s: float, latest_s: float) -> None:
        self._quiet_s = quiet_s
        self._latest_s = latest_s
        self._first: float | None = None
        self._last = 0.0

    def changed(self, now: float) -> None:
        """Note that something happened at `now` (monotonic seconds)."""
        if self._first is None:
            self._first = now
        self._last = now

    def wait_s(self, now: float) -> float | None:
        """Return how long to wait before reading: 0 for now, None while nothing has happened."""
        if self._first is None:
            return None
        return max(0.0, min(self._last + self._quiet_s, self._first + self._latest_s) - now)
