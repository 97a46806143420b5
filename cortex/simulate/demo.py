"""The three upstreams of `cortex run --demo`: two Ollama machines and one cloud key, with realistic timing.

desk   slow and warm at once; a small model, and one that thinks
rack   twice as fast; its large model takes 8 s to load
cloud  fast, one key, 8 requests a minute, then true 429s
"""

from collections.abc import Mapping

from cortex.simulate.model import SimulatedModel
from cortex.simulate.ollama import SimulatedOllama
from cortex.simulate.openai import SimulatedOpenAI
from cortex.simulate.quota import Quota

CLOUD_KEY = "sk-simulated-demo"
SLOW_LOAD_S = 8.0

LLAMA = SimulatedModel("llama3.2:3b")
QWEN = SimulatedModel("qwen3:4b", ("completion", "tools", "thinking"), family="qwen3", parameter_size="4.0B")
LARGE = SimulatedModel(
    "qwen3:32b",
    ("completion", "tools", "thinking"),
    load_s=SLOW_LOAD_S,
    size_bytes=20_201_253_588,
    family="qwen3",
    parameter_size="32.8B",
)
CLOUD = SimulatedModel("sim-cloud-70b", ("completion", "tools", "vision"))


class Demo:
    """The running upstreams, and what the daemon needs to know of them."""

    def __init__(self, desk: SimulatedOllama, rack: SimulatedOllama, cloud: SimulatedOpenAI) -> None:
        self.desk = desk
        self.rack = rack
        self.cloud = cloud

    def __repr__(self) -> str:
        return f"<Demo {self.desk!r} {self.rack!r} {self.cloud!r}>"

    @property
    def environment(self) -> Mapping[str, str]:
        """What `$NAME` in `workers` stands for."""
        return {"CORTEX_DEMO_KEY": CLOUD_KEY}

    @property
    def workers(self) -> str:
        """The tables for supervision.toml, as TOML text."""
        return f"""[workers.desk]
provider = "ollama"
url = "{self.desk.url}"
slots = 1
num_ctx = 8192

[workers.rack]
provider = "ollama"
url = "{self.rack.url}"
slots = 2
num_ctx = 8192

[workers.cloud]
provider = "openai"
url = "{self.cloud.url}"
keys = ["$CORTEX_DEMO_KEY"]
free = true
slots = 4
models = ["{CLOUD.name}"]

[models]
fast = ["{LLAMA.name}", "{QWEN.name}", "cloud:{CLOUD.name}"]
best = ["{LARGE.name}", "cloud:{CLOUD.name}"]
"""

    async def stop(self) -> None:
        """Stop all three."""
        for upstream in (self.desk, self.rack, self.cloud):
            await upstream.stop()


async def start_demo() -> Demo:
    """Start the upstreams on free ports of 127.0.0.1. Raises OSError."""
    desk = SimulatedOllama(
        name="desk", models=(LLAMA, QWEN), tokens_per_s=25, first_token_s=0.3, load_s=1.5, slots=1, answer_tokens=60
    )
    rack = SimulatedOllama(
        name="rack", models=(QWEN, LARGE), tokens_per_s=55, first_token_s=0.2, load_s=2.0, slots=2, answer_tokens=60
    )
    cloud = SimulatedOpenAI(
        name="cloud",
        models=(CLOUD,),
        api_key=CLOUD_KEY,
        quota=Quota(requests_per_minute=8, requests_per_day=200),
        tokens_per_s=140,
        first_token_s=0.45,
        answer_tokens=60,
    )
    demo = Demo(desk, rack, cloud)
    try:
        for upstream in (desk, rack, cloud):
            await upstream.start()
    except OSError:
        await demo.stop()
        raise
    return demo
