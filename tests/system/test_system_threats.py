"""What an upstream can try against the whole Córtex: send it elsewhere, or be somebody else."""

import asyncio
import contextlib
import ssl

import pytest

KEY = "sk-house-0123456789abcdef"
ANSWER = (
    b'{"id":"1","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"finish_reason":"stop",'
    b'"message":{"role":"assistant","content":"Hello"}}]}'
)


MODELS = b'{"object":"list","data":[{"id":"m","object":"model"}]}'


class Upstream:
    """Lists its model, answers every request for it with the same bytes, and remembers the heads of these."""

    def __init__(self, answer):
        self.answer = answer
        self.heads = []
        self.scheme = "http"

    async def start(self, tls=None):
        self.scheme = "https" if tls else "http"
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=tls)

    async def stop(self):
        self._server.close()
        await self._server.wait_closed()

    @property
    def url(self):
        return f"{self.scheme}://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    @property
    def table(self):
        return f'[workers.cloud]\nprovider = "openai"\nurl = "{self.url}/v1"\nkey = "{KEY}"\nmodels = ["m"]\n'

    async def _serve(self, reader, writer):
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            if head.startswith(b"GET "):
                writer.write(whole(MODELS))
            else:
                self.heads.append(head.decode())
                writer.write(self.answer)
            await writer.drain()
        writer.close()


def whole(body, status="200 OK", more=""):
    return f"HTTP/1.1 {status}\r\n{more}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body


@pytest.fixture
async def upstream():
    """Makes upstreams, and stops them when the test is over."""
    async with contextlib.AsyncExitStack() as stack:

        async def made(answer, tls=None):
            server = Upstream(answer)
            await server.start(tls)
            stack.push_async_callback(server.stop)
            return server

        yield made


@pytest.mark.parametrize(
    "status", ["301 Moved Permanently", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"]
)
async def test_a_redirect_is_a_failure_and_nothing_is_sent_where_it_leads(build, upstream, status):
    elsewhere = await upstream(whole(ANSWER))
    cloud = await upstream(whole(b"", status, f"Location: {elsewhere.url}/v1/chat/completions\r\n"))
    house = await build(cloud.table)

    seen = await house.chat(model="m")

    assert seen.status == 503
    assert cloud.heads
    assert all(head.startswith("POST /v1/chat/completions ") and f"Bearer {KEY}" in head for head in cloud.heads)
    assert elsewhere.heads == []


async def test_an_upstream_with_a_certificate_of_ones_own_authority_is_asked(build, upstream, certificate):
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(*certificate)
    cloud = await upstream(whole(ANSWER), tls)
    house = await build(f'[tls]\nca = "{certificate[0]}"\n' + cloud.table)

    assert (await house.chat(model="m")).text == "Hello"


async def test_an_upstream_that_nobody_vouches_for_gets_no_key(build, upstream, certificate):
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(*certificate)
    cloud = await upstream(whole(ANSWER), tls)
    house = await build('[routing]\ndeadline = "500ms"\n' + cloud.table)

    seen = await house.chat(model="m")

    assert seen.status in {503, 504}
    assert cloud.heads == []
