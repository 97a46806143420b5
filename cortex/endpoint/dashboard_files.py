"""The files of the page at `/dashboard/`: read from the package once, at the start.

Theory of operation: `index.html` is asked for anew each time; whatever else there is lies below one path that carries a hash of all
of them, and may be kept for a year. So relative imports between modules just work, a new version is seen at once, and
nothing is asked for twice. What the page may do is written in its Content-Security-Policy: nothing but its own files and its own
daemon; styles that stand in `index.html` itself are allowed by their hashes.
"""

import gzip
import re
from base64 import b64encode
from collections.abc import Mapping
from hashlib import sha256
from importlib.resources import files
from importlib.resources.abc import Traversable

from aiohttp import web
from msgspec import Struct

from cortex.endpoint.dialect import BadRequest, Problem
from cortex.endpoint.reply import Reply

INDEX = "index.html"
PLACE = b"@HASH@"
TYPES: Mapping[str, str] = {
    "css": "text/css; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "json": "application/json",
    "png": "image/png",
    "svg": "image/svg+xml",
    "txt": "text/plain; charset=utf-8",
}
"""By ending; a file of another kind is not served."""

_INLINE = re.compile(rb"<(style|script)>(.*?)</\1>", re.DOTALL)
_ALWAYS = (
    "X-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\nCross-Origin-Resource-Policy: same-origin\r\n"
)


class File(Struct, frozen=True):
    """One file, as it goes out."""

    content_type: str
    plain: bytes
    packed: bytes


class DashboardFiles:
    """See the module's docstring."""

    def __init__(self, folder: Traversable | None = None) -> None:
        read = _read(folder or files("cortex.endpoint").joinpath("dashboard"))
        self.hash = _hash_of(read)
        """Of all files together; empty where there are none."""
        index = read.pop(INDEX, b"").replace(PLACE, self.hash.encode())
        self._index = _file(INDEX, index)
        self._others = {name: _file(name, data) for name, data in read.items()}
        self._policy = f"Content-Security-Policy: {_policy(index)}\r\n"

    def __repr__(self) -> str:
        return f"<DashboardFiles {len(self._others) + 1} {self.hash}>"

    async def index(self, http: web.BaseRequest, reply: Reply) -> None:
        """Answer the page itself."""
        if not self._index.plain:
            raise BadRequest(Problem(503, "this Córtex was built without its dashboard", "unavailable"))
        self._send(http, reply, self._index, f"Cache-Control: no-cache\r\n{self._policy}")

    async def file(self, http: web.BaseRequest, reply: Reply, asked_hash: str, name: str) -> None:
        """Answer one of its files. Of another version there is none: a page that is still open loads itself anew."""
        found = self._others.get(name)
        if found is None or asked_hash != self.hash:
            raise BadRequest(Problem(404, f"the dashboard has no '{name[:60]}' (of that version)", "not_found"))
        self._send(http, reply, found, "Cache-Control: public, max-age=31536000, immutable\r\n")

    async def redirect(self, _: web.BaseRequest, reply: Reply) -> None:
        """Send a browser to the page."""
        reply.whole(302, "text/plain; charset=utf-8", b"", "Location: /dashboard/\r\nVary: Accept\r\n")

    def _send(self, http: web.BaseRequest, reply: Reply, file: File, headers: str) -> None:
        body, lines = file.plain, f"{headers}{_ALWAYS}Vary: Accept-Encoding\r\n"
        if "gzip" in http.headers.get("Accept-Encoding", "") and len(file.packed) < len(file.plain):
            body, lines = file.packed, f"{lines}Content-Encoding: gzip\r\n"
        reply.whole(200, file.content_type, body, lines)


def wants_html(http: web.BaseRequest) -> bool:
    """Whether a browser asks, for somebody to look at."""
    return "text/html" in http.headers.get("Accept", "")


def _read(folder: Traversable) -> dict[str, bytes]:
    """Return what is there by name, in the order of the names."""
    if not folder.is_dir():
        return {}
    found = {each.name: each.read_bytes() for each in folder.iterdir() if each.name.rpartition(".")[2] in TYPES}
    return dict(sorted(found.items()))


def _hash_of(read: Mapping[str, bytes]) -> str:
    whole = sha256()
    for name, data in read.items():
        whole.update(f"{name} {len(data)}\n".encode() + data)
    return whole.hexdigest()[:16] if read else ""


def _file(name: str, data: bytes) -> File:
    return File(TYPES[name.rpartition(".")[2]], data, gzip.compress(data, 9, mtime=0))


def _policy(index: bytes) -> str:
    """Return what the page may load and do."""
    allowed = {b"style": "'self'", b"script": "'self'"}
    for kind, text in _INLINE.findall(index):
        allowed[kind] += f" 'sha256-{b64encode(sha256(text).digest()).decode()}'"
    return (
        f"default-src 'none'; script-src {allowed[b'script']}; style-src {allowed[b'style']}; connect-src 'self'; "
        "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
