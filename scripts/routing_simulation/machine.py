"""A simulated Ollama on one machine: models in its memory, the prompts it has read, and how long an answer takes.

Answering is bound by memory: each token reads the model's active weights once. Reading a prompt is bound by arithmetic and
some twenty times as fast. Answers that run beside each other slow each other by `CROWDED` for each other one, as they find it
when they begin; that one which begins later slows the earlier ones is left out.
"""

from collections import OrderedDict
from collections.abc import Mapping
from typing import NamedTuple

from cortex.messages import Failure
from cortex.providers.base import Model

CROWDED = 0.3
PROMPTS = 20.0
"""How many times as fast as answering a prompt is read."""

OVERHEAD_S = 0.05
KEPT_S = 300.0
"""How long an idle model stays in memory: Ollama's own keep_alive (docs.ollama.com, FAQ, August 2026)."""


class Weights(NamedTuple):
    """One model's size."""

    gb: float
    active_gb: float
    """What one token reads: less than all of it in a mixture of experts."""


class Make(NamedTuple):
    """What a machine is like."""

    memory_gb: float
    gb_per_s: float
    """Memory bandwidth that answering reaches."""
    disk_gb_per_s: float
    slots: int


class Resident:
    """A model in memory, or on its way there."""

    __slots__ = ("in_use", "ready_at", "used_at")

    def __init__(self, ready_at: float) -> None:
        self.ready_at = ready_at
        self.used_at = ready_at
        """Until when it is busy as far as is known; when it was used last, after that."""
        self.in_use = 0


class Answer(NamedTuple):
    """How one request goes."""

    first_s: float
    """To the first token, a load included."""
    total_s: float
    load_s: float = 0.0
    cached_tokens: int = 0
    resident: Resident | None = None
    """Of one's own machine: what answers."""
    failure: Failure | None = None
    """In place of an answer, after `total_s`."""


class Machine:
    """See the module's docstring."""

    def __init__(self, make: Make, weights: Mapping[str, Weights]) -> None:
        self.make = make
        self.weights = weights
        self.residents: dict[str, Resident] = {}
        self.prompts: OrderedDict[tuple[str, int], int] = OrderedDict()
        """(model, conversation) → tokens of it that are still there, one conversation for each slot."""
        self.running = 0
        self.loads = 0
        self.listed: frozenset[str] | None = None
        """What was in memory when it was probed last."""

    def begin(self, model: str, conversation: int, input_tokens: int, output_tokens: int, now: float) -> Answer:
        """Take a request in; `end` must follow at its end."""
        resident = self.residents.get(model) or self._load(model, now)
        load_s = max(0.0, resident.ready_at - now)
        held = min(input_tokens - 1, self.prompts.pop((model, conversation), 0))
        tokens_per_s = self.make.gb_per_s / self.weights[model].active_gb
        crowd = 1.0 + CROWDED * self.running
        first_s = OVERHEAD_S + load_s + (input_tokens - held) / (PROMPTS * tokens_per_s) * crowd
        total_s = first_s + output_tokens / tokens_per_s * crowd
        self.running += 1
        resident.in_use += 1
        resident.used_at = max(resident.used_at, now + total_s)
        return Answer(first_s, total_s, load_s, held, resident)

    def end(self, answer: Answer, model: str, conversation: int, tokens: int) -> None:
        """End a request, after which a prompt of `tokens` is still there."""
        self.running -= 1
        resident = answer.resident
        assert resident is not None
        resident.in_use -= 1
        if self.residents.get(model) is resident:
            self.prompts[model, conversation] = tokens
            if len(self.prompts) > self.make.slots:
                self.prompts.popitem(last=False)

    def listing(self, now: float) -> tuple[Model, ...] | None:
        """Return what a probe sees; None where that is what the last one saw."""
        for model, resident in list(self.residents.items()):
            if not resident.in_use and now - resident.used_at > KEPT_S:
                self._drop(model)
        seen = frozenset(self.residents)
        if seen == self.listed:
            return None
        self.listed = seen
        return tuple(Model(name, loaded=name in seen) for name in self.weights)

    def _load(self, model: str, now: float) -> Resident:
        """Make room, the idle and longest unused first; what is in use has to end before it goes."""
        begins = now
        gb = self.weights[model].gb
        idle_first = sorted(
            self.residents, key=lambda name: (self.residents[name].in_use > 0, self.residents[name].used_at)
        )
        for name in idle_first:
            if sum(self.weights[each].gb for each in self.residents) + gb <= self.make.memory_gb:
                break
            if self.residents[name].in_use:
                begins = max(begins, self.residents[name].used_at)
            self._drop(name)
        self.loads += 1
        resident = self.residents[model] = Resident(begins + 1.0 + gb / self.make.disk_gb_per_s)
        return resident

    def _drop(self, model: str) -> None:
        del self.residents[model]
        for key in [key for key in self.prompts if key[0] == model]:
            del self.prompts[key]
