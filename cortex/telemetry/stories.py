"""What became of each request, on disk for a day: found by its id after it left the journal, and after a restart.

Theory of operation: a record is one line of JSON, at the end of the newest of a few files (`segments`). Writing is an append
of what came in a second, in a thread; nothing is indexed, since a story is written a million times for each one that is
read. To find one, the files are searched backwards for the line that begins with its id: 0.05 s for 200 MB. Old stories
go with their file: it is deleted once all of it is too old, or there is too much. No prompt and no answer is in a record.
"""

import re
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import msgspec

from cortex.telemetry.record import Record

SEGMENTS = 8
"""So many files share the whole size, and the whole time."""

WAITING_BYTES = 32_000_000
"""Held for a disk that does not take them; what comes after is given up and counted."""

FILES_KEPT = 500
"""Each start of the daemon begins a file of its own."""

READ_BYTES = 1_000_000
ID = re.compile(r"[0-9A-Za-z_-]{1,64}")

_encoder = msgspec.json.Encoder(enc_hook=str)
_decoder = msgspec.json.Decoder(Record)


class Bounds(NamedTuple):
    """How long they are kept, and how much of them."""

    age_s: float
    size_bytes: int


class Stories:
    """See the module's docstring. `add` and `take_lines` are the loop's; `append` and `find` are for threads."""

    def __init__(self, folder: Path, bounds: Callable[[], Bounds], wall: Callable[[], float]) -> None:
        self._folder = folder
        self._bounds = bounds
        self._wall = wall
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0
        self._open: Path | None = None
        self.dropped = 0
        """Given up because the disk took none."""

    def __repr__(self) -> str:
        return f"<Stories {self._folder} {len(self._waiting)} waiting>"

    def add(self, record: Record) -> None:
        """Take a request that ended."""
        if self._waiting_bytes > WAITING_BYTES:
            self.dropped += 1
            return
        line = _encoder.encode(record)
        self._waiting.append(line)
        self._waiting_bytes += len(line)

    def take_lines(self) -> list[bytes]:
        """Return what is to be appended, once."""
        lines, self._waiting, self._waiting_bytes = self._waiting, [], 0
        return lines

    def append(self, lines: list[bytes]) -> None:
        """Write them. Raises OSError."""
        bounds, now = self._bounds(), self._wall()
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._open
        if path is None or self._is_full(path, bounds, now):
            path = self._folder / f"{int(now * 1000):015d}.jsonl"
            path.touch(mode=0o600)
            self._delete(bounds, now)
        self._open = None  # after an error a line may be cut, so the next goes to another file
        with path.open("ab") as file:
            file.write(b"".join([line + b"\n" for line in lines]))
        self._open = path

    def find(self, request_id: str) -> Record | None:
        """Return what became of a request, or None where nothing is kept of it. Reads files: for a thread."""
        if not ID.fullmatch(request_id):
            return None
        needle = b'{"id":"%s"' % request_id.encode()
        for path in reversed(self._segments()):
            line = _line(path, needle)
            if line is not None:
                return self._read(line)
        return None

    def _read(self, line: bytes) -> Record | None:
        try:
            record = _decoder.decode(line)
        except msgspec.MsgspecError:
            return None  # cut by a crash
        return record if record.arrived_at + record.total_s > self._wall() - self._bounds().age_s else None

    def _segments(self) -> list[Path]:
        return sorted(self._folder.glob("?" * 15 + ".jsonl"))

    def _is_full(self, path: Path, bounds: Bounds, now: float) -> bool:
        if _began(path) < now - bounds.age_s / SEGMENTS:
            return True
        try:
            return path.stat().st_size > bounds.size_bytes / SEGMENTS
        except FileNotFoundError:  # somebody cleaned up
            return True

    def _delete(self, bounds: Bounds, now: float) -> None:
        segments = self._segments()
        sizes = {path: path.stat().st_size for path in segments}
        room = bounds.size_bytes * (SEGMENTS - 1) / SEGMENTS  # the last part is the one that is being filled
        for path, after in pairwise(segments):
            is_too_much = sum(sizes.values()) > room or len(sizes) > FILES_KEPT
            if is_too_much or _began(after) < now - bounds.age_s:
                path.unlink(missing_ok=True)
                del sizes[path]


def _began(path: Path) -> float:
    return int(path.stem) / 1000


def _line(path: Path, needle: bytes) -> bytes | None:
    """Return the last line that begins so."""
    found = None
    try:
        for block in _blocks(path):
            place = block.rfind(b"\n" + needle) + 1
            if place or block.startswith(needle):
                found = block[place : block.index(b"\n", place)]
    except FileNotFoundError:
        return None  # deleted meanwhile
    return found


def _blocks(path: Path) -> Iterator[bytes]:
    """Return a file's whole lines, many at once."""
    with path.open("rb") as file:
        rest = b""
        while block := file.read(READ_BYTES):
            whole, newline, rest = (rest + block).rpartition(b"\n")
            yield whole + newline
