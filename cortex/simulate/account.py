"""Which keys a simulated cloud knows, and which account each of them draws on. Pure."""

from collections.abc import Iterable, Mapping

Keys = str | Iterable[str] | Mapping[str, str] | None
"""One key; several, each an account of its own; or each with its account (a project, an organisation). None: no key."""


class Accounts:
    """The accounts behind the keys."""

    def __init__(self, keys: Keys) -> None:
        self._of = _accounts(keys)

    def __repr__(self) -> str:
        return f"<Accounts {'open' if self._of is None else len(self._of)}>"

    @property
    def is_open(self) -> bool:
        """Whether no key is asked for."""
        return self._of is None

    def find(self, key: str) -> str | None:
        """Return the account that `key` draws on, None for a wrong key; where no key is asked for, the only one, `""`."""
        return "" if self._of is None else self._of.get(key)


def _accounts(keys: Keys) -> Mapping[str, str] | None:
    if keys is None or isinstance(keys, Mapping):
        return keys
    return {key: key for key in ((keys,) if isinstance(keys, str) else keys)}
