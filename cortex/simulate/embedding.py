"""Vectors made of a text and nothing else: the same text, the same vector, on every machine and on every run. Pure.

The numbers are those of a float32, so that a vector written as JSON and one written in base64 are the same. A shorter
vector is the beginning of the longer one, as in models that were trained for it.
"""

import base64
import hashlib
import math
import struct
from collections.abc import Sequence

NUMBER_BYTES = 4
RAW_LENGTH = 12.5
"""How long a vector is that was not normalised."""


def vector(text: str, dimensions: int, *, of: int | None = None) -> list[float]:
    """Return the vector of `text`, of length 1; the beginning of one of `of` dimensions where that is given.

    >>> vector("a", 2) == vector("a", 2) != vector("b", 2)
    True
    """
    data = hashlib.shake_256(text.encode()).digest(NUMBER_BYTES * (of or dimensions))
    numbers = [number / 2**31 for number in struct.unpack(f"<{of or dimensions}i", data)]
    return scaled(numbers, 1.0)[:dimensions]


def scaled(numbers: Sequence[float], length: float) -> list[float]:
    """Return the vector with that Euclidean length; one of zeros stays as it is.

    >>> scaled([3.0, 4.0], 10.0)
    [6.0, 8.0]
    """
    factor = length / (math.hypot(*numbers) or 1.0)
    packed = struct.pack(f"<{len(numbers)}f", *(number * factor for number in numbers))
    return list(struct.unpack(f"<{len(numbers)}f", packed))


def in_base64(numbers: Sequence[float]) -> str:
    """Write a vector as little-endian float32 in base64.

    >>> in_base64([1.0])
    'AACAPw=='
    """
    return base64.b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode()
