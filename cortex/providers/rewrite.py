"""Changing a few values of a client's JSON body and sending every other byte of it on as it came.

The body is split at its top level only: each value stays the raw bytes that the client sent, so a number keeps its
digits and a schema its order of keys. Where nothing changed the very same bytes go on, unless a key stood there twice:
then the last one wins, as it did when the request was read, and the upstream cannot see another. (A key of the top
level that has needless escapes is written without them.)
"""

from typing import Any, TypeGuard

import msgspec
from msgspec import Raw

Fields = dict[str, Raw]
"""A JSON object of which only the keys are decoded."""

_decoder = msgspec.json.Decoder(Fields)
_encoder = msgspec.json.Encoder()
_NULL = Raw(b"null")


def opened(body: bytes | Raw) -> Fields:
    """Split a JSON object into its keys and raw values; raises `msgspec.DecodeError` where it is none."""
    return _decoder.decode(body)


def sealed(fields: Fields, before: Fields, body: bytes) -> bytes:
    """Return the JSON of `fields`; `body` itself when they equal `before`, as `opened(body)` gave them."""
    fresh = _encoder.encode(fields)
    if fields != before:
        return fresh
    if len(fresh) == len(body):
        return body
    return body if _compact(fresh) == _compact(body) else fresh


def raw(value: Any) -> Raw:
    """Return `value` as raw JSON. Raw values are equal when their bytes are; to bytes they are never equal."""
    return Raw(_encoder.encode(value))


def is_set(value: Raw | None) -> TypeGuard[Raw]:
    """Tell whether a field is there and not null."""
    return value is not None and value != _NULL


def _compact(body: bytes) -> bytes:
    """Take the white space between tokens out; a key that stands twice stays twice."""
    return msgspec.json.format(body, indent=-1)
