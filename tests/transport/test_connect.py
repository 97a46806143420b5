"""Making a connection: addresses of both families, TLS, socket options, and a plain word for what went wrong."""

import asyncio
import socket
import ssl
import struct
import time
from functools import partial
from types import SimpleNamespace

import pytest
from scripted_upstream import BUDGETS, Upstream, get, turns

from cortex.transport import Budgets, Origin, TransportError
from cortex.transport.connect import client_context, connect
from cortex.transport.dns import Resolver
from cortex.transport.http1 import Connection


async def echo(peer):
    while True:
        await peer.request()
        await peer.answer()


@pytest.fixture
def both_families(monkeypatch):
    """Let `localhost` be ::1 first and 127.0.0.1 second, whatever this machine's hosts file says."""
    real = socket.getaddrinfo

    def getaddrinfo(host, port, *args, **kwargs):
        if host != "localhost":
            return real(host, port, *args, **kwargs)
        stream = (socket.SOCK_STREAM, socket.IPPROTO_TCP, "")
        return [(socket.AF_INET6, *stream, ("::1", port, 0, 0)), (socket.AF_INET, *stream, ("127.0.0.1", port))]

    async def resolve(_, host, port):
        return getaddrinfo(host, port, type=socket.SOCK_STREAM)

    monkeypatch.setattr("cortex.transport.dns.Resolver.resolve", resolve)


@pytest.fixture
async def tls_upstream(tidy, server_tls):
    server = Upstream()
    await server.start(tls=server_tls)
    server.play(echo)
    yield server
    await server.stop()


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
async def test_localhost_is_reached_at_whichever_address_listens(make_pool, tidy, both_families, address):
    server = Upstream()
    try:
        await server.start(host=address)
    except OSError:
        pytest.skip("this machine has no IPv6")
    server.play(echo)
    response = await get(make_pool(), Origin(tls=False, host="localhost", port=server.origin.port))

    assert await response.read() == b"ok"
    await server.stop()


async def test_a_literal_ipv6_address_is_reached(make_pool, tidy):
    server = Upstream()
    try:
        await server.start(host="::1")
    except OSError:
        pytest.skip("this machine has no IPv6")
    server.play(echo)
    origin, _ = Origin.parse(f"http://[::1]:{server.origin.port}")

    assert await (await get(make_pool(), origin)).read() == b"ok"
    await server.stop()


async def test_both_addresses_refused_is_a_refused_connection(pool, upstream, both_families):
    port = upstream.origin.port
    await upstream.stop()

    with pytest.raises(TransportError, match=f"connection refused by http://localhost:{port}"):
        await get(pool, Origin(tls=False, host="localhost", port=port))
    await upstream.start()


async def test_a_name_that_does_not_exist_is_unreachable(pool):
    with pytest.raises(TransportError) as caught:
        await get(pool, Origin(tls=False, host="nowhere.invalid", port=80))

    assert caught.value.failure.word == "unreachable"
    assert caught.value.failure.detail.startswith("http://nowhere.invalid: ")


async def test_an_address_that_swallows_everything_is_a_connect_timeout(pool, tidy):
    """A full backlog lets a connection attempt hang."""
    with socket.socket() as listener, socket.socket() as filler, socket.socket() as second:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for sock in (filler, second):
            sock.setblocking(False)
            sock.connect_ex(listener.getsockname())
        await turns()
        with pytest.raises(TransportError) as caught:
            await get(
                pool, Origin(tls=False, host="127.0.0.1", port=listener.getsockname()[1]), budgets=Budgets(0.1, 5, 5)
            )

    assert (caught.value.failure.word, caught.value.failure.phase) == ("timeout", "connect")
    assert pool.stats == {} or next(iter(pool.stats.values())) == (0, 0, 0, 0)


async def test_small_writes_leave_at_once_and_the_kernel_looks_for_dead_machines(pool, upstream):
    upstream.play(echo)
    await (await get(pool, upstream.origin)).read()
    (connection,) = pool._connections
    sock = connection._transport.get_extra_info("socket")

    assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
