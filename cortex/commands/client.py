"""A small HTTP client of the running daemon, on http.client: importing aiohttp takes five times as long.

One connection a request; every wait is bounded; no proxy of the environment is asked, and no redirect followed, so that
the key goes nowhere but to the daemon.
"""

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

from cortex.commands.trouble import NotRunning, Refused
from cortex.commands.where import Where

CONNECT_S = 2.0
ANSWER_S = 10.0
SILENCE_S = 600.0
"""Between two lines of a stream. The daemon's own deadline is nearly always sooner."""

LARGEST_BYTES = 64_000_000
LONGEST_LINE = 16_000_000


class Answer(NamedTuple):
    """A whole answer with a good status."""

    body: bytes
    value: Any
    """Its JSON object."""


class Stream:
    """A streamed answer with a good status."""

    def __init__(self, url: str, response: HTTPResponse, silence_s: float) -> None:
        self._url = url
        self._response = response
        self._silence_s = silence_s

    def header(self, name: str) -> str:
        """Return a header, or nothing."""
        return self._response.headers.get(name, "")

    def lines(self) -> Iterator[str]:
        """Yield each line without its end. Raises Refused when the connection breaks or is silent for too long."""
        with _told(self._url, self._silence_s):
            while line := self._response.readline(LONGEST_LINE):
                yield line.decode(errors="replace").rstrip("\r\n")


class Client:
    """Asks the daemon at one place. Every method raises NotRunning where there is none, Refused where it says no."""

    def __init__(self, where: Where, *, connect_s: float = CONNECT_S, answer_s: float = ANSWER_S) -> None:
        self.url = where.url
        self._key = where.key
        self._connect_s = connect_s
        self._answer_s = answer_s
        self._base_path = urlsplit(where.url).path

    def __repr__(self) -> str:
        return f"<Client {self.url}>"

    def get(self, path: str, key: str) -> Answer:
        """Ask for a JSON object that has `key`; one without it is not Córtex's."""
        answer = self._whole("GET", path)
        if key not in answer.value:
            raise self._stranger()
        return answer

    def act(self, name: str, action: str, query: str = "") -> Any:
        """Have a worker, or any other actor, do something; return the object that tells how it then is."""
        return self.post(f"{worker_path(name)}/{action}{query}")

    def post(self, path: str) -> Any:
        """Have something done; return the object that tells how it went."""
        return self._whole("POST", path, {"X-Cortex": "1"}).value

    @contextmanager
    def stream(self, path: str, body: Mapping[str, Any]) -> Iterator[Stream]:
        """Post `body` and read the answer line by line; leaving the block closes the connection.

        That cancels an answer which is still being made.
        """
        headers, sent = {"Content-Type": "application/json"}, json.dumps(body).encode()
        with self._streamed("POST", path, headers, sent, SILENCE_S) as stream:
            yield stream

    @contextmanager
    def listen(self, path: str, silence_s: float) -> Iterator[Stream]:
        """Read what has no end, line by line; it counts as broken when nothing came for so long."""
        with self._streamed("GET", path, {}, None, silence_s) as stream:
            yield stream

    @contextmanager
    def _streamed(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes | None, silence_s: float
    ) -> Iterator[Stream]:
        with self._asked(method, path, headers, body, silence_s) as response:
            if response.status != 200:
                self._object(response.status, self._read(response))
            yield Stream(self.url, response, silence_s)

    def _whole(self, method: str, path: str, headers: Mapping[str, str] = {}) -> Answer:
        with self._asked(method, path, headers, None, self._answer_s) as response:
            body = self._read(response)
        return Answer(body, self._object(response.status, body))

    @contextmanager
    def _asked(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes | None, wait_s: float
    ) -> Iterator[HTTPResponse]:
        own = {"Accept": "*/*", "Connection": "close", **headers}
        if self._key is not None:
            own["Authorization"] = f"Bearer {self._key.reveal()}"
        with closing(self._connect(wait_s)) as connection:
            with _told(self.url, wait_s):
                connection.request(method, self._base_path + path, body, own)
                response = connection.getresponse()
            with response:  # it, and no longer `connection`, has the socket: see will_close in http.client
                yield response

    def _connect(self, answer_s: float) -> HTTPConnection:
        parts = urlsplit(self.url)
        kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        connection = kind(str(parts.hostname), parts.port, timeout=self._connect_s)
        try:
            connection.connect()
        except TimeoutError:
            raise NotRunning(self.url, f"no connection within {self._connect_s:g} s") from None
        except (OSError, UnicodeError) as error:
            raise NotRunning(self.url, str(getattr(error, "strerror", None) or error).lower()) from None
        connection.sock.settimeout(answer_s)
        return connection

    def _read(self, response: HTTPResponse) -> bytes:
        parts, size, deadline = [], 0, time.monotonic() + self._answer_s
        with _told(self.url, self._answer_s):
            while part := response.read1(1 << 16):
                parts.append(part)
                size += len(part)
                if size > LARGEST_BYTES:
                    raise HTTPException(f"an answer of more than {LARGEST_BYTES} bytes")
                if time.monotonic() > deadline:
                    raise TimeoutError
        return b"".join(parts)

    def _object(self, status: int, body: bytes) -> Any:
        """Return the JSON object of a good answer; raise what another one says."""
        if status == 401:
            asked = "set CORTEX_API_KEY, here or in .env, to one of its server.api_keys, or for an action admin_keys"
            raise Refused(
                f"the Córtex at {self.url} {'wants another' if self._key else 'wants a'} key: {asked}", status
            )
        try:
            value = json.loads(body)
        except (ValueError, RecursionError):
            value = None
        if not isinstance(value, dict):
            raise self._stranger()
        if status >= 300:
            error = value.get("error")
            message = error.get("message") if isinstance(error, dict) else error
            raise Refused(str(message or f"status {status}"), status)
        return value

    def _stranger(self) -> NotRunning:
        return NotRunning(self.url, "what answers there is something else")


def worker_path(name: str) -> str:
    """Return the path of one worker, whatever characters its name has."""
    return f"/cortex/v1/workers/{quote(name, safe='/')}"


@contextmanager
def _told(url: str, wait_s: float) -> Iterator[None]:
    """Turn what a connection that stands can raise into what a person is told."""
    try:
        yield
    except TimeoutError:
        raise Refused(f"the Córtex at {url} has not answered within {wait_s:g} s") from None
    except (OSError, HTTPException, ValueError) as error:
        raise Refused(f"the connection to {url} broke ({str(error) or type(error).__name__})") from None
