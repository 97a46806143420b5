"""Whether a browser may speak to Córtex's own paths. Pure.

Theory of operation: a web page that somebody has open elsewhere can send requests to an address of this network, and with a name
that it lets point here (DNS rebinding) it could read the answers too. So a request that comes from a browser, which is one that
carries `Origin` or `Sec-Fetch-Site`, is held to three things: the name it was sent to is one that no stranger can point here, the
page it comes from is of the same host, and nothing that acts comes from another site. Programs send neither header.
"""

import re
from base64 import urlsafe_b64decode
from collections.abc import Iterable, Mapping
from ipaddress import ip_address
from typing import Protocol
from urllib.parse import urlsplit

from cortex.config.secret import Secret
from cortex.endpoint.dialect import Problem


class Visit(Protocol):
    """A request, as far as it tells who sent it."""

    @property
    def headers(self) -> Mapping[str, str]: ...  # noqa: D102

    @property
    def remote(self) -> str | None: ...  # noqa: D102


SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_FEEDBACK = re.compile(r"/cortex/v1/requests/[^/]+/feedback")
LOOPBACK_NAMES = frozenset({"localhost", "ip6-localhost", "ip6-loopback"})


def is_own(path: str) -> bool:
    """Whether a path is of those that are held to this."""
    return path.startswith(("/cortex/v1/", "/dashboard")) or path == "/metrics"


def acts(method: str, path: str) -> bool:
    """Whether a request changes something of Córtex itself, which is not for every client where `admin_keys` are set.

    What a client thought of its own answer is not of them.

    >>> acts("POST", "/cortex/v1/workers/desk/drain"), acts("POST", "/cortex/v1/requests/1/feedback")
    (True, False)
    """
    return method not in SAFE_METHODS and path.startswith("/cortex/v1/") and not _FEEDBACK.fullmatch(path)


def refusal(method: str, headers: Mapping[str, str], own_names: Iterable[str], *, asks_key: bool) -> Problem | None:
    """Return why a request is not let in; None when it is.

    `own_names` are those that the server was told to listen on. Where a key is asked for, any name will do: a page that
    lets its name point here has none, and a daemon on a network is known by names that it cannot know itself.
    """
    origin, site = headers.get("Origin"), headers.get("Sec-Fetch-Site")
    if origin is None and site is None:
        return None
    host = headers.get("Host", "")
    if not asks_key and not is_known(host, own_names):
        name = host[:60]
        return _forbidden(f"'{name}' is not a name of this Córtex: use its address, or localhost, or set server.host")
    if origin is not None and not is_same(origin, host):
        return _forbidden(f"a page of {origin[:60]!r} may not speak to Córtex at '{host[:60]}'")
    if method not in SAFE_METHODS and site in {"cross-site", "same-site"}:
        return _forbidden("a page of another site may not act on Córtex")
    return None


def presented(headers: Mapping[str, str]) -> bytes:
    """Return the key that a request comes with; a header may hold any bytes."""
    scheme, _, token = headers.get("Authorization", "").partition(" ")
    given = token.strip() if scheme.lower() == "bearer" else headers.get("x-api-key", "")
    if not given and "Sec-WebSocket-Protocol" in headers:
        return _offered(headers["Sec-WebSocket-Protocol"])
    return given.encode(errors="surrogateescape")


def visitor(http: Visit) -> str:
    """Return who sent a request, for the events: the address, and the mask of the key if there is one."""
    key = presented(http.headers)
    address = http.remote or "unknown"
    return f"{address} ({Secret(key.decode(errors='replace'))})" if key else address


def _offered(protocols: str) -> bytes:
    """Return the key among the subprotocols of a WebSocket: a browser can send it nowhere else."""
    for protocol in protocols.split(","):
        name, _, coded = protocol.strip().partition(".")
        if name == "key":
            try:
                return urlsafe_b64decode(coded + "=" * (-len(coded) % 4))
            except ValueError:
                return b""
    return b""


def is_known(host: str, own_names: Iterable[str]) -> bool:
    """Whether the name in a `Host` header is one that no stranger can point here.

    >>> [is_known(host, ["desk.lan"]) for host in ("localhost:4747", "[::1]:4747", "desk.lan", "evil.example:4747")]
    [True, True, True, False]
    """
    name = _split(host)[0]
    if name in LOOPBACK_NAMES or name.endswith(".localhost") or name in {own.lower() for own in own_names}:
        return bool(name)
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def is_same(origin: str, host: str) -> bool:
    """Whether a page of `origin` was loaded from the host it speaks to.

    >>> is_same("http://desk:4747", "desk:4747"), is_same("https://desk", "desk"), is_same("null", "desk")
    (True, True, False)
    """
    scheme, _, rest = origin.partition("://")
    usual = {"http": 80, "https": 443}.get(scheme)
    if usual is None:
        return False
    name, port = _split(rest)
    to_name, to_port = _split(host)
    return bool(name) and (name, port or usual) == (to_name, to_port or usual)


def _split(host: str) -> tuple[str, int | None]:
    """Return name and port of `name:port`, the name in lower case and without brackets; nothing where it is neither."""
    try:
        parts = urlsplit("//" + host)
        return (parts.hostname or "").rstrip("."), parts.port
    except ValueError:
        return "", None


def _forbidden(message: str) -> Problem:
    return Problem(403, message, "forbidden")
