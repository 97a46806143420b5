"""Writes supervision.toml and `.env` in the place of what they were, whole or not at all.

Each goes to a file beside the old one first, is on the disk before it takes its place, and keeps the old one's rights; but `.env`,
which holds keys, is its owner's alone. A symbolic link stays one. `.env` goes first: the TOML names what stands in it.
"""

import os
import stat
from pathlib import Path

from cortex.config.sources import Sources, Texts

OWNERS = 0o600


def write(sources: Sources, before: Texts, after: Texts) -> None:
    """Write what differs. Blocks. Raises OSError."""
    if after.env is not None and after.env != before.env:
        replace(sources.env_file, after.env, OWNERS)
    if after.config is not None and after.config != before.config:
        replace(sources.config, after.config, None)


def replace(path: Path, text: str, mode: int | None) -> None:
    """Put `text` in the place of a file, with these rights; None: those that it had. Raises OSError."""
    target = path.resolve()
    target.parent.mkdir(parents=True, exist_ok=True)
    if mode is None:
        mode = stat.S_IMODE(target.stat().st_mode) if target.exists() else 0o644
    beside = target.with_name(f".{target.name}.{os.getpid()}.new")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNERS)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())
        beside.chmod(mode)
        beside.replace(target)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
