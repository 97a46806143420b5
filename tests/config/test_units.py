"""Durations and sizes."""

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cortex.config import addresses, problem, secret, units


@pytest.mark.parametrize(
    ("text", "value_s"),
    [
        ("5s", 5),
        ("250ms", 0.25),
        ("5m", 300),
        ("1h", 3600),
        ("2d", 172_800),
        ("1.5h", 5400),
        ("1h30m", 5400),
        ("0s", 0),
    ],
)
def test_a_duration_is_numbers_with_units(text, value_s):
    assert units.seconds(text) == value_s


@pytest.mark.parametrize(
    "text", ["", "5", "s", "-5s", "+5s", " 5s", "5 s", "5S", "5sec", "1h 30m", "\u0665s", "1e3s", "9" * 13 + "s"]
)
def test_what_is_no_duration_is_refused(text):
    with pytest.raises(ValueError, match="duration"):
        units.seconds(text)


@pytest.mark.parametrize(
    ("text", "value_bytes"),
    [
        ("1B", 1),
        ("32MB", 32_000_000),
        ("1GB", 10**9),
        ("1KiB", 1024),
        ("1GiB", 1024**3),
        ("1.5 KiB", 1536),
        ("0.1KB", 100),
    ],
)
def test_a_size_is_a_number_with_a_unit(text, value_bytes):
    assert units.size_bytes(text) == value_bytes


@pytest.mark.parametrize("text", ["", "32", "MB", "-1MB", "32mb", "32M", "32  MB", "1MB1KB", "0x1MB"])
def test_what_is_no_size_is_refused(text):
    with pytest.raises(ValueError, match="size"):
        units.size_bytes(text)


@given(st.integers(0, 10**12))
def test_a_written_duration_reads_the_same(ms):
    assert round(units.seconds(units.duration(ms / 1000)) * 1000) == ms


@given(st.integers(0, 10**12) | st.sampled_from(list(units.SIZES.values())))
def test_a_written_size_reads_the_same(value_bytes):
    assert units.size_bytes(units.size(value_bytes)) == value_bytes


@given(st.text("0123456789.msdhKMGTiB -+e", max_size=12))
def test_any_text_is_read_or_refused_with_a_value_error(text):
    for read in (units.seconds, units.size_bytes):
        try:
            value = read(text)
        except ValueError:
            continue

        assert value >= 0


@pytest.mark.parametrize("module", [units, secret, addresses, problem])
def test_the_examples_in_the_docstrings_hold(module):
    results = doctest.testmod(module)

    assert results.attempted > 0
    assert results.failed == 0
