"""The loop of `cortex top`: it reads keys and the daemon, and puts on the screen what `top_picture` draws.

Theory of operation: the daemon is asked in a thread, so that a key is answered at once whatever the daemon does. The loop sleeps
until there is a key, news, a new size, or a second has passed; the last three come through one pipe, as a byte. The terminal is
given back by context managers, and signals that end or stop the process are exceptions in the loop, so they pass these too.
"""

import os
import select
import signal
import sys
import termios
import threading
import time
import tty
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any, NamedTuple

from rich.console import Console, Group

from cortex.commands.client import Client, worker_path
from cortex.commands.top_keys import Keys
from cortex.commands.top_picture import Moment, Size, draw
from cortex.commands.top_view import View
from cortex.commands.trouble import EXIT_GOOD, Refused, Trouble

SNAPSHOT = "/cortex/v1/snapshot"
EACH_S = 1.0
ESCAPE_S = 0.05
"""After Escape by itself: the rest of an arrow comes sooner."""

Facts = Mapping[str, Any]


class Known(NamedTuple):
    """What the daemon has said last."""

    picture: Facts
    heard_s: float
    """Monotonic."""
    trouble: str = ""
    actor: Facts | None = None


class _Suspended(Exception):  # noqa: N818  it is no error
    """Ctrl-Z."""


class Watcher:
    """Asks the daemon each second in a thread of its own; `known` is what it said."""

    def __init__(self, client: Client, picture: Facts, wake: int) -> None:
        self.known = Known(picture, time.monotonic())
        self._client = client
        self._wake_fd = wake
        self._looked_at = ""
        self._has_to_ask = threading.Event()
        self._has_ended = False
        threading.Thread(target=self._ask_always, daemon=True).start()

    def look_at(self, name: str) -> None:
        """Ask for this worker too, at once; for none with an empty name."""
        if name != self._looked_at:
            self._looked_at = name
            self._has_to_ask.set()

    def end(self) -> None:
        """Ask no more."""
        self._has_ended = True
        self._has_to_ask.set()

    def _ask_always(self) -> None:
        while not self._has_ended:
            begun_s = time.monotonic()
            self._ask()
            with suppress(OSError):  # the loop is over
                os.write(self._wake_fd, b".")
            self._has_to_ask.wait(max(0.0, begun_s + EACH_S - time.monotonic()))
            self._has_to_ask.clear()

    def _ask(self) -> None:
        name = self._looked_at
        try:
            picture = self._client.get(SNAPSHOT, "rows").value
            actor = self._whole(name) if "slots" in picture["rows"].get(name, ()) else None
        except Trouble as trouble:
            self.known = self.known._replace(trouble=trouble.message)
        else:
            self.known = Known(picture, time.monotonic(), actor=actor)

    def _whole(self, name: str) -> Facts | None:
        try:
            value: Facts = self._client.get(worker_path(name), "state").value
        except Refused as refused:
            if refused.status != 404:
                raise
            return None
        return value


def watch(client: Client, picture: Facts) -> int:
    """Show the daemon until somebody leaves; return the exit code. Raises nothing that the daemon does."""
    woken, wake = os.pipe()
    for end in (woken, wake):
        os.set_blocking(end, False)
    watcher, view = Watcher(client, picture, wake), View()
    try:
        while True:
            try:
                with _signals(wake), _terminal() as console:
                    _run(watcher, view, console, woken)
            except _Suspended:
                os.kill(os.getpid(), signal.SIGTSTP)  # as it would have been done: `fg` comes back here
            else:
                return EXIT_GOOD
    except KeyboardInterrupt:
        return EXIT_GOOD
    finally:
        watcher.end()
        os.close(woken)


def _run(watcher: Watcher, view: View, console: Console, woken: int) -> None:
    keyboard, keys = sys.stdin.fileno(), Keys()
    held = watcher.known
    while not view.has_ended:
        held = _held(held, watcher.known, view.selected) if view.is_paused else watcher.known
        names = view.settle(held.picture)
        watcher.look_at(view.selected if view.mode in {"detail", "help"} else "")
        _show(console, held, view)
        ready, _, _ = select.select([keyboard, woken], [], [], ESCAPE_S if keys.is_waiting else EACH_S)
        if woken in ready:
            os.read(woken, 4096)
        pressed = keys.flush() if keys.is_waiting and keyboard not in ready else []
        if keyboard in ready:
            data = os.read(keyboard, 1024)
            if not data:
                return
            pressed = keys.feed(data)
        for key in pressed:
            view.press(key, names)
            names = view.settle(held.picture)


def _held(held: Known, known: Known, selected: str) -> Known:
    """Return what was held, with the actor that is looked at now, if it was not asked for before."""
    is_there = held.actor is not None and held.actor.get("name") == selected
    return held if is_there else held._replace(actor=known.actor)


def _show(console: Console, known: Known, view: View) -> None:
    size = Size(*os.get_terminal_size(sys.stdout.fileno()))
    console.size = size  # rich itself would believe COLUMNS, which does not change
    moment = Moment(time.time(), time.monotonic() - known.heard_s, known.trouble, known.actor)
    lines = draw(known.picture, view, size, moment)
    options = console.options.update(width=size.width, height=size.height)
    console.update_screen_lines(console.render_lines(Group(*lines), options))


@contextmanager
def _terminal() -> Iterator[Console]:
    """Take the terminal: the other screen, no cursor, keys as they come; and give it back."""
    keyboard = sys.stdin.fileno()
    before = termios.tcgetattr(keyboard)
    console = Console(highlight=False, markup=False, emoji=False)
    try:
        tty.setcbreak(keyboard)
        with console.screen():
            yield console
    finally:
        termios.tcsetattr(keyboard, termios.TCSADRAIN, before)


@contextmanager
def _signals(wake: int) -> Iterator[None]:
    """Have a new size wake the loop, and what ends or stops the process go through it."""

    def resized(*_: object) -> None:
        with suppress(BlockingIOError):  # it is awake
            os.write(wake, b".")

    def ended(number: int, _: object) -> None:
        sys.exit(128 + number)

    def suspended(*_: object) -> None:
        raise _Suspended

    does: Mapping[signal.Signals, Callable[[int, FrameType | None], None]] = {
        signal.SIGWINCH: resized,
        signal.SIGTERM: ended,
        signal.SIGHUP: ended,
        signal.SIGTSTP: suspended,
    }
    before = {number: signal.signal(number, what) for number, what in does.items()}
    try:
        yield
    finally:
        for number, what in before.items():
            signal.signal(number, what)
