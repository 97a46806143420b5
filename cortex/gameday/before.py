"""Faults before the first content: no client should notice any of them while somebody else can answer."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from contextlib import ExitStack

from cortex.gameday.arena import MODEL, TOKENS, Arena
from cortex.gameday.seen import Seen
from cortex.gameday.trial import Outcome, Trial
from cortex.simulate.fault import Fault

Run = Callable[[Arena], Awaitable[Outcome]]

SOON_S = 3.0
"""What a failover may cost beside the time-out that found the fault."""


def whole(outcome: Outcome, seen: Seen, *, within_s: float) -> None:
    """Expect a whole answer in time."""
    outcome.expect("a whole answer", seen.is_whole)
    outcome.expect(f"an answer within {within_s:.0f} s", seen.total_s <= within_s)
    if not seen.calls and seen.finish == "stop" and not seen.text.startswith("{"):
        outcome.expect("each token once", len(seen.text.split()) >= TOKENS // 2)


def elsewhere(fault: Fault, *, attempts: int = 2, allowed: str = "") -> Run:
    """Make the trial in which the first machine has a fault, and the second answers.

    `allowed` names the time-out of `[routing]` that has to pass before the fault is known.
    """

    async def run(arena: Arena) -> Outcome:
        desk = await arena.ollama("desk", slots=8)
        await arena.ollama("rack", slots=8)
        await arena.run("desk", "rack")
        await arena.warm_up()
        desk.always(fault)
        seen = await arena.ask()
        outcome = Outcome.of(seen)
        allowed_s = getattr(arena.settings.routing, allowed) if allowed else 0.0
        whole(outcome, seen, within_s=allowed_s + SOON_S)
        outcome.expect("the second machine's answer", seen.worker == "rack")
        outcome.expect(f"{attempts} attempts", seen.attempts == attempts)
        return outcome

    return run


def other_key(fault: Fault, *, then_direct: bool) -> Run:
    """Make the trial in which one key is refused and another of its pool answers."""

    async def run(arena: Arena) -> Outcome:
        cloud = await arena.cloud("cloud")
        await arena.run("cloud")
        cloud.fault(fault)
        seen = await arena.ask()
        outcome = Outcome.of(seen)
        whole(outcome, seen, within_s=SOON_S)
        outcome.expect("2 attempts", seen.attempts == 2)
        again = await arena.ask("Once more.")
        outcome.expect("the next request is whole", again.is_whole)
        if then_direct:
            outcome.expect("the next request does not meet the resting key", again.attempts == 1)
        return outcome

    return run


async def every_key_is_limited(arena: Arena) -> Outcome:
    """Let all keys be refused, for ever."""
    cloud = await arena.cloud("cloud")
    await arena.run("cloud")
    cloud.always(Fault("rate_limited", retry_after=120.0))
    seen = await arena.ask()
    outcome = Outcome.of(seen, attempts=arena.asked("cloud"))
    outcome.expect("429", seen.status == 429)
    outcome.expect("a Retry-After of about 120 s", 100 <= int(seen.headers.get("Retry-After", "0")) <= 120)
    outcome.expect(f"an answer within {SOON_S:.0f} s", seen.total_s <= SOON_S)
    outcome.expect("one attempt a key", arena.asked("cloud") <= 2)
    return outcome


async def black_hole(arena: Arena) -> Outcome:
    """Let connections to the first machine go nowhere: its line of connections is full, and nobody takes one."""
    with ExitStack() as stack:
        hole = stack.enter_context(socket.socket())
        hole.bind(("127.0.0.1", 0))
        hole.listen(0)
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)  # noqa: FBT003  its name says what it sets
            waiting.connect_ex(hole.getsockname())
        return await _lost(arena, f"http://127.0.0.1:{hole.getsockname()[1]}")


async def dead_name(arena: Arena) -> Outcome:
    """Let the first machine have a name that nobody knows."""
    return await _lost(arena, "http://no-such-machine.invalid:11434")


async def _lost(arena: Arena, url: str) -> Outcome:
    await arena.ollama("rack", slots=8)
    also = f'[workers.desk]\nprovider = "ollama"\nurl = "{url}"\nmodels = ["{MODEL}"]\n'
    await arena.run("desk", "rack", also=also)
    seen = await arena.ask()
    outcome = Outcome.of(seen)
    whole(outcome, seen, within_s=arena.settings.routing.connect_timeout_s + SOON_S)
    return outcome


async def slow_first_token(arena: Arena) -> Outcome:
    """Let the first machine take its time, within what it may."""
    desk = await arena.ollama("desk", slots=8)
    await arena.ollama("rack", slots=8)
    await arena.run("desk", "rack")
    await arena.warm_up()
    allowed_s = arena.settings.routing.first_token_timeout_s
    desk.fault(Fault("slow_head", delay_s=min(2.0, allowed_s / 2)))
    seen = await arena.ask()
    outcome = Outcome.of(seen)
    whole(outcome, seen, within_s=allowed_s)
    outcome.expect("the first machine's answer: slow is not broken", seen.worker == "desk")
    return outcome


async def flapping(arena: Arena) -> Outcome:
    """Let the first machine fail whatever it is asked, and ask 40 times."""
    desk = await arena.ollama("desk", slots=8)
    await arena.ollama("rack", slots=8)
    await arena.run("desk", "rack")
    await arena.warm_up()
    before = arena.asked("desk")
    desk.always(Fault("error_status", status=500))
    answers = [await arena.ask(f"Question {number}.") for number in range(40)]
    hit = arena.asked("desk") - before
    failures = arena.settings.breaker.failures
    outcome = Outcome.of(answers[-1], attempts=hit)
    outcome.saw = f"{sum(seen.is_whole for seen in answers)} of 40 answers whole, {hit} attempts hit the broken machine"
    outcome.expect("every answer whole", all(seen.is_whole for seen in answers))
    outcome.expect(f"at most {failures} attempts before it is left alone, and a few trials", hit <= failures + 3)
    return outcome


async def lost_network(arena: Arena) -> Outcome:
    """Let everything be out of reach at once, and come back."""
    cloud, desk = await arena.cloud("cloud"), await arena.ollama("desk", slots=8)
    await arena.run("cloud", "desk")
    await arena.warm_up()
    for upstream in (cloud, desk):
        upstream.always(Fault("refuse"))
    routing = arena.settings.routing
    seen = await arena.ask()
    outcome = Outcome.of(seen)
    outcome.expect("an error, as a status or in the stream", seen.error and not seen.is_done)
    outcome.expect("every candidate is named", "cloud" in seen.error and "desk" in seen.error)
    outcome.expect("an answer within the deadline", seen.total_s <= routing.deadline_s + SOON_S)
    for upstream in (cloud, desk):
        upstream.clear()
    async with asyncio.timeout(60.0):
        back = await arena.ask("And now?")
        while not back.is_whole:
            await asyncio.sleep(0.5)
            back = await arena.ask("And now?")
    outcome.expect("whole answers again", back.is_whole)
    return outcome


BEFORE = (
    Trial(
        "429, short wait",
        "one key of two is refused, to come back in 2 s",
        "the other key answers at once; the next request does not meet the resting one",
        other_key(Fault("rate_limited", retry_after=2.0), then_direct=True),
    ),
    Trial(
        "429, long wait",
        "one key of two is refused, to come back in an hour",
        "the other key answers at once; the next request does not meet the resting one",
        other_key(Fault("rate_limited", retry_after=3600.0), then_direct=True),
    ),
    Trial(
        "429 without Retry-After",
        "one key of two is refused, and nobody says for how long",
        "the other key answers at once, and so does the next request",
        other_key(Fault("rate_limited"), then_direct=False),
    ),
    Trial(
        "429 from every key",
        "all keys are refused for two minutes",
        "429 with the true Retry-After at once, one attempt a key",
        every_key_is_limited,
    ),
    Trial(
        "401",
        "one key of two is no longer valid",
        "the other key answers; the first is asked no more",
        other_key(Fault("unauthorized"), then_direct=True),
    ),
    Trial(
        "500", "a machine says that it broke", "the other answers at once", elsewhere(Fault("error_status", status=500))
    ),
    Trial("503", "a machine says that it is busy", "the other answers at once", elsewhere(Fault("busy"))),
    Trial("502 of a proxy", "HTML where JSON should be", "the other answers at once", elsewhere(Fault("html"))),
    Trial("refused", "connections are refused", "the other answers at once", elsewhere(Fault("refuse"))),
    Trial("reset", "the connection is reset before an answer", "the other answers at once", elsewhere(Fault("reset"))),
    Trial("black hole", "packets to a machine are lost", "the other answers after connect_timeout", black_hole),
    Trial("dead name", "a machine's name is not known any more", "the other answers at once", dead_name),
    Trial(
        "silence",
        "a request is taken, and nothing is ever said",
        "the other answers after first_token_timeout",
        elsewhere(Fault("hang"), allowed="first_token_timeout_s"),
    ),
    Trial(
        "silence after the status",
        "200, and then nothing",
        "the other answers after stall_timeout",
        elsewhere(Fault("stall"), allowed="stall_timeout_s"),
    ),
    Trial("slow first token", "the first token takes 2 s", "its answer, whole: slow is not broken", slow_first_token),
    Trial("empty answer", "200 and nothing", "the other answers at once", elsewhere(Fault("empty"))),
    Trial(
        "error inside a 200",
        "a stream begins with an error",
        "the other answers at once",
        elsewhere(Fault("error_in_stream")),
    ),
    Trial("model gone", "a machine has lost the model", "the other answers at once", elsewhere(Fault("model_missing"))),
    Trial(
        "flapping",
        "a machine fails whatever it is asked, 40 requests long",
        "every answer whole; after breaker.failures it is left alone",
        flapping,
    ),
    Trial(
        "network lost",
        "nothing can be reached, and a while later everything can",
        "an error that names every candidate within the deadline; then whole answers again by itself",
        lost_network,
    ),
)
"""In the order of the card."""
