"""One moment, and buckets as the presets make them."""

from datetime import UTC, datetime

import pytest

from cortex.config.model import Limits
from cortex.config.presets import PRESETS
from cortex.messages import Estimate
from cortex.quota.quota import Quota
from cortex.quota.terms import Now

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC).timestamp()
"""04:00 in Los Angeles."""


@pytest.fixture
def now():
    return Now(5_000.0, NOON)


@pytest.fixture
def later(now):
    """Both clocks, some seconds on."""
    return lambda seconds: Now(now.mono + seconds, now.wall + seconds)


@pytest.fixture
def preset():
    """Return a bucket with what is built in for a provider."""
    return lambda name, limits=None, key_limits=None: Quota(
        name, PRESETS[name].plan, limits or {}, key_limits or Limits()
    )


@pytest.fixture
def small():
    return Estimate(100, 100)
