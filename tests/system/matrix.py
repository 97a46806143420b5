"""The stand on which the features are proved: a Córtex in front of every kind of upstream, asked by the official packages.

Theory of operation: `features.py` says what becomes of each feature; an `Operation` (one method of a package) has a proof for
each, a function that asks through the package and looks at the package's own objects. `Stand.prove` runs one proof in front of
one provider, looks at what the simulator received (`matrix_words`), finds out what became of the request, and compares that
with the cell. What is expected is never computed from the code under test.
"""

import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from features import TABLES, Case, cases
from house import NO_CACHE, House, house, worker
from matrix_words import ABSENT, WORDS, untold

from cortex.simulate import (
    Received,
    SimulatedAnthropic,
    SimulatedCohere,
    SimulatedGemini,
    SimulatedGroq,
    SimulatedOllama,
    SimulatedOpenAI,
    SimulatedServer,
)
from cortex.simulate.fault import Fault
from cortex.simulate.model import SimulatedModel

ALL = ("completion", "tools", "thinking", "vision")
EMBEDS = ("embedding",)
KEY = "key-of-the-matrix"


class Kind(NamedTuple):
    """A provider: its simulator, and which of the simulator's models is asked for what."""

    simulator: type[SimulatedServer]
    model: str
    embedder: str = ""
    models: tuple[SimulatedModel, ...] | None = None
    """None: the simulator's own."""
    others: Mapping[str, str] = {}
    """Feature → the model that has it, where the usual one does not."""

    def pick(self, feature: str, *, embeds: bool) -> str:
        """Return the model to ask."""
        return self.others.get(feature) or (self.embedder if embeds else self.model) or self.model


KINDS: Mapping[str, Kind] = {
    "ollama": Kind(
        SimulatedOllama,
        "qwen3:4b",
        "nomic-embed-text:latest",
        (
            SimulatedModel("qwen3:4b", (*ALL, "insert"), family="qwen3"),
            SimulatedModel("nomic-embed-text:latest", EMBEDS),
        ),
    ),
    "openai": Kind(
        SimulatedOpenAI,
        "cloud-70b",
        "cloud-embed",
        (SimulatedModel("cloud-70b", ALL), SimulatedModel("cloud-embed", EMBEDS)),
    ),
    "gemini": Kind(
        SimulatedGemini,
        "gemini-3.8-flash",
        "gemini-embedding-001",
        (*SimulatedGemini.catalogue, SimulatedModel("gemini-2.0-flash", ("completion", "tools", "penalties"))),
    ),
    "cohere": Kind(
        SimulatedCohere,
        "command-a-plus-05-2026",
        "embed-v4.0",
        (SimulatedModel("command-a-plus-05-2026", ALL), SimulatedModel("embed-v4.0", EMBEDS, dimensions=1536)),
    ),
    "groq": Kind(
        SimulatedGroq,
        "openai/gpt-oss-120b",
        others=dict.fromkeys(("images", "image addresses", "images in tool results"), "qwen/qwen3.8-27b"),
    ),
    "anthropic": Kind(SimulatedAnthropic, "claude-sonnet-5-5"),
}

SETTINGS = """
[routing]
deadline = "5s"

[models]
both = ["gemini-3.8-flash", "cloud-70b"]
bound = ["openai/gpt-oss-120b", "cloud-70b"]
claude-first = ["claude-sonnet-5-5", "cloud-70b"]
claude-last = ["cloud-70b", "claude-sonnet-5-5"]

"""
"""Behind it come the workers; the aliases are for what one upstream cannot and the next can."""

BENT: Mapping[str, Mapping[str, frozenset[str]]] = {
    "openai": {"": frozenset({"stream_options"})},
    "groq": {
        "": frozenset({"stream_options", "include_reasoning", "reasoning_format"}),
        "max tokens": frozenset({"max_tokens", "max_completion_tokens"}),
        "penalties": frozenset({"presence_penalty", "frequency_penalty"}),
        "no reasoning": frozenset({"reasoning_effort"}),
        "earlier reasoning": frozenset({"messages"}),
    },
}
"""Provider → feature, or none for all → fields in which a request that passed may differ from what the client sent."""

