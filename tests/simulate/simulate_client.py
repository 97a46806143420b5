"""What the tests of the simulated upstreams share: a client that sees bytes, a clock to move, a sleep to hold."""

import asyncio

import aiohttp

from cortex.simulate import SimulatedServer

KEY = "sk-right"


NOON_UTC = 1_795_608_000.0
"""25 Nov 2026, 12:00 UTC: 4 in the morning in California."""
HOUR_S, DAY_S = 3_600.0, 86_400.0


class Clock:
    """Monotonic seconds that move when they are told to, and the wall's with them."""

    def __init__(self, wall_s=NOON_UTC):
        self.now = 1000.0
        self._began_s = wall_s - self.now

    def __call__(self):
        return self.now

    def wall(self):
        return self._began_s + self.now


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


CHATS = {
    "ollama": "/api/chat",
    "openai": "/v1/chat/completions",
    "groq": "/openai/v1/chat/completions",
    "cohere": "/v2/chat",
}


def headers_of(key):
    """A key as each dialect takes it."""
    return {"Authorization": f"Bearer {key}", "x-goog-api-key": key} if key else {}


class Client:
    """Asks a simulated upstream of any dialect the same thing."""

    def __init__(self, http):
        self.http = http

    async def ask(
        self, sim: SimulatedServer, *, stream=True, text="Hello", model=None, timeout_s=5.0, key=KEY, **more
    ) -> Seen:
        model = model or sim.models[0].name
        if sim.dialect == "gemini":
            action = "streamGenerateContent?alt=sse" if stream else "generateContent"
            body = {"contents": [{"role": "user", "parts": [{"text": text}]}]}
            return await self.post(sim, f"/v1beta/models/{model}:{action}", body | more, timeout_s=timeout_s, key=key)
        body = {"model": model, "messages": [{"role": "user", "content": text}], "stream": stream}
        return await self.post(sim, CHATS[sim.dialect], body | more, timeout_s=timeout_s, key=key)

    async def post(self, sim, path, body, *, timeout_s=5.0, data=None, key=KEY) -> Seen:
        given = {"json": body} if data is None else {"data": data}
        limit = aiohttp.ClientTimeout(total=timeout_s)
        return await self._seen(self.http.post(sim.origin + path, headers=headers_of(key), timeout=limit, **given))

    async def get(self, sim, path, *, key=KEY) -> Seen:
        return await self._seen(self.http.get(sim.origin + path, headers=headers_of(key)))

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
