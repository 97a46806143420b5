"""The actor that follows edits of supervision.toml and `.env`.

Whatever cannot be used (a mistake, a file that is gone, one that an editor has just emptied) changes nothing: the old
settings stay in force and the target is told why, once. What is in force is kept in a `Current` that outlives the
actor; its next incarnation reads both files at once and so finds what was edited in between.
"""

import time
from collections import deque
from collections.abc import Callable
from typing import Literal, Protocol

import structlog
from msgspec import Struct

from cortex.actors.actor import LoopActor, handles
from cortex.config import sources
from cortex.config.addresses import is_loopback
from cortex.config.diff import Changes, diff
from cortex.config.look import Look
from cortex.config.masked import difference
from cortex.config.model import Settings
from cortex.config.problem import Problem
from cortex.config.sources import Sources, Texts

RETRY_S = 0.5
EDITS_KEPT = 20

log = structlog.get_logger()


class Edited(Struct, frozen=True):
    """The files say something new, without a mistake: apply it."""

    settings: Settings
    changes: Changes
    """From the settings before; empty when only comments changed, or a mistake was taken back."""


class Refused(Struct, frozen=True):
    """The files have mistakes; the settings before stay in force."""

    problems: tuple[Problem, ...]


class Reread(Struct, frozen=True):
    """Read the files now, changed or not (SIGHUP), and answer with Edited or Refused in any case."""


class Seen(Struct, frozen=True):
    """What the files said just now."""

    texts: Texts | list[Problem]
    asked: bool = False
    """By Reread."""


class Edit(Struct, frozen=True):
    """What came of one edit, for people; keys are masked."""

    at: float
    """Wall-clock seconds."""
    result: Literal["applied", "refused"]
    diff: str
    """From what is in force, of both files."""
    effect: dict[str, list[str]]
    """Names of workers `started`, `stopped` and `changed`, and other `sections` that differ."""
    problems: list[str]


class Current:
    """What is in force, and what was last read; written by the watcher alone, read by whoever likes."""

    def __init__(
        self, settings: Settings, digest: str = "", problems: tuple[Problem, ...] = (), texts: Texts | None = None
    ) -> None:
        self.settings = settings
        self.digest = digest
        """Of the texts read last, whether they could be used or not; empty when there were none to read."""
        self.problems = problems
        """Why the files are not what is in force; empty when they are."""
        self.texts = texts or Texts()
        """What `settings` were made of."""
        self.edits: deque[Edit] = deque(maxlen=EDITS_KEPT)
        """The last edits, the newest first."""
        self.bound_host = settings.server.host
        """Where the door was opened; no edit moves it."""

    def __repr__(self) -> str:
        return f"<Current {len(self.settings.workers)} workers, {len(self.problems)} problems, {self.digest[:12]}>"

    def read(self, texts: Texts, files: Sources) -> Settings | list[Problem]:
        """Make the settings that would come into force, or say why they may not: an edit by hand and one of the page alike.

        What the schema says of host and keys holds for the next start; until then it must hold for the door that is open.
        """
        found = sources.settings(texts, files)
        if isinstance(found, list) or found.server.api_keys or is_loopback(self.bound_host):
            return found
        expected = f"a key, since the daemon listens on {self.bound_host} until it is started again"
        return [Problem(str(files.config), 0, "server.api_keys", expected, "none")]


class Tells(Protocol):
    """Names, as far as this actor needs them."""

    def tell(self, name: str, message: object) -> bool:
        """Send; False when nobody has the name now."""
        ...


