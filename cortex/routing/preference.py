"""What `[smart]` of the settings says of a prompt and a candidate: the rule that is about it, and a model's strength. Pure.

What depends on the settings and a model's name alone is kept from one request to the next in a `Smart`, which lives as long
as the settings do.
"""

from collections.abc import Mapping, Sequence

from cortex.config.rules import Rule, Traits
from cortex.routing.entry import Entry
from cortex.routing.strengths import Overrides, plain, strength

KEPT = 4096
"""Facts about names that a `Smart` remembers, of each sort; then it begins anew."""

UNNAMED = 1_000
"""The place of a model that a rule does not name: behind all that it names."""


class Preference(dict[Entry, int]):
    """A rule with its aliases resolved: candidate → how many of its names come before the one that means it.

    Filled as candidates are asked for; `UNNAMED` where no name means one.
    """

    __slots__ = ("_names", "rule", "said")

    def __init__(self, rule: Rule, aliases: Mapping[str, tuple[str, ...]]) -> None:
        self.rule = rule
        self.said = f"rule '{rule.condition}'"
        self._names = [real for name in rule.names for real in aliases.get(name, (name,))]

    def __missing__(self, entry: Entry) -> int:
        if len(self) >= KEPT:
            self.clear()
        place = next((at for at, name in enumerate(self._names) if is_meant(name, entry)), UNNAMED)
        self[entry] = place
        return place


class Smart:
    """`[smart]` of the settings as the strategy reads it; new settings need a new one."""

    __slots__ = ("_overrides", "_preferences", "_strengths")

    def __init__(
        self,
        rules: Sequence[Rule] = (),
        strengths: Overrides | None = None,
        aliases: Mapping[str, tuple[str, ...]] | None = None,
    ) -> None:
        self._preferences = [Preference(rule, aliases or {}) for rule in rules]
        self._overrides: Overrides = strengths or {}
        self._strengths: dict[tuple[str, str], float] = {}

    def preference(self, traits: Traits) -> Preference | None:
        """Return the first rule that is about this prompt."""
        return next((each for each in self._preferences if each.rule.fits(traits)), None)

    def strength(self, model: str, kind: str) -> float:
        """Return how hard a prompt of that kind `model` still answers well."""
        value = self._strengths.get((model, kind))
        if value is None:
            if len(self._strengths) >= KEPT:
                self._strengths.clear()
            value = self._strengths[model, kind] = strength(model, kind, self._overrides)
        return value


def is_meant(name: str, entry: Entry) -> bool:
    """Whether a rule's `name` means this candidate: as it would in a request, and whatever vendor or tag it leaves open."""
    standing, model, _ = entry
    if standing.model_named(name) == model:
        return True
    scope, colon, scoped = name.partition(":")
    if colon and scope in {standing.name, standing.settings.pool, standing.settings.provider}:
        return is_meant(scoped, entry)
    here, meant = plain(model), plain(name)
    return meant in {here, here.partition(":")[0]}
