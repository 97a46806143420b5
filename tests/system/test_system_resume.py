"""An answer that breaks off after its first content is gone on with by another worker, and its client sees one answer."""

import json
import re

import pytest
from house import until, worker

from cortex.simulate import SimulatedAnthropic, SimulatedCohere, SimulatedGemini, SimulatedOllama, SimulatedOpenAI
from cortex.simulate.fault import Fault
from cortex.simulate.model import SimulatedModel

IMPATIENT = """
[routing]
first_token_timeout = "300ms"
stall_timeout = "300ms"
connect_timeout = "500ms"
deadline = "10s"
"""
BREAKS = ["cut", "cut_clean", "stall", "garbage", "error_in_stream"]


def events(seen):
    """Return the events of an OpenAI stream, `[DONE]` left out."""
    lines = [line[5:].strip() for line in seen.body.decode().split("\n") if line.startswith("data:")]
    return [json.loads(line) for line in lines if line != "[DONE]"]


def is_whole(text: str) -> bool:
    """Whether a simulated answer has as many words as one that no break cut, and says each thing once."""
    return len(text.split()) >= 32 and text.count("[simulated by") == 1


ORDER = '[models]\nany = ["desk:llama3.2:3b", "rack:llama3.2:3b", "cloud:cloud-70b"]\n'


async def warm(home, *names):
    """Have every machine load its model: a cold one is given all the time it needs."""
    for name in names:
        assert (await home.chat(model=f"{name}:llama3.2:3b")).status == 200


@pytest.mark.parametrize("kind", BREAKS)
async def test_another_machine_goes_on(build, desk, rack, kind):
    home = await build(worker(desk), worker(rack), IMPATIENT, ORDER)
    await warm(home, "desk", "rack")
    desk.fault(Fault(kind, after_tokens=8))

    seen = await home.chat("Go on", model="any", stream=True)

    print(seen.body.decode())
    print(home.daemon.journal.latest(1)[0].trace())
    assert seen.status == 200
    assert is_whole(seen.text)
    assert len({event["id"] for event in events(seen)}) == 1
