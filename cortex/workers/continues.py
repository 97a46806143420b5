"""Which models go on with an answer that was begun for them, and which begin anew: what was measured. Pure.

Theory of operation: whether the beginning of an answer is continued depends on the server's template as much as on the model, and
no listing tells. So each time it was tried, the outcome is remembered, for the address and the model, and with the digest of its
weights where there is one: other weights are another model. It is kept by the ledger. A verdict against a model is forgotten
after some days, since servers are mended.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Literal

import msgspec
from msgspec import Struct

from cortex.workers.standing import Standing

Verdict = Literal["continues", "repeats", "restarts", "refuses"]
"""`repeats`: it says the beginning once more, in the same words, and goes on (llama.cpp's server does, build 11434, Nov 2026);
`restarts`: in other words; `refuses`: the server answers with an error."""

AGAINST: frozenset[Verdict] = frozenset({"restarts", "refuses"})
"""The verdicts after which a model is not asked."""

CONTINUES = "continues/"
"""What the ledger's entries begin with; after it, the address and the model."""

KEPT = 2000
"""The oldest are forgotten first."""

FORGOTTEN_AFTER_S = 7 * 86_400.0
"""A verdict against a model."""


class Known(Struct, frozen=True):
    """What came of the last try."""

    verdict: Verdict
    at: float
    """Wall clock seconds."""
    digest: str = ""


_decode = msgspec.json.Decoder(Known).decode


class Continues:
    """See the module's docstring. It outlives every actor."""

    def __init__(self, *, wall: Callable[[], float]) -> None:
        self._wall = wall
        self._known: OrderedDict[str, Known] = OrderedDict()
        self._changed: set[str] = set()

    def __repr__(self) -> str:
        return f"<Continues {len(self._known)} models>"

    def verdict(self, standing: Standing, model: str) -> Verdict | None:
        """Return what is known of `model` there; None where it was not tried, or too long ago."""
        known = self._known.get(_key(standing, model))
        if known is None or known.digest != digest_of(standing, model):
            return None
        if known.verdict in AGAINST and self._wall() - known.at > FORGOTTEN_AFTER_S:
            return None
        return known.verdict

    def learn(self, standing: Standing, model: str, verdict: Verdict) -> None:
        """Remember what came of a try."""
        key = _key(standing, model)
        self._known[key] = Known(verdict, self._wall(), digest_of(standing, model))
        self._known.move_to_end(key)
        self._changed.add(key)
        while len(self._known) > KEPT:
            self._changed.add(self._known.popitem(last=False)[0])

    def restore(self, entries: Mapping[str, bytes]) -> int:
        """Take what the disk has; return how much of it was of no use."""
        damaged = 0
        for name, value in entries.items():
            if name.startswith(CONTINUES):
                try:
                    self._known[name.removeprefix(CONTINUES)] = _decode(value)
                except (msgspec.DecodeError, UnicodeDecodeError):
                    damaged += 1
        return damaged

    def collect(self) -> dict[str, bytes | None]:
        """Return what has changed since the last call, for the ledger; None for what was forgotten."""
        changed, self._changed = self._changed, set()
        return {
            CONTINUES + key: msgspec.json.encode(known) if (known := self._known.get(key)) else None
            for key in sorted(changed)
        }


def digest_of(standing: Standing, model: str) -> str:
    """Return what identifies the weights of `model` there; empty where nobody tells."""
    known = (standing.models or {}).get(standing.link.provider.normal_name(model))
    return "" if known is None else known.digest


def _key(standing: Standing, model: str) -> str:
    """Return where a verdict stands: all keys of one address share it."""
    return f"{standing.settings.url} {standing.link.provider.normal_name(model)}"
