"""What the dashboard reads beside the live view, and the level of the log."""

import asyncio
import time
from collections.abc import Callable
from typing import Any, Literal

import msgspec
from aiohttp import web

from cortex.endpoint.control import only_for_tools
from cortex.endpoint.dialect import BadRequest, Problem
from cortex.endpoint.front import read_body
from cortex.endpoint.keys_page import keys_shown
from cortex.endpoint.listing import Listed
from cortex.endpoint.models_page import models_shown
from cortex.endpoint.reply import Reply
from cortex.endpoint.sending import send
from cortex.endpoint.story import Nano, story_of
from cortex.endpoint.visitors import visitor
from cortex.telemetry.events import Report
from cortex.telemetry.history import SPANS, History
from cortex.telemetry.journal import Journal
from cortex.telemetry.record import Record
from cortex.telemetry.tail import Tail
from cortex.workers.books import Books
from cortex.workers.standing import Board

SMALL_BODY = 10_000


class _Level(msgspec.Struct):
    level: Literal["debug", "info", "warning", "error"]


_level = msgspec.json.Decoder(_Level)


class DashboardPages:
    """One method a path."""

    def __init__(  # noqa: PLR0913  all that its pages read
        self,
        *,
        board: Board,
        books: Books,
        history: History,
        journal: Journal,
        tail: Tail,
        nano: Nano,
        report: Callable[[Report], None],
        told: Callable[[str], Record | None] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._board = board
        self._books = books
        self._history = history
        self._journal = journal
        self._tail = tail
        self._nano = nano
        self._report = report
        self._told = told
        self._searching = asyncio.Lock()
        self._clock = clock
        self._wall = wall

    async def keys(self, _: web.BaseRequest, reply: Reply) -> None:
        """Answer what is left of each key."""
        send(reply, {"keys": keys_shown(self._board, self._books.rows(), self._clock(), self._wall())})

    def models(self, listed: Callable[[], list[Listed]]) -> Any:
        """Make the page that answers who has which model."""

        async def page(_: web.BaseRequest, reply: Reply) -> None:
            send(reply, models_shown(self._board, listed()))

        return page

    async def history(self, http: web.BaseRequest, reply: Reply) -> None:
        """Answer the series of one span: `?span=15m`, `24h` or `30d`."""
        span = http.query.get("span", "15m")
        if span not in SPANS:
            expected = f"span: expected one of {', '.join(SPANS)}, found '{span[:20]}'"
            raise BadRequest(Problem(400, expected, "invalid_value", "span"))
        send(reply, self._history.span(span, self._wall()))

    async def request(self, _: web.BaseRequest, reply: Reply, request_id: str) -> None:
        """Answer one request's story."""
        record = self._journal.find(request_id)
        if record is None:
            async with self._searching:  # it reads files: one search at a time, however many ask
                record = await asyncio.to_thread(self._told, request_id)
        if record is None:
            about = f"no request '{request_id[:60]}' among those that are remembered (telemetry.stories)"
            raise BadRequest(Problem(404, about, "not_found"))
        send(reply, story_of(record, self._board, self._nano))

    async def log_level(self, _: web.BaseRequest, reply: Reply) -> None:
        """Answer how loud a line must be to be written."""
        send(reply, {"level": self._tail.level})

    async def set_log_level(self, http: web.BaseRequest, reply: Reply) -> None:
        """Write other lines from now on, until the end of this process."""
        only_for_tools(http)
        try:
            level = _level.decode(await read_body(http, SMALL_BODY)).level
        except msgspec.MsgspecError as error:
            raise BadRequest(Problem(400, f"level: {error}", "invalid_value", "level")) from None
        self._tail.hear(level)
        self._report(Report("action", facts={"action": "log level", "level": level, "by": visitor(http)}))
        send(reply, {"level": level})
