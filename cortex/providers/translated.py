"""What a provider shares whose upstream speaks no client's dialect: each request and each answer is translated. Pure."""

from typing import NoReturn

from cortex.chat import Need
from cortex.messages import Request

_NEVER = "{request!r} does not pass: its answer must be decoded, never let through"


class Translated:
    """The part of `providers.base.Provider` that is about bytes of the same dialect, of which there are none."""

    dialect = ""
    only_passes: frozenset[Need] = frozenset()

    def passes(self, request: Request) -> bool:
        """Return False: no client's bytes go on as they came."""
        del request  # part of the protocol
        return False

    def passage(self, request: Request) -> NoReturn:
        """Raise AssertionError: only what `passes` is let through."""
        raise AssertionError(_NEVER.format(request=request))

    def whole(self, request: Request, body: bytes) -> NoReturn:
        """Raise AssertionError: only what `passes` is let through."""
        del body  # part of the protocol
        raise AssertionError(_NEVER.format(request=request))
