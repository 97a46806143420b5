"""What is in force and where it comes from; and edits of the files: a worker or a key more or less, shown before it is done.

An edit is made on what the files say at that moment, read by the same code as an edit by hand, compared with what is in force, and
written only if it has no problem and the files are still those that were shown (`digest`). What is written is what the watcher
then finds, within a second, as it finds an edit by hand.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
from aiohttp import web
from msgspec import Struct

from cortex.config import edits, sources, writing
from cortex.config.diff import diff
from cortex.config.environment import with_dotenv
from cortex.config.origins import origins
from cortex.config.plugins import strategy_names
from cortex.config.presets import PRESETS
from cortex.config.sources import Sources, Texts
from cortex.config.watcher import Current, effect_of, shown_difference
from cortex.endpoint.control import only_for_tools
from cortex.endpoint.dashboard_pages import SMALL_BODY
from cortex.endpoint.dialect import BadRequest, Problem
from cortex.endpoint.front import read_body
from cortex.endpoint.reply import Reply
from cortex.endpoint.sending import send
from cortex.endpoint.visitors import visitor
from cortex.telemetry.events import Report


class Addition(Struct, forbid_unknown_fields=True):
    """The body that adds a worker or a key."""

    table: str
    provider: str
    url: str = ""
    key: str = ""
    apply: bool = False
    digest: str = ""
    """Of what was shown; needed to apply."""


_addition = msgspec.json.Decoder(Addition)


class ConfigPages:
    """See the module's docstring."""

    def __init__(self, *, files: Sources, current: Current, report: Callable[[Report], None]) -> None:
        self._files = files
        self._current = current
        self._report = report
        self._turn = asyncio.Lock()

    async def shown(self, _: web.BaseRequest, reply: Reply) -> None:
        """Answer what is in force, keys masked, where it comes from, and what came of the last edits."""
        current, files = self._current, self._files
        environ = with_dotenv(files.environ, current.texts.env)
        send(
            reply,
            {
                "settings": current.settings,
                "problems": [str(problem) for problem in current.problems],
                "digest": current.digest,
                "sources": origins(
                    current.settings,
                    current.texts.config,
                    files.environ if isinstance(environ, list) else environ,
                    files.config.name,
                ),
                "strategies": strategy_names(),
                "providers": {name: preset.needs_key for name, preset in PRESETS.items()},
                "edits": list(current.edits),
            },
        )

    async def add(self, http: web.BaseRequest, reply: Reply) -> None:
        """Show, or do: a worker more, or a key more for one that is there."""
        only_for_tools(http)
        try:
            wanted = _addition.decode(await read_body(http, SMALL_BODY))
        except msgspec.MsgspecError as error:
            raise BadRequest(Problem(400, str(error), "invalid_value")) from None
        what = f"add {'a key to ' if wanted.key else ''}{wanted.table}"

        def edit(texts: Texts) -> Texts:
            return edits.add(texts, table=wanted.table, provider=wanted.provider, url=wanted.url, key=wanted.key)

        await self._edit(http, reply, edit, what, digest=wanted.digest if wanted.apply else None)

    async def remove(self, http: web.BaseRequest, reply: Reply, name: str) -> None:
        """Show, or do: a worker less, `gemini/2` one key less; `?apply=1&digest=`."""
        only_for_tools(http)
        digest = http.query.get("digest", "") if http.query.get("apply", "0") == "1" else None
        await self._edit(http, reply, lambda texts: edits.remove(texts, name), f"remove {name}", digest=digest)

    async def _edit(
        self, http: web.BaseRequest, reply: Reply, edit: Callable[[Texts], Texts], what: str, *, digest: str | None
    ) -> None:
        async with self._turn:
            before = await asyncio.to_thread(sources.read, self._files)
            if isinstance(before, list):
                raise _refused([str(problem) for problem in before])
            if digest is not None and digest != before.digest:
                changed = "the files are not those that were shown any more: look at the edit again"
                raise BadRequest(Problem(409, changed, "conflict"))
            try:
                after = edit(before)
            except edits.EditError as error:
                if digest is not None:
                    raise _refused([str(error)]) from None
                send(reply, _nothing_done(before, str(error)))
                return
            outcome = self._outcome(before, after)
            if digest is None:
                send(reply, outcome)
                return
            if outcome["problems"]:
                raise _refused(outcome["problems"])
            await self._write(before, after)
        self._report(Report("action", facts={"action": what, "by": visitor(http), **outcome["effect"]}))
        send(reply, {**outcome, "applied": True, "digest": after.digest})

    def _outcome(self, before: Texts, after: Texts) -> dict[str, Any]:
        """Return what an edit would do."""
        current, found = self._current.settings, self._current.read(after, self._files)
        effect, problems = {}, []
        if isinstance(found, list):
            problems = [str(problem) for problem in found]
        else:
            effect = effect_of(diff(current, found))
        shown = shown_difference(before, after, self._files, current, is_refused=bool(problems))
        return {"diff": shown, "effect": effect, "problems": problems, "digest": before.digest}

    async def _write(self, before: Texts, after: Texts) -> None:
        try:
            await asyncio.to_thread(writing.write, self._files, before, after)
        except OSError as error:
            about = f"{error.filename or 'the files'} cannot be written: {error.strerror or error}; nothing is changed"
            raise BadRequest(Problem(503, about, "unavailable")) from None


def _nothing_done(before: Texts, why: str) -> dict[str, Any]:
    return {"diff": "", "effect": {}, "problems": [why], "digest": before.digest}


def _refused(problems: list[str]) -> BadRequest:
    return BadRequest(Problem(400, f"{'; '.join(problems)}; nothing is changed", "refused"))