async def test_tls_is_verified_and_speaks_http_1(make_pool, tls_upstream, client_tls, host):
    pool = make_pool(tls=client_tls)
    origin = Origin(tls=True, host=host, port=tls_upstream.origin.port)
    for _ in range(2):
        assert await (await get(pool, origin)).read() == b"ok"
    (connection,) = pool._connections

    assert connection._transport.get_extra_info("ssl_object").selected_alpn_protocol() == "http/1.1"


async def test_a_certificate_that_nobody_vouches_for_is_refused(make_pool, tls_upstream):
    with pytest.raises(TransportError) as caught:
        await get(make_pool(), tls_upstream.origin)

    assert caught.value.failure.word == "unreachable"
    assert "its certificate is not trusted: self-signed certificate" in caught.value.failure.detail


async def test_a_certificate_for_another_name_is_refused(make_pool, tls_upstream, client_tls, monkeypatch):
    async def resolve(_, host, port):
        return socket.getaddrinfo("127.0.0.1", port, type=socket.SOCK_STREAM)

    monkeypatch.setattr("cortex.transport.dns.Resolver.resolve", resolve)
    with pytest.raises(TransportError, match=r"its certificate is not trusted: .*other\.example"):
        await get(make_pool(tls=client_tls), tls_upstream.origin._replace(host="other.example"))


async def test_tls_to_a_server_without_it_is_unreachable(make_pool, upstream, client_tls):
    async def plain(peer):
        await peer.reader.read(1)
        await peer.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    upstream.play(plain)
    with pytest.raises(TransportError) as caught:
        await get(make_pool(tls=client_tls), upstream.origin._replace(tls=True))

    assert caught.value.failure.word == "unreachable"


async def test_a_tls_handshake_that_hangs_is_a_connect_timeout(make_pool, upstream, client_tls):
    async def hangs(peer):
        await peer.ended()

    upstream.play(hangs)
    pool = make_pool(tls=client_tls)
    with pytest.raises(TransportError) as caught:
        await get(pool, upstream.origin._replace(tls=True), budgets=Budgets(0.1, 5, 5))

    assert (caught.value.failure.word, caught.value.failure.phase) == ("timeout", "connect")


async def test_cancelling_a_tls_handshake_leaves_no_socket(make_pool, upstream, client_tls):
    begun = asyncio.Event()

    async def hangs(peer):
        await peer.reader.read(1)
        begun.set()
        await peer.ended()

    upstream.play(hangs)
    pool = make_pool(tls=client_tls)
    task = asyncio.create_task(get(pool, upstream.origin._replace(tls=True)))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    await upstream.peers[0].over.wait()


async def test_an_authority_of_ones_own_is_trusted_beside_the_systems(make_pool, tls_upstream, certificate):
    context = client_context(certificate[0])

    assert await (await get(make_pool(tls=context), tls_upstream.origin)).read() == b"ok"
    assert len(context.get_ca_certs()) == len(client_context().get_ca_certs()) + 1


def test_the_default_context_verifies():
    context = client_context()

    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)


async def test_an_answer_that_lies_behind_a_reset_is_read_all_the_same(tidy):
    """A server that refuses early and closes: the write fails before the loop has looked whether there is an answer."""
    told = []
    keeper = SimpleNamespace(freed=told.append, lost=told.append, gone=told.append)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        origin = Origin(tls=False, host="127.0.0.1", port=listener.getsockname()[1])
        make = partial(Connection, origin, keeper, time.monotonic, 1 << 16)
        connection = await connect(origin, Resolver(time.monotonic), None, make)
        peer, _ = listener.accept()
        peer.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 5\r\n\r\nlarge")
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        peer.close()
        response = await connection.exchange(b"POST / HTTP/1.1\r\n\r\n", b"x" * 1000, BUDGETS)

    assert (response.status, await response.read()) == (413, b"large")
    await turns()
    assert connection.closed
