"""What people tell and ask of `learned`: `POST /cortex/v1/requests/ID/feedback`, and `GET /cortex/v1/learned`."""

from typing import Annotated

import msgspec
from aiohttp import web
from msgspec import Meta, Struct

from cortex.endpoint.dashboard_pages import SMALL_BODY
from cortex.endpoint.dialect import BadRequest, Problem
from cortex.endpoint.front import read_body
from cortex.endpoint.reading import read_as
from cortex.endpoint.reply import Reply
from cortex.endpoint.sending import send
from cortex.routing.learner import Learner
from cortex.telemetry.journal import Journal


class Feedback(Struct):
    """What an answer was worth."""

    score: Annotated[float, Meta(ge=0.0, le=1.0)]


_feedback = msgspec.json.Decoder(Feedback)


class LearnedPages:
    """The two of them."""

    def __init__(self, *, learner: Learner, journal: Journal) -> None:
        self._learner = learner
        self._journal = journal

    async def feedback(self, http: web.BaseRequest, reply: Reply, request_id: str) -> None:
        """Take in what a client says that an answer was worth; `learned` says whether anything was learned from it."""
        score = read_as(_feedback, await read_body(http, SMALL_BODY), {}).score
        learned = self._learner.feedback(request_id, score)
        if not learned and self._journal.find(request_id) is None:
            what = f"no request '{request_id[:60]}' among the last that are remembered"
            raise BadRequest(Problem(404, what, "not_found"))
        why = "" if learned else "its worker was not chosen by 'learned', or it has not ended"
        send(reply, {"id": request_id, "score": score, "learned": learned, "why": why})

    async def facts(self, _: web.BaseRequest, reply: Reply) -> None:
        """Answer what is believed of each candidate, by kind of prompt."""
        kinds = [
            {
                "kind": kind,
                "arms": [
                    {
                        "arm": arm,
                        "reward": round(belief.mean, 4),
                        "sd": round(belief.sd, 4),
                        "seen": round(belief.weight, 1),
                    }
                    for arm, belief in sorted(beliefs.items(), key=lambda item: -item[1].mean)
                ],
            }
            for kind, beliefs in self._learner.facts().items()
        ]
        send(reply, {"kinds": kinds})
