"""Asking one model to go on with an answer, so that it is known whether it does; what is asked and heard is in `measuring`."""

from cortex.messages import Failure
from cortex.providers.base import Model
from cortex.transport.failures import TransportError
from cortex.transport.http1 import Budgets
from cortex.transport.pool import Pool
from cortex.workers.continues import Verdict
from cortex.workers.lease import Link
from cortex.workers.measuring import question, verdict_of

ANSWER_LIMIT = 1_000_000


async def tried(pool: Pool, link: Link, model: Model, budgets: Budgets) -> Verdict | None:
    """Return what `model` does with a begun answer; None where it does not say, or does not answer."""
    request, chat = question(model)
    wire = link.provider.encode(request, chat, model.name)
    head = link.head(wire.method, wire.path, len(wire.body))
    try:
        response = await pool.send(link.origin, head, wire.body, budgets)
        try:
            body = await response.read(ANSWER_LIMIT)
        finally:
            response.close()
    except TransportError:
        return None  # a probe tells of that
    answer = link.provider.decode(request, body)
    return None if isinstance(answer, Failure) else verdict_of(answer)
