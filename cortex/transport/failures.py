"""How the transport says what went wrong: `Failure`s that name the origin and the cause in plain words. Pure.

Nothing here is made from what a header said: a detail may be logged, shown and sent to a client.
"""

import errno
import os

from cortex.messages import Failure, Phase
from cortex.transport.origin import Origin

_PLAIN = {
    errno.ECONNREFUSED: "connection refused by {}",
    errno.ECONNRESET: "connection reset by {}",
    errno.EHOSTUNREACH: "no route to {}",
    errno.ENETUNREACH: "no network that leads to {}",
    errno.ETIMEDOUT: "no sign of life from {}",
    errno.EMFILE: "no file descriptor left to connect to {}",
    errno.ENFILE: "no file descriptor left to connect to {}",
}


class TransportError(Exception):
    """An upstream could not be reached, or its answer did not come whole."""

    def __init__(self, failure: Failure, *, stale: bool = False) -> None:
        super().__init__(failure.detail)
        self.failure = failure
        self.sent = True
        """The upstream may have got the request; the pool says where it cannot have."""
        self.stale = stale
        """A kept connection was gone before it brought anything: the pool's to retry, no sign of a broken upstream."""


def unreachable(origin: Origin, cause: str) -> Failure:
    """Return the failure of a connection that brought no answer at all."""
    return Failure("unreachable", f"{origin}: {cause}"[:500])


def malformed(origin: Origin, cause: str) -> Failure:
    """Return the failure of an answer that was none, or was not whole."""
    return Failure("malformed", f"{origin}: {cause}"[:500])


def timed_out(origin: Origin, phase: Phase, cause: str) -> Failure:
    """Return the failure of a budget that ran out."""
    return Failure("timeout", f"{origin}: {cause}"[:500], phase=phase)


def refused(origin: Origin, error: BaseException) -> Failure:
    """Return the failure of a connection that could not be made or broke before an answer, from what was raised."""
    code = error.errno if isinstance(error, OSError) else None
    if code in _PLAIN:
        return Failure("unreachable", _PLAIN[code].format(origin))
    reason = getattr(error, "verify_message", "")  # of an ssl.SSLCertVerificationError
    if reason:
        return unreachable(origin, f"its certificate is not trusted: {reason}")
    return unreachable(origin, f"{error}" or (os.strerror(code) if code else type(error).__name__))
