"""What a terminal sends, as the names of keys. Pure.

A printable character is its own name; of the others only those have one that something listens to.
"""

import re

_NAMES = {
    "\x1b[A": "up",
    "\x1bOA": "up",
    "\x1b[B": "down",
    "\x1bOB": "down",
    "\x1b[5~": "page up",
    "\x1b[6~": "page down",
    "\x1b[H": "home",
    "\x1bOH": "home",
    "\x1b[1~": "home",
    "\x1b[F": "end",
    "\x1bOF": "end",
    "\x1b[4~": "end",
    "\r": "enter",
    "\n": "enter",
    "\x7f": "backspace",
    "\x08": "backspace",
    "\x1b": "escape",
}
_KEY = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1bO.|.", re.DOTALL)
_BEGUN = re.compile(r"\x1b(\[[0-?]*[ -/]*|O)?\Z")


class Keys:
    """Cuts what was read into keys; what may go on is kept until it does, or until nothing more comes."""

    def __init__(self) -> None:
        self._rest = b""

    @property
    def is_waiting(self) -> bool:
        """Whether the last key may not be whole: Escape by itself is how every arrow begins."""
        return bool(self._rest)

    def feed(self, data: bytes) -> list[str]:
        """Return the keys that are whole now."""
        data, self._rest = self._rest + data, b""
        text = data.decode(errors="ignore")  # a character that was cut in two is lost: nobody types so
        begun = _BEGUN.search(text)
        if begun:
            text, self._rest = text[: begun.start()], begun[0].encode()
        return _named(text)

    def flush(self) -> list[str]:
        """Return what was kept, as nothing more came."""
        text, self._rest = self._rest.decode(), b""
        return _named(text)


def _named(text: str) -> list[str]:
    keys = (_NAMES.get(key, key) for key in _KEY.findall(text))
    return [key for key in keys if key.isprintable()]
