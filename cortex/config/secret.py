"""A key that cannot be printed, logged or encoded by accident. Pure."""

import hmac
from typing import NoReturn

_SHOWN = 4
_SHORTEST_SHOWN = 12


class Secret:
    """A key. Only `reveal` gives it away; its text shows at most the last four characters.

    Of a key under 12 characters nothing is shown: four of them would be a third of it. Equal by value (compared in
    constant time) and hashable; JSON encoders and pickle refuse it.

    >>> Secret("sk-0123456789abcd"), Secret("short")
    (Secret('***abcd'), Secret('***'))
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the key itself, for the header it is sent in."""
        return self._value

    def __str__(self) -> str:
        return "***" + (self._value[-_SHOWN:] if len(self._value) >= _SHORTEST_SHOWN else "")

    def __repr__(self) -> str:
        return f"Secret('{self}')"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._value.encode(), other._value.encode())

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is not pickled: whoever reads the pickle would have the key")
