"""Where the daemon is, and the key it wants, found out cheaply.

Theory of operation: reading the settings as the daemon does costs twice what all the rest of `cortex status` does, and
refuses a file with any mistake in it, while the daemon runs on with what was there before. So of supervision.toml only
the host and the port are looked at here, and a file that cannot be read says nothing.
"""

import io
import tomllib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from string import Template
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from cortex.commands.trouble import WrongUse
from cortex.config.secret import Secret

HOST, PORT = "127.0.0.1", 4747
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  what a server listens on; read here, bound nowhere


class Where(NamedTuple):
    """What it takes to talk to a daemon."""

    url: str
    """Of the daemon's root, without a slash at its end."""
    key: Secret | None = None


def find(url: str | None, config: Path, env_file: Path, environ: Mapping[str, str]) -> Where:
    """Return where to look: `url`, else CORTEX_URL, else where the settings have the daemon listen.

    As for the daemon, a variable in `environ` counts before one in `env_file`, and the settings file before both.
    Raises WrongUse for an address that is none, and for a key that no header can carry.
    """
    known = {**_variables(env_file), **environ}
    given = url or known.get("CORTEX_URL") or _listening(_server(config), known)
    return Where(_checked(given), _key(known))


def _checked(url: str) -> str:
    url = (url if "://" in url else f"http://{url}").rstrip("/")
    with suppress(ValueError):
        parts = urlsplit(url)
        plain = url.isascii() and url.isprintable() and " " not in url and not (parts.query or parts.fragment)
        if plain and parts.scheme in {"http", "https"} and parts.hostname and "@" not in url and parts.port != 0:
            return url
    found = "one with a user name" if "@" in url else repr(url[:80])
    raise WrongUse(f"--url or CORTEX_URL: expected http://HOST:PORT, found {found}")


def _key(known: Mapping[str, str]) -> Secret | None:
    key = known.get("CORTEX_API_KEY", "").strip()
    if not (key.isascii() and key.isprintable()):
        raise WrongUse("CORTEX_API_KEY: expected printable ASCII, found characters that no header can carry")
    return Secret(key) if key else None


def _listening(server: Mapping[str, Any], known: Mapping[str, str]) -> str:
    """Return the address of a daemon with these settings; an address to listen on everywhere is reached here."""
    host, port = server.get("host"), server.get("port")
    if not isinstance(host, str) or not host:
        host = known.get("CORTEX_HOST") or HOST
    host = Template(host).safe_substitute(known)
    host = _EVERYWHERE.get(host, host)
    if not isinstance(port, int):
        text = known.get("CORTEX_PORT", "").strip()
        port = int(text) if text.isdecimal() else PORT
    if port == 0:
        raise WrongUse("the daemon takes any free port with these settings: say where it is with --url or CORTEX_URL")
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _server(config: Path) -> Mapping[str, Any]:
    with suppress(OSError, ValueError, RecursionError):
        if config.is_file():  # the opening of a pipe would wait for its other end
            server = tomllib.loads(config.read_text("utf-8-sig")).get("server")
            return server if isinstance(server, dict) else {}
    return {}


def _variables(env_file: Path) -> Mapping[str, str]:
    with suppress(OSError, ValueError):
        text = env_file.read_text("utf-8-sig") if env_file.is_file() else ""
        if "CORTEX_" in text:  # else nothing in it matters here, and the import costs 20 ms
            from dotenv import dotenv_values  # noqa: PLC0415  see above

            values = dotenv_values(stream=io.StringIO(text), interpolate=False)
            return {name: value for name, value in values.items() if value is not None}
    return {}
