"""What an edit changed: which workers start, stop and change, and which sections. Pure.

A worker whose own settings are equal is in none of the three: it is not to be touched.
"""

from collections.abc import Mapping

from msgspec import Struct

from cortex.config.model import Settings, Worker

_SECTIONS = (
    "server",
    "tls",
    "supervision",
    "routing",
    "streams",
    "breaker",
    "cache",
    "smart",
    "ledger",
    "health",
    "telemetry",
    "models",
    "prices",
)
_ONLY_AT_START: Mapping[str, tuple[str, ...]] = {
    "server": ("host", "port"),  # the socket is bound once
    "tls": ("ca",),  # what connections verify by is read once
    "ledger": ("path",),  # what was read there is in memory
    "telemetry": ("traces",),  # they are sent from a thread that is started once
    "supervision": ("strategy", "max_restarts", "max_seconds"),  # the root supervisor is started once
}


class Changes(Struct, frozen=True):
    """The way from one `Settings` to another; the order of workers is the new settings'."""

    start: tuple[Worker, ...] = ()
    stop: tuple[str, ...] = ()
    """Names; the last in the file first, as a supervisor stops its children."""
    change: tuple[Worker, ...] = ()
    """As they are to be."""
    sections: tuple[str, ...] = ()
    """Sections that differ, `workers` never among them."""
    restart_needed: tuple[str, ...] = ()
    """Keys that differ and that only a new start of the daemon applies: `server.port`."""

    def __bool__(self) -> bool:
        return bool(self.start or self.stop or self.change or self.sections)


def diff(old: Settings, new: Settings) -> Changes:
    """Compare two settings."""
    return Changes(
        start=tuple(worker for name, worker in new.workers.items() if name not in old.workers),
        stop=tuple(name for name in reversed(tuple(old.workers)) if name not in new.workers),
        change=tuple(worker for name, worker in new.workers.items() if old.workers.get(name, worker) != worker),
        sections=tuple(name for name in _SECTIONS if getattr(old, name) != getattr(new, name)),
        restart_needed=tuple(
            f"{section}.{key}"
            for section, keys in _ONLY_AT_START.items()
            for key in keys
            if getattr(getattr(old, section), key) != getattr(getattr(new, section), key)
        ),
    )
