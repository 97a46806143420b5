"""Simulated upstreams: real servers on real ports that behave, and misbehave, as Ollama and clouds do.

One implementation serves the tests, `cortex run --demo` and `cortex gameday`. It imports nothing else of Córtex, so
that it cannot share a mistake with what it tests.
"""

from cortex.simulate.delivery import Received
from cortex.simulate.demo import Demo, start_demo
from cortex.simulate.fault import KINDS, Fault
from cortex.simulate.model import SimulatedModel
from cortex.simulate.ollama import SimulatedOllama
from cortex.simulate.openai import SimulatedOpenAI
from cortex.simulate.quota import Quota
from cortex.simulate.server import SimulatedServer

__all__ = [
    "KINDS",
    "Demo",
    "Fault",
    "Quota",
    "Received",
    "SimulatedModel",
    "SimulatedOllama",
    "SimulatedOpenAI",
    "SimulatedServer",
    "start_demo",
]
