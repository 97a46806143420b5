"""The load of the streams, run as a process of its own: `stream_client.py PORT MODEL CONNECTIONS SECONDS [hold]`.

Theory of operation: N connections each ask, take the answer in, check it once it is whole and ask again. Nothing is
parsed on the way: the end of the last chunk is told by its five bytes. With `hold` each connection asks once; when
every stream has begun, or ten seconds have passed, it says so, and keeps them open until it is told to go on by a line.

Prints one JSON object: what came, what went wrong, and milliseconds from asking to the last byte.
"""

import asyncio
import json
import sys
import time
from typing import cast

import uvloop
from answers import EVENTS, request

END = b"0\r\n\r\n"
BEGIN_S = 10.0


class Load:
    """What all connections share."""

    def __init__(self, asked: bytes) -> None:
        self.asked = asked
        self.took_s: list[float] = []
        self.errors = 0
        self.reads = 0
        self.begun = 0
        self.said = ""
        """The first error's beginning, for people."""
        self.is_over = False

    def failed(self, said: bytes) -> None:
        """Count an answer that is not a whole stream."""
        self.errors += 1
        self.said = self.said or said[:300].decode("latin-1")

    def figures(self) -> dict[str, object]:
        """Return what was measured."""
        ordered = sorted(self.took_s)
        return {
            "answers": len(ordered),
            "errors": self.errors,
            "said": self.said,
            "begun": self.begun,
            "reads": self.reads,
            "p50_ms": percentile(ordered, 0.50),
            "p99_ms": percentile(ordered, 0.99),
        }


def percentile(ordered: list[float], share: float) -> float | None:
    """Return the value below which `share` of them lie, in milliseconds; None without any."""
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1000 if ordered else None


class Client(asyncio.Protocol):
    """One connection."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._parts: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the first time."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is no instance of it
        self._ask()

    def _ask(self) -> None:
        self._parts = []
        self._asked_s = time.perf_counter()
        self._transport.write(self._load.asked)

    def data_received(self, data: bytes) -> None:
        """Take in more of the answer; ask again when it is whole."""
        load, parts = self._load, self._parts
        load.reads += 1
        load.begun += not parts
        parts.append(data)
        if not data.endswith(END) and (len(data) >= len(END) or not b"".join(parts).endswith(END)):
            if len(parts) == 1 and not data.startswith(b"HTTP/1.1 200"):
                load.failed(data)
                self._transport.abort()
            return
        answer = b"".join(parts)
        if answer.startswith(b"HTTP/1.1 200") and answer.count(b"data: ") == EVENTS:
            load.took_s.append(time.perf_counter() - self._asked_s)
        else:
            load.failed(answer)
        if load.is_over:
            self._transport.close()
        else:
            self._ask()

    def connection_lost(self, _: Exception | None) -> None:
        """Count a cut."""
        if self._parts and not self._load.is_over and not self._parts[-1].endswith(END):
            self._load.failed(b"cut after " + b"".join(self._parts)[-200:])


async def run(port: int, model: str, connections: int, seconds: float, *, hold: bool) -> dict[str, object]:
    """Put the load on, and return what was measured."""
    loop = asyncio.get_running_loop()
    load = Load(request(model, port))
    opened = [(await loop.create_connection(lambda: Client(load), "127.0.0.1", port))[0] for _ in range(connections)]
    if hold:
        give_up = loop.time() + BEGIN_S
        # A thousand streams need not each look whether it is the last, so this looks.
        while load.begun < connections and not load.errors and loop.time() < give_up:  # noqa: ASYNC110  see above
            await asyncio.sleep(0.05)
        print(json.dumps(load.figures()), flush=True)
        await loop.run_in_executor(None, sys.stdin.readline)
    else:
        await asyncio.sleep(seconds)
    load.is_over = True
    figures = load.figures()
    for transport in opened:
        transport.abort()
    return figures


if __name__ == "__main__":
    port_, model_, connections_, seconds_, *rest = sys.argv[1:]
    print(json.dumps(uvloop.run(run(int(port_), model_, int(connections_), float(seconds_), hold=bool(rest)))))
