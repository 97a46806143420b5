"""The way to the upstreams: an HTTP/1.1 client of our own on `asyncio.Protocol` and httptools.

Theory of operation: a daemon that relays tokens spends nearly all its time in reads and writes, so the client to the
upstreams must cost little per event, stop an upstream at once when nobody listens, and have time-outs that fit a
language model (connect, first byte, silence between chunks). Of the clients that were measured none does all three.

    pool      the one entrance: `Pool.send`, connections by origin, the sweep of time-outs
    shelf     who gets which connection                                                     (pure)
    connect   addresses, TLS and socket options; dns remembers names
    http1     one connection
    response  one answer, as its reader sees it
    headers   request heads, checked; response fields, folded                               (pure)
    origin    scheme, host and port of a base URL                                           (pure)
    frames    server-sent events and JSON lines                                             (pure)
    failures  what went wrong, in words                                                     (pure)
"""

from cortex.transport.failures import TransportError
from cortex.transport.frames import NdjsonSplitter, Overflow, SseSplitter
from cortex.transport.headers import request_head
from cortex.transport.http1 import Budgets
from cortex.transport.origin import Origin
from cortex.transport.pool import Pool
from cortex.transport.response import Response

__all__ = [
    "Budgets",
    "NdjsonSplitter",
    "Origin",
    "Overflow",
    "Pool",
    "Response",
    "SseSplitter",
    "TransportError",
    "request_head",
]