VERBATIM = frozenset({("openai", False), ("anthropic", False), ("anthropic", True)})
"""Providers, and whether streamed: what passed to them is the client's bytes, one for one."""

NEEDS: dict[str, str] = {
    "forced tool": "tool_choice",
    "some tool": "tool_choice",
    "image addresses": "image_urls",
    "local sampling": "local_sampling",
    "logit bias": "logit_bias",
    "several prompts": "legacy_completion",
    "bare prompt": "raw_prompt",
    "suffix": "raw_prompt",
    "token ids": "token_inputs",
    "files": "file",
    "JSON mode": "json_object",
    "tools of its own": "custom_tools",
}
"""How a refusal names what is missing, where that is another word than the feature's."""


class Ask(NamedTuple):
    """What a proof has in hand."""

    client: Any
    """Of the official package."""
    model: str
    sim: SimulatedServer
    provider: str
    stream: bool
    fate: str
    """What is to become of it, as the cell says."""


Proof = Callable[[Ask], Awaitable[str | None]]
"""Asks, looks at what the package gives, and may return what became of it, where only the answer shows that."""


class Operation:
    """One method of a package, and the proofs of what can be asked with it."""

    def __init__(
        self,
        name: str,
        refusal: Callable[[BaseException, str], None],
        *,
        streams: bool = True,
        needs: Mapping[str, str] | None = None,
    ) -> None:
        """`refusal` checks that an exception is the package's own for a 400 with a given text in it.

        `needs`: how its refusals name what is missing, where they do it in another way than NEEDS.
        """
        self.name = name
        self.refusal = refusal
        self.streams = streams
        self.needs = NEEDS | (needs or {})
        self.proofs: dict[str, Proof] = {}

    @property
    def embeds(self) -> bool:
        """Whether it asks for vectors."""
        return "embed" in self.name

    def proves(self, *features: str) -> Callable[[Proof], Proof]:
        """Register a proof of features."""

        def registered(proof: Proof) -> Proof:
            assert not self.proofs.keys() & set(features)
            self.proofs |= dict.fromkeys(features, proof)
            return proof

        return registered

    def params(self) -> list[Any]:
        """Return all there is to prove, whole and streamed, as pytest's parameters `case` and `stream`."""
        return [
            pytest.param(case, stream, id=f"{case}-{'streamed' if stream else 'whole'}".replace(" ", "_"))
            for case in cases(self.name)
            for stream in self._ways(case.feature)
        ]

    def _ways(self, feature: str) -> tuple[bool, ...]:
        if "stream" in feature:
            return (True,)
        return (False, True) if self.streams and feature != "JSON schema" else (False,)

    def lacks_no_proof(self) -> bool:
        """Whether it has a proof for each row of its table and no other."""
        return self.proofs.keys() == TABLES[self.name].keys()


NOT_ASKED_FOR = frozenset(
    {
        "usage",
        "cached tokens",
        "content filter",
        "errors",
        "files",
        "tools of its own",
        "audio",
        "token ids",
        "several prompts",
        "bare prompt",
    }
)
"""Features without words of their own: they are about the answer, or they only ever pass."""


