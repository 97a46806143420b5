"""Which workers can answer for the name that a client asked for. Pure.

A name means, in this order: an alias of `[models]`; a model that some worker has; `worker:model`, `pool:model` or
`provider:model`; nothing or `auto`, which is any worker with the model it would answer with by itself. Ollama's names are
equal whatever their case and with `:latest` or without, and one set of weights under two names on two machines is one
model: its digest tells.
"""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches

from cortex.providers.base import Model
from cortex.routing.entry import Entry
from cortex.routing.rotation import rotations
from cortex.workers.standing import Board, Standing

AUTO = frozenset({"", "auto"})
MODELS_OF_ONE = 16
"""Of a worker whose `models` names none, this many of its listing are looked at: a marketplace lists hundreds."""

NO_CHAT = frozenset({"embedding", "image"})
"""Capabilities of models that answer no conversation, where `completion` is not among them too."""


class Resolution:
    """What a name means just now."""

    __slots__ = ("entries", "known_name", "rotations", "unknown")

    def __init__(
        self, entries: tuple[Entry, ...], unknown: tuple[Standing, ...], *, known_name: bool, by_model: bool = False
    ) -> None:
        self.entries = entries
        self.unknown = unknown
        """Workers of which it is not known what they have: not probed yet, or out of reach."""
        self.known_name = known_name
        """Some worker has it, or an alias says it should."""
        self.rotations = rotations(entries, by_model=by_model)
        """The entries, parted by who is alike."""


def resolve(asked: str, aliases: Mapping[str, tuple[str, ...]], board: Board) -> Resolution:
    """Find the workers for `asked`, in the board's order within each rank."""
    if asked in AUTO:
        entries = tuple(Entry(s, model, 0) for s in board if (model := own_choice(s)) is not None)
        return Resolution(entries, _unknown(board), known_name=True)
    if asked in aliases:
        entries = tuple(
            Entry(standing, model, rank)
            for rank, name in enumerate(aliases[asked])
            for standing, model in _plain(name, board)
        )
        return Resolution(_first_of_each(entries), _unknown(board), known_name=True)
    entries = tuple(Entry(standing, model, 0) for standing, model in _plain(asked, board))
    return Resolution(entries, _unknown(board), known_name=bool(entries))


def resolve_any(board: Board) -> Resolution:
    """Find every model that `auto` may mean where the strategy chooses among models too, not only among workers."""
    entries = tuple(Entry(s, model, 0) for s in board for model in _chat_models(s))
    return Resolution(entries, _unknown(board), known_name=True, by_model=True)


def resolve_one(asked: str, aliases: Mapping[str, tuple[str, ...]], board: Board) -> Resolution:
    """Find the workers for embeddings: those of one model only, the same whoever is out of reach just now.

    Vectors of two models cannot be compared, so an alias means the first of its names, and no choice is left open.
    """
    if asked in AUTO:
        return Resolution((), (), known_name=False)
    name = aliases[asked][0] if asked in aliases else asked
    entries = tuple(Entry(standing, model, 0) for standing, model in _plain(name, board))
    return Resolution(entries, _unknown(board), known_name=bool(entries) or asked in aliases)


def names(aliases: Mapping[str, tuple[str, ...]], board: Board) -> tuple[str, ...]:
    """Return every name a client may ask for, aliases first."""
    listed = {model.name: None for standing in board for model in (standing.models or {}).values()}
    configured = {name: None for standing in board for name in standing.settings.models}
    return tuple(dict.fromkeys((*aliases, *listed, *configured)))


def nearest(asked: str, aliases: Mapping[str, tuple[str, ...]], board: Board) -> tuple[str, ...]:
    """Return the names most like `asked`, at most three."""
    others = [name for name in names(aliases, board) if name != asked]  # one may be listed and yet be gone
    return tuple(get_close_matches(asked[:200], others, n=3, cutoff=0.4))


def own_choice(standing: Standing) -> str | None:
    """Return the model that this worker answers `auto` with: its first configured, else one in memory, else its first."""
    models = [model for normal, model in (standing.models or {}).items() if normal not in standing.missing]
    for name in standing.settings.models:
        if (own := standing.model_named(name)) is not None:
            return own
    chat = [model for model in models if answers_chats(model)]
    loaded = [model for model in chat if model.loaded]
    return next((model.name for model in (*loaded, *chat)), None)


def _chat_models(standing: Standing) -> list[str]:
    """Return the models of this worker that answer conversations; those configured, where some are."""
    names = [own for name in standing.settings.models if (own := standing.model_named(name)) is not None]
    listed = standing.models or {}
    if names:
        return [name for name in names if _is_chat(listed.get(standing.link.provider.normal_name(name)))]
    chat = [model.name for normal, model in listed.items() if normal not in standing.missing and answers_chats(model)]
    return chat[:MODELS_OF_ONE]


def _is_chat(model: Model | None) -> bool:
    return model is None or answers_chats(model)


def answers_chats(model: Model) -> bool:
    """Whether it is a model to talk to, as far as its upstream tells."""
    return model.capabilities is None or "completion" in model.capabilities or not model.capabilities & NO_CHAT


def _plain(asked: str, board: Board) -> list[tuple[Standing, str]]:
    found = _having(asked, board)
    if found:
        return found
    scope, colon, model = asked.partition(":")
    if colon and model:
        return _having(model, [s for s in board if scope in {s.name, s.settings.pool, s.settings.provider}])
    return []


def _having(asked: str, standings: Iterable[Standing]) -> list[tuple[Standing, str]]:
    standings = list(standings)
    by_name = {s.name: model for s in standings if (model := s.model_named(asked)) is not None}
    digests = {
        digest
        for s in standings
        if s.name in by_name
        and (digest := (s.models or {})[s.link.provider.normal_name(asked)].digest if s.models else "")
    }
    found = []
    for standing in standings:
        model = by_name.get(standing.name) or _twin(standing, digests)
        if model is not None:
            found.append((standing, model))
    return found


def _twin(standing: Standing, digests: set[str]) -> str | None:
    """Return this worker's name of a model with one of these digests."""
    for digest in digests:
        normal = standing.digests.get(digest)
        if normal is not None and normal not in standing.missing and standing.models is not None:
            return standing.models[normal].name
    return None


def _unknown(board: Board) -> tuple[Standing, ...]:
    return tuple(s for s in board if s.models is None and not s.settings.models and not s.retired_why)


def _first_of_each(entries: tuple[Entry, ...]) -> tuple[Entry, ...]:
    """Keep the best rank of each worker's model; two models of one key have quotas of their own."""
    best: dict[tuple[str, str], Entry] = {}
    for entry in entries:
        best.setdefault((entry.standing.name, entry.model), entry)
    return tuple(best.values())
