"""The fleet: four machines of different speed and six keys, as Córtex knows them (from a TOML text) and as they are.

The keys: two of Groq and two of Gemini on their free plans, one each of OpenAI and Anthropic, which cost.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from random import Random

from cortex.config.load import load
from cortex.config.model import Settings
from cortex.providers.base import Findings, Model
from cortex.simulate.gemini import GEMINI_FREE
from cortex.simulate.groq import GROQ_FREE
from cortex.simulate.quota import Plan, Quotas
from cortex.workers.books import Books
from cortex.workers.standing import Board, Standing
from cortex.workers.worker import link_of

from .cloud import Cloud, Service
from .machine import Machine, Make, Weights

TOML = """
[workers.rack]
provider = "ollama"
url = "http://10.0.0.1:11434"
slots = 4

[workers.desk]
provider = "ollama"
url = "http://10.0.0.2:11434"
slots = 2

[workers.studio]
provider = "ollama"
url = "http://10.0.0.3:11434"
slots = 2

[workers.nook]
provider = "ollama"
url = "http://10.0.0.4:11434"
slots = 1

[workers.groq]
provider = "groq"
keys = ["gsk-simulated-groq-000001", "gsk-simulated-groq-000002"]
models = ["openai/gpt-oss-120b"]

[workers.gemini]
provider = "gemini"
keys = ["simulated-gemini-0000001", "simulated-gemini-0000002"]
models = ["gemini-3.5-flash-lite", "gemini-3.5-flash"]

"""

PAID_TOML = """
[workers.openai]
provider = "openai"
key = "sk-simulated-openai-00001"
models = ["gpt-5.6-luna", "gpt-5.6-terra"]

[workers.anthropic]
provider = "anthropic"
key = "sk-simulated-anthropic-01"
models = ["claude-haiku-4-5"]
"""

ALIASES_TOML = """
[models]
best = ["gemini-3.5-flash", "openai/gpt-oss-120b", "qwen3:32b", "gpt-5.6-terra"]
"""

BEGINS = datetime(2026, 11, 23, tzinfo=UTC).timestamp()
"""Midnight of the trace's first day."""

WEIGHTS = {
    "qwen3:4b": Weights(2.6, 2.6),
    "qwen3:8b": Weights(5.2, 5.2),
    "llama3.1:8b": Weights(4.9, 4.9),
    "gemma3:12b": Weights(8.1, 8.1),
    "qwen3-coder:30b": Weights(18.6, 2.2),
    "qwen3:32b": Weights(20.0, 20.0),
}
"""As Ollama's library lists them (4 bits a weight, 2026)."""

HAVE: Mapping[str, tuple[Make, tuple[str, ...]]] = {
    "rack": (Make(48.0, 750.0, 3.0, 4), ("qwen3:8b", "llama3.1:8b", "gemma3:12b", "qwen3-coder:30b", "qwen3:32b")),
    "desk": (Make(24.0, 600.0, 2.0, 2), ("qwen3:8b", "llama3.1:8b", "gemma3:12b", "qwen3-coder:30b", "qwen3:32b")),
    "studio": (Make(32.0, 300.0, 2.0, 2), ("qwen3:8b", "llama3.1:8b", "gemma3:12b", "qwen3-coder:30b")),
    "nook": (Make(12.0, 80.0, 1.0, 1), ("qwen3:4b", "qwen3:8b", "llama3.1:8b")),
}

SERVICES = {
    "groq": Service(0.3, 450.0, counts_answers=True),
    "gemini": Service(0.6, 180.0),
    "openai": Service(0.7, 110.0, keeps_prompts=True),
    "anthropic": Service(0.8, 100.0, keeps_prompts=True),
}

QUOTAS: Mapping[str, Plan] = {"groq": GROQ_FREE, "gemini": GEMINI_FREE}
"""Of the free keys; those that cost have none that matters here."""


class Clock:
    """Seconds since the trace's first midnight; only the simulation moves it."""

    def __init__(self, now: float = 0.0) -> None:
        self.now = now

    def __call__(self) -> float:
        """Return now."""
        return self.now


class Fleet:
    """One set of workers, fresh; `clock` tells the simulated time."""

    def __init__(self, clock: Clock, seed: int, *, tells_warmth: bool = True, has_paid: bool = True) -> None:
        """`tells_warmth`: Córtex is told which models are in memory; `has_paid`: there are keys that cost."""
        loaded = load(TOML + PAID_TOML * has_paid + ALIASES_TOML, {})
        assert isinstance(loaded, Settings), loaded
        self.settings = loaded
        self.board = Board()
        self.paid_nano = 0
        """Of the request whose lease was settled last."""
        self.books = Books(clock=clock, wall=lambda: BEGINS + clock.now, on_cost=self._on_cost)
        self.machines: dict[str, Machine] = {}
        self.clouds: dict[str, Cloud] = {}
        self._tells_warmth = tells_warmth
        for name, worker in loaded.workers.items():
            standing = Standing(worker, loaded.breaker, link_of(worker), self.books.account(worker))
            standing.up = standing.reachable = True
            self.board.add(standing)
            if name in HAVE:
                make, models = HAVE[name]
                self.machines[name] = Machine(make, {model: WEIGHTS[model] for model in models})
            else:
                quotas = Quotas(QUOTAS.get(worker.provider))
                self.clouds[name] = Cloud(name, SERVICES[worker.provider], quotas, Random(f"{seed} {name}"), BEGINS)
                standing.take_findings(Findings(tuple(Model(model) for model in worker.models)))
        self.probe(clock.now)

    def probe(self, now: float) -> bool:
        """Let Córtex see what the machines have in memory; True when that is something new."""
        is_new = False
        for name, machine in self.machines.items():
            models = machine.listing(now)
            if models is not None:
                if not self._tells_warmth:
                    models = tuple(Model(model.name) for model in models)
                standing = self.board.get(name)
                assert standing is not None
                is_new |= standing.take_findings(Findings(models))
        if is_new:
            self.board.changed()
        return is_new

    def _on_cost(self, worker: str, paid_nano: int, saved_nano: int) -> None:
        self.paid_nano = paid_nano
