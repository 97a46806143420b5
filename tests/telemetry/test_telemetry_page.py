"""The page about telemetry says what the code does."""

import re

from metric_table import PAGE, families, with_table

from cortex.config import schema
from cortex.telemetry.series import OVERHEAD_SECONDS, SECONDS


def test_the_table_of_metrics_is_that_of_the_code():
    """Where it is not: `.venv/bin/python tests/telemetry/metric_table.py`."""
    page = PAGE.read_text()

    assert with_table(page) == page


def test_every_metric_has_the_prefix_and_says_what_it_is():
    assert all(re.fullmatch(r"cortex_[a-z_]+", each.name) and each.about.endswith(".") for each in families())


def test_the_buckets_on_the_page_are_those_of_the_code():
    told = re.findall(r"^    ([\d. ]+)$", PAGE.read_text(), re.MULTILINE)

    assert [tuple(map(float, line.split())) for line in told] == [SECONDS, OVERHEAD_SECONDS]


def test_every_setting_on_the_page_is_one_and_none_is_missing():
    named = set(re.findall(r"`telemetry\.(\w+)`", PAGE.read_text()))

    assert named == set(schema.SECTIONS["telemetry"].fields) - {"prompts", "saved_against"}
