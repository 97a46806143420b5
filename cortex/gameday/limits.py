"""What is no fault of an upstream: requests that are too much, answers that are refusals, a disk that takes nothing, sums."""

import asyncio
import json

from cortex.gameday.arena import Arena, Tables
from cortex.gameday.before import SOON_S, whole
from cortex.gameday.trial import Outcome, Trial
from cortex.simulate.fault import Fault

TOO_LONG = {
    "error": {
        "message": "This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens.",
        "type": "invalid_request_error",
        "param": "messages",
        "code": "context_length_exceeded",
    }
}
FILTERED = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "sim-cloud-70b",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": ""}, "finish_reason": "content_filter"}],
    "usage": {"prompt_tokens": 9, "completion_tokens": 0, "total_tokens": 9},
}


async def too_long(arena: Arena) -> Outcome:
    """Let the prompt be too long for the one model that there is."""
    cloud = await arena.cloud("cloud")
    await arena.run("cloud")
    cloud.always(Fault("error_status", status=400, body=json.dumps(TOO_LONG)))
    seen = await arena.ask()
    outcome = Outcome.of(seen, attempts=arena.asked("cloud"))
    outcome.expect("400", seen.status == 400)
    outcome.expect("the upstream's own word for it", "context length" in seen.error)
    outcome.expect("one attempt: the other key has the same model", arena.asked("cloud") == 1)
    return outcome


async def content_filter(arena: Arena) -> Outcome:
    """Let a provider refuse to say something."""
    cloud = await arena.cloud("cloud")
    await arena.ollama("desk", slots=8)
    await arena.run("cloud", "desk")
    await arena.warm_up()
    before = arena.asked("desk")
    cloud.always(Fault("error_status", status=200, body=json.dumps(FILTERED)))
    seen = await arena.ask(stream=False)
    outcome = Outcome.of(seen)
    outcome.expect("the refusal itself", seen.finish == "content_filter")
    outcome.expect("nobody else is asked", arena.asked("desk") == before)
    return outcome


async def full_queue(arena: Arena) -> Outcome:
    """Ask for more than there are slots and places in the line."""
    await arena.ollama("desk", slots=1)
    await arena.run("desk", overrides={"routing": {"queue": 1}})
    standing = arena.daemon.board.get("desk")
    assert standing is not None  # noqa: S101  it was configured
    answers = await asyncio.gather(*[arena.ask(f"Question {number}.") for number in range(standing.slots + 4)])
    refused = [seen for seen in answers if seen.status == 503]
    outcome = Outcome(saw=f"{sum(seen.is_whole for seen in answers)} whole, {len(refused)} refused", attempts=None)
    outcome.seconds = round(max((seen.total_s for seen in refused), default=0.0), 2)
    outcome.expect("some are refused at once", refused and all(seen.total_s < 1.0 for seen in refused))
    outcome.expect("with Retry-After", all("Retry-After" in seen.headers for seen in refused))
    outcome.expect("the others are whole", all(seen.is_whole for seen in answers if seen not in refused))
    return outcome


async def full_disk(arena: Arena) -> Outcome:
    """Let nothing that Córtex keeps be written."""
    await arena.ollama("desk", slots=8)
    blocked: Tables = {"ledger": {"path": "/dev/null/ledger"}, "cache": {"enabled": True, "path": "/dev/null/cache"}}
    await arena.run("desk", overrides=blocked)
    seen = await arena.ask(temperature=0)
    again = await arena.ask(temperature=0)
    outcome = Outcome.of(seen)
    whole(outcome, seen, within_s=SOON_S)
    outcome.expect("the next answer is whole, from memory", again.is_whole and again.headers["X-Cortex-Cache"] == "hit")
    return outcome


async def accounting(arena: Arena) -> Outcome:
    """Ask 40 times while every third attempt fails, and add up."""
    desk, rack = await arena.ollama("desk", slots=8), await arena.ollama("rack", slots=8)
    await arena.run("desk", "rack", overrides={"breaker": {"failures": 20, "window": 20, "min_error_rate": 1.0}})
    before = arena.asked("desk") + arena.asked("rack")
    answers = []
    for number in range(40):
        if number % 3 == 0:
            desk.fault(Fault("error_status", status=500))
        answers.append(await arena.ask(f"Question {number}.", stream=bool(number % 2)))
    await asyncio.sleep(0.3)  # what ended is counted a few times a second
    metrics = arena.daemon.metrics
    hit = arena.asked("desk") + arena.asked("rack") - before
    outcome = Outcome(saw=f"{sum(seen.is_whole for seen in answers)} of 40 whole, {hit} attempts", attempts=hit)
    outcome.expect("every answer whole", all(seen.is_whole for seen in answers))
    outcome.expect("attempts counted as made", sum(metrics.attempts.values.values()) == hit)
    outcome.expect("requests counted as answered", sum(metrics.requests.values.values()) == len(answers))
    outcome.expect("nothing is left in flight", not any(standing.in_flight for standing in arena.daemon.board))
    outcome.expect("no slot is taken upstream", not desk.in_flight and not rack.in_flight)
    return outcome


LIMITS = (
    Trial(
        "too long a prompt",
        "a prompt is longer than the only model's context",
        "400 with the upstream's own word, one attempt",
        too_long,
    ),
    Trial(
        "content filter",
        "a provider refuses to answer",
        "the refusal is the answer: it is not taken to another provider",
        content_filter,
    ),
    Trial(
        "full queue",
        "more requests than slots and places in the line",
        "503 with Retry-After at once; those that are in are answered whole",
        full_queue,
    ),
    Trial("full disk", "nothing can be written", "answers go on, from memory too", full_disk),
    Trial(
        "accounting",
        "40 requests while every third attempt fails",
        "every answer whole; attempts and requests add up; nothing is left in flight",
        accounting,
    ),
)
"""In the order of the card."""