class Stand:
    """A Córtex with a worker for every provider; see the module's docstring."""

    def __init__(self, home: House, sims: Mapping[str, SimulatedServer]) -> None:
        self.home = home
        self.sims = sims
        self._sent: list[tuple[str, bytes]] = []

    async def saw(self, request: Any) -> None:
        """Remember what a package sent: an event hook of its HTTP client."""
        self._sent.append((request.url.path, request.content))

    async def prove(self, operation: Operation, client: Any, case: Case, *, stream: bool) -> None:
        """Run a proof, and compare what became of it with the cell."""
        sim, kind = self.sims[case.provider], KINDS[case.provider]
        sim.clear()
        sim.requests.clear()
        self._sent.clear()
        ask = Ask(client, kind.pick(case.feature, embeds=operation.embeds), sim, case.provider, stream, case.cell.fate)
        proof = operation.proofs[case.feature]
        if case.cell.fate in {"refused", "its own 400"}:
            became = await self._refused(operation, proof, ask, case)
        else:
            became = self._became(case, ask, await proof(ask))
        assert case.cell.fate == became

    async def _refused(self, operation: Operation, proof: Proof, ask: Ask, case: Case) -> str:
        with pytest.raises(Exception) as caught:  # noqa: PT011  what it must be is the operation's to say
            await proof(ask)
        was_asked = bool(self.received(case.provider))
        said = f"{case.provider}: " if was_asked else operation.needs.get(case.feature, case.feature)
        operation.refusal(caught.value, said)
        return "its own 400" if was_asked else "refused"

    def _became(self, case: Case, ask: Ask, seen: str | None) -> str:
        """Return the fate of a request that was answered, from what was sent and received; `seen` is the proof's word."""
        if not self.received(case.provider):
            return "by Córtex"
        received = self.received(case.provider)[-1]
        sent_path, sent_body = self._sent[-1]
        bent = BENT.get(case.provider, {})
        free = bent.get("", frozenset()) | bent.get(case.feature, frozenset())
        passed = _has_passed(sent_path, json.loads(sent_body), received, ask.sim, free)
        if passed and (case.provider, ask.stream) in VERBATIM:
            assert received.body == sent_body
        told = {} if passed and case.provider != "groq" else _told(case)
        assert untold(received.json, told) == {}
        if told and all(value is ABSENT for value in told.values()):
            return "left out"
        return seen or ("passed" if passed else "translated")

    def received(self, provider: str) -> list[Received]:
        """Return what a provider was asked of its models; probes are left out."""
        sim = self.sims[provider]
        return [received for received in sim.requests if received.path in sim.generating]


def _told(case: Case) -> Mapping[str, Any]:
    feature = case.feature.removesuffix(" in a stream")
    return {} if feature in NOT_ASKED_FOR else WORDS[feature][case.provider]


def _has_passed(path: str, sent: Any, received: Received, sim: SimulatedServer, bent: frozenset[str]) -> bool:
    """Whether a request is still the client's: at the same place, and the same but for the fields that are bent."""
    if received.path.removeprefix(getattr(sim, "base", "")).removeprefix("/v1") != path.removeprefix("/v1"):
        return False
    names = (sent.keys() | received.json.keys()) - bent
    return all(sent.get(name, ABSENT) == received.json.get(name, ABSENT) for name in names)


@contextlib.asynccontextmanager
async def stand(folder: Path) -> AsyncIterator[Stand]:
    """Run all of it until the block ends."""
    async with contextlib.AsyncExitStack() as stack:
        sims: dict[str, SimulatedServer] = {}
        tables = SETTINGS
        for provider, kind in KINDS.items():
            own = {} if kind.models is None else {"models": kind.models}
            sims[provider] = sim = kind.simulator(name=provider, instant=True, **own)
            await sim.start()
            stack.push_async_callback(sim.stop)
            tables += worker(sim, free=False, **({} if provider == "ollama" else {"key": KEY}))
        tables += NO_CACHE  # each case asks its upstream, also where another case asked it the same
        yield Stand(await stack.enter_async_context(house(folder, tables)), sims)


def fails(ask: Ask) -> str:
    """Let the upstream answer the next request with a 400 in its own shape; return what the client is to read.

    That is a translation whatever the dialects are, since it says whose answer it was.
    """
    ask.sim.fault(Fault("error_status", status=400))
    return f"simulated error 400 ({ask.provider})"
