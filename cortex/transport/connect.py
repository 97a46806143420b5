"""Make a connection: addresses, a race between them, socket options, TLS.

Both address families are tried with a short head start for the first (RFC 8305, by aiohappyeyeballs), and at once where
the first is refused; so `localhost` may mean ::1 or 127.0.0.1 and nobody notices.

A machine that loses power says nothing. The kernel is told to find out: keep-alive probes while an answer is awaited,
and a bound on how long sent bytes may stay unacknowledged. That is about the machine, not the server on it: one that
takes minutes to load a model acknowledges all the same. One that reads nothing of a large request for 20 s does not,
and is taken for dead even where the stall budget is longer.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable
from typing import TypeVar

from aiohappyeyeballs import start_connection

from cortex.transport.dns import Resolver
from cortex.transport.failures import TransportError, refused
from cortex.transport.origin import Origin

P = TypeVar("P", bound=asyncio.Protocol)

HEAD_START_S = 0.25
"""RFC 8305 § 8, the recommended Connection Attempt Delay."""

_SOCKET_OPTIONS = tuple(
    (level, getattr(socket, name), value)
    for level, name, value in (
        (socket.IPPROTO_TCP, "TCP_NODELAY", 1),
        (socket.SOL_SOCKET, "SO_KEEPALIVE", 1),
        (socket.IPPROTO_TCP, "TCP_KEEPIDLE", 5),  # seconds of silence before the first probe
        (socket.IPPROTO_TCP, "TCP_KEEPINTVL", 5),
        (socket.IPPROTO_TCP, "TCP_KEEPCNT", 3),
        (socket.IPPROTO_TCP, "TCP_USER_TIMEOUT", 20_000),  # milliseconds
    )
    if hasattr(socket, name)  # macOS lacks some
)


def client_context(ca: str = "") -> ssl.SSLContext:
    """Return the TLS settings of a client that verifies: with the system's certificates, and beside them those in `ca`.

    Reads files: some 20 ms. Raises OSError where `ca` cannot be read.
    """
    context = ssl.create_default_context()
    if ca:
        context.load_verify_locations(cafile=ca)
    context.set_alpn_protocols(["http/1.1"])
    return context


async def connect(origin: Origin, resolver: Resolver, tls: ssl.SSLContext | None, make: Callable[[], P]) -> P:
    """Return the protocol of a new connection to `origin`, made by `make`; with `tls` the handshake is done.

    Raises TransportError. Has no time-out of its own; cancelled, it leaves no socket behind.
    """
    loop = asyncio.get_running_loop()
    try:
        addresses = await resolver.resolve(origin.host, origin.port)
        sock = await start_connection(addresses, happy_eyeballs_delay=HEAD_START_S, loop=loop)
    except (OSError, RuntimeError) as error:  # uvloop raises RuntimeError for some addresses
        resolver.forget(origin.host, origin.port)
        raise TransportError(refused(origin, error)) from error
    try:
        for option in _SOCKET_OPTIONS:
            sock.setsockopt(*option)
        name = origin.host if tls else None
        _, protocol = await loop.create_connection(make, sock=sock, ssl=tls, server_hostname=name)
    except (OSError, ssl.CertificateError) as error:
        sock.close()
        raise TransportError(refused(origin, error)) from error
    return protocol
