"""Requests that ended, for tests of what counts them."""

from cortex.chat import Usage
from cortex.messages import Failure
from cortex.telemetry.record import Attempt, Record


def request_record(
    *,
    worker="desk",
    total_s=1.0,
    first_token_s=None,
    tokens=None,
    outcome="ok",
    cache="miss",
    tried=0,
    arrived_at=0.0,
):
    """Return a record; before `worker` so many others were tried."""
    record = Record(id="r-1", client="127.0.0.1", dialect="openai", arrived_s=0.0, arrived_at=arrived_at)
    for number in range(tried):
        failure = Failure("server_error", "broke")
        record.attempts.append(Attempt(f"other{number}", "m", "why", cold=False, began_s=0.0, failure=failure))
    if worker:
        record.attempts.append(Attempt(worker, "m", "why", cold=False, began_s=0.0, first_token_s=first_token_s))
    record.outcome, record.cache, record.total_s = outcome, cache, total_s
    record.usage = Usage(*tokens) if tokens else None
    return record
