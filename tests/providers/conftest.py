"""What the tests of all providers share: recorded bytes, requests, and ways to feed a stream."""

from collections.abc import Callable, Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from cortex.messages import Request

DATA = Path(__file__).parent / "data"


@pytest.fixture(scope="session")
def recorded() -> Callable[[str], bytes]:
    """Return the bytes of a file under data/."""
    return lambda name: (DATA / name).read_bytes()


@pytest.fixture(scope="session")
def asked() -> Callable[..., Request]:
    """Make a request as an endpoint would have read it."""

    def make(dialect: str, body: bytes = b'{"model":"m"}', **given: Any) -> Request:
        fields: dict[str, Any] = {"operation": "chat", "model": "m", "stream": True, "needs": frozenset({"chat"})}
        request = Request(dialect=dialect, body=body, parsed=None, **(fields | given))
        request.id = "req-1"
        return request

    return make


@pytest.fixture(scope="session")
def fed() -> Callable[[Any, Iterable[bytes]], Any]:
    """Feed chunks to a decoder (deltas come back) or a passage (bytes come back), then close it."""

    def run(reader: Any, chunks: Iterable[bytes]) -> Any:
        parts = [reader.feed(chunk) for chunk in chunks]
        parts.append(reader.close())
        return b"".join(parts) if isinstance(parts[-1], bytes) else [delta for part in parts for delta in part]

    return run


@pytest.fixture(scope="session")
def cut() -> Callable[[bytes, Iterable[int]], list[bytes]]:
    """Cut bytes at the given places, whatever their order."""

    def pieces(data: bytes, places: Iterable[int]) -> list[bytes]:
        edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
        return [data[start:end] for start, end in pairwise(edges)]

    return pieces
