"""Faults after the first content: the client has begun to read, and should read on as if nothing had happened."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

from cortex.actors.signals import Kill
from cortex.gameday.arena import TOKENS, Arena
from cortex.gameday.before import SOON_S, whole
from cortex.gameday.trial import Outcome, Trial
from cortex.simulate import SimulatedServer
from cortex.simulate.fault import Fault

Run = Callable[[Arena], Awaitable[Outcome]]

WEATHER = {
    "type": "function",
    "function": {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}},
}
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "people": {"type": "integer"}},
    "required": ["city", "people"],
    "additionalProperties": False,
}
AS_JSON = {"type": "json_schema", "json_schema": {"name": "city", "strict": True, "schema": SCHEMA}}


def goes_on(fault: Fault, *, allowed: str = "", clouds: bool = False, **more: Any) -> Run:
    """Make the trial in which the first machine breaks in the middle, and the second goes on."""

    async def run(arena: Arena) -> Outcome:
        first: SimulatedServer = await (arena.cloud("first") if clouds else arena.ollama("first", slots=8))
        await (arena.cloud("second") if clouds else arena.ollama("second", slots=8))
        await arena.run("first", "second")
        await arena.warm_up()
        expected = await arena.ask(**more)
        first.fault(fault)
        seen = await arena.ask(**more)
        outcome = Outcome.of(seen)
        allowed_s = getattr(arena.settings.routing, allowed) if allowed else 0.0
        whole(outcome, seen, within_s=allowed_s + SOON_S)
        outcome.expect("as long as an answer that was not broken", len(seen.text.split()) == len(expected.text.split()))
        outcome.expect(
            "the same tool calls", [call["name"] for call in seen.calls] == [call["name"] for call in expected.calls]
        )
        outcome.expect("arguments that are whole JSON", all(_is_json(call["arguments"]) for call in seen.calls))
        if "response_format" in more:
            outcome.expect("whole JSON", _is_json(seen.text))
        return outcome

    return run


async def another_that_restarts(arena: Arena) -> Outcome:
    """Let the only other machine begin every answer anew."""
    desk = await arena.ollama("desk", slots=8)
    await arena.ollama("rack", slots=8, restarts=True)
    await arena.run("desk", "rack")
    await arena.warm_up()
    desk.fault(Fault("cut", after_tokens=8))
    seen = await arena.ask()
    outcome = Outcome.of(seen)
    outcome.expect("nothing twice, no made-up end", not seen.strangeness)
    outcome.expect("whole, or an error that says so", seen.is_whole or (seen.error and not seen.is_done))
    outcome.expect("never longer than one answer", len(seen.text.split()) <= TOKENS + 4)
    return outcome


async def worker_is_killed(arena: Arena) -> Outcome:
    """Kill the worker's actor while its stream flows."""
    await arena.ollama("desk", slots=8)
    await arena.run("desk")
    await arena.warm_up()
    asking = asyncio.get_running_loop().create_task(arena.ask())
    while not arena.daemon.front.exchanges:  # noqa: ASYNC110  a moment
        await asyncio.sleep(0.005)
    await asyncio.sleep(0.08)
    arena.daemon.names.tell("workers/desk", Kill("gameday"))
    seen = await asking
    outcome = Outcome.of(seen)
    whole(outcome, seen, within_s=SOON_S)
    again = await arena.ask("Are you there?")
    outcome.expect("the next answer is whole", again.is_whole)
    return outcome


async def client_leaves(arena: Arena) -> Outcome:
    """Let the client leave in the middle."""
    desk = await arena.ollama("desk", slots=8)
    await arena.run("desk")
    await arena.warm_up()
    desk.fault(Fault("stall", after_tokens=4))
    asking = asyncio.get_running_loop().create_task(arena.ask())
    while not desk.in_flight:  # noqa: ASYNC110  a moment
        await asyncio.sleep(0.005)
    await asyncio.sleep(0.1)
    asking.cancel()
    outcome = Outcome(saw="it left by itself", attempts=1)
    for _ in range(100):
        if not desk.in_flight:
            break
        await asyncio.sleep(0.01)
    outcome.expect("its upstream is let go within a second", not desk.in_flight)
    outcome.expect("the next answer is whole", (await arena.ask("Next.")).is_whole)
    return outcome


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


MIDWAY = (
    Trial(
        "cut in text",
        "the connection ends after 8 tokens",
        "the other machine goes on; the client sees one whole answer",
        goes_on(Fault("cut", after_tokens=8)),
    ),
    Trial(
        "cut in text, of a cloud",
        "a cloud's connection ends after 8 tokens",
        "another key goes on; the client sees one whole answer",
        goes_on(Fault("cut", after_tokens=8), clouds=True),
    ),
    Trial(
        "cut in a tool call",
        "the connection ends inside a tool call",
        "the call comes whole from the other machine",
        goes_on(Fault("cut", after_tokens=2), clouds=True, tools=[WEATHER], tool_choice="required"),
    ),
    Trial(
        "cut in JSON",
        "the connection ends inside an answer that is bound to a schema",
        "whole JSON from the other machine",
        goes_on(Fault("cut", after_tokens=2), response_format=AS_JSON),
    ),
    Trial(
        "stall",
        "a stream falls silent after 8 tokens",
        "the other machine goes on after stall_timeout",
        goes_on(Fault("stall", after_tokens=8), allowed="stall_timeout_s"),
    ),
    Trial(
        "malformed event",
        "what follows 8 tokens is no event",
        "the other machine goes on",
        goes_on(Fault("garbage", after_tokens=8)),
    ),
    Trial(
        "error in the stream",
        "an error event follows 8 tokens",
        "the other machine goes on",
        goes_on(Fault("error_in_stream", after_tokens=8)),
    ),
    Trial(
        "missing terminator",
        "a stream ends properly after 8 tokens, without its terminal event",
        "not taken for an end: the other machine goes on",
        goes_on(Fault("cut_clean", after_tokens=8)),
    ),
    Trial(
        "a fallback that begins anew",
        "a stream is cut, and the only other model does not continue begun answers",
        "whole, or an error that says so: nothing twice, no made-up end",
        another_that_restarts,
    ),
    Trial(
        "worker killed",
        "the worker's actor is killed while its stream flows",
        "the stream goes on and is whole; so is the next answer",
        worker_is_killed,
    ),
    Trial("client leaves", "a client leaves in the middle", "its upstream is let go within a second", client_leaves),
)
"""In the order of the card."""
