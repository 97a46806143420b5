"""What a client is told when there is no answer: refusals and failures as problems. Pure."""

from cortex.endpoint.dialect import Problem
from cortex.messages import Failure, Refusal
from cortex.telemetry.record import Attempt, Record

STATUS = {
    "no_workers": 503,
    "unknown_model": 404,
    "unsupported": 400,
    "too_large": 413,
    "exhausted": 503,
    "quota": 429,
    "queue_full": 503,
    "deadline": 503,
}
CODE = {
    "no_workers": "no_workers",
    "unknown_model": "model_not_found",
    "unsupported": "unsupported_parameter",
    "too_large": "request_too_large",
    "exhausted": "overloaded",
    "quota": "rate_limit_exceeded",
    "queue_full": "overloaded",
    "deadline": "overloaded",
}


def of_refusal(refusal: Refusal, record: Record) -> Problem:
    """Say why no worker took the request: every candidate, and what was tried before."""
    parts = [refusal.detail]
    if refusal.nearest:
        parts.append(f"did you mean {_either(refusal.nearest)}?")
    tried = {attempt.worker: str(attempt.failure) for attempt in record.attempts if attempt.failure}
    # What happened comes before what is: a worker that was tried is named with its failure.
    why = {candidate.worker: candidate.why for candidate in refusal.candidates} | tried
    if why and refusal.kind != "unknown_model":
        parts.append("; ".join(f"{worker}: {reason}" for worker, reason in why.items()))
    return Problem(
        STATUS[refusal.kind],
        " - ".join(parts),
        code=CODE[refusal.kind],
        param="model" if refusal.kind == "unknown_model" else "",
        retry_after_s=refusal.retry_after_s or (5.0 if STATUS[refusal.kind] == 503 else None),
    )


def of_failure(failure: Failure, attempt: Attempt | None) -> Problem:
    """Say what an upstream's own refusal of the request was: the client's fault, told as it is."""
    where = f" ({attempt.worker})" if attempt else ""
    status = failure.status if failure.word == "bad_request" and 400 <= failure.status < 500 else 502
    if failure.code == "context_length_exceeded":
        status = 400  # whatever the upstream gave: it is what clients shorten their prompt at
    return Problem(status, f"{failure.detail}{where}", code=failure.code or failure.word, param=failure.param)


def of_break(failure: Failure, attempt: Attempt | None) -> Problem:
    """Say that a stream broke after it began: the first cause, whoever failed to go on with it."""
    where = attempt.worker if attempt else "the upstream"
    return Problem(502, f"the answer broke off: {where}: {failure}", code="upstream_" + failure.word)


def of_deadline(record: Record, seconds: float) -> Problem:
    """Say that the time for the request is over."""
    what = "; ".join(f"{a.worker}: {a.failure or 'had not answered yet'}" for a in record.attempts)
    return Problem(
        504, f"no whole answer within the deadline of {seconds:g} s" + (f" - {what}" if what else ""), code="deadline"
    )


def _either(names: tuple[str, ...]) -> str:
    return " or ".join(f"'{name}'" for name in names)
