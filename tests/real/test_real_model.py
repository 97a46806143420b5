"""Córtex in front of two real engines: llama.cpp with SmolLM2-135M, on this machine's processor.

Not part of the everyday run: `scripts/real-model setup` once (13 minutes), then `.venv/bin/pytest tests/real -m real`;
with `-rP` it shows what the model said. Engines that `scripts/real-model` started before are used, and all are stopped.
"""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import ollama
import openai
import pytest
from house import house, until

pytestmark = [pytest.mark.real, pytest.mark.timeout(180), pytest.mark.xdist_group("real")]

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "scripts" / "real-model"
PORTS = {"engine1": 8081, "engine2": 8082}
MODEL = "smollm2:135m"
BOTH = f'[models]\nboth = ["engine1:{MODEL}", "engine2:{MODEL}"]\n'
"""An alias that prefers the first engine, whatever the strategy would do."""

COUNT = [{"role": "user", "content": "Count from one to ten."}]
STORY = [{"role": "user", "content": "Tell me a long story about a lighthouse and a fisherman."}]
LONG = {"max_tokens": 600, "extra_body": {"ignore_eos": True}}
"""An answer of about five seconds: long enough to be there when something happens to it."""


def script(verb: str, *arguments: str) -> str:
    """Run a verb of scripts/real-model; skip the test where it was never set up."""
    ended = subprocess.run(
        [sys.executable, SCRIPT, verb, *arguments],
        env=os.environ | {"REAL_MODEL_PORT": str(PORTS["engine1"])},
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    if "run scripts/real-model setup" in ended.stderr:
        pytest.skip(ended.stderr.strip())
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def kill(engine: str) -> None:
    """End one engine as a power cut would."""
    os.kill(int((ROOT / ".real-model" / f"llama-{PORTS[engine]}.pid").read_text()), signal.SIGKILL)


@pytest.fixture
def engines():
    try:
        yield script("start", "2")
    finally:
        script("stop")


@pytest.fixture
async def home(engines, tmp_path):
    async with house(tmp_path, engines + BOTH) as home:
        await until(lambda: all(standing.models for standing in home.board))
        yield home


@pytest.fixture
async def client(home):
    async with openai.AsyncOpenAI(base_url=f"{home.url}/v1", api_key="any", max_retries=0, timeout=60) as client:
        yield client


async def text_of(stream, into):
    """Take the text of a stream into a list, which keeps what came before an error."""
    async for chunk in stream:
        into += [choice.delta.content for choice in chunk.choices if choice.delta.content]


async def generating(home, engine):
    """Return how many slots of an engine are at work, as it says itself."""
    async with home.http.get(f"http://127.0.0.1:{PORTS[engine]}/slots") as answer:
        return sum(slot["is_processing"] for slot in json.loads(await answer.read()))


async def waited_for(home, engine, count, bound_s):
    """Wait until `count` slots of an engine are at work; return the seconds that it took."""
    began = time.monotonic()
    while await generating(home, engine) != count:
        assert time.monotonic() - began < bound_s, f"{engine} does not come to {count} slots within {bound_s} s"
    return time.monotonic() - began


async def test_it_answers_whole(client):
    raw = await client.chat.completions.with_raw_response.create(model="both", messages=COUNT, temperature=0)
    answer = raw.parse()

    print(f"{raw.headers['x-cortex-worker']} ({raw.headers['x-cortex-why']}): {answer.choices[0].message.content!r}")
    print(answer.usage)
    assert (raw.headers["x-cortex-worker"], raw.headers["x-cortex-attempts"]) == ("engine1", "1")
    assert answer.choices[0].message.content.strip()
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage.completion_tokens > 0


async def test_it_answers_in_a_stream_token_by_token(client):
    stream = await client.chat.completions.create(
        model="both", messages=COUNT, temperature=0, stream=True, stream_options={"include_usage": True}
    )
    chunks = [chunk async for chunk in stream]
    pieces = [choice.delta.content for chunk in chunks for choice in chunk.choices if choice.delta.content]

    print(f"{len(pieces)} pieces: {''.join(pieces)!r}")
    assert len(pieces) > 5
    assert [choice.finish_reason for chunk in chunks for choice in chunk.choices][-1] == "stop"
    assert chunks[-1].usage.completion_tokens >= len(pieces)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_a_client_of_ollamas_dialect_is_answered(home, stream):
    async with ollama.AsyncClient(host=home.url) as client:
        answer = await client.chat("both", COUNT, options={"temperature": 0, "num_predict": 60}, stream=stream)
        parts = [part async for part in answer] if stream else [answer]

    text = "".join(part.message.content for part in parts)
    print(f"{len(parts)} parts, {parts[-1].eval_count} tokens, {parts[-1].done_reason}: {text!r}")
    assert text.strip()
    assert (parts[-1].done, parts[-1].done_reason) in {(True, "stop"), (True, "length")}
    assert parts[-1].eval_count > 0


async def test_an_engine_that_was_killed_is_not_noticed_and_is_used_again_when_it_is_back(home, client):
    kill("engine1")
    workers = []
    for _ in range(4):
        raw = await client.chat.completions.with_raw_response.create(model="both", messages=COUNT, max_tokens=8)
        workers.append((raw.headers["x-cortex-worker"], raw.headers["x-cortex-attempts"]))
    await until(lambda: home.standing("engine1").reachable is False)
    await asyncio.to_thread(script, "start", "2")
    await until(lambda: home.standing("engine1").reachable)
    raw = await client.chat.completions.with_raw_response.create(model="both", messages=COUNT, max_tokens=8)

    print(f"killed: {workers}; back: {raw.headers['x-cortex-worker']}")
    assert {worker for worker, _ in workers} == {"engine2"}
    assert raw.headers["x-cortex-worker"] == "engine1"


async def test_whole_answers_survive_the_engine_that_was_generating_them(home, client):
    asking = [
        asyncio.ensure_future(client.chat.completions.with_raw_response.create(model="both", messages=COUNT, **LONG))
        for _ in range(2)
    ]
    await waited_for(home, "engine1", 2, bound_s=10)
    kill("engine1")
    answers = await asyncio.gather(*asking)

    for raw in answers:
        print(
            f"{raw.headers['x-cortex-worker']}, attempts {raw.headers['x-cortex-attempts']}: {raw.headers['x-cortex-why']}"
        )
    assert [raw.headers["x-cortex-worker"] for raw in answers] == ["engine2", "engine2"]
    assert all(raw.parse().usage.completion_tokens == LONG["max_tokens"] for raw in answers)


async def test_a_stream_that_is_cut_after_its_first_content_is_gone_on_with(home, client):
    """The model gives tokens by the beginning of its answer alone, so both halves together are what it says in one."""
    told = {"messages": STORY, "temperature": 0, "max_tokens": 300}
    whole = await client.chat.completions.create(model="engine2:smollm2:135m", **told)
    stream = await client.chat.completions.create(model="both", stream=True, **told)
    pieces = [(await anext(aiter(stream))).choices[0].delta.content or ""]
    while len(pieces) < 12:
        pieces.append((await anext(aiter(stream))).choices[0].delta.content or "")
    kill("engine1")
    await text_of(stream, pieces)

    record = home.daemon.journal.latest(1)[0]
    print(f"{''.join(pieces)!r}\n{whole.choices[0].message.content!r}\n{record.trace()['attempts_made']}")
    assert [attempt.resumed for attempt in record.attempts] == ["", "restarted"]  # it gives the beginning back
    assert "".join(pieces)[:200] == whole.choices[0].message.content[:200]
    await until(home.is_quiet)


async def test_where_nobody_goes_on_a_stream_that_is_cut_ends_as_an_error(home, client):
    stream = await client.chat.completions.create(model="engine1:smollm2:135m", messages=COUNT, stream=True, **LONG)
    pieces = [(await anext(aiter(stream))).choices[0].delta.content or ""]
    kill("engine1")
    with pytest.raises(openai.APIError, match="broke off"):
        await text_of(stream, pieces)
    again = await client.chat.completions.create(model="both", messages=COUNT, max_tokens=8)

    assert again.choices[0].message.content.strip()
    await until(home.is_quiet)


async def test_a_client_that_leaves_frees_its_slot_within_a_second(home, client):
    """Of a stream: an answer that is asked for whole llama.cpp (b11434) generates to its end, whoever has left."""
    stream = await client.chat.completions.create(model="both", messages=COUNT, stream=True, **LONG)
    await anext(aiter(stream))
    assert await generating(home, "engine1") == 1
    await stream.close()
    took_s = await waited_for(home, "engine1", 0, bound_s=1.0)

    print(f"the slot was free {took_s * 1000:.0f} ms after the client had left")
    await until(home.is_quiet)
    assert home.daemon.journal.latest(1)[0].outcome == "client_gone"
