"""Addresses: base URLs of upstreams, the forms of OLLAMA_HOST, and which hosts are this machine. Pure."""

import ipaddress
import re
from urllib.parse import SplitResult, urlsplit

OLLAMA_PORT = 11434
OLLAMA_URL = f"http://127.0.0.1:{OLLAMA_PORT}"

# Where clouds hand their machines' credentials to whoever asks from inside; no upstream is ever there. See
# docs.aws.amazon.com (EC2 instance metadata), cloud.google.com/compute/docs/metadata, Alibaba Cloud ECS metadata.
_METADATA = frozenset({"169.254.169.254", "fd00:ec2::254", "metadata.google.internal", "metadata", "100.100.100.200"})
_DEFAULT_PORTS = {"http": 80, "https": 443}
_LISTEN_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  read here, bound nowhere


class UrlError(ValueError):
    """Raised for a URL that cannot be an upstream's base."""

    def __init__(self, found: str = "", hint: str = "") -> None:
        super().__init__(found)
        self.found = found
        """What is wrong, without what may be secret in it; empty when the text itself says it best."""
        self.hint = hint


def base_url(text: str) -> str:
    """Return `text` as a base URL: scheme and host in lower case, no trailing slash. Raises UrlError.

    >>> base_url("HTTP://Rack.local:11434/v1/")
    'http://rack.local:11434/v1'
    """
    parts = _split(text)
    host = f"[{parts.hostname}]" if ":" in str(parts.hostname) else parts.hostname
    port = f":{parts.port}" if parts.port is not None else ""
    return f"{parts.scheme}://{host}{port}{parts.path.rstrip('/')}"


def ollama_url(text: str) -> str:
    """Read an address in any form that Ollama takes: with or without scheme and port. Raises UrlError.

    An address to listen on everywhere (`0.0.0.0`, `::`), as servers have it, means this machine to a client.

    >>> ollama_url("rack"), ollama_url("0.0.0.0:8000"), ollama_url("https://rack/ollama")
    ('http://rack:11434', 'http://127.0.0.1:8000', 'https://rack/ollama')
    """
    text = text.strip()
    if "://" in text:
        # A scheme brings its own default port, as in Ollama itself (not checked against its source).
        parts = _split(text)
        port = parts.port or _DEFAULT_PORTS[parts.scheme]
    else:
        parts = _split("http://" + _host_first(text))
        port = parts.port or OLLAMA_PORT
    host = _LISTEN_EVERYWHERE.get(str(parts.hostname), str(parts.hostname))
    netloc = f"[{host}]" if ":" in host else host
    if port != _DEFAULT_PORTS[parts.scheme]:
        netloc += f":{port}"
    return f"{parts.scheme}://{netloc}{parts.path.rstrip('/')}"


def instance(url: str) -> tuple[str, int, str]:
    """Return what two URLs of one instance have in common: host, port and path, this machine's names being one."""
    parts = urlsplit(url)
    host = "127.0.0.1" if is_loopback(str(parts.hostname)) else str(parts.hostname)
    return host, parts.port or _DEFAULT_PORTS[parts.scheme], parts.path


def is_loopback(host: str) -> bool:
    """Say whether only this machine can reach `host`; a name other than localhost is taken not to be."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host.lower() == "localhost"
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


def is_local(host: str) -> bool:
    """Whether `host` is hardware of one's own: this machine, a private address, or a name without a public domain.

    >>> is_local("10.0.0.9"), is_local("rack.local"), is_local("desk"), is_local("api.groq.com")
    (True, True, True, False)
    """
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        name = host.rstrip(".").lower()
        return "." not in name or name.endswith((".local", ".lan", ".internal", ".home.arpa", ".localhost"))
    address = getattr(address, "ipv4_mapped", None) or address
    return address.is_private or address.is_loopback or address.is_link_local


def _split(text: str) -> SplitResult:
    """Split and check; nothing secret (user names, queries) ever gets into the error."""
    try:
        parts = urlsplit(text)
        port_is_valid = parts.port is None or parts.port > 0
    except ValueError:
        raise UrlError("a URL with a wrong host or port") from None
    if "@" in text:
        raise UrlError("a URL with a user name in it", 'key = "$NAME"')
    if parts.query or parts.fragment or "?" in text or "#" in text:
        raise UrlError("a URL with a query or fragment")
    if parts.scheme not in _DEFAULT_PORTS or not text.isascii() or any(c <= " " for c in text):
        raise UrlError(hint=f'"http://{text}"' if "://" not in text and "." in text and text.isprintable() else "")
    if not parts.hostname or not port_is_valid:
        raise UrlError("a URL without a host" if not parts.hostname else "a URL with port 0")
    if parts.hostname in _METADATA:
        raise UrlError("the address of a cloud's credentials service")
    return parts


def _host_first(text: str) -> str:
    """Add what a bare port or a bare IPv6 address lack in a URL."""
    if re.fullmatch(r":[0-9]+", text):
        return "127.0.0.1" + text
    try:
        return f"[{ipaddress.IPv6Address(text)}]"
    except ValueError:
        return text
