"""Answering with JSON on Córtex's own paths, in the order in which the facts were put together."""

from typing import Any

import msgspec

from cortex.endpoint.reply import Reply

_encoder = msgspec.json.Encoder(enc_hook=str)


def send(reply: Reply, value: Any, *, status: int = 200) -> None:
    """Answer with `value`; what JSON has no form for is told as text, keys masked."""
    reply.whole(status, "application/json", _encoder.encode(value) + b"\n")