class ConfigWatcher(LoopActor):
    """Tells `target` of every edit as Edited or Refused."""

    def __init__(
        self,
        *,
        files: Sources,
        current: Current,
        names: Tells,
        target: str,
        wall: Callable[[], float] = time.time,
    ) -> None:
        super().__init__()
        self._wall = wall
        self._files = files
        self._current = current
        self._names = names
        self._target = target
        self._look = Look(files, lambda texts, *, asked: self.actor_ref.tell(Seen(texts, asked)))

    def on_start(self) -> None:
        """Begin to listen and to look."""
        self.own(self._look.listen())
        self.own(self._look.follow())

    @handles(Reread)
    def reread(self, _: Reread) -> None:
        """Look at once, and tell the target even if nothing changed."""
        self._look.now()

    @handles(Seen)
    def seen(self, seen: Seen) -> None:
        """Decide what the files' state means, and tell it."""
        current, texts = self._current, seen.texts
        if isinstance(texts, list):
            self._refuse(tuple(texts), None, digest="", asked=seen.asked)
        elif gone := _vanished(current.texts, texts, self._files):
            self._refuse(tuple(gone), texts, digest="", asked=seen.asked)
        elif texts.digest != current.digest or seen.asked:
            found = current.read(texts, self._files)
            if isinstance(found, list):
                self._refuse(tuple(found), texts, digest=texts.digest, asked=seen.asked)
            else:
                self._apply(found, texts)

    def _apply(self, settings: Settings, texts: Texts) -> None:
        changes = diff(self._current.settings, settings)
        if self._told(Edited(settings, changes)):
            current = self._current
            if changes or texts != current.texts:
                self._remember("applied", texts, effect=effect_of(changes))
            current.settings, current.digest, current.problems, current.texts = settings, texts.digest, (), texts

    def _refuse(self, problems: tuple[Problem, ...], texts: Texts | None, *, digest: str, asked: bool) -> None:
        current = self._current
        is_other = problems != current.problems
        if not (is_other or asked) or self._told(Refused(problems)):
            current.digest, current.problems = digest, problems
            if is_other:
                self._remember("refused", texts, problems=problems)

    def _remember(
        self,
        result: Literal["applied", "refused"],
        texts: Texts | None,
        *,
        effect: dict[str, list[str]] | None = None,
        problems: tuple[Problem, ...] = (),
    ) -> None:
        """Remember an edit; what it changed is told from what is in force."""
        before = self._current.texts
        diff_of_it = ""
        if texts is not None:
            settings, is_refused = self._current.settings, result == "refused"
            diff_of_it = shown_difference(before, texts, self._files, settings, is_refused=is_refused)
        edit = Edit(self._wall(), result, diff_of_it, effect or {}, [str(problem) for problem in problems])
        self._current.edits.appendleft(edit)

    def _told(self, message: Edited | Refused) -> bool:
        """Tell the target; when it is not there (it is being restarted), all is read and told again a little later."""
        told = self._names.tell(self._target, message)
        if not told:
            log.warning("config.target_missing", target=self._target, retry_in_s=RETRY_S)
            self.after(RETRY_S, Reread())
        return told


def effect_of(changes: Changes) -> dict[str, list[str]]:
    """Return what an edit does, by names."""
    return {
        "started": [worker.name for worker in changes.start],
        "stopped": list(changes.stop),
        "changed": [worker.name for worker in changes.change],
        "sections": list(changes.sections),
        "restart_needed": list(changes.restart_needed),
    }


def shown_difference(
    before: Texts, after: Texts, files: Sources, settings: Settings, *, is_refused: bool = False
) -> str:
    """Return how both files differ, without any key; see `masked.difference`."""
    secrets = {key.reveal() for key in (*settings.server.api_keys, *settings.server.admin_keys)}
    secrets |= {worker.key.reveal() for worker in settings.workers.values() if worker.key}
    return difference(
        before,
        after,
        config=files.config.name,
        env_file=files.env_file.name,
        secrets=secrets,
        is_refused=is_refused,
    )


def _vanished(before: Texts, now: Texts, files: Sources) -> list[Problem]:
    """Say which files had something in them and have nothing now: gone, or emptied by who is about to write."""
    kept = "the file that is in force"
    return [
        Problem(str(path), 0, "", kept, "none" if text is None else "an empty one")
        for path, was, text in ((files.config, before.config, now.config), (files.env_file, before.env, now.env))
        if was and was.strip() and not (text and text.strip())
    ]
