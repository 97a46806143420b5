"""The two files that settings come from, read safely, and what their texts mean together.

Reading blocks, for as long as a disk or a network share may: call it from a thread.
"""

import hashlib
import os
import ssl
import stat
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct, structs

from cortex.config.environment import with_dotenv
from cortex.config.load import load
from cortex.config.model import Settings, Tls
from cortex.config.problem import Problem

_LARGEST_BYTES = 1_000_000


class Sources(Struct, frozen=True):
    """Where settings come from."""

    config: Path
    """supervision.toml, which need not exist."""
    env_file: Path
    environ: Mapping[str, str]
    """The process's own variables; those of `env_file` stand behind them."""

    def __repr__(self) -> str:
        return f"<Sources {self.config} {self.env_file}>"


class Texts(Struct, frozen=True):
    """What the files said at one moment; None for one that is not there."""

    config: str | None = None
    env: str | None = None

    def __repr__(self) -> str:
        return f"<Texts {self.digest[:12]}>"

    @property
    def digest(self) -> str:
        """A hash of both, to tell an edit from a touch."""
        whole = hashlib.sha256()
        for text in (self.config, self.env):
            whole.update(b"-" if text is None else b"+" + hashlib.sha256(text.encode()).digest())
        return whole.hexdigest()


class Stamp(Struct, frozen=True):
    """What a look at the files tells without reading them; differs whenever one of them was written or replaced."""

    config: tuple[int, ...]
    env: tuple[int, ...]


def read(sources: Sources) -> Texts | list[Problem]:
    """Read both files, or say why one that is there cannot be read. Blocks."""
    texts = [_text(path) for path in (sources.config, sources.env_file)]
    problems = [text for text in texts if isinstance(text, Problem)]
    return problems or Texts(*(text for text in texts if not isinstance(text, Problem)))


def settings(texts: Texts, sources: Sources) -> Settings | list[Problem]:
    """Make settings of what the files said and the variables in `sources`; reads the file of authorities, if one is named."""
    environ = with_dotenv(sources.environ, texts.env, str(sources.env_file))
    if isinstance(environ, list):
        return environ
    found = load(texts.config, environ, file=str(sources.config))
    return found if isinstance(found, list) or not found.tls.ca else _with_authorities(found, sources)


def stamp(sources: Sources) -> Stamp:
    """Look at both files, symbolic links followed. Blocks, though hardly ever for long."""
    return Stamp(_stamp(sources.config), _stamp(sources.env_file))


def _with_authorities(found: Settings, sources: Sources) -> Settings | list[Problem]:
    """Return settings whose `tls.ca` can be opened from anywhere, or say why it is no file of certificates."""
    path = sources.config.absolute().parent / found.tls.ca
    text = _text(path)
    if isinstance(text, Problem):
        return [text]
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=text or "")
    except (ValueError, ssl.SSLError):
        lacks = "none there" if text is None else "no certificate"
        return [Problem(str(sources.config), 0, "tls.ca", f"a file of certificates in PEM at {path}", lacks)]
    return structs.replace(found, tls=Tls(ca=str(path)))


def _stamp(path: Path) -> tuple[int, ...]:
    try:
        found = path.stat()
    except OSError as error:
        return (-(error.errno or 1),)
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _text(path: Path) -> str | Problem | None:
    """Read one file; a device or a pipe, which could have no end, is not opened."""
    expected = "a readable text file"
    try:
        # Without O_NONBLOCK the opening of a pipe would wait for its other end.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                return Problem(str(path), 0, "", expected, "something that is no regular file")
            data = file.read(_LARGEST_BYTES + 1)
        if len(data) > _LARGEST_BYTES:
            return Problem(str(path), 0, "", f"at most {_LARGEST_BYTES} bytes", "more")
        return data.decode()
    except FileNotFoundError:
        return None
    except UnicodeDecodeError as error:
        return Problem(str(path), data.count(b"\n", 0, error.start) + 1, "", "UTF-8 text", "bytes that are none")
    except OSError as error:
        return Problem(str(path), 0, "", expected, str(error.strerror or error).lower())
