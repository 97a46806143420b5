"""Which translations there are: from the word that a preset `speaks` to the provider. Pure."""

from collections.abc import Callable, Mapping

import msgspec

from cortex.config.model import Worker
from cortex.providers.anthropic import Anthropic
from cortex.providers.base import Provider
from cortex.providers.cohere import Cohere
from cortex.providers.gemini import Gemini
from cortex.providers.ollama import Ollama
from cortex.providers.openai import OpenAI
from cortex.providers.openai_switches import Switches


def _ollama(worker: Worker) -> Provider:
    return Ollama(num_ctx=worker.num_ctx, keep_alive=worker.keep_alive)


def _openai(worker: Worker) -> Provider:
    switches = msgspec.convert(worker.switches, Switches)
    if worker.key is None:  # who needs no key counts nothing, and every header that is not read is time
        switches = msgspec.structs.replace(switches, limits_style="none")
    return OpenAI(name=worker.provider, switches=switches)


def _gemini(_: Worker) -> Provider:
    return Gemini()


def _cohere(_: Worker) -> Provider:
    return Cohere()


def _anthropic(_: Worker) -> Provider:
    return Anthropic()


TRANSLATIONS: Mapping[str, Callable[[Worker], Provider]] = {
    "ollama": _ollama,
    "openai": _openai,
    "gemini": _gemini,
    "cohere": _cohere,
    "anthropic": _anthropic,
}


def provider_for(worker: Worker) -> Provider:
    """Make the provider of one worker. Raises KeyError for an unknown word, which loading the settings rules out."""
    return TRANSLATIONS[worker.speaks or worker.provider](worker)
