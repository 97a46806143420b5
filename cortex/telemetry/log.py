"""Logs by structlog: for people on a console, or one JSON object a line. Always on stderr: stdout is for data."""

import logging
import os
import sys
from typing import Any, Literal

import msgspec
import structlog
from structlog.typing import EventDict, WrappedLogger

_encoder = msgspec.json.Encoder(enc_hook=str)


def configure(style: Literal["console", "json"]) -> None:
    """Set up structlog, and send what libraries log the standard way (warnings and worse) through it too."""
    shared: list[structlog.typing.Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    if style == "json":
        structlog.configure(
            processors=[*shared, _as_json],
            logger_factory=structlog.BytesLoggerFactory(sys.stderr.buffer),
            cache_logger_on_first_use=True,
        )
    else:
        structlog.configure(
            processors=[*shared, _without_nothing, structlog.dev.ConsoleRenderer(colors=_colours(), pad_event_to=0)],
            logger_factory=structlog.PrintLoggerFactory(sys.stderr),
            cache_logger_on_first_use=True,
        )
    root = logging.getLogger()
    root.handlers = [_Bridge()]
    root.setLevel(logging.WARNING)


class _Bridge(logging.Handler):
    """What aiohttp, asyncio or pykka log becomes an event like every other."""

    def emit(self, record: logging.LogRecord) -> None:
        log: Any = structlog.get_logger()
        write = log.error if record.levelno >= logging.ERROR else log.warning
        write("library", logger=record.name, message=record.getMessage(), exc_info=record.exc_info)


def _as_json(_: WrappedLogger, __: str, event: EventDict) -> bytes:
    return _encoder.encode(event)


def _without_nothing(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Leave out what is not there: people read these lines."""
    return {key: value for key, value in event.items() if value not in (None, "")}


def _colours() -> bool:
    return sys.stderr.isatty() and "NO_COLOR" not in os.environ
