"""Which worker holds the beginning of a conversation, so that its next request can go there. Pure; the clock is an argument.

Theory of operation: an engine keeps the prompt that it computed last (llama.cpp in its slot, a cloud in its prompt cache), and a
request that begins with the same messages skips that part. So the requests of one conversation prefer the worker that answered
before. That is a preference of a strategy among its equals and never an order: a worker that is busier than the idlest by more
than `LOAD_GAP` is no longer preferred, because a crowd behind one warm machine waits longer than a prompt takes to read anew.
Free keys hold nothing: there a cached prompt spares no money, and what counts is that their quotas are drawn on evenly.
"""

from collections import OrderedDict
from collections.abc import Sequence

from cortex.routing.entry import Entry

KEPT = 10_000
"""Conversations remembered; the one that was silent longest goes first."""

FORGOTTEN_AFTER_S = 600.0
"""Ollama unloads a model after 5 minutes by default, clouds keep a prompt for 5 to 60; later nothing is likely to be left."""

LOAD_GAP = 0.5
"""Share of slots in use by which the holder may be above the idlest candidate."""


class Affinity:
    """Conversation → the worker and the model that took its last request."""

    __slots__ = ("_holders",)

    def __init__(self) -> None:
        self._holders: OrderedDict[int, tuple[str, str, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._holders)

    def note(self, conversation: int, entry: Entry, now: float) -> None:
        """Remember who took a request of `conversation`; 0 is none."""
        standing = entry.standing
        if not conversation or (standing.settings.free and not standing.local):
            return
        holders = self._holders
        holders[conversation] = (standing.name, entry.model, now)
        holders.move_to_end(conversation)
        if len(holders) > KEPT:
            holders.popitem(last=False)

    def holder(self, conversation: int, entries: Sequence[Entry], now: float) -> Entry | None:
        """Return the one of `entries` that holds the conversation's beginning and is not too busy; None where none is."""
        held = self._holders.get(conversation) if conversation else None
        if held is None or now - held[2] > FORGOTTEN_AFTER_S:
            return None
        worker, model, _ = held
        for entry in entries:
            if entry.standing.name == worker and entry.model == model:
                idlest = min(_share(other) for other in entries)
                return entry if _share(entry) - idlest <= LOAD_GAP else None
        return None


def _share(entry: Entry) -> float:
    return entry.standing.in_flight / entry.standing.slots
