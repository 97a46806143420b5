"""Shared by the tests of settings."""

import re
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "supervision.toml"


@pytest.fixture(scope="session")
def example():
    """The example file as it is shipped."""
    return EXAMPLE.read_text()


@pytest.fixture(scope="session")
def full_example(example):
    """The example file with every commented setting switched on."""
    return re.sub(r"^# (?=[a-z_]+ = |\[|limits)", "", example, flags=re.MULTILINE)
