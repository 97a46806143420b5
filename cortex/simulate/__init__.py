"""Simulated upstreams: real servers on real ports that behave, and misbehave, as Ollama and clouds do.

One implementation serves the tests, `cortex run --demo` and `cortex gameday`. It imports nothing else of Córtex, so
that it cannot share a mistake with what it tests.
"""

from cortex.simulate.anthropic import SimulatedAnthropic
from cortex.simulate.cohere import COHERE_TRIAL, SimulatedCohere
from cortex.simulate.delivery import Received
from cortex.simulate.demo import Demo, start_demo
from cortex.simulate.fault import KINDS, Fault
from cortex.simulate.gemini import GEMINI_FREE, SimulatedGemini
from cortex.simulate.groq import GROQ_FREE, SimulatedGroq
from cortex.simulate.model import SimulatedModel
from cortex.simulate.ollama import SimulatedOllama
from cortex.simulate.openai import SimulatedOpenAI
from cortex.simulate.quota import Limit, Quota
from cortex.simulate.server import SimulatedServer

__all__ = [
    "COHERE_TRIAL",
    "GEMINI_FREE",
    "GROQ_FREE",
    "KINDS",
    "Demo",
    "Fault",
    "Limit",
    "Quota",
    "Received",
    "SimulatedAnthropic",
    "SimulatedCohere",
    "SimulatedGemini",
    "SimulatedGroq",
    "SimulatedModel",
    "SimulatedOllama",
    "SimulatedOpenAI",
    "SimulatedServer",
    "start_demo",
]
