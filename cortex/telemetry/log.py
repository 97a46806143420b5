"""Logs by structlog: for people on a console, or one JSON object a line. Always on stderr: stdout is for data.

Lines are gathered for a moment and written by a thread, many at once: a write for each line was a fifth of what a small
request costs, and a terminal that is paused, or a full pipe, must not stop the daemon. What a reader does not take is
bounded; beyond it lines are dropped and counted.
"""

import asyncio
import atexit
import logging
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec
import structlog
from structlog.typing import EventDict, WrappedLogger

from cortex.telemetry.tail import TAIL

GATHER_S = 0.05
HELD_BYTES = 8_000_000
"""Of lines that nobody takes."""

_encoder = msgspec.json.Encoder(enc_hook=str)


def configure(style: Literal["console", "json"]) -> None:
    """Set up structlog, and send what libraries log the standard way (warnings and worse) through it too."""
    shared: list[structlog.typing.Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    if style == "json" or not _colours():
        structlog.configure(
            processors=[],
            logger_factory=lambda *_: Lines(),
            wrapper_class=JsonLogger if style == "json" else PlainLogger,
            cache_logger_on_first_use=True,
        )
    else:
        structlog.configure(
            processors=[
                _when_heard,
                *shared,
                _kept,
                _without_nothing,
                structlog.dev.ConsoleRenderer(colors=True, pad_event_to=0, sort_keys=False),
            ],
            logger_factory=lambda *_: Lines(),
            cache_logger_on_first_use=True,
        )
    root = logging.getLogger()
    root.handlers = [_Bridge()]
    root.setLevel(logging.WARNING)


class Writer:
    """Gathers bytes and writes them to a file descriptor from a thread of its own."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="log-writer")
        self._held: list[bytes] = []
        self._held_bytes = 0
        self._is_due = False
        self.dropped = 0
        """Lines that were not written because too much waited already."""

    def add(self, line: bytes) -> None:
        """Take one line, without its newline; from any thread."""
        if self._held_bytes > HELD_BYTES:
            self.dropped += 1
            return
        self._held.append(line)
        self._held_bytes += len(line) + 1
        if self._is_due:
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self.flush()
        else:
            self._is_due = True
            loop.call_later(GATHER_S, self._hand_over)

    def flush(self) -> None:
        """Write everything now, and wait for it."""
        held, self._held = self._held, []
        if held:
            self._write(b"\n".join(held) + b"\n")

    def _hand_over(self) -> None:
        self._is_due = False
        held, self._held = self._held, []
        if held:
            self._thread.submit(self._write, b"\n".join(held) + b"\n")

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self._descriptor, view) :]
        except OSError:
            self.dropped += data.count(b"\n")  # the reader is gone; the daemon is not to follow it
        finally:
            self._held_bytes -= len(data)


class DirectLogger(structlog.BoundLoggerBase):
    """A bound logger that writes its line itself; structlog's chain of processors costs three times as much, and more."""

    def info(self, event: str, **facts: Any) -> None:
        """Write a line."""
        if TAIL.is_heard("info"):
            self._line("info", event, facts)

    def warning(self, event: str, **facts: Any) -> None:
        """Write a line that somebody should see."""
        if TAIL.is_heard("warning"):
            self._line("warning", event, facts)

    def error(self, event: str, **facts: Any) -> None:
        """Write a line that somebody should act on."""
        self._line("error", event, facts)

    def exception(self, event: str, **facts: Any) -> None:
        """Write an error with the traceback that is being handled."""
        self._line("error", event, {"exc_info": True, **facts})

    def debug(self, event: str, **facts: Any) -> None:
        """Write a line for who looks for something."""
        if TAIL.is_heard("debug"):
            self._line("debug", event, facts)

    def _line(self, level: str, event: str, facts: dict[str, Any]) -> None:
        line = {"timestamp": datetime.now(UTC), "level": level, "event": event, **self._context, **facts}
        if "exc_info" in line:
            line = dict(structlog.processors.format_exc_info(self._logger, level, line))
        TAIL.put(line)
        self._logger.msg(self._spelled(line))

    def _spelled(self, line: EventDict) -> bytes:
        raise NotImplementedError


class JsonLogger(DirectLogger):
    """One JSON object a line."""

    def _spelled(self, line: EventDict) -> bytes:
        return _encoder.encode(line)  # msgspec writes the time as RFC 3339


class PlainLogger(DirectLogger):
    """A line as people read it, without colours: for a file, a pipe, or the journal of a process supervisor."""

    def _spelled(self, line: EventDict) -> bytes:
        line = dict(line)  # the tail holds it
        timestamp, level, event = line.pop("timestamp"), line.pop("level"), line.pop("event")
        trace = line.pop("exception", "")
        facts = " ".join([f"{name}={_plain(value)}" for name, value in line.items() if value not in (None, "")])
        head = f"{timestamp.isoformat(timespec='microseconds')[:-6]}Z [{level:<8}] {event}"
        text = f"{head} {facts}" if facts else head
        return (f"{text}\n{trace}" if trace else text).encode(errors="backslashreplace")


class Lines:
    """What structlog calls a logger: every level writes one line."""

    def msg(self, line: str | bytes) -> None:
        """Write one line."""
        writer().add(line.encode() if isinstance(line, str) else line)

    debug = info = warning = error = critical = exception = msg


_writer: Writer | None = None


def writer() -> Writer:
    """Return the writer of this process's standard error."""
    global _writer  # noqa: PLW0603  one process has one standard error
    if _writer is None:
        _writer = Writer(sys.stderr.fileno())
        atexit.register(_writer.flush)
    return _writer


class _Bridge(logging.Handler):
    """What aiohttp, asyncio or pykka log becomes an event like every other."""

    def emit(self, record: logging.LogRecord) -> None:
        log: Any = structlog.get_logger()
        write = log.error if record.levelno >= logging.ERROR else log.warning
        write("library", logger=record.name, message=record.getMessage(), exc_info=record.exc_info)


def _plain(value: object) -> str:
    """Return a fact as one word: quoted where it would not be one."""
    kind = type(value)
    if kind is str:
        text = str(value)
        return text if text.isprintable() and " " not in text else repr(text)
    return repr(value)


def _when_heard(_: WrappedLogger, name: str, event: EventDict) -> EventDict:
    """Let go of what is too quiet for the level in force."""
    if not TAIL.is_heard(name):
        raise structlog.DropEvent
    return event


def _kept(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Keep a copy for who looks at the log live: what comes after takes the line apart."""
    TAIL.put({**event, "timestamp": datetime.now(UTC)})
    return event


def _without_nothing(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Leave out what is not there: people read these lines."""
    return {key: value for key, value in event.items() if value not in (None, "")}


def _colours() -> bool:
    return sys.stderr.isatty() and "NO_COLOR" not in os.environ
