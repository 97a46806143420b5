"""Looking at the two files: when they have changed, and what they say then.

Theory of operation: what a file system says about changes is a hint at best. Editors replace files by rename,
Kubernetes swaps a symbolic link beside them, network shares say nothing at all, and a folder that was removed and made
again is another one. So two tasks share the work: one listens (watchfiles) and only ever says "look now"; the other
looks, when told and every half second anyway, and compares what `stat` says. What decides is always the state of the
files, never an event, so that none can be missed or misread. A difference is left to settle, then both files are read
whole.
"""

import asyncio
from collections.abc import Callable
from contextlib import aclosing, suppress
from pathlib import Path
from typing import Protocol, TypeVar

from watchfiles import awatch

from cortex.config.problem import Problem
from cortex.config.settled import Settled
from cortex.config.sources import Sources, Stamp, Texts, read, stamp

QUIET_S = 0.15
"""A file is read when it was left alone for so long."""
LATEST_S = 3.0
"""A file that is written to without end is read after so long."""
POLL_S = 0.5
SLOW_S = 5.0
"""A disk or share that has not answered by then is reported."""

T = TypeVar("T")


class Seen(Protocol):
    """Takes what the files say."""

    def __call__(self, texts: Texts | list[Problem], *, asked: bool) -> object:
        """Take it; `asked`: although nothing may have changed."""
        ...


class Look:
    """The two tasks, `listen` and `follow`; what the files say goes to `seen`."""

    def __init__(self, files: Sources, seen: Seen) -> None:
        self._files = files
        self._seen = seen
        self._stirred = asyncio.Event()
        self._asked = False

    def now(self) -> None:
        """Read the files at once, changed or not."""
        self._asked = True
        self._stirred.set()

    async def listen(self) -> None:
        """Wake the other task whenever something happens in a folder on the way to the files."""
        while True:
            # No folder, links in a circle, no more inotify watches: looking now and then remains.
            with suppress(OSError, RuntimeError):
                await self._listen_to(await asyncio.to_thread(_folders, self._files))
            await asyncio.sleep(POLL_S)

    async def _listen_to(self, folders: frozenset[Path]) -> None:
        """Return when other folders are to be listened to."""
        stirs = awatch(
            *folders,
            watch_filter=None,
            recursive=False,
            debounce=50,
            step=25,
            rust_timeout=1000,
            yield_on_timeout=True,
        )
        async with aclosing(stirs):
            async for changes in stirs:
                if changes:
                    self._stirred.set()
                if await asyncio.to_thread(_folders, self._files) != folders:
                    return

    async def follow(self) -> None:
        """Look at the files, and send what they say whenever it may be something else."""
        last: Stamp | None = None
        while True:
            asked, self._asked = self._asked, False
            found = await self._patiently(stamp)
            if found != last or asked:
                last = found if asked else await self._settled(found)
                texts = await self._patiently(read)
                if await self._patiently(stamp) != last and not asked:
                    continue  # written while it was read: what was read may be half of it
                self._seen(texts, asked=asked)
            if not self._asked:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._stirred.wait(), POLL_S)
            self._stirred.clear()

    async def _settled(self, found: Stamp) -> Stamp:
        """Return the files' stamp when they have been left alone for a moment."""
        now = asyncio.get_running_loop().time
        settled = Settled(QUIET_S, LATEST_S)
        settled.changed(now())
        while wait_s := settled.wait_s(now()):
            await asyncio.sleep(wait_s)
            found, before = await self._patiently(stamp), found
            if found != before:
                settled.changed(now())
        return found

    async def _patiently(self, look: Callable[[Sources], T]) -> T:
        """Run `look` in a thread. When it hangs, as on a network share, say so, and go on waiting for it."""
        thread = asyncio.create_task(asyncio.to_thread(look, self._files))
        done, _ = await asyncio.wait({thread}, timeout=SLOW_S)
        if not done:
            self._seen([Problem(str(self._files.config), 0, "", f"an answer within {SLOW_S:g} s", "none")], asked=False)
            self._asked = True  # so that the answer, when it comes, takes this back
        return await thread


def _folders(files: Sources) -> frozenset[Path]:
    """Return the existing folders of both files, and of what they are links to. Blocks."""
    found: set[Path] = set()
    for path in (files.config, files.env_file):
        found |= {path.parent.absolute(), path.resolve().parent}
    return frozenset(folder for folder in found if folder.is_dir())
