"""Where an upstream lives: the part of its base URL that decides which connections may be shared. Pure."""

import re
from typing import NamedTuple, Self
from urllib.parse import urlsplit

_DEFAULT_PORTS = {False: 80, True: 443}
_UNFIT = re.compile(r"[\x00-\x20\x7f]")  # urlsplit drops some of these without a word


class Origin(NamedTuple):
    """Scheme, host and port of an upstream; connections are shared within one and never beyond it."""

    tls: bool
    host: str
    """Lower case, ASCII; an IPv6 address without its brackets, its zone behind a bare %."""
    port: int

    @classmethod
    def parse(cls, url: str) -> tuple[Self, str]:
        """Split a base URL into its origin and its path without a trailing slash.

        Raises ValueError, which says what is wrong, for anything but http(s) URLs, for a query or a fragment, and for
        a user name or password: those belong in a header, and their text is not repeated.

        >>> Origin.parse("http://10.0.0.9:8000/v1/")
        (Origin(tls=False, host='10.0.0.9', port=8000), '/v1')
        """
        if _UNFIT.search(url):
            raise ValueError("a base URL has no spaces or control characters")
        if "@" in url:
            raise ValueError("a base URL has no user name or password: give a key in `keys`")
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise ValueError(f"{url!r} is not a base URL: {error}") from None
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError(f"{url!r} is not a base URL such as http://10.0.0.9:11434")
        if parts.query or parts.fragment or port == 0:
            raise ValueError(f"{url!r} is not a base URL: a query, a fragment or port 0 cannot be part of one")
        tls = parts.scheme == "https"
        return cls(tls, _ascii(parts.hostname.replace("%25", "%")), port or _DEFAULT_PORTS[tls]), parts.path.rstrip("/")

    @property
    def authority(self) -> str:
        """Return what goes into the Host header: no default port, no zone of an IPv6 address, which is ours alone."""
        host = self.host.partition("%")[0]
        host = f"[{host}]" if ":" in host else host
        return host if self.port == _DEFAULT_PORTS[self.tls] else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{'https' if self.tls else 'http'}://{self.authority}"


def _ascii(host: str) -> str:
    """Return a host name as it goes over the wire (IDNA)."""
    if host.isascii():
        return host
    try:
        return host.encode("idna").decode("ascii")
    except UnicodeError:
        raise ValueError(f"{host!r} is not a host name") from None
