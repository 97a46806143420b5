"""What the tests of the simulated upstreams share: a client that sees bytes, a clock to move, a sleep to hold."""

import asyncio

import aiohttp

from cortex.simulate import SimulatedServer

KEY = "sk-right"


class Clock:
    """Monotonic seconds that move when they are told to."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


class Gate:
    """A sleep in which waits of exactly `held_s` last until `open`, and all others no time."""

    def __init__(self, held_s):
        self.held_s = held_s
        self.held = 0
        self._opened = asyncio.Event()

    async def __call__(self, delay_s):
        if delay_s != self.held_s:
            await asyncio.sleep(0)
            return
        self.held += 1
        await self._opened.wait()

    def open(self):
        self._opened.set()


class Seen:
    """What a client saw of one answer: as much as came, and what ended it."""

    def __init__(self):
        self.status = 0
        self.headers = {}
        self.body = b""
        self.error: Exception | None = None

    def __repr__(self):
        return f"<Seen {self.status} {self.body!r} {self.error!r}>"


class Client:
    """Asks a simulated upstream of either dialect the same thing."""

    def __init__(self, http):
        self.http = http

    async def ask(self, sim: SimulatedServer, *, stream=True, text="Hello", model=None, timeout_s=5.0, **more) -> Seen:
        body = {"model": model or sim.models[0].name, "messages": [{"role": "user", "content": text}], "stream": stream}
        path = "/api/chat" if sim.dialect == "ollama" else "/v1/chat/completions"
        return await self.post(sim, path, body | more, timeout_s=timeout_s)

    async def post(self, sim, path, body, *, timeout_s=5.0, data=None) -> Seen:
        headers = {"Authorization": f"Bearer {KEY}"}
        given = {"json": body} if data is None else {"data": data}
        limit = aiohttp.ClientTimeout(total=timeout_s)
        return await self._seen(self.http.post(sim.origin + path, headers=headers, timeout=limit, **given))

    async def get(self, sim, path, *, key=KEY) -> Seen:
        return await self._seen(self.http.get(sim.origin + path, headers={"Authorization": f"Bearer {key}"}))

    async def _seen(self, request) -> Seen:
        seen = Seen()
        try:
            async with request as answer:
                seen.status, seen.headers = answer.status, answer.headers
                async for data in answer.content.iter_any():
                    seen.body += data
        except (aiohttp.ClientError, TimeoutError) as error:
            seen.error = error
        return seen
