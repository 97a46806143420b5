"""What a simulated upstream has: models with their abilities, and how Ollama writes their names. Pure."""

import hashlib
from collections.abc import Iterable

from msgspec import Struct

CHATML = (
    "{{- range .Messages }}<|im_start|>{{ .Role }}\n{{ .Content }}<|im_end|>\n{{ end }}<|im_start|>assistant\n"
    "{{ .Response }}<|im_end|>\n"
)
"""Every simulated model's template, in Ollama's notation."""


class SimulatedModel(Struct, frozen=True):
    """One model."""

    name: str
    capabilities: tuple[str, ...] = ("completion", "tools")
    """Of `completion`, `tools`, `thinking`, `vision`, `embedding`, `video`, `penalties`, `logprobs`."""
    load_s: float | None = None
    """Seconds to load it; None for the server's own."""
    context_length: int = 32_768
    dimensions: int = 3072
    """Of what it makes of a text: the length of its embeddings."""
    size_bytes: int = 2_019_393_189
    family: str = "llama"
    parameter_size: str = "3.2B"
    quantization: str = "Q4_K_M"
    weights: str = ""
    """Two names with the same weights have the same digest; empty for weights of its own."""
    restarts: bool = False
    """Given the beginning of its own answer it does not continue it but begins again."""

    @property
    def digest(self) -> str:
        """The bare hex that tells weights apart."""
        return hashlib.sha256((self.weights or self.name).encode()).hexdigest()

    def can(self, capability: str) -> bool:
        """Return whether it has that ability."""
        return capability in self.capabilities


def models_of(given: Iterable[str | SimulatedModel]) -> tuple[SimulatedModel, ...]:
    """Make models of names; those that are models already stay as they are."""
    return tuple(SimulatedModel(item) if isinstance(item, str) else item for item in given)


def tagged(name: str) -> str:
    """Return a model's name as Ollama compares it.

    >>> tagged("Llama3.2"), tagged("qwen3:4b")
    ('llama3.2:latest', 'qwen3:4b')
    """
    name = name.lower()
    return name if ":" in name.rpartition("/")[2] else f"{name}:latest"
