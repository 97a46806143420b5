"""What people ask of the kept answers: `GET /cortex/v1/cache`, and `POST /cortex/v1/cache/clear`."""

from collections.abc import Callable

from aiohttp import web

from cortex.actors.errors import ActorDeadError, HandlerCrashed, MailboxFull
from cortex.actors.names import Names
from cortex.cache.answers import Answers
from cortex.cache.keeper import Clear
from cortex.endpoint.control import only_for_tools
from cortex.endpoint.dialect import BadRequest, Problem
from cortex.endpoint.reply import Reply
from cortex.endpoint.sending import send
from cortex.endpoint.visitors import visitor
from cortex.telemetry.events import Report

ASK_TIMEOUT_S = 10.0


class CachePages:
    """The two of them."""

    def __init__(self, *, answers: Answers, names: Names, report: Callable[[Report], None]) -> None:
        self._report = report
        self._answers = answers
        self._names = names

    async def facts(self, _: web.BaseRequest, reply: Reply) -> None:
        """Answer what is kept, and what it has spared."""
        send(reply, self._answers.facts())

    async def clear(self, http: web.BaseRequest, reply: Reply) -> None:
        """Forget every answer, in memory and on the disk."""
        only_for_tools(http)
        try:
            count = await self._names.ask_until("cache", Clear(), ASK_TIMEOUT_S)
        except (TimeoutError, ActorDeadError, MailboxFull, HandlerCrashed) as error:
            why = f"the cache did not answer: {error}"
            raise BadRequest(Problem(503, why, "unavailable", retry_after_s=1.0)) from None
        self._report(Report("action", facts={"action": "cache cleared", "answers": count, "by": visitor(http)}))
        send(reply, {"cleared": count})
