"""All that is kept of one bucket: the key as a whole, and each model that was asked for. Pure."""

from collections.abc import Iterator, Mapping

from cortex.config.model import Limits, Plan
from cortex.quota.dates import Dates
from cortex.quota.scope import Scope
from cortex.quota.sizes import sizes_of_key, sizes_of_model
from cortex.quota.terms import Now

MODELS_KEPT = 300
"""A client may ask for any number of models; beyond these no more are asked until one has nothing counted."""


class Scopes:
    """Makes scopes when they are first asked for, and keeps them in step with the settings."""

    def __init__(self, plan: Plan, limits: Mapping[str, Limits], key_limits: Limits) -> None:
        self.plan = plan
        self.dates = Dates(plan.zone, "day")
        self._limits, self._key_limits = limits, key_limits
        self._key: Scope | None = None
        self._models: dict[str, Scope] = {}
        self._stale: dict[Scope, bool] = {}
        """Those that must look at the settings anew; True: in which way they count, too."""

    def __iter__(self) -> Iterator[Scope]:
        """Yield every scope, the key's first."""
        if self._key is not None:
            yield self._key
        yield from self._models.values()

    def configure(self, plan: Plan, limits: Mapping[str, Limits], key_limits: Limits) -> None:
        """Take new settings; each scope follows when it is next asked for."""
        anew = (plan.zone, plan.refills) != (self.plan.zone, self.plan.refills)
        self.dates = Dates(plan.zone, "day")
        self.plan, self._limits, self._key_limits = plan, limits, key_limits
        for scope in self:
            self._stale[scope] = anew or self._stale.get(scope, False)

    def has_place(self, model: str, now: Now) -> bool:
        """Whether `model` is known or can be; the forgotten make place."""
        if model in self._models or len(self._models) < MODELS_KEPT:
            return True
        for name, scope in list(self._models.items()):
            if scope.is_empty(now):
                self._forget(name)
        return len(self._models) < MODELS_KEPT

    def of(self, model: str, now: Now) -> tuple[Scope, Scope]:
        """Return that of `model`, and that of the key."""
        return self.model(model, now), self.key(now)

    def model(self, model: str, now: Now) -> Scope:
        """Return that of `model`."""
        scope = self._models.get(model)
        if scope is None:
            self._sweep(now)
            scope = self._models[model] = Scope(model, now)
            self.fit(scope, now)
        elif scope in self._stale:
            self.fit(scope, now)
        return scope

    def key(self, now: Now) -> Scope:
        """Return that of all models together."""
        if self._key is None:
            self._key = Scope("", now)
            self.fit(self._key, now)
        elif self._key in self._stale:
            self.fit(self._key, now)
        return self._key

    def fit(self, scope: Scope, now: Now) -> None:
        """Give it the windows that the settings, and what it learned, say it has."""
        plan = self.plan
        is_key = scope is self._key
        sizes = sizes_of_key(plan, self._key_limits) if is_key else sizes_of_model(scope.model, plan, self._limits)
        scope.fit(plan, sizes, now, anew=self._stale.pop(scope, False))

    def refresh(self, now: Now) -> None:
        """Bring every scope in step with the settings."""
        if self._stale:
            for scope in list(self._stale):
                self.fit(scope, now)

    def _sweep(self, now: Now) -> None:
        for name, scope in list(self._models.items()):
            if scope.is_idle(now):
                self._forget(name)

    def _forget(self, name: str) -> None:
        self._stale.pop(self._models.pop(name), None)
